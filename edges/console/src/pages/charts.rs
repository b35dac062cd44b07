//! Charts rendered on the server as SVG (SVG 2), in whole numbers. Colours come from the style sheet by class.
//!
//! They contain no text: a table beside each chart has its values.

use std::fmt::Write;

use crate::view::Tone;

/// A part of a bar.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) label: &'static str,
    pub(crate) value: u64,
    pub(crate) tone: Tone,
}

const WIDTH: u128 = 1000;

/// One bar of several parts.
pub(crate) fn bar(parts: &[Part]) -> String {
    let total: u128 = parts.iter().map(|part| u128::from(part.value)).sum();
    let mut svg = open(WIDTH, 28, "bar");
    let mut at = 0;
    for part in parts.iter().filter(|part| part.value > 0) {
        // Each part is visible, however small it is.
        let width = (u128::from(part.value) * WIDTH / total.max(1)).max(4);
        rectangle(&mut svg, [at, 0, width.saturating_sub(2).max(2), 28], part.tone.class());
        at += width;
    }
    svg + "</svg>"
}

/// Columns of counts. The second count of each is on top.
pub(crate) fn columns(counts: &[(u64, u64)]) -> String {
    let most = counts.iter().map(|(good, bad)| good + bad).max().unwrap_or(0).max(1);
    let height = 120;
    let step = WIDTH / (counts.len() as u128).max(1);
    let mut svg = open(WIDTH, height, "columns");
    for (at, (good, bad)) in counts.iter().enumerate() {
        let x = at as u128 * step;
        let tall = |count: u64| u128::from(count) * (height - 4) / u128::from(most);
        let (good, bad) = (tall(*good), tall(*bad));
        rectangle(&mut svg, [x, height - 1, step.saturating_sub(4), 1], "base");
        rectangle(&mut svg, [x, height - good, step.saturating_sub(4), good], "done");
        rectangle(&mut svg, [x, height - good - bad, step.saturating_sub(4), bad], "failed");
    }
    svg + "</svg>"
}

/// A bar up to `value` with a line at `threshold`.
pub(crate) fn gauge(value: u64, threshold: u64, tone: Tone) -> String {
    let most = u128::from(value).max(u128::from(threshold) * 2).max(1);
    let mut svg = open(WIDTH, 16, "gauge");
    rectangle(&mut svg, [0, 4, WIDTH, 8], "base");
    rectangle(&mut svg, [0, 4, u128::from(value) * WIDTH / most, 8], tone.class());
    if threshold > 0 {
        rectangle(&mut svg, [u128::from(threshold) * WIDTH / most, 0, 4, 16], "line");
    }
    svg + "</svg>"
}

fn open(width: u128, height: u128, class: &str) -> String {
    format!(
        r#"<svg class="picture {class}" viewBox="0 0 {width} {height}" preserveAspectRatio="none" aria-hidden="true" focusable="false">"#
    )
}

fn rectangle(svg: &mut String, [x, y, width, height]: [u128; 4], class: &str) {
    // Writing to a string does not fail.
    let _ = write!(svg, r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" class="{class}"/>"#);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_hold_for_nothing_and_for_the_largest_amounts() {
        let part = |value| Part { label: "x", value, tone: Tone::Done };
        assert!(bar(&[part(0), part(0)]).ends_with("</svg>"));
        assert!(bar(&[part(u64::MAX), part(u64::MAX)]).contains("width=\"498\""));
        assert!(columns(&[]).contains("</svg>") && columns(&[(0, 0), (3, 1)]).contains("failed"));
        assert!(gauge(0, 0, Tone::Failed).contains("gauge") && gauge(u64::MAX, u64::MAX, Tone::Done).contains("line"));
    }
}
