//! The constructor's options, as an object of the vocabulary's `js` names, into a [`Config`].
//! Which names exist is the vocabulary's business; this says what each may hold.

use monipy_core::vocabulary::CONFIG;
use monipy_core::{AudioMode, Codec, Config, IceServer};
use serde_json::{Map, Value};

/// What is wrong with an option; the sentence begins with its name.
type Wrong = String;

/// Reads the options. `null` means left out.
pub(crate) fn parse(json: &str) -> Result<Config, Wrong> {
    let options: Map<String, Value> = serde_json::from_str(json).map_err(|e| format!("options: {e}"))?;
    let mut config = Config::default();
    for (js, value) in options.iter().filter(|(_, v)| !v.is_null()) {
        let spec = CONFIG.iter().find(|s| s.js == js).ok_or_else(|| format!("{js}: there is no such option"))?;
        set(&mut config, spec.name, value).map_err(|accepts| format!("{js}: it accepts {accepts}"))?;
    }
    Ok(config)
}

/// Sets one field; says what it accepts otherwise.
fn set(config: &mut Config, field: &str, value: &Value) -> Result<(), &'static str> {
    match field {
        "name" => config.name = Some(text(value)?),
        "debug" => config.debug = boolean(value)?,
        "autoplay" => config.autoplay = boolean(value)?,
        "auto_reboot" => config.auto_reboot = boolean(value)?,
        "ring_time" => config.ring_time = whole(value)?,
        "server" => config.server = text(value)?,
        "domain" => config.domain = Some(text(value)?),
        "ice_servers" => config.ice_servers = ice_servers(value)?,
        "ca_file" => config.ca_file = Some(text(value)?.into()),
        "tls_server_name" => config.tls_server_name = Some(text(value)?),
        "insecure_tls" => config.insecure_tls = boolean(value)?,
        "register_expires" => config.register_expires = whole(value)?,
        "codecs" => config.codecs = codecs(value)?,
        "max_calls" => config.max_calls = whole(value)?,
        "input_device" => config.input_device = Some(text(value)?),
        "output_device" => config.output_device = Some(text(value)?),
        "audio_mode" => config.audio_mode = audio_mode(value)?,
        "sample_rate" => config.sample_rate = whole(value)?,
        "frame_ms" => config.frame_ms = whole(value)?,
        "jitter_min_ms" => config.jitter_min_ms = whole(value)?,
        "jitter_max_ms" => config.jitter_max_ms = whole(value)?,
        "reconnect_min_ms" => config.reconnect_min_ms = whole(value)?,
        "reconnect_max_ms" => config.reconnect_max_ms = whole(value)?,
        "invite_headers" => config.invite_headers = headers(value)?,
        "register_headers" => config.register_headers = headers(value)?,
        "user_agent" => config.user_agent = text(value)?,
        "event_queue" => config.event_queue = whole(value)?,
        "stats_interval_ms" => config.stats_interval_ms = whole(value)?,
        "voice_processing" => config.voice_processing = text(value)?,
        "comfort_tones" => config.comfort_tones = text(value)?,
        "local_address" => config.local_address = Some(text(value)?.parse().map_err(|_| "an IP address")?),
        _ => return Err("nothing yet: the Node face does not know it"),
    }
    Ok(())
}

fn text(value: &Value) -> Result<String, &'static str> {
    value.as_str().map(str::to_owned).ok_or("a string")
}

fn boolean(value: &Value) -> Result<bool, &'static str> {
    value.as_bool().ok_or("true or false")
}

fn whole(value: &Value) -> Result<u32, &'static str> {
    value.as_u64().and_then(|n| u32::try_from(n).ok()).ok_or("a whole number, not negative")
}

fn headers(value: &Value) -> Result<Vec<(String, String)>, &'static str> {
    const ACCEPTS: &str = "an object of header names and string values";
    let object = value.as_object().ok_or(ACCEPTS)?;
    object.iter().map(|(name, value)| Ok((name.clone(), value.as_str().ok_or(ACCEPTS)?.to_owned()))).collect()
}

fn codecs(value: &Value) -> Result<Vec<Codec>, &'static str> {
    const ACCEPTS: &str = "an array of 'opus', 'PCMU', 'PCMA'";
    let names = value.as_array().ok_or(ACCEPTS)?;
    names.iter().map(|name| name.as_str().and_then(Codec::from_name).ok_or(ACCEPTS)).collect()
}

fn audio_mode(value: &Value) -> Result<AudioMode, &'static str> {
    match value.as_str() {
        Some("device") => Ok(AudioMode::Device),
        Some("application") => Ok(AudioMode::Application),
        Some("none") => Ok(AudioMode::None),
        _ => Err("'device', 'application' or 'none'"),
    }
}

/// An array of URLs or of objects in the browser's form: `url`, or `urls` with one or several.
fn ice_servers(value: &Value) -> Result<Vec<IceServer>, &'static str> {
    const ACCEPTS: &str = "an array of { url, username, credential }";
    let mut servers = Vec::new();
    for entry in value.as_array().ok_or(ACCEPTS)? {
        if let Some(url) = entry.as_str() {
            servers.push(IceServer { url: url.to_owned(), ..IceServer::default() });
            continue;
        }
        let object = entry.as_object().ok_or(ACCEPTS)?;
        let part = |name: &str| object.get(name).map_or(Ok(String::new()), |v| v.as_str().map(str::to_owned).ok_or(ACCEPTS));
        let (username, credential) = (part("username")?, part("credential")?);
        let urls = match object.get("url").or_else(|| object.get("urls")).ok_or(ACCEPTS)? {
            Value::String(url) => vec![url.clone()],
            Value::Array(urls) => urls.iter().map(|u| u.as_str().map(str::to_owned).ok_or(ACCEPTS)).collect::<Result<_, _>>()?,
            _ => return Err(ACCEPTS),
        };
        servers.extend(urls.into_iter().map(|url| IceServer { url, username: username.clone(), credential: credential.clone() }));
    }
    Ok(servers)
}
