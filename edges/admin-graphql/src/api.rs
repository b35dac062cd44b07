//! What the resolvers use: the services, the settings, and the caller.
//! The resolvers are in `queries`, `mutations` and `types`.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::Context;
use clock::{Clock, Entropy};
use directory::Directory;
use http_kit::ServiceIdentities;
use payments::Payments;
use payments::administration::{Administration, Caller};
use payments_model::TenantId;
use payments_store::{Scope, Store};
use peering::Peering;
use shared_cache::SharedCache;
use webhooks::WebhookAdministration;

use crate::errors::Refusal;
use crate::rights::{OutgoingRights, Sender};

/// Settings of the Admin API (backend-config).
#[derive(Clone, Debug)]
pub struct AdminApiSettings {
    /// `OPERATOR_TENANT_ID`: the tenant that may see every tenant's data.
    pub operator: TenantId,
    /// `ADMIN_API_SIGNATURE_VERSION`.
    pub signature_version: u32,
    /// `ADMIN_API_SIGNATURE_TTL_SECONDS`: how old a signature may be.
    pub signature_ttl: Duration,
    /// `GRAPHQL_IDEMPOTENCY_KEY_TTL_MS`: how long a result is remembered.
    pub idempotency_ttl: Duration,
    /// `GRAPHQL_IDEMPOTENCY_KEY_LOCK_MS`: how long a mutation keeps others of its key away without renewal.
    pub idempotency_lock: Duration,
    /// Whether introspection of the schema is allowed; not in production.
    pub introspection: bool,
    /// Whether `GET /explorer` answers with a page that shows the schema and signs requests; in development only.
    pub explorer: Explorer,
}

/// Whether there is a page for developers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Explorer {
    /// The page exists.
    Offered,
    /// There is no page.
    Absent,
}

impl AdminApiSettings {
    /// The defaults of the reference.
    pub fn new(operator: TenantId) -> Self {
        Self {
            operator,
            signature_version: 1,
            signature_ttl: Duration::from_secs(30),
            idempotency_ttl: Duration::from_hours(24),
            idempotency_lock: Duration::from_secs(2),
            introspection: true,
            explorer: Explorer::Absent,
        }
    }
}

/// What the Admin API needs from other crates.
#[derive(Clone)]
pub struct AdminApiParts {
    /// Assets, fees, peers, wallet addresses and liquidity.
    pub administration: Administration,
    /// The tenants that may send requests.
    pub directory: Directory,
    /// Payments, receivers and quotes.
    pub payments: Payments,
    /// Webhook endpoints, and sending events again.
    pub webhooks: WebhookAdministration,
    /// Peering with other nodes.
    pub peering: Peering,
    /// How services prove who they are.
    pub identities: ServiceIdentities,
    /// Replay windows and idempotency keys.
    pub cache: SharedCache,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Randomness for lock owners.
    pub entropy: Arc<dyn Entropy>,
    /// The configuration.
    pub settings: AdminApiSettings,
}

/// A request that is being answered.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) parts: &'a AdminApiParts,
    pub(crate) caller: Caller,
    pub(crate) outgoing: OutgoingRights,
}

impl<'a> Call<'a> {
    pub(crate) fn of(context: &Context<'a>) -> async_graphql::Result<Self> {
        let Sender { caller, principal } = context.data::<Sender>()?;
        let outgoing = OutgoingRights::of(principal.as_ref());
        Ok(Self { parts: context.data::<AdminApiParts>()?, caller: *caller, outgoing })
    }

    pub(crate) fn administration(&self) -> &'a Administration {
        &self.parts.administration
    }

    pub(crate) fn payments(&self) -> &'a Payments {
        &self.parts.payments
    }

    pub(crate) fn store(&self) -> &'a Store {
        self.parts.administration.store()
    }

    /// What the caller may read.
    pub(crate) fn reach(&self) -> Scope<'a, payments_store::Reader> {
        self.caller.reach(self.store())
    }

    /// The range of a list that can be limited to one tenant.
    pub(crate) fn list(&self, tenant: Option<&str>) -> Scope<'a, payments_store::Reader> {
        // A text that is not an id names no tenant.
        let named = tenant.map(|text| text.parse().unwrap_or(TenantId::from_uuid(uuid::Uuid::nil())));
        self.caller.list(self.store(), named)
    }

    /// The balance of a ledger account; `None` if the account does not exist.
    pub(crate) async fn balance(&self, id: impl Into<ledger::AccountId>) -> Result<Option<u64>, Refusal> {
        Ok(self.administration().balance(id.into()).await?)
    }
}
