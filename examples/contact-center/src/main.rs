//! The contact centre as a program: `cli` is its command line, `console` what may be typed while it runs.
#![forbid(unsafe_code)]

mod cli;
mod console;

use clap::Parser;
use cli::Options;
use contact_center::{ContactCenter, Role, Scenario, TimelineEntry, TimelineEvents};
use std::collections::HashSet;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    match options.print_page.as_deref() {
        Some("openapi") => {
            say(&serde_json::to_string_pretty(&contact_center::openapi()).unwrap_or_default());
            return ExitCode::SUCCESS;
        }
        Some(_) => {
            say(contact_center::scenario_reference().trim_end());
            return ExitCode::SUCCESS;
        }
        None => {}
    }
    let wrong = |e: contact_center::CentreError| {
        eprintln!("contact-center: {e}");
        ExitCode::from(2)
    };
    let scenario = match options.scenario() {
        Ok(scenario) => scenario,
        Err(e) => return wrong(e),
    };
    if let Some(scenario) = scenario.as_ref().filter(|_| options.plan) {
        say(scenario.schedule().trim_end());
        return ExitCode::SUCCESS;
    }
    let centre = match options.start(scenario.as_ref()).await {
        Ok(centre) => centre,
        Err(e) => return wrong(e),
    };
    announce(&options, &centre);
    let mut code = ExitCode::SUCCESS;
    let mut events = centre.events();
    tokio::select! {
        () = centre.stop_requested() => {}
        () = run(&options, &centre, &mut events) => {}
        () = console(&options, &centre) => {}
        () = signalled() => {}
        () = tokio::time::sleep(duration(&options)), if options.duration.is_some() => {}
        played = play(&options, &centre, scenario.as_ref()) => {
            if let Err(e) = played {
                eprintln!("contact-center: {e}");
                code = ExitCode::FAILURE;
            }
        }
    }
    centre.stop().await;
    // What happened in the end is told, too.
    while let Some(entry) = events.try_next() {
        print(&options, &entry);
    }
    code
}

/// Plays the scenario; comes back when the program is to end with it.
async fn play(options: &Options, centre: &ContactCenter, scenario: Option<&Scenario>) -> contact_center::Result<()> {
    let Some(scenario) = scenario else { return std::future::pending().await };
    let outcome = centre.play(scenario).await;
    if !options.stay {
        return outcome;
    }
    if let Err(e) = outcome {
        eprintln!("contact-center: {e}");
    }
    std::future::pending().await
}

fn duration(options: &Options) -> Duration {
    options.duration.and_then(|s| Duration::try_from_secs_f64(s).ok()).unwrap_or_default()
}

fn announce(options: &Options, centre: &ContactCenter) {
    if options.json {
        say(&centre.announcement());
        return;
    }
    let mut text = String::new();
    text.push_str(&format!("SIP      {}\n         {}   CA file: {}\n", centre.ws_url(), centre.wss_url(), centre.ca_file().display()));
    for c in centre.credentials() {
        text.push_str(&format!("login    id {}   password {}   ({})\n", c.id, c.password, c.role.as_str()));
    }
    text.push_str(&format!("page     {}/\n", centre.http_url()));
    text.push_str(&format!("feed     {}?token={}   (socket.io)\n", centre.endpoints().feed, centre.endpoints().feed_token));
    for call in centre.calls() {
        if let Ok(info) = call.info() {
            let parties: Vec<String> = info.parties.iter().map(|p| format!("{} ({})", p.name, p.sound)).collect();
            text.push_str(&format!("call {}   {}\n", info.id, parties.join(" and ")));
            text.push_str(&format!(
                "barge    curl -d '{{\"mode\": \"{}\"}}' {}/calls/{}/barge\n",
                options.mode,
                centre.http_url(),
                info.id
            ));
        }
    }
    say(text.trim_end());
}

/// Prints a line. A reader that is gone does not matter: what counts is standard input.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Prints what happens, and barges when asked to. Ends when the centre does.
async fn run(options: &Options, centre: &ContactCenter, events: &mut TimelineEvents) {
    let mut barging = HashSet::new();
    while let Some(entry) = events.next().await {
        print(options, &entry);
        let Some(after) = options.barge_after() else { continue };
        match entry.kind {
            "registered" if is_supervisor(centre, &entry.text) && barging.insert(entry.text.clone()) => {}
            "unregistered" => {
                barging.remove(&entry.text);
                continue;
            }
            _ => continue,
        }
        tokio::time::sleep(after).await;
        if let Some(call) = centre.calls().first()
            && let Err(e) = call.barge_as(&entry.text, options.mode, options.layout)
        {
            eprintln!("contact-center: {e}");
        }
    }
}

fn is_supervisor(centre: &ContactCenter, id: &str) -> bool {
    centre.role_of(id) == Some(Role::Supervisor)
}

fn print(options: &Options, entry: &TimelineEntry) {
    if options.json {
        say(&serde_json::to_string(entry).unwrap_or_default());
    } else {
        say(&format!("{:>9.3} s  {:<13} {}", entry.at_ms / 1000.0, entry.kind, entry.text));
    }
}

/// Obeys what is typed. Comes back when standard input ends, if the program is to end with it.
async fn console(options: &Options, centre: &ContactCenter) {
    let mut lines = standard_input();
    while let Some(line) = lines.recv().await {
        match console::obey(centre, &line) {
            Ok(answer) if options.json => drop(answer),
            Ok(answer) => answer.lines().for_each(say),
            Err(e) => eprintln!("contact-center: {e}"),
        }
    }
    if !options.exit_with_stdin {
        std::future::pending::<()>().await;
    }
}

/// Read by a thread of its own: a runtime would wait for the read that is under way at the end.
fn standard_input() -> tokio::sync::mpsc::UnboundedReceiver<String> {
    let (tell, lines) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        // An input that cannot be read is at its end.
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if tell.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

async fn signalled() {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(mut term), Ok(mut interrupt)) => {
            tokio::select! {
                _ = term.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        // Without handlers the signals end the program as they always did.
        _ => std::future::pending().await,
    }
}
