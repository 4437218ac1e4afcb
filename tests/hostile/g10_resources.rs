//! Group 10, and the faults that need no network of their own: how much is held for how long.

use crate::case::{Case, Outcome, figure, resident_kib, seen, threads_and_descriptors};
use crate::ensure;
use crate::phone::{Line, PASSWORD, Phone, USER, let_in, ms};
use crate::server::{SOON, Server};
use crate::sip::OFFER;
use monipy_core::{Config, EventKind, Supervisor};
use std::time::{Duration, Instant};

pub(crate) fn cases(all: &mut Vec<Case>) {
    all.push(Case::new("81", "calls one after the other, 150 of them", "no memory, thread or descriptor is kept", many_calls).alone());
    all.push(Case::new(
        "84f",
        "3,000 keys while a listener sleeps (fault 21)",
        "its queue is bounded, overflow told, the end of the call kept",
        sleeping_listener,
    ));
    all.push(Case::new("84g", "autoReboot: the server hangs up during the login", "reboot told, the same credentials, logged in", reboot));
    all.push(Case::new("84a", "200 idle supervisors (fault 23)", "512 KiB each and 32 threads at most", idle_supervisors).alone());
    all.push(Case::new("84b", "200 supervisors, one server of two gone", "the others are untouched", one_server_gone).alone());
    all.push(Case::new("84d", "shut down with the network dead (fault 20)", "within 2 s, no event after", dead_network));
    all.push(Case::new("84e", "1,000 supervisors made and shut down", "+4 MiB, no thread, no descriptor at most", cycles).alone());
}

async fn many_calls() -> Outcome {
    let mut line = Line::up().await?;
    async fn one(line: &mut Line) -> Result<(), String> {
        let before = line.phone.count(EventKind::Ended);
        let mut call = line.call_up().await?;
        let bye = line.inside(&mut call, "BYE", "", "");
        let answer = line.ask(&bye).await?;
        ensure!(answer.status() == Some(200), "BYE got {}", answer.start);
        line.phone.wait(EventKind::Ended, before + 1, SOON).await?;
        Ok(())
    }
    // The allocator's pools, the workers and the resolver's threads are there after some calls.
    for _ in 0..50 {
        one(&mut line).await?;
    }
    settle().await;
    let (memory, (threads, descriptors)) = (resident_kib(), threads_and_descriptors());
    for _ in 0..100 {
        one(&mut line).await?;
    }
    settle().await;
    let (after, (threads_after, descriptors_after)) = (resident_kib(), threads_and_descriptors());
    let grown = after.saturating_sub(memory);
    ensure!(grown <= 4 << 10, "memory grew by {grown} KiB in 100 calls");
    ensure!(
        threads_after <= threads && descriptors_after <= descriptors + 2,
        "{threads} -> {threads_after} threads, {descriptors} -> {descriptors_after} descriptors"
    );
    figure("100 calls more", format!("+{grown} KiB, +0 threads"))
}

async fn sleeping_listener() -> Outcome {
    const KEYS: usize = 3000;
    let mut line = Line::with(|c| c.event_queue = 64).await?;
    let mut call = line.call_up().await?;
    // The phone's own listener reads on; this one does not until the call is over.
    let mut sleeper = line.phone.supervisor.events();
    let mut told = line.phone.count(EventKind::Dtmf);
    let first = told;
    while told < first + KEYS {
        for _ in 0..50 {
            let key = line.inside(&mut call, "INFO", "Content-Type: application/dtmf-relay\r\n", "Signal=5\r\nDuration=100\r\n");
            line.peer.text(key).await;
        }
        line.said().await?;
        told += 50;
    }
    let bye = line.inside(&mut call, "BYE", "", "");
    let answer = line.ask(&bye).await?;
    ensure!(answer.status() == Some(200), "BYE got {}", answer.start);
    line.phone.wait(EventKind::Ended, 1, SOON).await?;
    let mut events = Vec::new();
    while events.last().is_none_or(|e: &monipy_core::Event| e.kind != EventKind::Ended) {
        let next = tokio::time::timeout(SOON, sleeper.next()).await;
        events.push(next.ok().flatten().ok_or("the sleeper is not told of the end")?);
    }
    let kept = events.iter().filter(|e| e.kind == EventKind::Dtmf).count();
    let lost: u64 = events.iter().map(|e| if let monipy_core::event::Detail::Overflow { dropped } = e.detail { dropped } else { 0 }).sum();
    ensure!(kept <= 64, "{kept} keys were kept");
    ensure!(kept as u64 + lost == KEYS as u64, "{kept} kept, {lost} told to be lost, of {KEYS}");
    ensure!(events.is_sorted_by_key(|e| e.seq), "out of order");
    figure("overflow told, ended kept", format!("{kept} kept, {lost} lost"))
}

async fn reboot() -> Outcome {
    let server = Server::start().await?;
    let phone = Phone::with(server.url(), |c| c.auto_reboot = true)?;
    phone.login();
    let mut peer = server.peer().await?;
    let register = peer.expect("REGISTER", |m| m.is_request("REGISTER")).await?;
    drop((peer, register));
    let failed = phone.failed(SOON).await?;
    let told = phone.wait(EventKind::Reboot, 1, SOON).await?;
    ensure!(told.reason().is_some_and(|r| !r.is_empty()), "reboot does not say why");
    let began = Instant::now();
    let mut peer = server.peer().await?;
    // The answer to the challenge is checked against the password that was given at first.
    let again = let_in(&mut peer, "300").await?;
    ensure!(again.header("From").contains(&format!("sip:{USER}@")), "as {}", again.header("From"));
    phone.wait(EventKind::Login, 1, SOON).await?;
    ensure!(phone.count(EventKind::LoginFailed) == 1 && phone.count(EventKind::Reboot) == 1, "told more than once");
    figure(format!("loginFailed {}, reboot, login", failed.code), ms(began.elapsed()))
}

