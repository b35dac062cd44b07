//! A grant: the rights that a client has, or has requested, at one tenant.
//!
//! A transition takes the grant and returns its new state, or refuses. The store of grants ensures that two transitions
//! of one grant never start from the same state.

use std::time::Duration;

use clock::{Entropy, Timestamp};
use gnap::{AccessItem, Client, ContinueStep, Subject, TokenValue};

use crate::ids::{ContinueId, GrantId, InteractRef, InteractionId, TenantId};
use crate::interaction::{Choice, ChoiceRefusal, ClientDisplay, Finish, FinishOutcome, Interaction};
use crate::lifetime::{GrantStep, Lifetimes};
use crate::secret::{SecretHash, hex, mint};
use crate::token::{AccessToken, Issued, RotateRefusal};

/// A grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// The tenant whose endpoint was asked.
    pub tenant: TenantId,
    /// The client that holds it.
    pub client: Client,
    /// The rights.
    pub access: Vec<AccessItem>,
    /// The statement about the owner.
    pub subject: Option<Subject>,
    /// How the client continues.
    pub continuation: Continuation,
    /// The question to the owner, if one was needed.
    pub interaction: Option<Interaction>,
    /// Its state.
    pub state: GrantState,
    /// The time of the request.
    pub created_at: Timestamp,
}

/// How the client continues a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Continuation {
    /// Names the grant in the continuation URL.
    pub id: ContinueId,
    /// The hash of the continuation token.
    pub token: SecretHash,
    /// The time at which the grant was requested or last polled.
    pub last_used_at: Timestamp,
}

/// The state of a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrantState {
    /// It waits for the owner.
    Pending,
    /// The owner consented, or no consent was needed.
    Approved,
    /// The client has fetched its token. The tokens are valid and can be rotated.
    Issued,
    /// The owner refused.
    Rejected,
    /// The client, the tenant or the operator revoked it.
    Revoked,
}

impl GrantState {
    /// The grant gives no access, and never will again.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Rejected | Self::Revoked)
    }
}

/// The times that govern grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The lifetime of an access token.
    pub token_lifetime: Duration,
    /// The time that an owner has to decide.
    pub interaction_lifetime: Duration,
    /// The time that a client must wait between continuations.
    pub continue_wait: Duration,
    /// The greatest ages of grants.
    pub lifetimes: Lifetimes,
}

/// A new grant. Only now its continuation token is known in clear text.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The grant.
    pub grant: Grant,
    /// The data that the client needs to continue.
    pub continue_token: TokenValue,
    /// The access token, unless the owner must be asked first.
    pub issued: Option<Issued>,
}

/// The result of a continuation.
#[derive(Clone, Debug)]
pub enum Progress {
    /// The owner has not decided. The client asks again later.
    Pending(Grant),
    /// The grant is issued. It has a token, unless the client requested only a statement about the owner.
    Issued(Grant, Option<Issued>),
}

/// Why a continuation is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContinueRefusal {
    /// There is a body without a reference.
    #[error("missing interaction reference")]
    NoReference,
    /// The reference does not belong to this grant, or the grant has ended.
    #[error("grant not found")]
    NotFound,
    /// The grant is older than grants may be.
    #[error("grant expired")]
    Expired,
    /// Continued before the time to wait has passed.
    #[error("continued grant faster than \"wait\" period")]
    TooFast,
    /// Polled before the time to wait has passed.
    #[error("polled grant faster than \"wait\" period")]
    PolledTooFast,
    /// The owner has not consented, or the token was fetched before.
    #[error("grant interaction not approved")]
    NotApproved,
    /// The client gets the reference by redirect, and must send it.
    #[error("grant cannot be polled")]
    NotPollable,
    /// The grant has ended and can give no token any more.
    #[error("grant cannot be continued")]
    NotContinuable,
}

