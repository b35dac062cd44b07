//! States and transitions of grants, interactions and access tokens.
//!
//! It has no side effects. It says what may be granted, what needs consent, and which state may follow. Storing,
//! signatures and HTTP are elsewhere.

mod consent;
mod event;
mod finish;
mod grant;
mod ids;
mod interaction;
mod lifetime;
mod request;
mod secret;
mod tenant;
mod token;

pub use consent::ConsentPolicy;
pub use event::GrantNews;
pub use finish::{FinishUri, FinishUriPolicy, InvalidFinishUri};
pub use grant::{Continuation, ContinueRefusal, Grant, GrantState, Opened, Progress, Terms};
pub use ids::{ContinueId, GrantId, InteractRef, InteractionId, ManagementId, TenantId};
pub use interaction::{Choice, ChoiceRefusal, ClientDisplay, Finish, FinishOutcome, Interaction};
pub use lifetime::Lifetimes;
pub use request::{Question, RequestRefusal, examine};
pub use secret::SecretHash;
pub use tenant::{IdentityProvider, Rotated, Tenant};
pub use token::{AccessToken, Issued, RotateRefusal};