/// Connections close in the background; they may take two seconds.
async fn settle() {
    let began = Instant::now();
    let mut last = threads_and_descriptors();
    while began.elapsed() < Duration::from_secs(8) {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        let now = threads_and_descriptors();
        if now == last {
            return;
        }
        last = now;
    }
}

fn quiet(url: String) -> Config {
    Config { server: url, ice_servers: Vec::new(), autoplay: false, ..Config::default() }
}

/// Lets so many clients in; returns their connections.
async fn let_all_in(server: &Server, count: usize) -> Result<Vec<crate::server::Peer>, String> {
    let mut peers = Vec::new();
    for _ in 0..count {
        let mut peer = server.peer().await?;
        let_in(&mut peer, "300").await?;
        peers.push(peer);
    }
    Ok(peers)
}

async fn idle_supervisors() -> Outcome {
    let server = Server::start().await?;
    let memory = resident_kib();
    let mut all = Vec::new();
    let mut logins = Vec::new();
    for _ in 0..200 {
        let supervisor = Supervisor::new(quiet(server.url())).map_err(|e| e.to_string())?;
        logins.push(supervisor.login(USER, PASSWORD));
        all.push(supervisor);
    }
    let peers = let_all_in(&server, 200).await?;
    for login in logins {
        login.await.map_err(|e| e.to_string())?;
    }
    // The test's own connections are in this process too: they count, which only makes it harder.
    let each = resident_kib().saturating_sub(memory) / 200;
    let threads = std::fs::read_dir("/proc/self/task").map_or(0, |tasks| {
        let ours = |t: &std::fs::DirEntry| std::fs::read_to_string(t.path().join("comm")).is_ok_and(|name| name.starts_with("monipy"));
        tasks.flatten().filter(ours).count()
    });
    ensure!(each <= 512, "{each} KiB each");
    ensure!(threads <= 32, "{threads} threads");
    for supervisor in &all {
        supervisor.shutdown(Duration::from_millis(1)).await;
    }
    drop(peers);
    figure("within bounds", format!("{each} KiB each, {threads} threads"))
}

async fn one_server_gone() -> Outcome {
    let (staying, going) = (Server::start().await?, Server::start().await?);
    let mut phones = Vec::new();
    for n in 0..200 {
        let url = if n % 2 == 0 { staying.url() } else { going.url() };
        let phone = Phone::with(url, |c| c.debug = false)?;
        phone.login();
        phones.push(phone);
    }
    let (mut peers, gone) = (let_all_in(&staying, 100).await?, let_all_in(&going, 100).await?);
    for phone in &phones {
        phone.wait(EventKind::Login, 1, SOON).await?;
    }
    drop((gone, going));
    for phone in phones.iter().skip(1).step_by(2) {
        phone.wait(EventKind::Disconnected, 1, SOON).await?;
    }
    // The others answer, and heard of nothing.
    for peer in &mut peers {
        peer.text("\r\n\r\n").await;
        let got = peer.next(SOON).await;
        ensure!(matches!(got, Some(crate::server::Got::Text(_) | crate::server::Got::Ping(_))), "{got:?}");
    }
    let touched = phones.iter().step_by(2).filter(|p| p.count(EventKind::Disconnected) > 0).count();
    ensure!(touched == 0, "{touched} others were disconnected");
    for phone in &phones {
        phone.supervisor.shutdown(Duration::from_millis(1)).await;
    }
    seen("100 gone, 100 untouched")
}

async fn dead_network() -> Outcome {
    let mut line = Line::up().await?;
    line.ring("", OFFER).await?;
    // The server reads nothing and answers nothing any more.
    let began = Instant::now();
    line.phone.supervisor.shutdown(Duration::from_secs(2)).await;
    let took = began.elapsed();
    let count = line.phone.events().len();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let after = line.phone.events().len() - count;
    // The events of the end itself may still be on their way to the test's own task.
    let late = line
        .phone
        .events()
        .iter()
        .skip(count)
        .filter(|e| !matches!(e.kind, EventKind::Logout | EventKind::Hangup | EventKind::Disconnected))
        .count();
    ensure!(late == 0, "{after} events came after it");
    ensure!(took <= Duration::from_secs(6), "it took {took:?}");
    figure("returned, silent", ms(took))
}

async fn cycles() -> Outcome {
    let cycle = || async {
        let supervisor = Supervisor::new(quiet("ws://127.0.0.1:9".into())).map_err(|e| e.to_string())?;
        drop(supervisor.login(USER, PASSWORD));
        supervisor.shutdown(Duration::from_secs(2)).await;
        Ok::<(), String>(())
    };
    for _ in 0..100 {
        cycle().await?;
    }
    settle().await;
    let (memory, (threads, descriptors)) = (resident_kib(), threads_and_descriptors());
    for _ in 0..1000 {
        cycle().await?;
    }
    settle().await;
    let (after, (threads_after, descriptors_after)) = (resident_kib(), threads_and_descriptors());
    let grown = after.saturating_sub(memory);
    ensure!(grown <= 4 << 10, "memory grew by {grown} KiB");
    ensure!(
        threads_after <= threads && descriptors_after <= descriptors,
        "{threads} -> {threads_after} threads, {descriptors} -> {descriptors_after} descriptors"
    );
    figure("nothing is kept", format!("+{grown} KiB"))
}
