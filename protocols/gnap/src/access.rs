//! Access items: the rights of a token, the owner of the resources, and the limits (RFC 9635 section 8).
//!
//! It does not decide which client gets a right. The types are closed: a member that is not defined here is refused, so
//! a request can never change other data that the server stores with it.

use serde::{Deserialize, Serialize};
use web_url::WalletAddressUrl;

use crate::limits::Limits;
use crate::parse::present;

/// The most access items of one token.
pub(crate) const ACCESS_ITEMS_MAX: usize = 3;

/// The kind of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccessType {
    /// Incoming payments.
    IncomingPayment,
    /// Outgoing payments.
    OutgoingPayment,
    /// Quotes.
    Quote,
}

impl AccessType {
    /// The word used in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IncomingPayment => "incoming-payment",
            Self::OutgoingPayment => "outgoing-payment",
            Self::Quote => "quote",
        }
    }

    /// Whether a token for this kind may have the action.
    pub const fn allows(self, action: Action) -> bool {
        match (self, action) {
            (_, Action::Create | Action::Read | Action::ReadAll)
            | (Self::IncomingPayment, _)
            | (Self::OutgoingPayment, Action::List | Action::ListAll) => true,
            (Self::OutgoingPayment, Action::Complete)
            | (Self::Quote, Action::Complete | Action::List | Action::ListAll) => false,
        }
    }
}

/// An action on a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Create a resource.
    Create,
    /// Complete an incoming payment before it is fully paid.
    Complete,
    /// Read the resources that the client created.
    Read,
    /// Read the resources of every client.
    ReadAll,
    /// List the resources that the client created.
    List,
    /// List the resources of every client.
    ListAll,
}

impl Action {
    /// The word used in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Complete => "complete",
            Self::Read => "read",
            Self::ReadAll => "read-all",
            Self::List => "list",
            Self::ListAll => "list-all",
        }
    }

    /// The wider action that includes this one, if there is one.
    pub const fn widened(self) -> Option<Self> {
        match self {
            Self::Read => Some(Self::ReadAll),
            Self::List => Some(Self::ListAll),
            _ => None,
        }
    }
}

/// Actions without repetition, in the requested order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Action>", into = "Vec<Action>")]
pub struct Actions(Vec<Action>);

impl Actions {
    /// Whether exactly this action is among them.
    pub fn contains(&self, action: Action) -> bool {
        self.0.contains(&action)
    }

    /// Whether the action is among them, or a wider one that includes it.
    pub(crate) fn permit(&self, action: Action) -> bool {
        self.contains(action) || action.widened().is_some_and(|wider| self.contains(wider))
    }

    /// The actions in order.
    pub fn as_slice(&self) -> &[Action] {
        &self.0
    }
}

/// An action is listed twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must NOT have duplicate items")]
pub struct DuplicateAction;

impl TryFrom<Vec<Action>> for Actions {
    type Error = DuplicateAction;
    fn try_from(actions: Vec<Action>) -> Result<Self, Self::Error> {
        let repeated = actions.iter().enumerate().any(|(i, action)| actions[..i].contains(action));
        if repeated { Err(DuplicateAction) } else { Ok(Self(actions)) }
    }
}

impl From<Actions> for Vec<Action> {
    fn from(actions: Actions) -> Self {
        actions.0
    }
}

/// Why an access item is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAccess {
    /// The kind of resource does not know the action.
    #[error("{} is not an action of {}", action.as_str(), kind.as_str())]
    Action {
        /// The kind.
        kind: AccessType,
        /// The action that it does not have.
        action: Action,
    },
    /// An outgoing payment always belongs to a wallet address.
    #[error("must have required property 'identifier'")]
    NoIdentifier,
    /// Only outgoing payments have limits.
    #[error("limits are for outgoing-payment only")]
    Limits,
}

/// One granted or requested right. Equal items are the same right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WireAccessItem", into = "WireAccessItem")]
pub struct AccessItem {
    kind: AccessType,
    actions: Actions,
    identifier: Option<WalletAddressUrl>,
    limits: Option<Limits>,
}

