//! The floor: one recv for each packet, SRTP unprotected and Opus or G.711 decoded by the same
//! libraries as monipy's, and nothing else. One socket for all calls, keys agreed on beforehand.

use crate::sender::{KEY, PROFILE, SALT};
use monipy_core::Codec;
use monipy_core::audio::codec::{self, Decoder};
use std::io::BufRead;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub(crate) fn run() {
    let number = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<usize>().ok()).unwrap_or(1);
    let calls = number("MONIPY_BENCH_CALLS");
    let codec = if std::env::var("MONIPY_BENCH_CODEC").is_ok_and(|c| c == "pcmu") { Codec::Pcmu } else { Codec::Opus };
    let rate = number("MONIPY_BENCH_RATE") as u32;
    let (counting, frames) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let (mine, counted) = (counting.clone(), frames.clone());
    println!("ready");
    std::thread::spawn(move || {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        println!("port {}", socket.local_addr().expect("its address").port());
        let crypto = rtc::crypto::default_provider().expect("cryptography");
        let mut heard: Vec<(rtc::srtp::context::Context, Box<dyn Decoder>)> = (0..calls)
            .map(|_| {
                let context = rtc::srtp::context::Context::new(&KEY, &SALT, PROFILE, None, None, crypto.crypto()).expect("a context");
                (context, codec::decoder(codec, rate).expect("a decoder"))
            })
            .collect();
        let (mut buffer, mut pcm, mut up) = ([0_u8; 2048], Vec::new(), vec![false; calls]);
        let mut silent = calls;
        while let Ok(length) = socket.recv(&mut buffer) {
            let call = u32::from_be_bytes([buffer[8], buffer[9], buffer[10], buffer[11]]) as usize;
            let Some((context, decoder)) = heard.get_mut(call) else { continue };
            let Ok(plain) = context.decrypt_rtp(&buffer[..length]) else { continue };
            pcm.clear();
            if decoder.decode(&plain[12..], &mut pcm) && mine.load(Ordering::Relaxed) {
                counted.fetch_add(1, Ordering::Relaxed);
            }
            if !std::mem::replace(&mut up[call], true) {
                silent -= 1;
                if silent == 0 {
                    println!("up");
                }
            }
        }
    });
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        match line.as_str() {
            "count" => counting.store(true, Ordering::Relaxed),
            "stop" => break,
            _ => {}
        }
    }
    println!("{{\"frames\": {}}}", frames.load(Ordering::Relaxed));
}
