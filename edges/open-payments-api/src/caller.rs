//! The client behind an authorized request, and whose resources it sees.

use payments::PaymentGrant;

/// A request whose token and signature are good.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The client, as stored on what it creates: its wallet address, or a name made of its key.
    pub(crate) client: String,
    /// Whose resources it sees.
    pub(crate) reach: Reach,
    /// The grant behind the token.
    pub(crate) grant: PaymentGrant,
}

/// Whose resources a caller sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Those it created.
    Own,
    /// All of the wallet address.
    All,
}

impl Caller {
    /// The client to restrict a list to.
    pub(crate) fn client_filter(&self) -> Option<&str> {
        (self.reach == Reach::Own).then_some(self.client.as_str())
    }

    /// Whether it sees what `creator` created.
    pub(crate) fn sees(&self, creator: Option<&str>) -> bool {
        self.client_filter().is_none_or(|client| creator == Some(client))
    }
}
