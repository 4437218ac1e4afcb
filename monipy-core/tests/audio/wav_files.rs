//! WAV files can be played although their writer never finished them.

use monipy_core::audio::wav::WavFile;

#[test]
fn both_sides_are_left_and_right_in_a_finished_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let mut file = WavFile::create(&path, 2, 8000).unwrap();
    file.write_sides(&[1, 2, 3], &[-1, -2]).unwrap();
    file.finish().unwrap();
    let mut reader = hound::WavReader::open(&path).unwrap();
    assert_eq!((reader.spec().channels, reader.spec().sample_rate), (2, 8000));
    assert_eq!(reader.samples::<i16>().map(Result::unwrap).collect::<Vec<_>>(), [1, -1, 2, -2, 3, 0]);
}

#[test]
fn a_file_whose_writer_died_plays_to_within_a_second_of_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call.wav");
    let mut file = WavFile::create(&path, 1, 8000).unwrap();
    for _ in 0..250 {
        file.write(&[7; 80]).unwrap();
    }
    // The writer is still open, as it would be in a process that was killed.
    let mut reader = hound::WavReader::open(&path).unwrap();
    assert_eq!(reader.duration(), 20_000);
    assert!(reader.samples::<i16>().all(|s| s.unwrap() == 7));
    drop(file);
}
