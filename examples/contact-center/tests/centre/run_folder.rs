//! What a run leaves to look at.

use crate::support::{SOON, barged, logged_in, tones};
use contact_center::{ContactCenter, Mode};
use monipy_core::CallId;

#[tokio::test]
async fn wavs_ladder_timeline_and_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let centre = ContactCenter::builder().record_to(folder.path()).start().await.unwrap();
    let call = tones(&centre);
    let (supervisor, mut events) = logged_in(&centre).await;
    barged(&call, &supervisor, &mut events, Mode::Listen).await;
    call.wait_heard("supervisor", &["agent", "customer"], SOON).await.unwrap();
    supervisor.terminate(CallId::CURRENT).await.unwrap();
    supervisor.logout().await.unwrap();
    let id = call.id();
    centre.stop().await;
    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert!(read("ladder.txt").contains("INVITE sip:"));
    assert!(!read("ladder.txt").contains("secret"));
    assert!(read("timeline.jsonl").lines().all(|l| serde_json::from_str::<serde_json::Value>(l).is_ok()));
    let page = read("index.html");
    for party in ["agent", "customer"] {
        let wavs: Vec<_> = std::fs::read_dir(folder.path().join(format!("call-{id}")))
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        let wav = wavs.iter().find(|w| w.ends_with(&format!("-{party}-hears.wav"))).unwrap_or_else(|| panic!("{wavs:?}"));
        let reader = hound::WavReader::open(folder.path().join(format!("call-{id}/{wav}"))).unwrap();
        assert!(reader.duration() > 10_000 && page.contains(wav.as_str()), "{wav}: {} samples", reader.duration());
    }
    assert!(page.contains("SIP messages") && page.contains("→ REGISTER"));
}
