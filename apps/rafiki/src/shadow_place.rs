//! A listener of `rafiki shadow` as an option of the command line.
//!
//! It opens no socket.

use std::str::FromStr;

use ::shadow::Pair;
use url::Url;

/// A listener, and the two installations behind it, written as `3000=http://old:3000=http://ours:3000`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) port: u16,
    pub(crate) pair: Pair,
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "write PORT=OLD=OURS, for example 3000=http://old:3000=http://ours:3000";
        let origin = |text: &str| {
            let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
            url.filter(|url| url.path() == "/" && url.query().is_none() && url.fragment().is_none())
        };
        match text.split('=').collect::<Vec<_>>()[..] {
            [port, old, ours] => {
                let port = port.parse().map_err(|_| wrong)?;
                let pair = Pair { old: origin(old).ok_or(wrong)?, ours: origin(ours).ok_or(wrong)? };
                Ok(Self { port, pair })
            }
            _ => Err(wrong),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_port_and_two_origins() {
        let place: Place = "3000=http://old:3000=https://ours".parse().unwrap();
        assert_eq!(
            (place.port, place.pair.old.as_str(), place.pair.ours.as_str()),
            (3000, "http://old:3000/", "https://ours/")
        );
        for wrong in
            ["", "3000", "3000=http://a", "x=http://a=http://b", "1=http://a/path=http://b", "1=ftp://a=http://b"]
        {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
    }
}
