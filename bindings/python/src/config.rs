//! Settings as Python gives them: a dict by the names of the vocabulary's table. The facade has
//! put the vendor's spellings right before.

use crate::errors::invalid_argument;
use monipy_core::vocabulary::CONFIG;
use monipy_core::{AudioMode, Codec, Config, IceServer};
use pyo3::conversion::FromPyObjectOwned;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyString};
use std::path::PathBuf;

/// Takes the value of a setting, or says which setting wants what.
fn value<'py, T: FromPyObjectOwned<'py>>(name: &str, given: &Bound<'py, PyAny>, wants: &str) -> PyResult<T> {
    given.extract::<T>().map_err(|_| {
        let ty = given.get_type().name().map_or_else(|_| "an object".to_owned(), |n| n.to_string());
        invalid_argument(given.py(), format!("{name}: {ty} given; it wants {wants}"))
    })
}

fn text(name: &str, given: &Bound<'_, PyAny>) -> PyResult<String> {
    value(name, given, "a str")
}

fn flag(name: &str, given: &Bound<'_, PyAny>) -> PyResult<bool> {
    value(name, given, "True or False")
}

fn number(name: &str, given: &Bound<'_, PyAny>) -> PyResult<u32> {
    // bool is an int in Python; here it is a mistake.
    if given.is_instance_of::<PyBool>() {
        return Err(invalid_argument(given.py(), format!("{name}: bool given; it wants a whole number")));
    }
    value(name, given, "a whole number from 0 to 4294967295")
}

fn map(name: &str, given: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    let items = given.call_method0("items").unwrap_or_else(|_| given.clone());
    items
        .try_iter()
        .and_then(|items| items.map(|item| item?.extract::<(String, String)>()).collect())
        .map_err(|_| invalid_argument(given.py(), format!("{name}: it wants a dict of str to str, or a list of pairs")))
}

fn codecs(given: &Bound<'_, PyAny>) -> PyResult<Vec<Codec>> {
    // "opus,PCMU" is as good as ["opus", "PCMU"].
    let names: Vec<String> = match given.cast::<PyString>() {
        Ok(one) => one.to_string().split(',').map(|s| s.trim().to_owned()).collect(),
        Err(_) => value("codecs", given, "a list of opus, PCMU, PCMA")?,
    };
    let known =
        |n: &String| Codec::from_name(n).ok_or_else(|| invalid_argument(given.py(), format!("codecs: {n:?} is none of opus, PCMU, PCMA")));
    names.iter().map(known).collect()
}

fn ice_servers(given: &Bound<'_, PyAny>) -> PyResult<Vec<IceServer>> {
    let wants = "a list of dicts with url, username and credential";
    let wrong = || invalid_argument(given.py(), format!("ice_servers: it wants {wants}"));
    if given.is_instance_of::<PyString>() {
        return Err(wrong());
    }
    let mut servers = Vec::new();
    for item in given.try_iter().map_err(|_| wrong())? {
        let item = item?;
        if item.is_instance_of::<PyString>() {
            servers.push(IceServer { url: item.extract()?, ..IceServer::default() });
            continue;
        }
        let field = |name: &str| -> PyResult<Option<String>> {
            let found = item.call_method1("get", (name,)).map_err(|_| wrong())?;
            found.extract().map_err(|_| wrong())
        };
        // The browser's RTCIceServer says urls.
        let url = match field("url")? {
            Some(url) => url,
            None => field("urls")?.ok_or_else(wrong)?,
        };
        servers.push(IceServer {
            url,
            username: field("username")?.unwrap_or_default(),
            credential: field("credential")?.unwrap_or_default(),
        });
    }
    Ok(servers)
}

fn audio_mode(given: &Bound<'_, PyAny>) -> PyResult<AudioMode> {
    match text("audio_mode", given)?.to_ascii_lowercase().as_str() {
        "device" => Ok(AudioMode::Device),
        "application" => Ok(AudioMode::Application),
        "none" => Ok(AudioMode::None),
        other => Err(invalid_argument(given.py(), format!("audio_mode: {other:?} is none of device, application, none"))),
    }
}

/// The configuration that `settings` describes; None means the default.
///
/// # Errors
/// InvalidArgument, which names the setting and what it accepts.
pub(crate) fn config(settings: &Bound<'_, PyDict>) -> PyResult<Config> {
    let mut c = Config::default();
    for (name, given) in settings {
        let name: String = name.extract()?;
        let name = name.as_str();
        if given.is_none() && CONFIG.iter().any(|row| row.name == name) {
            continue;
        }
        let g = &given;
        match name {
            "name" => c.name = Some(text(name, g)?),
            "debug" => c.debug = flag(name, g)?,
            "autoplay" => c.autoplay = flag(name, g)?,
            "auto_reboot" => c.auto_reboot = flag(name, g)?,
            "ring_time" => c.ring_time = number(name, g)?,
            "server" => c.server = text(name, g)?,
            "domain" => c.domain = Some(text(name, g)?),
            "ice_servers" => c.ice_servers = ice_servers(g)?,
            "ca_file" => c.ca_file = Some(value::<PathBuf>(name, g, "a path")?),
            "tls_server_name" => c.tls_server_name = Some(text(name, g)?),
            "insecure_tls" => c.insecure_tls = flag(name, g)?,
            "register_expires" => c.register_expires = number(name, g)?,
            "codecs" => c.codecs = codecs(g)?,
            "max_calls" => c.max_calls = number(name, g)?,
            "input_device" => c.input_device = Some(text(name, g)?),
            "output_device" => c.output_device = Some(text(name, g)?),
            "audio_mode" => c.audio_mode = audio_mode(g)?,
            "sample_rate" => c.sample_rate = number(name, g)?,
            "frame_ms" => c.frame_ms = number(name, g)?,
            "jitter_min_ms" => c.jitter_min_ms = number(name, g)?,
            "jitter_max_ms" => c.jitter_max_ms = number(name, g)?,
            "reconnect_min_ms" => c.reconnect_min_ms = number(name, g)?,
            "reconnect_max_ms" => c.reconnect_max_ms = number(name, g)?,
            "invite_headers" => c.invite_headers = map(name, g)?,
            "register_headers" => c.register_headers = map(name, g)?,
            "user_agent" => c.user_agent = text(name, g)?,
            "event_queue" => c.event_queue = number(name, g)?,
            "stats_interval_ms" => c.stats_interval_ms = number(name, g)?,
            "voice_processing" => c.voice_processing = text(name, g)?,
            "comfort_tones" => c.comfort_tones = text(name, g)?,
            "local_address" => {
                let address = text(name, g)?;
                let parsed = address.parse();
                c.local_address =
                    Some(parsed.map_err(|_| invalid_argument(g.py(), format!("local_address: {address:?} is not an IP address")))?);
            }
            other => {
                let known: Vec<_> = CONFIG.iter().map(|row| row.name).collect();
                return Err(invalid_argument(g.py(), format!("{other}: there is no such setting; there are {}", known.join(", "))));
            }
        }
    }
    Ok(c)
}
