//! The client of an authorized request, and the resources that it may see.
//! The authorization itself is in `access`.

use payments::PaymentGrant;

/// A request with a valid token and a valid signature.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The client, as stored with its resources: its wallet address, or a name derived from its key.
    pub(crate) client: String,
    /// The resources that it may see.
    pub(crate) reach: Reach,
    /// The grant of the token.
    pub(crate) grant: PaymentGrant,
}

/// The resources that a caller may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Those that it created.
    Own,
    /// All resources of the wallet address.
    All,
}

impl Caller {
    /// The client to restrict a list to.
    pub(crate) fn client_filter(&self) -> Option<&str> {
        (self.reach == Reach::Own).then_some(self.client.as_str())
    }

    /// Whether it may see resources of `creator`.
    pub(crate) fn sees(&self, creator: Option<&str>) -> bool {
        self.client_filter().is_none_or(|client| creator == Some(client))
    }
}
