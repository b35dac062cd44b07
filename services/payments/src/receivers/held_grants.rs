//! Grants at other authorization servers: found, rotated or requested, by one task at a time.
//! Grants that this institution gives are in `services/auth`.

use std::collections::BTreeSet;
use std::time::Duration;

use gnap::{AccessType, Action};
use open_payments_client::{ClientError, GrantError, IssuedToken};
use payments_model::GrantId;
use payments_store::HeldGrant;

use crate::service::Payments;
use crate::unavailable::Unavailable;

/// A token is renewed this long before it expires, so that it does not expire on its way.
const RENEW_BEFORE: Duration = Duration::from_secs(10);

/// Why there is no grant.
#[derive(Debug, thiserror::Error)]
pub enum HeldGrantError {
    /// The server did not give a grant.
    #[error("invalid grant for remote incoming payment: {0}")]
    NotGranted(#[from] GrantError),
    /// The database did not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl From<payments_store::Error> for HeldGrantError {
    fn from(error: payments_store::Error) -> Self {
        Self::Unavailable(error.into())
    }
}

impl HeldGrantError {
    /// Whether a later request may succeed.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::NotGranted(error) => error.is_transient(),
            Self::Unavailable(_) => true,
        }
    }
}

impl Payments {
    /// A usable grant for `actions` on incoming payments at `auth_server`.
    pub(crate) async fn held_grant(&self, auth_server: &str, actions: &[Action]) -> Result<HeldGrant, HeldGrantError> {
        let kind = AccessType::IncomingPayment;
        let wanted = with_implied(actions);
        let slot = self.0.grants.slot(auth_server, kind.as_str());
        let mut at_hand = slot.lock().await;
        let known = match at_hand.take().filter(|held| held.actions.is_superset(&wanted)) {
            Some(held) => Some(held),
            None => self.store().every_tenant().held_grant(auth_server, kind.as_str(), &wanted).await?,
        };
        let usable = match known {
            Some(held) if !self.runs_out(&held) => Some(held),
            Some(held) => self.rotate(held, &wanted).await?,
            None => None,
        };
        let held = match usable {
            Some(held) => held,
            None => self.request(auth_server, kind, actions, wanted).await?,
        };
        *at_hand = Some(held.clone());
        Ok(held)
    }

    /// Stops using a grant whose token the server did not accept, and revokes it if possible.
    pub(crate) async fn discard_grant(&self, held: &HeldGrant) -> Result<(), HeldGrantError> {
        let slot = self.0.grants.slot(&held.auth_server, AccessType::IncomingPayment.as_str());
        let mut at_hand = slot.lock().await;
        at_hand.take_if(|known| known.id == held.id);
        let unit = self.begin().await?;
        unit.every_tenant().discard_held_grant(held, self.now()).await?;
        unit.commit().await?;
        let (service, held) = (self.clone(), held.clone());
        tokio::spawn(async move {
            let client = &service.0.parts.client;
            if let Err(error) = client.revoke_token(&held.management_url, &held.access_token).await {
                tracing::debug!(%error, "a discarded grant could not be returned");
            }
        });
        Ok(())
    }

    fn runs_out(&self, held: &HeldGrant) -> bool {
        held.expires_at.is_some_and(|expiry| expiry <= self.now() + RENEW_BEFORE)
    }

    /// Rotates the token; `None` if that failed for any reason. Another grant must then be requested.
    ///
    /// An unreachable management URL is no error, because the server itself may be reachable.
    async fn rotate(&self, held: HeldGrant, wanted: &BTreeSet<String>) -> Result<Option<HeldGrant>, HeldGrantError> {
        match self.0.parts.client.rotate_token(&held.management_url, &held.access_token, None).await {
            Ok(issued) => {
                let old_token = held.access_token.clone();
                let renewed = self.with_token(held, issued);
                let unit = self.begin().await?;
                unit.every_tenant().renew_held_grant(&renewed, &old_token, self.now()).await?;
                unit.commit().await?;
                Ok(Some(renewed))
            }
            Err(error) => {
                tracing::info!(%error, "a grant was not renewed; another one is requested");
                let unit = self.begin().await?;
                unit.every_tenant().discard_held_grant(&held, self.now()).await?;
                unit.commit().await?;
                // Another process may have renewed it meanwhile.
                let other =
                    self.store().every_tenant().held_grant(&held.auth_server, &held.access_type, wanted).await?;
                Ok(other.filter(|other| !self.runs_out(other)))
            }
        }
    }

    async fn request(
        &self,
        auth_server: &str,
        kind: AccessType,
        actions: &[Action],
        wanted: BTreeSet<String>,
    ) -> Result<HeldGrant, HeldGrantError> {
        let issued = self.0.parts.client.request_grant(auth_server, kind, actions).await?;

        let blank = HeldGrant {
            id: GrantId::random(self.entropy()),
            auth_server: auth_server.to_owned(),
            access_type: kind.as_str().to_owned(),
            actions: wanted,
            access_token: String::new(),
            management_url: String::new(),
            expires_at: None,
            created_at: self.now(),
        };
        let held = self.with_token(blank, issued);

        let unit = self.begin().await?;
        let stored = unit.every_tenant().insert_held_grant(&held, self.entropy().uuid()).await;
        if stored.as_ref().is_err_and(payments_store::Error::is_unique_violation) {
            // The server made a mistake: it gave a token that another grant already has.
            let (url, reason) = (auth_server.to_owned(), "it issued a token that is already in use".to_owned());
            return Err(GrantError::Call(ClientError::Unusable { url, reason }).into());
        }

        stored?;
        unit.commit().await?;
        Ok(held)
    }

    fn with_token(&self, held: HeldGrant, issued: IssuedToken) -> HeldGrant {
        HeldGrant {
            access_token: issued.value.expose().to_owned(),
            management_url: issued.manage,
            expires_at: issued.expires_in.map(|life| self.now() + life),
            ..held
        }
    }
}

/// The actions and those that they imply: `read-all` implies `read`.
fn with_implied(actions: &[Action]) -> BTreeSet<String> {
    let implied = actions.iter().filter_map(|action| match action {
        Action::ReadAll => Some(Action::Read),
        Action::ListAll => Some(Action::List),
        _ => None,
    });
    actions.iter().copied().chain(implied).map(|action| action.as_str().to_owned()).collect()
}
