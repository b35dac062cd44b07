//! Who is to be paid: what a customer writes, and what the other institution says about it.
//!
//! Everything that comes from there is a stranger's text: it is cut and escaped.

use admin_client::{AdminClient, AdminError, ErrorCode};
use clock::Timestamp;
use money::Asset;
use open_payments_client::PublicResources;
use web_url::WalletAddressUrl;

const WRITTEN_MAX: usize = 2048;
const NAME_MAX: usize = 80;

/// Whether addresses with `http://` are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlainHttp {
    /// As in the playground, where browsers see them. They mean the same as with `https://`.
    Accepted,
    Refused,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// A wallet address.
    Address(String),
    /// An incoming payment: somebody asks for money.
    Request(String),
}

/// Somebody who can be paid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Payee {
    pub(crate) written: Written,
    /// The name that the other institution publishes.
    pub(crate) name: Option<String>,
    pub(crate) asset: Asset,
    /// What a request still asks for.
    pub(crate) asked: Option<u64>,
}

/// Why nobody can be paid with this.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PayeeError {
    #[error("Write a payment pointer such as $wallet.example/alice, a wallet address, or the link of a request.")]
    Unreadable,
    #[error("Use an address that begins with https://.")]
    PlainHttp,
    #[error("No wallet answers at this address. Check it, or try again later.")]
    NoAnswer,
    #[error("There is no request at this address.")]
    NoRequest,
    #[error("This request was paid or closed before.")]
    Completed,
    #[error("This request has expired. Ask for a new one.")]
    Expired,
    #[error("This is the address of the account that pays.")]
    OwnAccount,
    #[error("The service for payments does not answer at the moment. Nothing was sent; try again.")]
    Instance,
}

/// Reads what a customer wrote.
pub(crate) fn read(text: &str, plain_http: PlainHttp) -> Result<Written, PayeeError> {
    let text = text.trim();
    if text.is_empty() || text.len() > WRITTEN_MAX || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(PayeeError::Unreadable);
    }
    let url = match text.strip_prefix('$') {
        Some(pointer) if pointer.contains('/') => format!("https://{}", pointer.trim_end_matches('/')),
        Some(host) => format!("https://{host}/.well-known/pay"),
        None => match text.strip_prefix("http://") {
            Some(rest) if plain_http == PlainHttp::Accepted => format!("https://{rest}"),
            Some(_) => return Err(PayeeError::PlainHttp),
            None if text.contains("://") => text.to_owned(),
            None => format!("https://{text}"),
        },
    };
    let parsed: WalletAddressUrl = url.parse().map_err(|_| PayeeError::Unreadable)?;
    if !url.starts_with("https://") || parsed.path().trim_matches('/').is_empty() {
        return Err(PayeeError::Unreadable);
    }
    if parsed.path().contains("/incoming-payments/") {
        Ok(Written::Request(url))
    } else {
        Ok(Written::Address(parsed.as_str().to_owned()))
    }
}

/// Asks the other institution.
pub(crate) async fn resolve(
    written: Written,
    admin: &AdminClient,
    public: &PublicResources,
    now: Timestamp,
) -> Result<Payee, PayeeError> {
    match written {
        Written::Address(url) => {
            let (name, asset) = ask_address(&url, public).await?;
            Ok(Payee { written: Written::Address(url), name, asset, asked: None })
        }
        Written::Request(url) => {
            let receiver = match admin.receiver(&url).await {
                Ok(receiver) => receiver,
                Err(AdminError::Refused { code: ErrorCode::Internal | ErrorCode::Timeout, .. }) => {
                    return Err(PayeeError::NoAnswer);
                }
                Err(AdminError::Refused { .. }) => return Err(PayeeError::NoRequest),
                Err(_) => return Err(PayeeError::Instance),
            };
            if receiver.completed {
                return Err(PayeeError::Completed);
            }
            if receiver.expires_at.is_some_and(|at| at <= now) {
                return Err(PayeeError::Expired);
            }
            let asked = receiver.incoming_amount.as_ref();
            let asked = asked.map(|asked| asked.value.saturating_sub(receiver.received_amount.value));
            let asset = receiver.received_amount.asset().ok_or(PayeeError::NoRequest)?;
            let name = ask_address(&receiver.wallet_address_url, public).await.ok().and_then(|(name, _)| name);
            let name = name.or(Some(receiver.wallet_address_url));
            Ok(Payee { written: Written::Request(url), name, asset, asked })
        }
    }
}

