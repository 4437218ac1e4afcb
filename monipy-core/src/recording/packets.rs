//! What is heard as Ogg Opus: Opus packets straight from the wire, never decoded; other codecs are
//! decoded and put into Opus.

use super::{Orders, Pause, Tell, tell_end};
use crate::audio::codec::{self, Decoder, Encoder, OpusSettings};
use crate::audio::recorder::OggOpusRecorder;
use crate::audio::{HeardPacket, PacketStream};
use crate::config::Codec;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Packets that go to the disk together; a fifth of a second.
const PACKETS_A_WRITE: usize = 10;

/// The file, and the way into it.
pub(super) struct Packets {
    file: OggOpusRecorder<BufWriter<File>>,
    ssrc: Option<u32>,
    transcoder: Option<Transcoder>,
}

impl Packets {
    pub(super) fn create(path: &Path) -> io::Result<Packets> {
        let sink = BufWriter::new(File::create(path)?);
        Ok(Packets { file: OggOpusRecorder::new(sink)?, ssrc: None, transcoder: None })
    }

    fn write(&mut self, packets: Vec<HeardPacket>) -> io::Result<()> {
        for packet in packets {
            if self.ssrc.replace(packet.ssrc).is_some_and(|s| s != packet.ssrc) {
                self.file.new_source()?;
                self.transcoder = None;
            }
            if packet.codec == Codec::Opus {
                self.file.push(packet.sequence_number, packet.timestamp, &packet.payload)?;
                continue;
            }
            if self.transcoder.as_ref().is_none_or(|t| t.codec != packet.codec) {
                self.transcoder = Transcoder::new(packet.codec);
                self.file.new_source()?;
            }
            if let Some(payload) = self.transcoder.as_mut().and_then(|t| t.turn(&packet.payload)) {
                // Opus counts at 48 kHz, whatever it was made of.
                self.file.push(packet.sequence_number, packet.timestamp.wrapping_mul(6), &payload)?;
            }
        }
        Ok(())
    }
}

/// G.711 into Opus, packet by packet.
struct Transcoder {
    codec: Codec,
    decoder: Box<dyn Decoder>,
    encoder: Box<dyn Encoder>,
}

impl Transcoder {
    fn new(from: Codec) -> Option<Transcoder> {
        let settings = OpusSettings { fec: false, expected_loss: 0, ..OpusSettings::default() };
        Some(Transcoder { codec: from, decoder: codec::decoder(from, 8000)?, encoder: codec::encoder(Codec::Opus, 8000, settings)? })
    }

    fn turn(&mut self, payload: &[u8]) -> Option<bytes::Bytes> {
        let mut pcm = Vec::new();
        self.decoder.decode(payload, &mut pcm);
        // Packets of another length than 20 ms are cut or filled: rare, and still to be heard.
        pcm.resize(160, 0);
        self.encoder.encode(&pcm)
    }
}

/// Records `heard` until the call is over or the recording is stopped.
pub(super) async fn record(mut file: Packets, mut heard: PacketStream, tell: Tell, orders: Arc<Orders>) {
    let mut going = true;
    let mut result = Ok(());
    let mut pause: Option<(Duration, Instant)> = None;
    while going && result.is_ok() {
        let mut packets = Vec::new();
        let mut mark = None;
        while packets.len() < PACKETS_A_WRITE {
            let packet = tokio::select! {
                biased;
                () = orders.stop.notified() => None,
                packet = heard.next() => packet,
            };
            let Some(packet) = packet else {
                going = false;
                break;
            };
            if orders.paused.load(Ordering::Acquire) {
                if pause.is_none() {
                    // What was gathered before it goes to the file first.
                    let at = file.file.recorded_ms() + 20 * packets.len() as u64;
                    let at = Duration::from_millis(at);
                    pause = Some((at, Instant::now()));
                    tell.send_modify(|p| p.pauses.push(Pause { at, length: None }));
                    break;
                }
                continue;
            }
            if let Some((_, since)) = pause.take() {
                mark = Some(since.elapsed());
            }
            packets.push(packet);
        }
        if let Some(length) = mark {
            tell.send_modify(|p| {
                if let Some(last) = p.pauses.last_mut() {
                    last.length = Some(length);
                }
            });
        }
        let written = tokio::task::spawn_blocking(move || {
            let marked = mark.map(|length| file.file.mark(&format!("monipy: goes on after a pause of {:.3} s", length.as_secs_f64())));
            let result = marked.unwrap_or(Ok(())).and_then(|()| file.write(packets));
            (file, result)
        });
        match written.await {
            Ok((back, outcome)) => {
                file = back;
                result = outcome;
            }
            // The library was shut down; what is in memory is lost with it, half a second at most.
            Err(_) => return,
        }
        if result.is_ok() {
            let recorded = Duration::from_millis(file.file.recorded_ms());
            tell.send_modify(|p| p.recorded = recorded);
        }
    }
    if result.is_ok() {
        let finish = move || {
            let Packets { file, .. } = file;
            let mut length = 0;
            let ended = file.finish_counted(&mut length).and_then(|sink| sink.into_inner().map(drop).map_err(io::Error::from));
            (ended, length)
        };
        if let Ok((ended, length)) = tokio::task::spawn_blocking(finish).await {
            result = ended;
            tell.send_modify(|p| p.recorded = Duration::from_millis(length));
        }
    }
    tell_end(&tell, result);
}
