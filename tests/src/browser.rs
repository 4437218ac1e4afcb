//! Headless Chromium with phones that others wrote (JsSIP, SIP.js, the vendor's agent SDK), driven by
//! `interop/browser/driver.mjs` over a JSON line each way. Closed when dropped.

use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// The pages' microphone: a sine of this frequency, Hz.
pub const MICROPHONE: f64 = 700.0;
const PATIENCE: Duration = Duration::from_secs(40);

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<Result<Value, String>>>>>;

/// A running browser.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    stdin: Mutex<Option<ChildStdin>>,
    waiting: Waiting,
    next: std::sync::atomic::AtomicU64,
    log: PathBuf,
}

/// Where the tests keep what they install: outside the checkout.
fn cache() -> PathBuf {
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home).unwrap_or_else(std::env::temp_dir);
    std::env::var_os("MONIPY_CACHE").map_or_else(|| base.join("monipy"), PathBuf::from).join("browser")
}

/// Copies the driver into the cache and installs its npm packages there, once a run.
fn install() -> PathBuf {
    static ONCE: Once = Once::new();
    let folder = cache();
    ONCE.call_once(|| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/browser/install.sh");
        let done = Command::new("bash").arg(script).arg(&folder).output().expect("bash is installed");
        assert!(done.status.success(), "npm packages of the browser's phones:\n{}", String::from_utf8_lossy(&done.stderr));
    });
    folder
}

