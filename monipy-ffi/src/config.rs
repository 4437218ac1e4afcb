//! Filling the configuration

use crate::guard::{Allow, Fail, Outcome, enter_ok};
use crate::sized::{self, Sized_};
use crate::text;
use crate::types::{monipy_header, monipy_ice_server, monipy_status};
use monipy_core::{AudioMode, Codec, Config, IceServer};
use std::net::IpAddr;

pub use crate::generated_config::monipy_config;

/// For audio_mode: the machine's speaker and microphone; PCM for the application too.
pub const MONIPY_AUDIO_DEVICE: i32 = 0;
/// For audio_mode: PCM for the application alone.
pub const MONIPY_AUDIO_APPLICATION: i32 = 1;
/// For audio_mode: nothing is decoded; silence is sent.
pub const MONIPY_AUDIO_NONE: i32 = 2;

/// Entries of a list at most; more is a count that was never set.
const MOST: usize = 1024;

// SAFETY: generated with 32-bit fields in pairs, then pointers and size_t; all-zero bytes are a value.
unsafe impl Sized_ for monipy_config {
    const V1: usize = crate::generated_config::SIZE_OF_VERSION_1;
    const NAME: &'static str = "monipy_config";
}

/// The defaults, in C.
fn defaults() -> monipy_config {
    // SAFETY: all-zero bytes are a monipy_config (its Sized_ promise).
    let mut c: monipy_config = unsafe { std::mem::zeroed() };
    let d = Config::default();
    c.struct_size = size_of::<monipy_config>() as u32;
    c.debug = d.debug.into();
    c.autoplay = d.autoplay.into();
    c.auto_reboot = d.auto_reboot.into();
    c.ring_time = d.ring_time;
    c.insecure_tls = d.insecure_tls.into();
    c.register_expires = d.register_expires;
    c.max_calls = d.max_calls;
    c.audio_mode = match d.audio_mode {
        AudioMode::Device => MONIPY_AUDIO_DEVICE,
        AudioMode::Application => MONIPY_AUDIO_APPLICATION,
        AudioMode::None => MONIPY_AUDIO_NONE,
    };
    c.sample_rate = d.sample_rate;
    c.frame_ms = d.frame_ms;
    c.jitter_min_ms = d.jitter_min_ms;
    c.jitter_max_ms = d.jitter_max_ms;
    c.reconnect_min_ms = d.reconnect_min_ms;
    c.reconnect_max_ms = d.reconnect_max_ms;
    c.event_queue = d.event_queue;
    c.stats_interval_ms = d.stats_interval_ms;
    c
}

fn boolean(field: &str, value: u32) -> Outcome<bool> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Fail::argument(format!("{field}: {value}; it accepts 0 and 1"))),
    }
}

/// A list that the program points to.
///
/// # Safety
/// `at` is NULL or points to `count` entries.
unsafe fn list<'a, T>(field: &str, at: *const T, count: usize) -> Outcome<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    if at.is_null() || !at.is_aligned() {
        return Err(Fail::argument(format!("{field}: NULL or not aligned, but {field}_count is {count}")));
    }
    if count > MOST {
        return Err(Fail::argument(format!("{field}_count: {count}; it accepts up to {MOST}")));
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { std::slice::from_raw_parts(at, count) })
}

/// # Safety
/// As [`list`]; strings are NULL or NUL-terminated.
unsafe fn headers(field: &str, at: *const monipy_header, count: usize) -> Outcome<Vec<(String, String)>> {
    // SAFETY: the caller's promise.
    let entries = unsafe { list(field, at, count) }?;
    // SAFETY: the caller's promise.
    entries.iter().map(|h| Ok(unsafe { (text::required(field, h.name)?, text::required(field, h.value)?) })).collect()
}

