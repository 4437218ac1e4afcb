//! Makes a PACKETS file for `receive_trace` from a mono 16-bit WAV file:
//!
//!     encode_packets IN.wav PACKETS [opus|pcmu|pcma] [BITRATE] [fec|nofec] [EXPECTED_LOSS]
//!
//! Opus takes 8, 16, 24 or 48 kHz and codes 30,000 bit/s with in-band error correction for 15 %
//! loss unless told otherwise; G.711 takes 8 kHz.

use monipy_core::Codec;
use monipy_core::audio::codec::{OpusSettings, encoder};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [input, output, rest @ ..] = args.as_slice() else {
        return Err("usage: encode_packets IN.wav PACKETS [opus|pcmu|pcma] [BITRATE] [fec|nofec] [EXPECTED_LOSS]".into());
    };
    let codec = Codec::from_name(rest.first().map_or("opus", String::as_str)).ok_or("the codec is opus, pcmu or pcma")?;
    let settings = OpusSettings {
        bitrate: rest.get(1).map_or(Ok(30_000), |s| s.parse())?,
        fec: rest.get(2).is_none_or(|s| s == "fec"),
        expected_loss: rest.get(3).map_or(Ok(15), |s| s.parse())?,
        complexity: 10,
    };
    let mut wav = hound::WavReader::open(input)?;
    let spec = wav.spec();
    if spec.channels != 1 || spec.bits_per_sample != 16 {
        return Err("the WAV file must be mono with 16 bits".into());
    }
    let pcm = wav.samples::<i16>().collect::<Result<Vec<_>, _>>()?;
    let mut encoder = encoder(codec, spec.sample_rate, settings).ok_or("the codec does not take this sample rate")?;
    let mut file = Vec::new();
    for frame in pcm.chunks_exact(spec.sample_rate as usize / 50) {
        let payload = encoder.encode(frame).ok_or("the encoder refused a frame")?;
        file.extend(u16::try_from(payload.len())?.to_le_bytes());
        file.extend_from_slice(&payload);
    }
    std::fs::write(output, file)?;
    Ok(())
}
