//! The call as an SVG: what happened when, and who was loud.

use crate::meter::{Meters, Moment};
use std::fmt::Write as _;

const WIDTH: f64 = 1100.0;
const LEFT: f64 = 150.0;
const LANE: f64 = 62.0;
const TEXT: f64 = 15.0;

/// Draws marks (seconds and words) over lanes of levels.
pub(crate) fn draw(marks: &[(f64, String)], meters: &Meters) -> String {
    let end = marks.last().map_or(1.0, |m| m.0).max(meters.moments.last().map_or(0.0, |m| m.at)).max(1.0);
    let x = |at: f64| LEFT + (WIDTH - LEFT - 20.0) * at / end;
    let top = 44.0 + marks.len() as f64 * TEXT;
    let height = top + 4.0 * LANE + 40.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\" role=\"img\">\n<title>A barge, from login to logout</title>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"16\" y=\"26\" font-size=\"16\" font-weight=\"bold\">A barge, from login to logout</text>\n"
    );
    for (number, (at, words)) in marks.iter().enumerate() {
        let (x, y) = (x(*at), 48.0 + number as f64 * TEXT);
        let (anchor, text_x) = if x > WIDTH * 0.7 { ("end", x - 5.0) } else { ("start", x + 5.0) };
        let _ = writeln!(
            svg,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{:.1}\" stroke=\"#bbb\"/>\
             <text x=\"{text_x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{at:.2} s {}</text>",
            y - 4.0,
            height - 30.0,
            y,
            escape(words)
        );
    }
    type Lane = (&'static str, &'static str, fn(&Moment) -> f64);
    let lanes: [Lane; 4] = [
        ("Anna says", "#2166ac", |m| m.parties[0]),
        ("Tom says", "#b35806", |m| m.parties[1]),
        ("supervisor hears", "#1b7837", |m| m.supervisor[0]),
        ("supervisor says", "#762a83", |m| m.supervisor[1]),
    ];
    for (lane, (name, colour, level)) in (0..).zip(lanes) {
        let middle = top + (f64::from(lane) + 0.5) * LANE;
        let _ = writeln!(svg, "<text x=\"16\" y=\"{:.1}\" fill=\"{colour}\">{name}</text>", middle + 4.0);
        let mut path = String::new();
        for moment in &meters.moments {
            // -60 dBFS is a line, 0 dBFS fills the lane.
            let half = ((level(moment) + 60.0) / 60.0).clamp(0.0, 1.0) * LANE * 0.48;
            let _ = write!(path, "M{:.1} {:.1}V{:.1}", x(moment.at), middle - half, middle + half + 0.5);
        }
        let _ = writeln!(svg, "<path d=\"{path}\" stroke=\"{colour}\" stroke-width=\"1.6\" fill=\"none\"/>");
    }
    let mut second = 0.0;
    while second <= end {
        let _ =
            writeln!(svg, "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#666\">{second} s</text>", x(second), height - 10.0);
        second += 2.0;
    }
    svg.push_str("</svg>\n");
    svg
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
