//! The fields in which customers write limits of their own for what an application pays from an account.
//!
//! What the limits do is in `own_limits`.

use clock::Timestamp;
use page_kit::{Posted, Words, numbers};
use uuid::Uuid;

use crate::customers::Held;
use crate::days::{self, DAY};
use crate::own_limits::OwnLimits;

/// The fields for one account, as they are shown.
pub(crate) struct LimitFields {
    pub(crate) account: Uuid,
    pub(crate) name: String,
    pub(crate) code: String,
    /// As written.
    pub(crate) payment: String,
    pub(crate) day: String,
    pub(crate) last: String,
}

impl LimitFields {
    /// What is stored.
    pub(crate) fn stored(held: &Held, limits: &OwnLimits, words: Words) -> Self {
        let asset = &held.account.asset;
        let text = |value: Option<u64>| value.map(|value| numbers::input(value, asset.scale, words));
        // The last day is the one before the end.
        let last = limits.ends_at.map(|end| end.saturating_sub(DAY).to_string().chars().take(10).collect());
        Self {
            payment: text(limits.payment).unwrap_or_default(),
            day: text(limits.day).unwrap_or_default(),
            last: last.unwrap_or_default(),
            ..Self::empty(held)
        }
    }

    /// What was sent, to be corrected.
    fn written(held: &Held, posted: &Posted) -> Self {
        let text = |name: &str| posted.text(&format!("{name}-{}", held.account.id)).to_owned();
        Self { payment: text("payment"), day: text("day"), last: text("last"), ..Self::empty(held) }
    }

    pub(crate) fn empty(held: &Held) -> Self {
        Self {
            account: held.account.id,
            name: held.account.name.clone(),
            code: held.account.asset.code.to_string(),
            payment: String::new(),
            day: String::new(),
            last: String::new(),
        }
    }

    /// The limits in these fields. An empty field is no limit.
    fn read(&self, held: &Held, words: Words, now: Timestamp) -> Result<OwnLimits, &'static str> {
        let most = |written: &str| match written {
            "" => Ok(None),
            written => numbers::parse(written, held.account.asset.scale, words).map(Some),
        };
        let ends_at = match self.last.as_str() {
            "" => None,
            written => {
                let end =
                    days::read(written).ok_or("Write the last day as year, month and day, for example 2027-01-31.")?;
                Some(end.saturating_add(DAY)).filter(|end| *end > now).map(Some).ok_or("This day is over.")?
            }
        };
        Ok(OwnLimits { payment: most(&self.payment)?, day: most(&self.day)?, ends_at })
    }
}

/// Fields that were sent and are wrong, and why.
pub(crate) struct Wrong {
    pub(crate) fields: Vec<LimitFields>,
    pub(crate) error: &'static str,
}

/// The limits for each of these accounts. If one cannot be read, all fields and the reason.
pub(crate) fn read_all(
    accounts: &[Held],
    posted: &Posted,
    words: Words,
    now: Timestamp,
) -> Result<Vec<(Uuid, OwnLimits)>, Wrong> {
    let read = |held: &Held| {
        let limits = LimitFields::written(held, posted).read(held, words, now)?;
        Ok((held.account.id, limits))
    };
    accounts
        .iter()
        .map(read)
        .collect::<Result<_, _>>()
        .map_err(|error| Wrong { fields: written(accounts, posted), error })
}

/// The fields as they were sent.
pub(crate) fn written(accounts: &[Held], posted: &Posted) -> Vec<LimitFields> {
    accounts.iter().map(|held| LimitFields::written(held, posted)).collect()
}
