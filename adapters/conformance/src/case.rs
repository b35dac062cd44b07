//! A case as it stands in `cases.json`: the rule, where it is published, what is sent, and what is expected.
//! Running it is in `run`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// The text of the cases.
const CASES: &str = include_str!("cases.json");

/// The file of cases cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the cases cannot be read: {0}")]
pub struct CasesError(#[from] serde_json::Error);

/// Every case, in the order in which they are run. Later ones use what earlier ones have got.
pub fn cases() -> Result<Vec<Case>, CasesError> {
    Ok(serde_json::from_str(CASES)?)
}

/// What a case is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Area {
    /// Public documents and errors of Open Payments.
    OpenPayments,
    /// Grants and tokens (RFC 9635).
    Gnap,
    /// HTTP message signatures (RFC 9421).
    HttpSignatures,
    /// SPSP (Interledger RFC 9).
    Spsp,
    /// STREAM (Interledger RFC 29).
    Stream,
    /// ILP over HTTP (Interledger RFC 35) and ILP packets (RFC 27).
    IlpOverHttp,
}

impl Area {
    /// Every area.
    pub const ALL: [Self; 6] =
        [Self::OpenPayments, Self::Gnap, Self::HttpSignatures, Self::Spsp, Self::Stream, Self::IlpOverHttp];

    /// Its name on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::OpenPayments => "open-payments",
            Self::Gnap => "gnap",
            Self::HttpSignatures => "http-signatures",
            Self::Spsp => "spsp",
            Self::Stream => "stream",
            Self::IlpOverHttp => "ilp-over-http",
        }
    }
}

/// What a case needs beside the target's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// A client with a published key.
    Client,
    /// A connector of the target, and a token that it accepts.
    Peer,
    /// A client, and what is needed to consent for the owner of the target.
    Consent,
}

/// One case.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Its name.
    pub id: String,
    /// What it is about.
    pub area: Area,
    /// What a server has to do, in words.
    pub rule: String,
    /// Where that is published.
    pub source: String,
    /// What it needs.
    #[serde(default)]
    pub needs: Option<Need>,
    /// What is sent.
    pub(crate) send: Send,
    /// What is expected.
    pub(crate) expect: Expect,
    /// What later cases use: a name, and where it is in the answer. A place with a question mark is a parameter of the
    /// address that a browser is sent to.
    #[serde(default)]
    pub(crate) keep: BTreeMap<String, String>,
}

/// A request. Names in braces are replaced by what is known.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Send {
    #[serde(default = "get")]
    pub(crate) method: String,
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) token: Option<String>,
    #[serde(default)]
    pub(crate) body: Option<Value>,
    #[serde(default)]
    pub(crate) sign: Sign,
    #[serde(default)]
    pub(crate) packet: Option<PacketToSend>,
    /// The URL is the page of an interaction, which the owner answers so.
    #[serde(default)]
    pub(crate) consent: Option<Answer>,
    /// The name of the seconds that have to pass before. If the server did not say how many, none have to.
    #[serde(default)]
    pub(crate) wait: Option<String>,
}

fn get() -> String {
    "GET".to_owned()
}

/// How a request is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Sign {
    /// Not at all.
    #[default]
    Not,
    /// As it should be.
    Right,
    /// With another label, which is free.
    OtherLabel,
    /// As it should be, beside a signature of somebody else in lines of its own.
    BesideAnother,
    /// With a key that is not published.
    OtherKey,
    /// A day ago.
    LongAgo,
    /// Without the digest of the body.
    WithoutDigest,
    /// For another body.
    OtherBody,
    /// For another method.
    OtherMethod,
    /// For another URL.
    OtherUrl,
    /// Without the token.
    WithoutToken,
}

/// What the owner answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Answer {
    Accept,
    Reject,
}

/// What the client learns from the browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Finish {
    /// A reference, and the hash that goes with it.
    Approved,
    /// No reference.
    Refused,
}

/// An ILP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PacketToSend {
    /// Octets that are no packet.
    Garbage,
    /// Asks for the own address.
    Ildcp,
    /// A STREAM packet for the incoming payment that could be fulfilled, if it had not expired.
    Expired,
    /// A packet for an address that nobody has.
    Nowhere,
    /// A STREAM packet for the incoming payment, with a condition that nobody can fulfill.
    Unfulfillable,
    /// A STREAM packet for the incoming payment that moves one unit.
    Fulfillable,
    /// A packet for the incoming payment whose data is not encrypted for it.
    ForeignData,
}

/// What is expected of the answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    /// One of these.
    pub(crate) status: Vec<u16>,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, String>,
    /// A JSON pointer, and what must be there.
    #[serde(default)]
    pub(crate) members: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) packet: Option<PacketToGet>,
    #[serde(default)]
    pub(crate) finish: Option<Finish>,
}

/// The ILP packet in an answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PacketToGet {
    /// A fulfill that fits the condition.
    Fulfill,
    /// A reject with one of these codes.
    Reject(Vec<String>),
    /// A fulfill with an address.
    Address,
}
