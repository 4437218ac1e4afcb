//! A recorded call as one page of HTML: no script, no other file, light and dark.

use super::{Moment, Watch};
use crate::recording::Pause;
use std::fmt::Write;

const WIDTH: f32 = 960.0;
const HEIGHT: f32 = 120.0;

/// One picture: a title, a unit, and lines over time.
struct Chart<'a> {
    title: &'a str,
    unit: &'a str,
    low: f32,
    high: f32,
    lines: &'a [(&'a str, &'a str, Vec<f32>)],
}

/// Draws the page. `moments` are the call's seconds in their order.
#[must_use]
pub fn report(title: &str, moments: &[Moment], pauses: &[Pause]) -> String {
    let of = |figure: &dyn Fn(&Moment) -> f32| moments.iter().map(figure).collect::<Vec<f32>>();
    let most = |values: &[f32], least: f32| values.iter().copied().fold(least, f32::max);
    let delay = of(&|m| m.stats.playout_delay_ms);
    let jitter = of(&|m| m.stats.jitter_ms);
    let loss = of(&|m| m.stats.loss_percent);
    let concealed = of(&|m| m.stats.concealed_percent);
    let (delay_high, loss_high) = (most(&delay, 100.0), most(&loss, 10.0));
    let mut page = String::with_capacity(64 * 1024);
    let title = escape(title);
    // Writing into a String does not fail.
    let _ = write!(page, "{}<title>{title}</title>{}<h1>{title}</h1>", START, STYLE);
    summary(&mut page, moments, pauses);
    let charts = [
        Chart {
            title: "Level",
            unit: "dBFS",
            low: -80.0,
            high: 0.0,
            lines: &[("heard", "a", of(&|m| m.stats.level_dbfs)), ("sent", "b", of(&|m| m.stats.sent_level_dbfs))],
        },
        Chart { title: "Delay", unit: "ms", low: 0.0, high: delay_high, lines: &[("playout delay", "a", delay), ("jitter", "b", jitter)] },
        Chart { title: "Loss", unit: "%", low: 0.0, high: loss_high, lines: &[("lost", "b", loss), ("invented", "c", concealed)] },
        Chart { title: "Listening quality", unit: "MOS", low: 1.0, high: 4.5, lines: &[("MOS", "a", of(&|m| m.stats.mos))] },
    ];
    for chart in &charts {
        draw(&mut page, chart, moments.len(), pauses);
    }
    timeline(&mut page, moments, pauses);
    page.push_str("</main>\n");
    page
}

