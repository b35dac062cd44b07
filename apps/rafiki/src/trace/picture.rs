//! Draws a story as an SVG: a column for each side, a row for each step.
//! The picture needs no script and no font of its own.

use std::fmt::Write;

use super::story::{Kind, Story};

const ROW: usize = 22;
const TOP: usize = 70;
const TIMES: usize = 190;
const COLUMN: usize = 620;
/// The longest text in a column.
const TEXT_MAX: usize = 92;

/// The picture.
pub(crate) fn svg(story: &Story) -> String {
    let steps = story.steps();
    let (width, height) = (TIMES + COLUMN * story.sides.len(), TOP + ROW * (steps.len() + 1));
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"ui-monospace, monospace\" font-size=\"11\">\n<rect width=\"{width}\" height=\"{height}\" \
         fill=\"#ffffff\"/>\n"
    );
    for (number, side) in story.sides.iter().enumerate() {
        let x = TIMES + COLUMN * number;
        let title = format!("{}: {} payment, {}", side.institution, side.direction, side.state);
        // Writing to a string does not fail.
        let _ = writeln!(svg, "<text x=\"{x}\" y=\"24\" font-size=\"15\">{}</text>", escaped(&title));
        let _ = writeln!(svg, "<text x=\"{x}\" y=\"44\" fill=\"#555555\">{}</text>", side.payment);
        let _ = writeln!(svg, "<line x1=\"{x}\" y1=\"54\" x2=\"{x}\" y2=\"{height}\" stroke=\"#cccccc\"/>");
    }
    for (row, (side, step)) in steps.iter().enumerate() {
        let (x, y) = (TIMES + COLUMN * side, TOP + ROW * row);
        let _ = writeln!(svg, "<text x=\"10\" y=\"{y}\" fill=\"#555555\">{}</text>", step.at);
        let _ = writeln!(svg, "<circle cx=\"{x}\" cy=\"{}\" r=\"4\" fill=\"{}\"/>", y - 4, colour(step.kind));
        let what = format!("{}: {}", step.kind.word(), step.what);
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{y}\"><title>{}</title>{}</text>",
            x + 10,
            escaped(&what),
            escaped(&shortened(&what))
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn colour(kind: Kind) -> &'static str {
    match kind {
        Kind::Payment => "#0b6e99",
        Kind::Ledger => "#2e7d32",
        Kind::Event => "#8e24aa",
        Kind::Attempt => "#ef6c00",
    }
}

/// The beginning of a long text. The whole text is the title of its line.
fn shortened(text: &str) -> String {
    if text.chars().count() <= TEXT_MAX {
        return text.to_owned();
    }
    text.chars().take(TEXT_MAX - 1).chain(['…']).collect()
}

/// The text as XML, without characters that XML does not allow.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::super::story::{Side, Step};
    use super::*;
    use clock::Timestamp;
    use uuid::Uuid;

    #[test]
    fn what_strangers_wrote_stays_text_in_the_picture() {
        let what = format!("cancelled: <script>\"&\u{7}{}", "é".repeat(200));
        let step = Step { at: Timestamp::EPOCH, kind: Kind::Payment, what };
        let side = Side {
            institution: "A & B".to_owned(),
            payment: Uuid::nil(),
            direction: "incoming",
            state: "EXPIRED".to_owned(),
            facts: Vec::new(),
            steps: vec![step],
        };
        let drawn = svg(&Story::new(side, Vec::new(), None));
        assert!(drawn.contains("A &amp; B") && drawn.contains("&lt;script&gt;&quot;&amp; é"), "{drawn}");
        assert!(!drawn.contains("<script>") && drawn.contains('…'));
        assert_eq!(drawn.matches("<svg").count(), drawn.matches("</svg>").count());
    }
}