async fn ask_address(url: &str, public: &PublicResources) -> Result<(Option<String>, Asset), PayeeError> {
    let document = public.wallet_address(url).await.map_err(|error| {
        tracing::debug!(url, %error, "no wallet address");
        PayeeError::NoAnswer
    })?;
    let asset = Asset::new(document.asset_code.as_str(), document.asset_scale).map_err(|_| PayeeError::NoAnswer)?;
    let name = document.public_name.map(|name| {
        let visible = name.chars().filter(|c| !c.is_control() && !is_direction(*c));
        visible.take(NAME_MAX).collect::<String>().trim().to_owned()
    });
    Ok((name.filter(|name| !name.is_empty()), asset))
}

/// Marks that turn the direction of a text, so that a name could hide what follows it.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl Written {
    pub(crate) fn url(&self) -> &str {
        match self {
            Self::Address(url) | Self::Request(url) => url,
        }
    }
}

/// The payment pointer of a wallet address. A host alone stands for its `/.well-known/pay` (paymentpointers.org).
pub(crate) fn pointer(url: &str) -> String {
    let rest = url.trim_start_matches("https://");
    let host = rest.strip_suffix("/.well-known/pay").filter(|host| !host.contains('/'));
    format!("${}", host.unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(text: &str) -> Result<Written, PayeeError> {
        read(text, PlainHttp::Refused)
    }

    #[test]
    fn every_way_to_write_an_address_is_read() {
        let address = |text: &str| Some(Written::Address(text.to_owned()));
        assert_eq!(reads("$wallet.example/alice").ok(), address("https://wallet.example/alice"));
        assert_eq!(reads("$wallet.example").ok(), address("https://wallet.example/.well-known/pay"));
        assert_eq!(reads(" https://wallet.example/alice ").ok(), address("https://wallet.example/alice"));
        assert_eq!(reads("wallet.example/alice").ok(), address("https://wallet.example/alice"));
        let http = read("http://localhost:4000/accounts/pfry", PlainHttp::Accepted).ok();
        assert_eq!(http, address("https://localhost:4000/accounts/pfry"));
        let request = "https://wallet.example/incoming-payments/08394f02";
        assert_eq!(reads(request).ok(), Some(Written::Request(request.to_owned())));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in ["", "alice", "$", "ftp://wallet.example/alice", "https://wallet.example", "a b", "javascript:x"] {
            assert!(matches!(reads(text), Err(PayeeError::Unreadable)), "{text}");
        }
        assert!(matches!(reads("http://wallet.example/alice"), Err(PayeeError::PlainHttp)));
    }

    #[test]
    fn a_pointer_is_short_and_is_read_as_the_address_that_it_stands_for() {
        for (url, shown) in [
            ("https://wallet.example/alice", "$wallet.example/alice"),
            ("https://wallet.example/accounts/alice", "$wallet.example/accounts/alice"),
            ("https://wallet.example/.well-known/pay", "$wallet.example"),
            ("https://wallet.example/bank/.well-known/pay", "$wallet.example/bank/.well-known/pay"),
            ("https://localhost:3000/accounts/alice", "$localhost:3000/accounts/alice"),
        ] {
            assert_eq!(pointer(url), shown);
            assert_eq!(reads(shown).ok(), Some(Written::Address(url.to_owned())), "{shown}");
        }
    }
}
