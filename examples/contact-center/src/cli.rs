//! The command line.

use clap::Parser;
use contact_center::{ContactCenter, Credentials, Dialect, Layout, MISBEHAVIOURS, Misbehaviour, Mode, Party, Role, SOUNDS, Scenario};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

/// A contact centre in a box: SIP over WebSocket (RFC 7118) with calls that talk. Supervisors log
/// in, are barged into a call, and the centre measures who heard whom.
#[derive(Debug, Parser)]
#[command(name = "contact-center", version, after_help = after_help())]
pub(crate) struct Options {
    /// A supervisor's login id and password; may be given several times [default: supervisor:secret]
    #[arg(long = "supervisor", value_name = "ID:PASSWORD", value_parser = supervisor)]
    pub(crate) supervisors: Vec<Credentials>,

    /// The account of a real phone, as ROLE:ID:PASSWORD (agent, customer or supervisor); may be given several times
    #[arg(long = "phone", value_name = "ROLE:ID:PASSWORD", value_parser = phone)]
    pub(crate) phones: Vec<Credentials>,

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

    /// The agent's sound, one of the list below
    #[arg(long, default_value = "speech", value_name = "SOUND", value_parser = sound)]
    pub(crate) agent: String,
    /// The customer's sound, one of the list below
    #[arg(long, default_value = "speech", value_name = "SOUND", value_parser = sound)]
    pub(crate) customer: String,
    /// How many calls to begin with; from the second on the names carry a number
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) calls: u32,
    /// Begin without a call (one can be begun over HTTP)
    #[arg(long)]
    pub(crate) no_call: bool,

    /// Ask each supervisor into the call this many seconds after it logged in
    #[arg(long, value_name = "SECONDS")]
    pub(crate) barge_after: Option<f64>,
    /// What the supervisor may do: listen, whisper or barge
    #[arg(long, default_value_t = Mode::Barge)]
    pub(crate) mode: Mode,
    /// How the supervisor receives the parties: mixed, stereo or apart (two audio lines)
    #[arg(long, default_value_t = Layout::Mixed)]
    pub(crate) layout: Layout,
    /// How keys switch the mode: none, asterisk (4 listen, 5 whisper, 6 barge), freeswitch (0 to 3) or ringcentral
    /// (a call's number and #, after *80, *81 or *82)
    #[arg(long, default_value = "none")]
    pub(crate) dialect: Dialect,

    /// A misbehaviour of the list below, as NAME or NAME:KEY=VALUE,KEY=VALUE; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) misbehave: Vec<Misbehaviour>,
    /// A scenario file (TOML) to play; the program ends with it
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<PathBuf>,
    /// Print the scenario's steps at their times, and end
    #[arg(long, requires = "scenario")]
    pub(crate) plan: bool,
    /// Go on when the scenario is over
    #[arg(long, requires = "scenario")]
    pub(crate) stay: bool,
    /// Seed of everything random in a run [default: the scenario's, or 1]
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// The token of the voice feed over socket.io [default: one that comes of the seed]
    #[arg(long, value_name = "TOKEN")]
    pub(crate) feed_token: Option<String>,

    /// Folder for what the run leaves: WAVs of what each party received, SIP ladder, timeline
    #[arg(long, value_name = "FOLDER")]
    pub(crate) record: Option<PathBuf>,
    /// Print one line of JSON when started (URLs, CA file, credentials, HTTP control), and one per event
    #[arg(long)]
    pub(crate) json: bool,
    /// Stop when standard input ends: for a test that starts the program as its child
    #[arg(long)]
    pub(crate) exit_with_stdin: bool,
    /// Print a page that comes of the code, and end: scenarios (Markdown) or openapi (JSON)
    #[arg(long, value_name = "PAGE", hide = true, value_parser = ["scenarios", "openapi"])]
    pub(crate) print_page: Option<String>,
    /// Stop after this many seconds
    #[arg(long, value_name = "SECONDS")]
    pub(crate) duration: Option<f64>,
}

