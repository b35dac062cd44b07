//! A text as a QR code (ISO/IEC 18004), as SVG.
//!
//! Its colours come from the style sheet. The text stands beside it, so readers of the screen skip it.

use std::fmt::Write;

use qrcode::{Color, QrCode};

/// The empty border that the standard asks for.
const BORDER: usize = 4;

/// The picture; `None` if the text is too long for one.
pub fn svg(text: &str) -> Option<String> {
    let code = QrCode::new(text).ok()?;
    let width = code.width();
    let colors = code.into_colors();
    let whole = width + 2 * BORDER;
    let mut path = String::new();
    for (y, row) in colors.chunks(width).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|one, other| one == other) {
            if run.first() == Some(&Color::Dark) {
                // Writing to a string does not fail.
                let _ = write!(path, "M{} {}h{}v1h-{}z", x + BORDER, y + BORDER, run.len(), run.len());
            }
            x += run.len();
        }
    }
    Some(format!(
        r#"<svg class="qr" viewBox="0 0 {whole} {whole}" aria-hidden="true" focusable="false" shape-rendering="crispEdges"><path d="{path}"/></svg>"#
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_code_with_its_three_corners_and_a_novel_has_none() {
        let svg = svg("https://cloud-nine.example/accounts/gfranklin").unwrap();
        // The upper edges of the two upper corners, and the lower edge of the lower one: seven dark fields each.
        assert!(svg.contains("M4 4h7v1h-7z") && svg.matches("h7v1h-7z").count() >= 6, "{svg}");
        assert!(super::svg(&"x".repeat(10_000)).is_none());
    }
}
