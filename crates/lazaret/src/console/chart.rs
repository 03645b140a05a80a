//! Drawings as SVG, made on the server: classes for colours, no inline style, the finding in `aria-label`, the same numbers in
//! a table below. Each is drawn twice, broad and slim; the style shows the one that fits.

use maud::{Markup, html};

use super::words::number;

/// How a part is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tint {
    /// Fine.
    Ok,
    /// Waits for somebody.
    Hold,
    /// Stopped.
    Bad,
    /// Neither: what flows, what waits.
    Flow,
    /// Over without a decision.
    Plain,
}

impl Tint {
    /// Its class.
    pub const fn class(self) -> &'static str {
        match self {
            Tint::Ok => "ok",
            Tint::Hold => "hold",
            Tint::Bad => "bad",
            Tint::Flow => "flow",
            Tint::Plain => "plain",
        }
    }
}

/// One end of the flow.
#[derive(Debug, Clone)]
pub struct End {
    /// What is counted.
    pub label: String,
    /// How many.
    pub count: u64,
    /// Its colour.
    pub tint: Tint,
}

/// Where things are in a drawing of the flow.
struct Frame {
    class: &'static str,
    width: f64,
    left: f64,
    gate: f64,
    right: f64,
    lines: bool,
}

const BROAD: Frame = Frame { class: "broad", width: 720.0, left: 150.0, gate: 370.0, right: 570.0, lines: false };
const SLIM: Frame = Frame { class: "slim", width: 250.0, left: 60.0, gate: 104.0, right: 144.0, lines: true };
const BAR: f64 = 10.0;
const GATE: f64 = 20.0;
const GAP: f64 = 14.0;
const DRAWN: f64 = 190.0;
const TOP: f64 = 24.0;
/// A count above nothing is drawn at least this high.
const THIN: f64 = 2.0;

/// Channels, the gate, decisions: what came by which door and what became of it.
pub fn flow(finding: &str, doors: &[End], ends: &[End]) -> Markup {
    html! {
        div.chart {
            (flow_in(&BROAD, finding, doors, ends))
            (flow_in(&SLIM, finding, doors, ends))
            details {
                summary { "Show as a table" }
                div.table {
                    table {
                        caption { "By door" }
                        thead { tr { th scope="col" { "Door" } th.num scope="col" { "Transfers" } } }
                        tbody { @for end in doors { tr { td { (end.label) } td.num { (number(end.count)) } } } }
                    }
                    table {
                        caption { "By what became of them" }
                        thead { tr { th scope="col" { "State" } th.num scope="col" { "Transfers" } } }
                        tbody { @for end in ends { tr { td { (end.label) } td.num { (number(end.count)) } } } }
                    }
                }
            }
        }
    }
}

/// A node of the flow: where it begins, and how high it is.
struct Node<'a> {
    end: &'a End,
    y: f64,
    height: f64,
}

fn stack<'a>(ends: &'a [End], total: f64) -> (Vec<Node<'a>>, f64) {
    let mut y = 0.0;
    let mut nodes = Vec::new();
    for end in ends.iter().filter(|end| end.count > 0) {
        let height = (share(end.count, total) * DRAWN).max(THIN);
        nodes.push(Node { end, y, height });
        y += height + GAP.max(30.0 - height);
    }
    let used = nodes.last().map_or(0.0, |last| last.y + last.height);
    (nodes, used)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a drawing needs no more than the 52 bits that a count of transfers fits in"
)]
fn share(count: u64, total: f64) -> f64 {
    if total > 0.0 { count as f64 / total } else { 0.0 }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a drawing needs no more than the 52 bits that a count of transfers fits in"
)]
fn sum(ends: &[End]) -> f64 {
    ends.iter().map(|end| end.count).sum::<u64>() as f64
}