fn summary(page: &mut String, moments: &[Moment], pauses: &[Pause]) {
    let last = moments.last().map(|m| m.stats).unwrap_or_default();
    let mean = if moments.is_empty() { 0.0 } else { moments.iter().map(|m| m.stats.mos).sum::<f32>() / moments.len() as f32 };
    let expected = (last.packets_received + last.packets_lost).max(1) as f32;
    let facts = [
        ("length", clock(moments.len())),
        ("packets received", last.packets_received.to_string()),
        ("lost", format!("{} ({:.1} %)", last.packets_lost, last.packets_lost as f32 * 100.0 / expected)),
        ("restored by error correction", last.packets_recovered.to_string()),
        ("invented", format!("{} ms", last.concealed_ms)),
        ("MOS, mean", format!("{mean:.2}")),
        ("round trip", last.round_trip_ms.map_or("unknown".into(), |ms| format!("{ms:.0} ms"))),
        ("clipped samples", last.clipped_samples.to_string()),
        ("pauses for privacy", pauses.len().to_string()),
    ];
    page.push_str("<dl>");
    for (name, value) in facts {
        let _ = write!(page, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    page.push_str("</dl>\n");
}

fn draw(page: &mut String, chart: &Chart<'_>, seconds: usize, pauses: &[Pause]) {
    let _ = write!(page, "<figure><figcaption>{} <small>{}", chart.title, chart.unit);
    for (name, class, _) in chart.lines {
        let _ = write!(page, " · <b class={class}>{name}</b>");
    }
    let _ = write!(page, "</small></figcaption><svg viewBox='0 0 {WIDTH} {HEIGHT}' role=img aria-label='{}'>", chart.title);
    let x = |second: f32| second * WIDTH / seconds.max(1) as f32;
    let y = |value: f32| HEIGHT - (value.clamp(chart.low, chart.high) - chart.low) / (chart.high - chart.low) * HEIGHT;
    for pause in pauses {
        let length = pause.length.map_or(seconds as f32, |l| l.as_secs_f32());
        let _ = write!(page, "<rect class=p x='{:.1}' width='{:.1}' height='{HEIGHT}'/>", x(pause.at.as_secs_f32()), x(length));
    }
    for part in [0.0, 0.5, 1.0] {
        let value = chart.low + (chart.high - chart.low) * part;
        let line = y(value).clamp(1.0, HEIGHT - 1.0);
        let _ = write!(page, "<path class=g d='M0 {line:.1}H{WIDTH}'/><text x=2 y='{:.1}'>{value:.0}</text>", (line - 3.0).max(10.0));
    }
    for (_, class, values) in chart.lines {
        let _ = write!(page, "<polyline class={class} points='");
        for (second, value) in values.iter().enumerate() {
            let _ = write!(page, "{:.1},{:.1} ", x(second as f32 + 0.5), y(*value));
        }
        page.push_str("'/>");
    }
    let _ = writeln!(page, "</svg><div class=t><span>0:00</span><span>{}</span></div></figure>", clock(seconds));
}

/// What happened when: pauses, and warnings as they were raised and cleared.
fn timeline(page: &mut String, moments: &[Moment], pauses: &[Pause]) {
    let mut rows: Vec<(usize, String)> = Vec::new();
    for pause in pauses {
        let length = pause.length.map_or("to the end".into(), |l| format!("for {:.1} s", l.as_secs_f32()));
        rows.push((pause.at.as_secs() as usize, format!("recording paused {length}")));
    }
    let mut watch = Watch::default();
    for (second, moment) in moments.iter().enumerate() {
        for warning in watch.second(moment) {
            let what = if warning.raised { "raised" } else { "cleared" };
            rows.push((second, format!("{} {what} at {:.1} {}", warning.kind.name(), warning.value, warning.kind.spec().unit)));
        }
    }
    rows.sort();
    page.push_str("<h2>Timeline</h2><table><tr><th>time<th>what");
    for (second, what) in &rows {
        let _ = write!(page, "<tr><td>{}<td>{what}", clock(*second));
    }
    if rows.is_empty() {
        page.push_str("<tr><td><td>nothing to remark");
    }
    page.push_str("</table>");
}

fn clock(seconds: usize) -> String {
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

const START: &str = "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>";
const STYLE: &str = "<style>
:root{color-scheme:light dark;--a:light-dark(#0b66c3,#6cb6ff);--b:light-dark(#b35900,#f0a35e);--c:light-dark(#b3261e,#ff8a80);--g:light-dark(#ddd,#444)}
body{font:15px/1.5 system-ui,sans-serif;margin:0}main{max-width:60rem;margin:auto;padding:1.5rem}
h1{font-size:1.4rem;overflow-wrap:anywhere}h2{font-size:1.1rem}
dl{display:flex;flex-wrap:wrap;gap:.5rem 2rem}dt{opacity:.7;font-size:.85rem}dd{margin:0;font-size:1.1rem}
figure{margin:1.5rem 0}figcaption{font-weight:600}small{font-weight:400}svg{width:100%;background:light-dark(#fafafa,#1c1c1c)}
polyline{fill:none;stroke-width:1.5}.a{stroke:var(--a);color:var(--a)}.b{stroke:var(--b);color:var(--b)}.c{stroke:var(--c);color:var(--c)}
.g{stroke:var(--g)}.p{fill:var(--g);opacity:.6}text{font-size:10px;fill:currentColor;opacity:.7}.t{display:flex;justify-content:space-between;font-size:.8rem;opacity:.7}
td,th{text-align:left;padding:.15rem 1rem .15rem 0}
</style><main>";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Stats;
    use std::time::Duration;

    #[test]
    fn the_page_shows_every_line_the_pause_and_the_warnings() {
        let moments: Vec<Moment> = (0..30)
            .map(|second| Moment {
                stats: Stats {
                    packets_received: second * 50,
                    packets_lost: second,
                    mos: 4.0,
                    level_dbfs: -20.0,
                    loss_percent: if second > 10 { 12.0 } else { 0.0 },
                    playout_delay_ms: 40.0 + second as f32,
                    ..Stats::default()
                },
                ..Moment::default()
            })
            .collect();
        let pauses = [Pause { at: Duration::from_secs(15), length: Some(Duration::from_secs(3)) }];
        let page = report("a <call> & more", &moments, &pauses);
        assert!(page.starts_with("<!doctype html>"));
        assert!(page.contains("<h1>a &lt;call&gt; &amp; more</h1>"));
        assert_eq!(page.matches("<polyline").count(), 7);
        for points in page.split("points='").skip(1) {
            assert_eq!(points.split('\'').next().unwrap().split_whitespace().count(), 30, "a point a second");
        }
        assert_eq!(page.matches("<rect class=p").count(), 4, "the pause is in every picture");
        assert!(page.contains("<tr><td>0:15<td>recording paused for 3.0 s"));
        assert!(page.contains("<tr><td>0:13<td>high_loss raised at 12.0 %"));
        assert!(page.contains("29 (2.0 %)"));
        // A call of no second is a page too.
        assert!(report("", &[], &[]).contains("nothing to remark"));
    }
}