/// # Safety
/// As [`headers`].
unsafe fn ice_servers(at: *const monipy_ice_server, count: usize) -> Outcome<Vec<IceServer>> {
    // SAFETY: the caller's promise.
    let entries = unsafe { list("ice_servers", at, count) }?;
    let one = |s: &monipy_ice_server| {
        // SAFETY: the caller's promise.
        unsafe {
            Ok(IceServer {
                url: text::required("ice_servers.url", s.url)?,
                username: text::optional("ice_servers.username", s.username)?.unwrap_or_default(),
                credential: text::optional("ice_servers.credential", s.credential)?.unwrap_or_default(),
            })
        }
    };
    entries.iter().map(one).collect()
}

fn codecs(text: &str) -> Outcome<Vec<Codec>> {
    let mut codecs = Vec::new();
    for name in text.split(',').map(str::trim) {
        let codec = Codec::from_name(name)
            .ok_or_else(|| Fail::argument(format!("codecs: {name:?}; it accepts opus, PCMU and PCMA, with commas between")))?;
        if codecs.contains(&codec) {
            return Err(Fail::argument(format!("codecs: {name:?} is named twice")));
        }
        codecs.push(codec);
    }
    Ok(codecs)
}

/// The program's configuration as the engine's own. The engine checks it.
///
/// # Safety
/// `from` is NULL or points to a monipy_config, whose pointers point to what their types say.
pub(crate) unsafe fn read(from: *const monipy_config) -> Outcome<Config> {
    // SAFETY: the caller's promise.
    let c = unsafe { sized::read(from, defaults()) }?;
    if c.reserved0 != 0 {
        return Err(Fail::argument("monipy_config.reserved0: must be 0"));
    }
    let d = Config::default();
    // What is NULL or "" stays as the default says.
    let text = |field, at| {
        // SAFETY: the caller promises NUL-terminated strings.
        unsafe { text::optional(field, at) }.map(|t| t.filter(|t| !t.is_empty()))
    };
    Ok(Config {
        name: text("name", c.name)?,
        debug: boolean("debug", c.debug)?,
        autoplay: boolean("autoplay", c.autoplay)?,
        auto_reboot: boolean("auto_reboot", c.auto_reboot)?,
        ring_time: c.ring_time,
        server: text("server", c.server)?.unwrap_or(d.server),
        domain: text("domain", c.domain)?,
        ice_servers: if c.ice_servers.is_null() && c.ice_servers_count == 0 {
            d.ice_servers
        } else {
            // SAFETY: the caller's promise.
            unsafe { ice_servers(c.ice_servers, c.ice_servers_count) }?
        },
        ca_file: text("ca_file", c.ca_file)?.map(Into::into),
        tls_server_name: text("tls_server_name", c.tls_server_name)?,
        insecure_tls: boolean("insecure_tls", c.insecure_tls)?,
        register_expires: c.register_expires,
        codecs: text("codecs", c.codecs)?.map_or(Ok(d.codecs), |t| codecs(&t))?,
        max_calls: c.max_calls,
        input_device: text("input_device", c.input_device)?,
        output_device: text("output_device", c.output_device)?,
        audio_mode: match c.audio_mode {
            MONIPY_AUDIO_DEVICE => AudioMode::Device,
            MONIPY_AUDIO_APPLICATION => AudioMode::Application,
            MONIPY_AUDIO_NONE => AudioMode::None,
            other => return Err(Fail::argument(format!("audio_mode: {other}; it accepts the MONIPY_AUDIO_ numbers"))),
        },
        sample_rate: c.sample_rate,
        frame_ms: c.frame_ms,
        jitter_min_ms: c.jitter_min_ms,
        jitter_max_ms: c.jitter_max_ms,
        reconnect_min_ms: c.reconnect_min_ms,
        reconnect_max_ms: c.reconnect_max_ms,
        // SAFETY: the caller's promise.
        invite_headers: unsafe { headers("invite_headers", c.invite_headers, c.invite_headers_count) }?,
        // SAFETY: the caller's promise.
        register_headers: unsafe { headers("register_headers", c.register_headers, c.register_headers_count) }?,
        user_agent: text("user_agent", c.user_agent)?.unwrap_or(d.user_agent),
        event_queue: c.event_queue,
        stats_interval_ms: c.stats_interval_ms,
        comfort_tones: text("comfort_tones", c.comfort_tones)?.unwrap_or(d.comfort_tones),
        voice_processing: text("voice_processing", c.voice_processing)?.unwrap_or(d.voice_processing),
        local_address: text("local_address", c.local_address)?
            .map(|t| t.parse::<IpAddr>().map_err(|_| Fail::argument(format!("local_address: {t:?} is not an IP address"))))
            .transpose()?,
    })
}