impl Grant {
    /// A grant that needs no consent, with its token.
    pub fn approve_at_once(
        tenant: TenantId,
        client: Client,
        access: Vec<AccessItem>,
        terms: &Terms,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Opened {
        let (mut grant, continue_token) = Self::request(tenant, client, access, None, now, entropy);
        grant.state = GrantState::Approved;
        let issued = grant.new_token(terms, now, entropy);
        Opened { grant, continue_token, issued: Some(issued) }
    }

    /// A grant that waits for the owner.
    #[expect(clippy::too_many_arguments, reason = "the parts of a request, each of its own type")]
    pub fn ask_owner(
        tenant: TenantId,
        client: Client,
        access: Vec<AccessItem>,
        subject: Option<Subject>,
        display: ClientDisplay,
        finish: Option<Finish>,
        terms: &Terms,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Opened {
        let (mut grant, continue_token) = Self::request(tenant, client, access, subject, now, entropy);
        let time_to_decide =
            terms.lifetimes.unissued.map_or(terms.interaction_lifetime, |end| end.min(terms.interaction_lifetime));
        grant.interaction = Some(Interaction {
            id: InteractionId::random(entropy),
            nonce: hex::<16>(entropy),
            reference: InteractRef::random(entropy),
            expires_at: now + time_to_decide,
            choice: Choice::Pending,
            client: display,
            finish,
        });
        Opened { grant, continue_token, issued: None }
    }

    fn request(
        tenant: TenantId,
        client: Client,
        access: Vec<AccessItem>,
        subject: Option<Subject>,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> (Self, TokenValue) {
        let token = mint(entropy);
        let continuation =
            Continuation { id: ContinueId::random(entropy), token: SecretHash::of(token.expose()), last_used_at: now };
        let grant = Self {
            id: GrantId::random(entropy),
            tenant,
            client,
            access,
            subject,
            continuation,
            interaction: None,
            state: GrantState::Pending,
            created_at: now,
        };
        (grant, token)
    }

    /// The client continues: with the reference from the owner's browser, or by polling.
    pub fn proceed(
        self,
        step: &ContinueStep,
        terms: &Terms,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Progress, ContinueRefusal> {
        match step {
            ContinueStep::Unreferenced => Err(ContinueRefusal::NoReference),
            _ if self.is_too_old(&terms.lifetimes, now) => Err(ContinueRefusal::Expired),
            ContinueStep::Interacted(reference) => self.redeem(reference, terms, now, entropy),
            ContinueStep::Poll => self.poll(terms, now, entropy),
        }
    }

    fn redeem(
        self,
        reference: &str,
        terms: &Terms,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Progress, ContinueRefusal> {
        let own = self.interaction.as_ref().map(|interaction| interaction.reference);
        if self.state.is_over() || own.is_none() || reference.parse().ok() != own {
            return Err(ContinueRefusal::NotFound);
        }
        if self.is_too_fast(terms, now) {
            return Err(ContinueRefusal::TooFast);
        }
        match self.state {
            GrantState::Approved => Ok(self.issue(terms, now, entropy)),
            _ => Err(ContinueRefusal::NotApproved),
        }
    }

    fn poll(mut self, terms: &Terms, now: Timestamp, entropy: &dyn Entropy) -> Result<Progress, ContinueRefusal> {
        if self.is_too_fast(terms, now) {
            return Err(ContinueRefusal::PolledTooFast);
        }
        // A grant that never needed consent was issued with its request; polling must not make a second token.
        let interaction = self.interaction.as_ref().ok_or(ContinueRefusal::NotContinuable)?;
        if interaction.finish.is_some() {
            return Err(ContinueRefusal::NotPollable);
        }
        match self.state {
            GrantState::Pending => {
                self.continuation.last_used_at = now;
                Ok(Progress::Pending(self))
            }
            GrantState::Approved => Ok(self.issue(terms, now, entropy)),
            GrantState::Issued | GrantState::Rejected | GrantState::Revoked => Err(ContinueRefusal::NotContinuable),
        }
    }

    fn is_too_fast(&self, terms: &Terms, now: Timestamp) -> bool {
        now.saturating_since(self.continuation.last_used_at) < terms.continue_wait
    }

    fn issue(mut self, terms: &Terms, now: Timestamp, entropy: &dyn Entropy) -> Progress {
        self.state = GrantState::Issued;
        let token = (!self.access.is_empty()).then(|| self.new_token(terms, now, entropy));
        Progress::Issued(self, token)
    }

    /// The owner answered at the identity provider.
    pub fn decide(mut self, choice: Choice, now: Timestamp) -> Result<Self, ChoiceRefusal> {
        if self.state.is_over() {
            return Err(ChoiceRefusal::Over);
        }
        match &mut self.interaction {
            Some(interaction) if interaction.is_open(now) && self.state == GrantState::Pending => {
                interaction.choice = choice;
                Ok(self)
            }
            _ => Err(ChoiceRefusal::NotPending),
        }
    }

    /// The owner's browser came back from the identity provider, so the answer is recorded in the grant.
    ///
    /// It may be repeated. Only the first time has an effect, so a reload cannot make an issued grant ready again.
    pub fn finish(mut self) -> (Self, FinishOutcome) {
        let choice = self.interaction.as_ref().map_or(Choice::Pending, |interaction| interaction.choice);
        let outcome = match (self.state, choice) {
            (GrantState::Revoked, _) => FinishOutcome::Gone,
            (GrantState::Rejected, _) | (_, Choice::Denied) => FinishOutcome::Rejected,
            (_, Choice::Approved) => FinishOutcome::Approved,
            (_, Choice::Pending) => FinishOutcome::Undecided,
        };
        if self.state == GrantState::Pending {
            match outcome {
                FinishOutcome::Approved => self.state = GrantState::Approved,
                FinishOutcome::Rejected => self.state = GrantState::Rejected,
                FinishOutcome::Undecided | FinishOutcome::Gone => {}
            }
        }
        (self, outcome)
    }

    /// The client, the tenant or the operator revokes the grant. Its tokens are revoked with it.
    pub fn revoke(mut self) -> Self {
        self.state = GrantState::Revoked;
        self
    }

    /// Replaces a token of the grant by a new one. An expired token may be replaced too, so that a client can continue
    /// after a long pause.
    pub fn rotate(&self, terms: &Terms, now: Timestamp, entropy: &dyn Entropy) -> Result<Issued, RotateRefusal> {
        if self.state.is_over() || self.is_too_old(&terms.lifetimes, now) {
            return Err(RotateRefusal::GrantOver);
        }
        Ok(self.new_token(terms, now, entropy))
    }

    /// Whether its age has ended it.
    pub fn is_too_old(&self, lifetimes: &Lifetimes, now: Timestamp) -> bool {
        self.ends_at(lifetimes).is_some_and(|end| end < now)
    }

    /// The last instant at which it is valid, if its age ends it.
    fn ends_at(&self, lifetimes: &Lifetimes) -> Option<Timestamp> {
        let waits = self.interaction.is_some() && matches!(self.state, GrantState::Pending | GrantState::Approved);
        lifetimes.end_of(self.created_at, if waits { GrantStep::Unissued } else { GrantStep::Other })
    }

    /// The last instant at which it can give rights, if its age ends it. It ends sooner if its client never fetches its
    /// token.
    pub fn ends_at_latest(&self, lifetimes: &Lifetimes) -> Option<Timestamp> {
        lifetimes.end_of(self.created_at, GrantStep::Other)
    }

    /// When a token of this grant ends that was to end at `expires_at`: with its grant at the latest.
    pub fn end_of_token(&self, expires_at: Timestamp, lifetimes: &Lifetimes) -> Timestamp {
        self.ends_at(lifetimes).map_or(expires_at, |end| end.min(expires_at))
    }

    /// A token ends with its grant at the latest.
    fn new_token(&self, terms: &Terms, now: Timestamp, entropy: &dyn Entropy) -> Issued {
        let left = self.ends_at(&terms.lifetimes).map(|end| end.saturating_since(now));
        let lifetime = left.map_or(terms.token_lifetime, |left| left.min(terms.token_lifetime));
        AccessToken::issue(self.id, lifetime, now, entropy)
    }
}