fn flow_in(frame: &Frame, finding: &str, doors: &[End], ends: &[End]) -> Markup {
    let (left, left_high) = stack(doors, sum(doors));
    let (right, right_high) = stack(ends, sum(ends));
    let solid = |nodes: &[Node<'_>]| nodes.iter().map(|node| node.height).sum::<f64>();
    let high = left_high.max(right_high).max(40.0);
    let gate_high = solid(&left).max(solid(&right)).max(20.0);
    let middle = TOP + high / 2.0;
    let (left_top, right_top) = (middle - left_high / 2.0, middle - right_high / 2.0);
    let gate_top = middle - gate_high / 2.0;
    let view = format!("0 0 {} {:.0}", frame.width, TOP + high + 16.0);
    html! {
        svg class=(frame.class) viewBox=(view) role="img" aria-label=(finding) {
            (bands(&left, left_top, frame.left + BAR, gate_top + (gate_high - solid(&left)) / 2.0, frame.gate, Tint::Flow))
            (bands_out(&right, right_top, frame.right, gate_top + (gate_high - solid(&right)) / 2.0, frame.gate + GATE))
            @for node in &left { (bar(node, frame.left, left_top)) (label(node, frame, left_top, Side::Left)) }
            rect.gate x=(frame.gate) y=(px(gate_top)) width=(GATE) height=(px(gate_high)) {}
            text.mid x=(frame.gate + GATE / 2.0) y=(px(gate_top - 8.0)) { "gate" }
            @for node in &right { (bar(node, frame.right, right_top)) (label(node, frame, right_top, Side::Right)) }
        }
    }
}

/// Lengths need no more than a tenth of a unit.
fn px(length: f64) -> String {
    format!("{length:.1}")
}

fn bar(node: &Node<'_>, x: f64, top: f64) -> Markup {
    html! { rect class=(node.end.tint.class()) x=(x) y=(px(top + node.y)) width=(BAR) height=(px(node.height)) {} }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

fn label(node: &Node<'_>, frame: &Frame, top: f64, side: Side) -> Markup {
    let (x, class) = match side {
        Side::Left => (frame.left - 8.0, "end"),
        Side::Right => (frame.right + BAR + 8.0, ""),
    };
    let y = top + node.y + node.height / 2.0 + 4.0;
    let count = number(node.end.count);
    html! {
        @if frame.lines {
            text class=[(!class.is_empty()).then_some(class)] x=(x) y=(px(y - 7.0)) { (node.end.label) }
            text class=[(!class.is_empty()).then_some(class)] x=(x) y=(px(y + 8.0)) { (count) }
        } @else {
            text class=[(!class.is_empty()).then_some(class)] x=(x) y=(px(y)) { (node.end.label) " " (count) }
        }
    }
}

fn bands(nodes: &[Node<'_>], top: f64, from: f64, gate_top: f64, to: f64, tint: Tint) -> Markup {
    let mut at = gate_top;
    let drawn: Vec<Markup> = nodes
        .iter()
        .map(|node| {
            let drawn = band(from, top + node.y, to, at, node.height, tint);
            at += node.height;
            drawn
        })
        .collect();
    html! { @for band in drawn { (band) } }
}

fn bands_out(nodes: &[Node<'_>], top: f64, to: f64, gate_top: f64, from: f64) -> Markup {
    let mut at = gate_top;
    let drawn: Vec<Markup> = nodes
        .iter()
        .map(|node| {
            let drawn = band(from, at, to, top + node.y, node.height, node.end.tint);
            at += node.height;
            drawn
        })
        .collect();
    html! { @for band in drawn { (band) } }
}

fn band(x1: f64, y1: f64, x2: f64, y2: f64, height: f64, tint: Tint) -> Markup {
    let middle = (x1 + x2) / 2.0;
    let (low1, low2) = (y1 + height, y2 + height);
    let path = format!(
        "M{x1:.1} {y1:.1}C{middle:.1} {y1:.1} {middle:.1} {y2:.1} {x2:.1} {y2:.1}V{low2:.1}C{middle:.1} {low2:.1} {middle:.1} {low1:.1} {x1:.1} {low1:.1}Z"
    );
    html! { path class={ "band " (tint.class()) } d=(path) {} }
}

/// One stage of a transfer in time.
#[derive(Debug, Clone)]
pub struct Span {
    /// What happened.
    pub label: String,
    /// When it began, in milliseconds.
    pub from_ms: u64,
    /// When it ended.
    pub to_ms: u64,
    /// How long it took, in words.
    pub took: String,
    /// Its colour.
    pub tint: Tint,
}

/// A bar has at least this share of the width.
const SPAN_MIN: f64 = 0.015;

/// Stages one below the other. Milliseconds and days stand side by side, so lengths grow with the logarithm of time; what
/// each took is written beside it.
pub fn stages(finding: &str, spans: &[Span]) -> Markup {
    let weights: Vec<f64> = spans.iter().map(|span| weight(span.to_ms.saturating_sub(span.from_ms))).collect();
    let total: f64 = weights.iter().sum();
    let mut at = 0.0;
    let mut places = Vec::new();
    for weight in &weights {
        let width = (weight / total.max(1.0)).max(SPAN_MIN);
        places.push((at, width));
        at += width;
    }
    let scale = 1.0 / at.max(1.0);
    let drawn: Vec<(&Span, f64, f64)> =
        spans.iter().zip(places).map(|(span, (from, width))| (span, from * scale, width * scale)).collect();
    html! {
        svg.broad viewBox={ "0 0 760 " (28 * drawn.len() + 4) } role="img" aria-label=(finding) {
            @for (row, (span, from, width)) in drawn.iter().enumerate() {
                text.end x="150" y=(28 * row + 20) { (span.label) }
                rect class=(span.tint.class()) x=(px(160.0 + from * 520.0)) y=(28 * row + 6) width=(px(width * 520.0)) height="18" rx="3" {}
                text x=(px(170.0 + (from + width) * 520.0)) y=(28 * row + 20) { (span.took) }
            }
        }
        svg.slim viewBox={ "0 0 250 " (40 * drawn.len()) } role="img" aria-label=(finding) {
            @for (row, (span, from, width)) in drawn.iter().enumerate() {
                text x="0" y=(40 * row + 14) { (span.label) }
                text.end.dim x="250" y=(40 * row + 14) { (span.took) }
                rect class=(span.tint.class()) x=(px(from * 250.0)) y=(40 * row + 20) width=(px(width * 250.0)) height="12" rx="3" {}
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a drawing needs no more than the 52 bits that milliseconds fit in")]
fn weight(millis: u64) -> f64 {
    (1.0 + millis as f64).log10()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(label: &str, count: u64) -> End {
        End { label: label.to_owned(), count, tint: Tint::Ok }
    }

    #[test]
    fn nothing_at_all_is_drawn_without_a_fault() {
        let drawn = flow("nothing", &[], &[]).into_string();
        assert!(drawn.contains("gate") && !drawn.contains("NaN") && !drawn.contains("inf"));
        let drawn = stages("nothing", &[]).into_string();
        assert!(!drawn.contains("NaN") && !drawn.contains("inf"));
    }

    #[test]
    fn the_finding_and_every_number_are_there_as_text() {
        let drawn = flow("40 released", &[end("SFTP", 41)], &[end("released", 40), end("denied", 1)]).into_string();
        assert_eq!(drawn.matches("aria-label=\"40 released\"").count(), 2);
        assert!(drawn.contains("<td class=\"num\">41</td>") && drawn.contains("denied 1"));
        assert!(!drawn.contains("style="));
    }

    #[test]
    fn one_of_a_million_can_still_be_seen() {
        let ends = [end("released", 999_999), end("denied", 1)];
        let (nodes, used) = stack(&ends, sum(&ends));
        assert!(nodes.iter().all(|node| node.height >= THIN));
        assert!(used < DRAWN + 60.0);
    }

    #[test]
    fn bars_stay_within_the_drawing_however_unlike_their_times() {
        let span = |from, to| Span { label: "x".into(), from_ms: from, to_ms: to, took: "x".into(), tint: Tint::Flow };
        let spans: Vec<Span> = (0..20).map(|n| span(n, n)).chain([span(20, 20 + 14 * 86_400_000)]).collect();
        let drawn = stages("x", &spans).into_string();
        for x in drawn.split("<text x=\"").skip(1) {
            let x: f64 = x.split('"').next().unwrap_or("0").parse().unwrap();
            assert!(x <= 690.5, "{x}");
        }
    }
}
