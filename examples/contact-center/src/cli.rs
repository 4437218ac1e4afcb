//! The command line.

use clap::Parser;
use contact_center::{ContactCenter, Credentials, Dialect, MISBEHAVIOURS, Misbehaviour, Mode, Party, Role, Sound};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

/// A contact centre in a box: SIP over WebSocket (RFC 7118) with calls that talk. Supervisors log
/// in, are barged into a call, and the centre measures who heard whom.
#[derive(Debug, Parser)]
#[command(name = "contact-center", version, after_help = after_help())]
pub(crate) struct Options {
    /// A supervisor's login id and password; may be given several times [default: supervisor:secret]
    #[arg(long = "supervisor", value_name = "ID:PASSWORD", value_parser = credentials)]
    pub(crate) supervisors: Vec<Credentials>,

    /// Address to listen on
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub(crate) host: IpAddr,
    /// Port of ws://; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub(crate) ws_port: u16,
    /// Port of wss://; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub(crate) wss_port: u16,
    /// Port of HTTP control; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    pub(crate) http_port: u16,

    /// The agent's sound: speech, silence, tone:HZ or wav:FILE
    #[arg(long, default_value = "speech", value_name = "SOUND")]
    pub(crate) agent: Sound,
    /// The customer's sound: speech, silence, tone:HZ or wav:FILE
    #[arg(long, default_value = "speech", value_name = "SOUND")]
    pub(crate) customer: Sound,
    /// Begin without a call (one can be begun over HTTP)
    #[arg(long)]
    pub(crate) no_call: bool,

    /// Ask each supervisor into the call this many seconds after it logged in
    #[arg(long, value_name = "SECONDS")]
    pub(crate) barge_after: Option<f64>,
    /// What the supervisor may do: listen, whisper or barge
    #[arg(long, default_value_t = Mode::Barge)]
    pub(crate) mode: Mode,
    /// How keys switch the mode: none, asterisk (4 listen, 5 whisper, 6 barge) or freeswitch (0, 2, 3)
    #[arg(long, default_value = "none")]
    pub(crate) dialect: Dialect,

    /// A misbehaviour of the list below, as NAME or NAME:KEY=VALUE,KEY=VALUE; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) misbehave: Vec<Misbehaviour>,
    /// Seed of everything random in a run
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// Folder for what the run leaves: WAVs of what each party received, SIP ladder, timeline
    #[arg(long, value_name = "FOLDER")]
    pub(crate) record: Option<PathBuf>,
    /// Print one line of JSON when started (URLs, CA file, credentials, HTTP control), and one per event
    #[arg(long)]
    pub(crate) json: bool,
    /// Stop when standard input ends: for a test that starts the program as its child
    #[arg(long)]
    pub(crate) exit_with_stdin: bool,
    /// Stop after this many seconds
    #[arg(long, value_name = "SECONDS")]
    pub(crate) duration: Option<f64>,
}

fn after_help() -> String {
    let mut text = String::from("Misbehaviours:\n");
    for m in MISBEHAVIOURS {
        text.push_str(&format!("  {:<26}{}\n", m.name, m.doc));
        if !m.arguments.is_empty() {
            text.push_str(&format!("  {:<26}  {}\n", "", m.arguments));
        }
    }
    text.push_str("\nHTTP control: the address that is printed is a page; GET /help lists the requests.\n");
    text.push_str("A phone that dials *80, *81 or *82 joins the newest call to listen, whisper or barge.");
    text
}

fn credentials(text: &str) -> Result<Credentials, String> {
    match text.split_once(':') {
        Some((id, password)) if !id.is_empty() && !password.is_empty() => {
            Ok(Credentials { id: id.to_owned(), password: password.to_owned() })
        }
        _ => Err("write ID:PASSWORD".to_owned()),
    }
}

impl Options {
    /// The centre that these options ask for.
    pub(crate) async fn start(&self) -> contact_center::Result<ContactCenter> {
        let mut builder = ContactCenter::builder()
            .host(self.host)
            .ports(self.ws_port, self.wss_port, self.http_port)
            .seed(self.seed)
            .dialect(self.dialect);
        for Credentials { id, password } in &self.supervisors {
            builder = builder.supervisor(id, password);
        }
        if let Some(folder) = &self.record {
            builder = builder.record_to(folder);
        }
        let centre = builder.start().await?;
        for misbehaviour in &self.misbehave {
            centre.misbehave(misbehaviour.clone(), None);
        }
        if !self.no_call {
            let party = |name: &str, role, sound: &Sound| Party { name: name.to_owned(), role, sound: sound.clone() };
            centre.call(party("agent", Role::Agent, &self.agent), party("customer", Role::Customer, &self.customer))?;
        }
        Ok(centre)
    }

    /// `--barge-after` as a time; none for nonsense such as a negative one.
    pub(crate) fn barge_after(&self) -> Option<Duration> {
        self.barge_after.and_then(|s| Duration::try_from_secs_f64(s).ok())
    }
}
