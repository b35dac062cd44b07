//! Why an event could not be handled, and whether a later attempt may succeed.
//!
//! What happens to the event is decided in `inbox`.

use admin_client::AdminError;
use uuid::Uuid;

use crate::ledger_book::BookError;
use crate::modules::ModuleError;

/// Why an event is not handled yet, or never will be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EffectError {
    #[error(transparent)]
    Book(#[from] BookError),
    #[error(transparent)]
    Admin(#[from] AdminError),
    #[error(transparent)]
    Store(#[from] database::Error),
    /// Another module of the wallet has no answer.
    #[error(transparent)]
    Module(#[from] ModuleError),
    /// No account has the wallet address of the event.
    #[error("no account has the wallet address {0}")]
    UnknownWalletAddress(Uuid),
    /// The payment still waits for funds, which is impossible after this event.
    #[error("payment {0} still waits for its deposit, although the deposit was refused")]
    StillFunding(Uuid),
    /// Another process settles the payment at this moment.
    #[error("another process is about to settle payment {0}")]
    UnderDecision(Uuid),
    /// The process with the accounts has not made the accounts of its seed yet.
    #[error("the module accounts has no account {0} yet; give both processes the same seed file")]
    NoSeededAccount(String),
    /// The body does not have the shape of its type.
    #[error("the event cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
}

impl EffectError {
    /// Whether the instance may answer otherwise later. Clocks and secrets are corrected by people.
    pub(crate) fn is_temporary_refusal(error: &AdminError) -> bool {
        matches!(error, AdminError::Unauthorized) || error.is_temporary()
    }

    /// How another module is told.
    pub(crate) fn into_answer(self) -> ModuleError {
        let may_pass = self.is_temporary();
        match self {
            Self::Store(error) => error.into(),
            Self::Module(error) => error,
            Self::Admin(error) => ModuleError::Instance { reason: error.to_string(), may_pass },
            other => ModuleError::Failed { reason: other.to_string(), may_pass },
        }
    }

    /// Whether a later attempt may succeed.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Book(BookError::Unavailable(_))
            | Self::StillFunding(_)
            | Self::UnderDecision(_)
            | Self::NoSeededAccount(_) => true,
            Self::Book(_) | Self::UnknownWalletAddress(_) | Self::Unreadable(_) => false,
            Self::Admin(error) => Self::is_temporary_refusal(error),
            Self::Store(error) => error.is_retriable(),
            Self::Module(error) => error.is_temporary(),
        }
    }
}
