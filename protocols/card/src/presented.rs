//! The texts of a presented card on their way to the issuer: the signature and the payload.
//!
//! Only their size and characters are checked here. The issuer checks their content.
//! The chapter `docs/cards.md`, section *What a chip signs*, describes it.

use outside_text::check_text;

use crate::payload::OCTETS_MAX;

/// Two hexadecimal digits per octet.
const TEXT_MAX: usize = 2 * OCTETS_MAX;

/// Checks size and characters of both texts. The error is for their sender.
pub fn check_texts(signature: &str, payload: &str) -> Result<(), String> {
    for (name, text) in [("signature", signature), ("payload", payload)] {
        check_text(text, TEXT_MAX).map_err(|error| format!("body.{name} {error}"))?;
    }
    Ok(())
}
