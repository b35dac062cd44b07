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
    // Without a rest, so the last column ends at the right edge.
    let width = step * (counts.len() as u128).max(1);
    let mut svg = open(width.saturating_sub(4), height, "columns");
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

/// A line of rates over time, where there is one, with the promised rate above and the least rate below.
pub(crate) fn rates(rates: &[Option<u64>], [promised, least]: [Option<u64>; 2]) -> String {
    let height = 72;
    let all = || rates.iter().copied().chain([promised, least]).flatten();
    let (Some(low), Some(high)) = (all().min(), all().max()) else { return String::new() };
    // Equal rates are a line in the middle. Others keep a distance from both edges.
    let span = u128::from(high - low).max(1);
    let y = |rate: u64| {
        if high == low { height / 2 } else { height - 8 - u128::from(rate - low) * (height - 16) / span }
    };

    let step = WIDTH / (rates.len() as u128).max(1);
    let width = (step * (rates.len() as u128).max(1)).saturating_sub(4);
    let mut svg = open(width, height, "rates");
    for (limit, class) in [(promised, "promised"), (least, "least")] {
        if let Some(limit) = limit {
            line(&mut svg, &[(0, y(limit)), (width, y(limit))], class);
        }
    }
    let mut points = Vec::new();
    for (at, rate) in rates.iter().enumerate() {
        if let Some(rate) = rate {
            let x = at as u128 * step;
            points.extend([(x, y(*rate)), (x + step.saturating_sub(4), y(*rate))]);
        }
    }
    line(&mut svg, &points, "course");
    svg + "</svg>"
}

/// A line of steps: each value from its time on, the last one until `end`. With a line at `threshold`.
pub(crate) fn steps(points: &[(u64, u64)], end: u64, threshold: Option<u64>) -> String {
    let height = 120;
    let all = points.iter().map(|(_, value)| *value).chain(threshold);
    // From zero on, so that half as much looks like half as much.
    let most = u128::from(all.max().unwrap_or(0)).max(1);
    let y = |value: u64| height - 4 - u128::from(value) * (height - 8) / most;
    let begin = points.first().map_or(0, |(at, _)| *at);
    let span = u128::from(end.saturating_sub(begin)).max(1);
    let x = |at: u64| u128::from(at.saturating_sub(begin)).min(span) * WIDTH / span;

    let mut svg = open(WIDTH, height, "steps");
    if let Some(threshold) = threshold {
        line(&mut svg, &[(0, y(threshold)), (WIDTH, y(threshold))], "least");
    }
    let mut course = Vec::new();
    for (place, (at, value)) in points.iter().enumerate() {
        let next = points.get(place + 1).map_or(end, |(next, _)| *next);
        course.extend([(x(*at), y(*value)), (x(next), y(*value))]);
    }
    line(&mut svg, &course, "course");
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

fn line(svg: &mut String, points: &[(u128, u128)], class: &str) {
    let _ = write!(svg, r#"<polyline class="{class}" vector-effect="non-scaling-stroke" points=""#);
    for (x, y) in points {
        let _ = write!(svg, "{x},{y} ");
    }
    let _ = write!(svg, r#""/>"#);
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
        assert_eq!(rates(&[], [None; 2]), "");
        let steady = rates(&[Some(900_000), None, Some(900_000)], [Some(900_000); 2]);
        assert!(steady.contains("0,36") && !steady.contains("NaN"), "{steady}");
        let falling = rates(&[Some(0), Some(u64::MAX)], [Some(u64::MAX), Some(0)]);
        assert!(falling.contains(r#"points="0,64 496,64 500,8 996,8 ""#), "{falling}");
        assert_eq!(steps(&[], 0, None).matches("points").count(), 1);
        let most = steps(&[(0, u64::MAX), (5, 0)], 10, Some(u64::MAX));
        assert!(most.contains(r#"points="0,4 500,4 500,116 1000,116 ""#), "{most}");
        assert!(gauge(0, 0, Tone::Failed).contains("gauge") && gauge(u64::MAX, u64::MAX, Tone::Done).contains("line"));
    }
}
