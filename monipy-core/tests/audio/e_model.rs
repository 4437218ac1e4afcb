//! The E-model against values worked out by hand from ITU-T G.107.

use monipy_core::Codec;
use monipy_core::audio::mos::{Interval, mos, mos_of_rating, rating};

fn interval(delay: f32, loss: f32) -> Interval {
    Interval { codec: Codec::Pcmu, one_way_delay_ms: delay, loss, burst_ratio: 1.0 }
}

#[test]
fn ratings_are_those_of_the_recommendation() {
    assert!((rating(&interval(0.0, 0.0)) - 93.2).abs() < 0.01);
    assert!((rating(&interval(100.0, 0.0)) - 90.8).abs() < 0.01);
    // 0.024 * 300 + 0.11 * 122.7 = 20.697.
    assert!((rating(&interval(300.0, 0.0)) - 72.503).abs() < 0.01);
    // 95 * 5 / (5 + 25.1) = 15.78.
    assert!((rating(&interval(0.0, 0.05)) - 77.42).abs() < 0.01);
}

#[test]
fn scores_are_those_of_annex_b() {
    assert!((mos_of_rating(93.2) - 4.409).abs() < 0.005);
    assert!((mos_of_rating(80.0) - 4.024).abs() < 0.005);
    assert!((mos_of_rating(50.0) - 2.575).abs() < 0.005);
    assert_eq!(mos_of_rating(-5.0), 1.0);
    assert_eq!(mos_of_rating(100.0), 4.5);
}

#[test]
fn more_loss_and_more_delay_are_never_better() {
    let mut before = 5.0;
    for percent in 0..=100 {
        let score = mos(&interval(50.0, percent as f32 / 100.0));
        assert!((1.0..=4.5).contains(&score) && score <= before);
        before = score;
    }
    assert!(mos(&interval(400.0, 0.0)) < mos(&interval(150.0, 0.0)));
}
