//! The list of misbehaviours, which the command line, HTTP, the page and the reference show.

use serde::Serialize;

/// One row of the list of misbehaviours.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct MisbehaviourSpec {
    /// Its name.
    pub name: &'static str,
    /// Its numbers with their defaults, as on the command line.
    pub arguments: &'static str,
    /// Whether it stands until taken back (or `times` times), or happens at once.
    pub standing: bool,
    /// What happens.
    pub doc: &'static str,
}

const fn spec(name: &'static str, arguments: &'static str, standing: bool, doc: &'static str) -> MisbehaviourSpec {
    MisbehaviourSpec { name, arguments, standing, doc }
}

/// Every misbehaviour.
pub const MISBEHAVIOURS: &[MisbehaviourSpec] = &[
    spec("wrong-password", "", true, "the right password is refused as though it were wrong"),
    spec("forbidden", "", true, "REGISTER gets 403"),
    spec("unavailable", "retry_after=1", true, "REGISTER gets 503 with Retry-After"),
    spec("interval-too-brief", "min_expires=600", true, "REGISTER gets 423 with Min-Expires until it asks for that long"),
    spec("stale-nonce", "", true, "a right answer to a challenge gets another challenge with stale=true"),
    spec("sha256-only", "", true, "challenges offer SHA-256 alone"),
    spec("no-answer-to-register", "", true, "REGISTER gets no answer"),
    spec("register-without-contact", "", true, "the 200 to REGISTER names no contact"),
    spec("drop-socket", "", false, "every WebSocket connection is dropped"),
    spec("half-open", "", false, "every WebSocket connection goes silent without being closed"),
    spec("server-gone", "seconds=2", false, "connections are dropped and new ones refused for a while"),
    spec("cancel-before-answer", "after_ms=0", true, "a barge request is cancelled while it rings"),
    spec("cancel-racing-answer", "", true, "a barge request is cancelled at the moment its 200 arrives"),
    spec("hang-up-on-answer", "", true, "the centre hangs up as soon as a barge request was answered"),
    spec("wrong-fingerprint", "", true, "the offer names a fingerprint that is not the certificate's"),
    spec("invite-without-sdp", "", true, "the INVITE carries no offer"),
    spec("glare", "", true, "a re-INVITE of the phone meets one of the centre's"),
    spec("second-call", "", false, "supervisors who are in a call are asked into it once more; a phone that takes one call says 486"),
    spec("hold", "", false, "every answered phone is held"),
    spec("unhold", "", false, "every answered phone is taken off hold"),
    spec("reinvite-without-sdp", "", false, "every answered phone gets a re-INVITE without an offer"),
    spec("ssrc-change", "", false, "the media of every answered phone moves to a fresh connection with another SSRC"),
    spec("codec-change", "codec=PCMU", false, "every answered phone is offered one codec alone: opus, PCMU or PCMA"),
    spec("loss", "share=0.1", true, "packets of the centre's media are lost"),
    spec("jitter", "ms=60", true, "packets of the centre's media come early and late"),
    spec("reorder", "share=0.1", true, "packets of the centre's media overtake each other"),
    spec("delay", "ms=200", true, "packets of the centre's media come late"),
    spec("one-way", "", true, "the centre sends no media at all: one-way audio"),
    spec("silence", "", true, "the centre sends digital silence in place of the mix"),
    spec(
        "media",
        "loss=0,jitter_ms=0,delay_ms=0,reorder=0,silence=false,mute_packets=false",
        true,
        "several disturbances of the centre's media at once",
    ),
];