/// Fills a configuration with the defaults. struct_size: sizeof(monipy_config). Always begin with
/// this: it makes a program survive fields that later versions add.
///
/// MONIPY_OK; MONIPY_ERR_INVALID_ARGUMENT. Any thread, any callback.
///
/// # Safety
/// `config` is NULL or points to `struct_size` writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn monipy_config_init(config: *mut monipy_config, struct_size: usize) -> monipy_status {
    enter_ok(Allow::Anywhere, || {
        // SAFETY: the caller's promise.
        unsafe { sized::write(config, struct_size, defaults()) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_in_c_are_the_engine_s() {
        let c = defaults();
        // SAFETY: `c` is a monipy_config without pointers.
        assert_eq!(unsafe { read(&raw const c) }.ok(), Some(Config::default()));
    }

    #[test]
    fn an_empty_list_that_is_there_means_none() {
        let c = monipy_config { ice_servers: std::ptr::NonNull::dangling().as_ptr(), ..defaults() };
        // SAFETY: the list is empty.
        assert_eq!(unsafe { read(&raw const c) }.ok().map(|c| c.ice_servers), Some(vec![]));
    }

    #[test]
    fn lists_and_texts_arrive() {
        let header = monipy_header { name: c"X-A".as_ptr(), value: c"b".as_ptr() };
        let ice = monipy_ice_server { url: c"turn:a".as_ptr(), username: c"u".as_ptr(), credential: c"p".as_ptr() };
        let c = monipy_config {
            codecs: c"PCMA, opus".as_ptr(),
            invite_headers: &raw const header,
            invite_headers_count: 1,
            ice_servers: &raw const ice,
            ice_servers_count: 1,
            local_address: c"::1".as_ptr(),
            audio_mode: MONIPY_AUDIO_NONE,
            ..defaults()
        };
        // SAFETY: everything it points to lives.
        let config = unsafe { read(&raw const c) }.expect("it is valid");
        assert_eq!(config.codecs, [Codec::Pcma, Codec::Opus]);
        assert_eq!(config.invite_headers, [("X-A".to_owned(), "b".to_owned())]);
        assert_eq!(config.ice_servers[0].credential, "p");
        assert_eq!(config.local_address, Some(IpAddr::V6(std::net::Ipv6Addr::LOCALHOST)));
        assert_eq!(config.audio_mode, AudioMode::None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = [
            (monipy_config { debug: 2, ..defaults() }, "debug"),
            (monipy_config { audio_mode: 9, ..defaults() }, "audio_mode"),
            (monipy_config { codecs: c"opus,G729".as_ptr(), ..defaults() }, "codecs"),
            (monipy_config { codecs: c"opus,opus".as_ptr(), ..defaults() }, "codecs"),
            (monipy_config { local_address: c"localhost".as_ptr(), ..defaults() }, "local_address"),
            (monipy_config { name: c"\xff".as_ptr(), ..defaults() }, "name"),
            (monipy_config { invite_headers_count: 3, ..defaults() }, "invite_headers"),
            (monipy_config { reserved0: 1, ..defaults() }, "reserved0"),
            (monipy_config { struct_size: 8, ..defaults() }, "struct_size"),
        ];
        for (c, field) in wrong {
            // SAFETY: everything it points to lives; lists that are said to be there are NULL.
            let fail = unsafe { read(&raw const c) }.expect_err(field);
            assert!(fail.text.contains(field), "{field}: {}", fail.text);
        }
    }
}