impl AccessItem {
    /// Makes a right, if these parts belong together.
    pub fn new(
        kind: AccessType,
        actions: Actions,
        identifier: Option<WalletAddressUrl>,
        limits: Option<Limits>,
    ) -> Result<Self, InvalidAccess> {
        if let Some(&action) = actions.as_slice().iter().find(|action| !kind.allows(**action)) {
            return Err(InvalidAccess::Action { kind, action });
        }
        if kind == AccessType::OutgoingPayment {
            if identifier.is_none() {
                return Err(InvalidAccess::NoIdentifier);
            }
        } else if limits.is_some() {
            return Err(InvalidAccess::Limits);
        }
        Ok(Self { kind, actions, identifier, limits })
    }

    /// The kind of resource.
    pub fn kind(&self) -> AccessType {
        self.kind
    }

    /// The actions.
    pub fn actions(&self) -> &Actions {
        &self.actions
    }

    /// The wallet address whose resources these are; if absent, all addresses of the grant's tenant.
    pub fn identifier(&self) -> Option<&WalletAddressUrl> {
        self.identifier.as_ref()
    }

    /// The limits of outgoing payments.
    pub fn limits(&self) -> Option<&Limits> {
        self.limits.as_ref()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireAccessItem {
    #[serde(rename = "type")]
    kind: AccessType,
    actions: Actions,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    identifier: Option<WalletAddressUrl>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    limits: Option<Limits>,
}

impl TryFrom<WireAccessItem> for AccessItem {
    type Error = InvalidAccess;
    fn try_from(wire: WireAccessItem) -> Result<Self, Self::Error> {
        Self::new(wire.kind, wire.actions, wire.identifier, wire.limits)
    }
}

impl From<AccessItem> for WireAccessItem {
    fn from(item: AccessItem) -> Self {
        Self { kind: item.kind, actions: item.actions, identifier: item.identifier, limits: item.limits }
    }
}

/// A right that a resource server requires before it serves a request.
///
/// Additional members are ignored, because resource servers may send all data that they have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequiredAccess {
    /// The kind of resource.
    #[serde(rename = "type")]
    pub kind: AccessType,
    /// The actions that must be permitted.
    pub actions: Actions,
    /// The wallet address of the resource; absent if the request is not about one wallet address.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub identifier: Option<WalletAddressUrl>,
    /// Limits that must be granted exactly like this.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
}

impl RequiredAccess {
    /// One action on one kind of resource of one owner.
    pub fn one(kind: AccessType, action: Action, identifier: Option<WalletAddressUrl>) -> Self {
        Self { kind, actions: Actions(vec![action]), identifier, limits: None }
    }

    /// Whether a granted item covers all required actions.
    pub fn is_covered_by(&self, granted: &AccessItem) -> bool {
        let same_owner = match (&self.identifier, &granted.identifier) {
            (Some(required), Some(granted)) => required == granted,
            _ => true,
        };
        self.kind == granted.kind
            && same_owner
            && self.actions.as_slice().iter().all(|action| granted.actions.permit(*action))
            && self.limits.as_ref().is_none_or(|limits| granted.limits.as_ref() == Some(limits))
    }

    /// The granted item for the answer, among those that cover the requirement. An item with the owner comes before one
    /// without an identifier. Then an item with the wider action comes before one without. Then the first one is taken.
    pub fn best_of<'a>(&self, granted: &'a [AccessItem]) -> Option<&'a AccessItem> {
        let rank = |item: &AccessItem| {
            let names_owner = self.identifier.is_some() && item.identifier == self.identifier;
            let actions = self.actions.as_slice().iter();
            let widest = actions.filter_map(|action| action.widened()).all(|wider| item.actions.contains(wider));
            (!names_owner, !widest)
        };
        granted.iter().filter(|item| self.is_covered_by(item)).min_by_key(|item| rank(item))
    }
}