fn after_help() -> String {
    let mut text = String::from("Sounds:\n");
    for (name, doc) in SOUNDS {
        text.push_str(&format!("  {name:<26}{doc}\n"));
    }
    text.push_str("\nMisbehaviours:\n");
    for m in MISBEHAVIOURS {
        text.push_str(&format!("  {:<26}{}\n", m.name, m.doc));
        if !m.arguments.is_empty() {
            text.push_str(&format!("  {:<26}  {}\n", "", m.arguments));
        }
    }
    text.push_str("\nHTTP control: the address that is printed is a page; GET /help lists the requests.\n");
    text.push_str("A phone that dials *80, *81 or *82 joins the newest call to listen, whisper or barge; *83 takes the agent's place.\n");
    text.push_str("While it runs it takes commands, one a line: help lists them.\n");
    text.push_str("A phone that dials another phone's id, agent or customer begins a call.");
    text
}

fn supervisor(text: &str) -> Result<Credentials, String> {
    credentials(Role::Supervisor, text).ok_or_else(|| "write ID:PASSWORD".to_owned())
}

fn phone(text: &str) -> Result<Credentials, String> {
    let parts = text.split_once(':').and_then(|(role, rest)| credentials(role.parse().ok()?, rest));
    parts.ok_or_else(|| "write ROLE:ID:PASSWORD with the role agent, customer or supervisor".to_owned())
}

fn credentials(role: Role, text: &str) -> Option<Credentials> {
    let (id, password) = text.split_once(':').filter(|(id, password)| !id.is_empty() && !password.is_empty())?;
    Some(Credentials { id: id.to_owned(), password: password.to_owned(), role })
}

/// Looks at a sound when the command line is read.
fn sound(text: &str) -> Result<String, String> {
    Party::named(None, Role::Agent, text).map(|_| text.to_owned())
}

impl Options {
    /// The scenario that was asked for, with the seed that was.
    pub(crate) fn scenario(&self) -> contact_center::Result<Option<Scenario>> {
        let Some(file) = &self.scenario else { return Ok(None) };
        let scenario = Scenario::load(file)?;
        Ok(Some(match self.seed {
            Some(seed) => scenario.with_seed(seed),
            None => scenario,
        }))
    }

    /// The centre that these options ask for.
    pub(crate) async fn start(&self, scenario: Option<&Scenario>) -> contact_center::Result<ContactCenter> {
        let mut builder = ContactCenter::builder().host(self.host).ports(self.ws_port, self.wss_port, self.http_port);
        if let Some(scenario) = scenario {
            builder = builder.scenario(scenario);
        }
        if let Some(seed) = self.seed {
            builder = builder.seed(seed);
        }
        if self.dialect != Dialect::None {
            builder = builder.dialect(self.dialect);
        }
        if let Some(token) = &self.feed_token {
            builder = builder.feed_token(token);
        }
        for Credentials { id, password, role } in self.supervisors.iter().chain(&self.phones) {
            builder = builder.phone(*role, id, password);
        }
        if let Some(folder) = &self.record {
            builder = builder.record_to(folder);
        }
        let centre = builder.start().await?;
        for misbehaviour in &self.misbehave {
            centre.misbehave(misbehaviour.clone(), None);
        }
        let calls = if self.no_call || scenario.is_some() { 0 } else { self.calls };
        for n in 1..=calls {
            let party = |role: Role, sound: &str| {
                let name = if n == 1 { role.as_str().to_owned() } else { format!("{}-{n}", role.as_str()) };
                Party::named(Some(name), role, sound)
                    .map_err(|message| contact_center::CentreError { kind: contact_center::ErrorKind::Invalid, message })
            };
            centre.call(party(Role::Agent, &self.agent)?, party(Role::Customer, &self.customer)?)?;
        }
        Ok(centre)
    }

    /// `--barge-after` as a time; none for nonsense such as a negative one.
    pub(crate) fn barge_after(&self) -> Option<Duration> {
        self.barge_after.and_then(|s| Duration::try_from_secs_f64(s).ok())
    }
}
