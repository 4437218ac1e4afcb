//! The sound of a call: codecs, the receive path, what is sent, and what a program holds.

mod support;

mod both_sides;
mod call_audio_send;
mod codecs;
mod comfort_tones;
mod e_model;
mod key_presses;
mod mixing_and_levels;
mod receive_path;
mod recordings;
mod resampling;
mod streams_and_writers;
mod tones;
mod voice;
mod wav_files;
