//! What a customer writes as the address of a wallet.
//!
//! Whether a wallet answers there is asked in `counter`.

use web_url::WalletAddressUrl;

const WRITTEN_MAX: usize = 2048;

/// The wallet address that is meant: a payment pointer, a URL, or a URL without its scheme.
pub(crate) fn read(text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty() || text.len() > WRITTEN_MAX || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return None;
    }
    let url = match text.strip_prefix('$') {
        Some(pointer) if pointer.contains('/') => format!("https://{}", pointer.trim_end_matches('/')),
        Some(host) => format!("https://{host}/.well-known/pay"),
        None => match text.split_once("://") {
            // Identifiers are https. In the playground a browser shows them with http.
            Some(("https" | "http", rest)) => format!("https://{rest}"),
            Some(_) => return None,
            None => format!("https://{text}"),
        },
    };
    let parsed: WalletAddressUrl = url.parse().ok()?;
    (!parsed.path().trim_matches('/').is_empty()).then(|| parsed.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_pointer_a_url_and_a_bare_address_mean_the_same_wallet() {
        let expected = Some("https://wallet.example/alice".to_owned());
        for written in [
            "$wallet.example/alice",
            "https://wallet.example/alice",
            " wallet.example/alice ",
            "http://wallet.example/alice",
        ] {
            assert_eq!(read(written), expected, "{written}");
        }
        assert_eq!(read("$wallet.example").as_deref(), Some("https://wallet.example/.well-known/pay"));
        for wrong in ["", "alice", "javascript://x/y", "https://", "two words/x", "https://wallet.example/"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
