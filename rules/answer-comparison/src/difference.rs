//! A difference between two answers, as a text that shows no personal data.
//!
//! Of texts only the lengths are shown. Amounts, numbers, states, times and ids are shown in full.

use std::fmt;

use uuid::Uuid;

/// The resource that the differing part of an answer describes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Its type, by its name in the API.
    pub what: String,
    /// Its id at the old installation.
    pub id: Uuid,
}

/// An amount of an asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amount {
    /// The value, in the asset's smallest unit.
    pub value: i128,
    /// Code and scale of the asset.
    pub asset: String,
}

/// What differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The HTTP status.
    Status(u16, u16),
    /// A member that only the old answer has.
    OnlyThere,
    /// A member that only our answer has.
    OnlyHere,
    /// The kind of a value, for example number and text.
    Kind(&'static str, &'static str),
    /// An amount.
    Amount(Amount, Amount),
    /// The sum of amounts of the same name and asset in one answer.
    Total(Amount, Amount),
    /// A number.
    Number(String, String),
    /// A word of the API, such as a state.
    Word(String, String),
    /// A truth value.
    Flag(bool, bool),
    /// A time, in milliseconds apart.
    Time(i64),
    /// An id that belongs to another resource.
    Id(Uuid, Uuid),
    /// A text, by its length in characters.
    Text(usize, usize),
    /// The length of a list.
    Length(usize, usize),
    /// The order of a list.
    Order,
    /// A body that is not JSON, by its length in octets.
    Body(usize, usize),
}

/// One difference between two answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The resource, if the answer or the request names it.
    pub subject: Option<Subject>,
    /// The place in the answer.
    pub place: String,
    /// What differs.
    pub what: What,
}

impl What {
    /// Whether the difference may be temporary, because one installation is slower than the other.
    pub(crate) fn is_of_progress(&self, member: &str) -> bool {
        const MOVING: [&str; 9] = [
            "sentAmount",
            "receivedAmount",
            "debited",
            "balance",
            "liquidity",
            "grantSpentDebitAmount",
            "grantSpentReceiveAmount",
            "attempts",
            "stateAttempts",
        ];
        match self {
            Self::Amount(..) | Self::Number(..) | Self::Total(..) => MOVING.contains(&member),
            Self::Word(..) | Self::Time(_) | Self::Length(..) | Self::OnlyThere | Self::OnlyHere | Self::Flag(..) => {
                true
            }
            Self::Kind(..) => member == "error" || member.ends_with("At"),
            Self::Status(..) | Self::Id(..) | Self::Text(..) | Self::Order | Self::Body(..) => false,
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.value, self.asset)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.what, self.id)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(old, ours) => write!(f, "status {old} there, {ours} here"),
            Self::OnlyThere => f.write_str("only there"),
            Self::OnlyHere => f.write_str("only here"),
            Self::Kind(old, ours) => write!(f, "{old} there, {ours} here"),
            Self::Amount(old, ours) => write!(f, "{old} there, {ours} here{}", Apart(old, ours)),
            Self::Total(old, ours) => write!(f, "{old} in all there, {ours} in all here{}", Apart(old, ours)),
            Self::Number(old, ours) | Self::Word(old, ours) => write!(f, "{old} there, {ours} here"),
            Self::Flag(old, ours) => write!(f, "{old} there, {ours} here"),
            Self::Time(apart) => write!(f, "times {apart} ms apart"),
            Self::Id(old, ours) => write!(f, "id {old} there, {ours} here: not the same resource"),
            Self::Text(old, ours) => write!(f, "a text of {old} characters there, another of {ours} here"),
            Self::Length(old, ours) => write!(f, "{old} entries there, {ours} here"),
            Self::Order => f.write_str("the same entries in another order"),
            Self::Body(old, ours) => write!(f, "{old} octets there, {ours} other ones here"),
        }
    }
}

/// How much larger or smaller our amount is.
struct Apart<'a>(&'a Amount, &'a Amount);

impl fmt::Display for Apart<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(old, ours) = self;
        match ours.value.checked_sub(old.value) {
            Some(apart) if old.asset == ours.asset && apart != 0 => {
                let word = if apart > 0 { "more" } else { "less" };
                write!(f, " ({} {word} here)", apart.unsigned_abs())
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(subject) = &self.subject {
            write!(f, "{subject}: ")?;
        }
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        write!(f, "{}", self.what)
    }
}