impl Browser {
    /// Starts it; `folder` receives `browser.log` and the microphone's WAV.
    ///
    /// # Panics
    /// When Node, npm or Chromium are not installed, or the browser does not start: a test cannot go on.
    pub async fn start(folder: &Path) -> Arc<Browser> {
        let driver = install();
        let microphone = folder.join("microphone.wav");
        write_wav(&microphone, &crate::ears::sine(48_000, MICROPHONE, -12.0, 10_000));
        let log = folder.join("browser.log");
        let mut child = Command::new("node")
            .arg(driver.join("driver.mjs"))
            .args([&log, &microphone])
            .current_dir(&driver)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node is installed");
        let waiting: Waiting = Arc::default();
        let (started, start) = oneshot::channel();
        waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(0, started);
        let stdout = child.stdout.take().expect("stdout");
        let answers = waiting.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let Ok(mut reply) = serde_json::from_str::<Value>(&line) else { continue };
                let id = reply["id"].as_u64().unwrap_or(u64::MAX);
                let result = match reply["error"].as_str() {
                    Some(error) => Err(error.to_owned()),
                    None => Ok(reply["value"].take()),
                };
                if let Some(waiter) = answers.lock().unwrap_or_else(PoisonError::into_inner).remove(&id) {
                    let _ = waiter.send(result);
                }
            }
            // The browser is gone: whoever waits is told so, by the dropped sender.
            answers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        });
        let stdin = Mutex::new(child.stdin.take());
        let browser = Browser { child, stdin, waiting, next: 1.into(), log };
        let told = tokio::time::timeout(PATIENCE, start).await;
        assert!(matches!(told, Ok(Ok(Ok(_)))), "Chromium did not start: {told:?}");
        Arc::new(browser)
    }

    async fn ask(&self, mut request: Value) -> Value {
        let id = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(id, sender);
        request["id"] = json!(id);
        if let Some(stdin) = self.stdin.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            writeln!(stdin, "{request}").expect("the browser's driver reads");
        }
        match tokio::time::timeout(PATIENCE, receiver).await {
            Ok(Ok(Ok(value))) => value,
            other => panic!("{request} gave {other:?}; its log is {}", self.log.display()),
        }
    }

    /// Opens the page of a phone: `jssip`, `sipjs` or `piopiyjs`.
    pub async fn open(self: &Arc<Self>, page: &'static str) -> Page {
        self.ask(json!({ "do": "open", "page": page })).await;
        Page { browser: self.clone(), name: page }
    }

    /// Tells the vendor's stand-in where the contact centre is.
    pub async fn vendor_serves(&self, http: &str, wss_port: u16) {
        self.ask(json!({ "do": "notify", "http": http, "wss": wss_port })).await;
    }

    /// A feed client asks for a barge as the vendor's does; the acknowledgement of the event.
    pub async fn ask_for_barge(&self, uuid: &str, to: &str) -> Value {
        self.ask(json!({ "do": "barge", "uuid": uuid, "to": to })).await
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its driver ends, and the browser with it, when nobody can ask any more.
        drop(self.stdin.lock().unwrap_or_else(PoisonError::into_inner).take());
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while self.child.try_wait().ok().flatten().is_none() {
            if std::time::Instant::now() > deadline {
                let _ = self.child.kill();
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.wait();
    }
}

/// One page with its phone.
#[derive(Debug, Clone)]
pub struct Page {
    browser: Arc<Browser>,
    name: &'static str,
}

impl Page {
    /// The value of a JavaScript expression in the page; a promise is awaited.
    pub async fn eval(&self, js: &str) -> Value {
        self.browser.ask(json!({ "do": "eval", "page": self.name, "js": js })).await
    }

    /// Registers; `registered` or why not.
    pub async fn start(&self, url: &str, user: &str, domain: &str, password: &str) -> String {
        let account = json!({ "url": url, "user": user, "domain": domain, "password": password });
        self.eval(&format!("phone.start({account})")).await.as_str().unwrap_or_default().to_owned()
    }

    /// What happened so far.
    pub async fn log(&self) -> Vec<String> {
        let log = self.eval("phone.log").await;
        log.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// Waits for an entry that begins with `what`.
    ///
    /// # Panics
    /// When it does not come.
    pub async fn until(&self, what: &str) {
        let wanted = json!(what);
        let found = self
            .eval(&format!(
                "new Promise(async (resolve) => {{ for (let i = 0; i < 1500; i++) {{ \
                 if (phone.log.some((line) => line.startsWith({wanted}))) return resolve(true); \
                 await new Promise((next) => setTimeout(next, 20)) }} resolve(false) }})"
            ))
            .await;
        assert_eq!(found, json!(true), "no {what} in {:?}", self.log().await);
    }

    /// Whether a sine is heard at this level (dBFS of its RMS) within 20 s.
    pub async fn hears(&self, hertz: f64, dbfs: f64) -> bool {
        self.eval(&format!("ears.hears({hertz}, {dbfs})")).await == json!(true)
    }

    /// Whether a sine falls below this level within 20 s.
    pub async fn misses(&self, hertz: f64, dbfs: f64) -> bool {
        self.eval(&format!("ears.silent({hertz}, {dbfs})")).await == json!(true)
    }

    /// What the page's own getStats says of the newest connection.
    pub async fn stats(&self) -> Value {
        self.eval("ears.stats()").await
    }
}

/// Mono 16-bit PCM of 48 kHz with its header: what Chromium takes for a microphone.
fn write_wav(path: &Path, pcm: &[i16]) {
    let bytes = u32::try_from(pcm.len() * 2).expect("a short sound");
    let mut wav = Vec::with_capacity(pcm.len() * 2 + 44);
    wav.extend_from_slice(b"RIFF");
    wav.extend_from_slice(&(36 + bytes).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    for (value, size) in [(16, 4), (1, 2), (1, 2), (48_000, 4), (96_000, 4), (2, 2), (16, 2)] {
        wav.extend_from_slice(&u32::to_le_bytes(value)[..size]);
    }
    wav.extend_from_slice(b"data");
    wav.extend_from_slice(&bytes.to_le_bytes());
    wav.extend(pcm.iter().flat_map(|sample| sample.to_le_bytes()));
    std::fs::write(path, wav).expect("the microphone's WAV");
}
