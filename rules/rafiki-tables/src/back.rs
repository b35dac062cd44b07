//! Translates a row of ours to rows of the original: the way back, one function for each of our tables.
//!
//! The reverse of `carry`. A value that the original's columns cannot store is refused with the name of the column.

pub mod books;
mod grants;
mod institutions;
pub mod pairs;
mod payments;
mod peers;
pub mod spending;
mod webhooks;

use std::collections::HashMap;
use std::time::Duration;

use clock::Timestamp;
use ledger::TransferId;
use sealed_text::{Place, Sealer};
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::carry::ConsentPlace;
use crate::kept::{self, KeptKind};
use crate::record::{Value, object};
use crate::refusal::{Reason, Refusal};
use crate::row::Row;
use crate::sealed::ColumnSecret;
use crate::table::Table;
use crate::version::Side;

/// The longest text in most columns of the original.
const TEXT_MAX: usize = 255;

/// The tables of the original that are filled, in the order in which their rows can be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the tables of the original, by their names")]
pub enum OldTable {
    Tenants,
    TenantSettings,
    Assets,
    Fees,
    WalletAddresses,
    WalletAddressKeys,
    WalletAddressProperties,
    AuthServers,
    HeldGrants,
    Peers,
    HttpTokens,
    Quotes,
    IlpQuoteDetails,
    PaymentGrants,
    IncomingPayments,
    OutgoingPayments,
    CardDetails,
    SpentAmounts,
    WebhookEvents,
    Webhooks,
    LedgerAccounts,
    LedgerTransfers,
    AuthTenants,
    AuthGrants,
    Accesses,
    Subjects,
    Interactions,
    AccessTokens,
}

impl OldTable {
    /// All of them.
    pub const ALL: [Self; 28] = [
        Self::Tenants,
        Self::TenantSettings,
        Self::Assets,
        Self::Fees,
        Self::WalletAddresses,
        Self::WalletAddressKeys,
        Self::WalletAddressProperties,
        Self::AuthServers,
        Self::HeldGrants,
        Self::Peers,
        Self::HttpTokens,
        Self::Quotes,
        Self::IlpQuoteDetails,
        Self::PaymentGrants,
        Self::IncomingPayments,
        Self::OutgoingPayments,
        Self::CardDetails,
        Self::SpentAmounts,
        Self::WebhookEvents,
        Self::Webhooks,
        Self::LedgerAccounts,
        Self::LedgerTransfers,
        Self::AuthTenants,
        Self::AuthGrants,
        Self::Accesses,
        Self::Subjects,
        Self::Interactions,
        Self::AccessTokens,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tenants | Self::AuthTenants => "tenants",
            Self::TenantSettings => "tenantSettings",
            Self::Assets => "assets",
            Self::Fees => "fees",
            Self::WalletAddresses => "walletAddresses",
            Self::WalletAddressKeys => "walletAddressKeys",
            Self::WalletAddressProperties => "walletAddressAdditionalProperties",
            Self::AuthServers => "authServers",
            Self::HeldGrants | Self::AuthGrants => "grants",
            Self::Peers => "peers",
            Self::HttpTokens => "httpTokens",
            Self::Quotes => "quotes",
            Self::IlpQuoteDetails => "ilpQuoteDetails",
            Self::PaymentGrants => "outgoingPaymentGrants",
            Self::IncomingPayments => "incomingPayments",
            Self::OutgoingPayments => "outgoingPayments",
            Self::CardDetails => "outgoingPaymentCardDetails",
            Self::SpentAmounts => "outgoingPaymentGrantSpentAmounts",
            Self::WebhookEvents => "webhookEvents",
            Self::Webhooks => "webhooks",
            Self::LedgerAccounts => "ledgerAccounts",
            Self::LedgerTransfers => "ledgerTransfers",
            Self::Accesses => "accesses",
            Self::Subjects => "subjects",
            Self::Interactions => "interactions",
            Self::AccessTokens => "accessTokens",
        }
    }

    /// Which database it is in.
    pub const fn side(self) -> Side {
        match self {
            Self::AuthTenants
            | Self::AuthGrants
            | Self::Accesses
            | Self::Subjects
            | Self::Interactions
            | Self::AccessTokens => Side::Auth,
            _ => Side::Backend,
        }
    }
}

/// A row for a table of the original, as a JSON object that Postgres converts to a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldRow {
    /// The table.
    pub table: OldTable,
    /// The row.
    pub json: String,
}

/// The state of an outgoing payment that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfinished {
    /// It waits for a deposit.
    Funding,
    /// It is being sent.
    Sending,
}

/// Values that apply to every row of an export.
#[derive(Clone, Debug)]
pub struct Context {
    /// The instant of the snapshot.
    pub at: Timestamp,
    /// How long quotes of unfinished payments stay valid at least, counted from `at`.
    pub grace: Duration,
    /// The operator's tenant. The original has its consent page in the auth database only.
    pub operator: Uuid,
    /// `WEBHOOK_MAX_RETRY` of the old backend.
    pub default_retries: u32,
    /// Tenants that have set `WEBHOOK_MAX_RETRY`.
    pub retries: HashMap<Uuid, u32>,
    /// The consent pages of all tenants, with their secrets in clear.
    pub consent: HashMap<Uuid, ConsentPlace>,
    /// Outgoing payments that have not ended.
    pub unfinished: HashMap<Uuid, Unfinished>,
    /// `DB_ENCRYPTION_SECRET` of the old backend.
    pub secret: Option<ColumnSecret>,
    /// The key of the clear values that the import kept.
    pub key: Option<ColumnSecret>,
}

/// Values from other tables that the translation of a row needs.
#[derive(Clone, Debug, Default)]
pub struct Related {
    /// The kept value of a token, encrypted.
    pub kept: Option<Vec<u8>>,
    /// When a pending delivery is due.
    pub due_at: Option<Timestamp>,
    /// The tenant of a delivery's event.
    pub event_tenant: Option<Uuid>,
    /// Whether the original has events of the delivery's type.
    pub unknown_event: bool,
}

/// A secret that is known here only as a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostToken {
    /// What it is.
    pub kind: KeptKind,
    /// The management id of an access token, the grant of a continuation, or the peer.
    pub owner: Uuid,
    /// Whether a client could still use it.
    pub usable: bool,
    /// Whether it was revoked.
    pub revoked: bool,
}

/// The translation of a row.
#[derive(Clone, Debug, Default)]
pub struct Back {
    /// Rows of the original.
    pub rows: Vec<OldRow>,
    /// Values that were changed.
    pub changes: Vec<BackChange>,
    /// A token that cannot go back.
    pub lost: Option<LostToken>,
}

/// A value that is changed by the way back, with the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BackChange {
    /// The quote of an unfinished payment is valid for longer.
    QuoteExtended,
    /// The original does not know events of this type.
    EventLeftOut,
    /// The original has one recipient for each tenant.
    EndpointLeftOut,
    /// A text is encrypted again with the old secret.
    Sealed,
    /// The text of an error is longer than the original's column.
    ErrorCut,
    /// A rate has more digits than the original's column.
    RateRoundedDown,
    /// A delivery without attempts left gets as many attempts as the original allows.
    AttemptsRaised,
    /// A pending delivery has had as many attempts as the original makes.
    AttemptsLowered,
    /// Ids that were used by deposits or withdrawals with amount 0.
    EmptyTransferLeftOut,
    /// A hold that was voided or timed out.
    HoldVoided,
    /// An amount of a grant was spent in another asset than that of its newest payment.
    OtherAssetsLeftOut,
}

impl BackChange {
    /// The reason in words.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::QuoteExtended => {
                "quotes of unfinished payments stay valid for longer, so that the move does not end them"
            }
            Self::EventLeftOut => "events that Rafiki 2.4 does not know are left out, with their deliveries",
            Self::EndpointLeftOut => {
                "deliveries to further endpoints of a tenant are left out: Rafiki 2.4 has one endpoint for each tenant"
            }
            Self::Sealed => "texts are encrypted with DB_ENCRYPTION_SECRET again",
            Self::ErrorCut => "texts of errors are cut at 255 characters",
            Self::RateRoundedDown => "estimated rates are rounded down to ten digits after the point",
            Self::AttemptsRaised => {
                "deliveries without attempts left get the number of attempts that Rafiki 2.4 allows, so that it makes no more"
            }
            Self::AttemptsLowered => {
                "pending deliveries get fewer attempts than Rafiki 2.4 allows, so that it tries again"
            }
            Self::EmptyTransferLeftOut => {
                "ids of transfers with amount 0 are left out: Rafiki 2.4 has no such transfers"
            }
            Self::HoldVoided => "withdrawals that were voided or timed out become VOIDED",
            Self::OtherAssetsLeftOut => {
                "spent amounts of a grant in several assets are kept only for the asset of its newest payment"
            }
        }
    }
}

/// Translates one row.
pub fn back(table: Table, row: &Row<'_>, related: &Related, context: &Context) -> Result<Back, Refusal> {
    match table {
        Table::Tenants => institutions::tenant(row, context),
        Table::TenantSettings => institutions::setting(row),
        Table::Assets => institutions::asset(row),
        Table::Fees => institutions::fee(row),
        Table::WalletAddresses => institutions::wallet_address(row),
        Table::WalletAddressKeys => institutions::key(row),
        Table::WalletAddressProperties => institutions::property(row, context),
        Table::AuthServers => peers::auth_server(row),
        Table::HeldGrants => peers::held_grant(row),
        Table::Peers => peers::peer(row),
        Table::PeerIncomingTokens => peers::token(row, related, context),
        Table::Quotes => payments::quote(row, context),
        Table::OutgoingPaymentGrants => payments::grant(row),
        Table::IncomingPayments => payments::incoming(row),
        Table::OutgoingPayments => payments::outgoing(row, context),
        Table::OutgoingPaymentCardDetails => payments::card_details(row),
        Table::WebhookEvents => webhooks::event(row, context),
        Table::WebhookDeliveries => webhooks::delivery(row, related, context),
        Table::AuthTenants => grants::tenant(row, context),
        Table::AuthGrants => grants::grant(row, related, context),
        Table::AccessTokens => grants::token(row, related, context),
        // These are not translated row by row, or follow from other rows.
        Table::OutgoingPaymentGrantSpendings
        | Table::OutgoingPaymentGrantSpent
        | Table::GrantIdentifiers
        | Table::KeptPeerTokens
        | Table::KeptTokens
        | Table::KeptContinuations => Ok(Back::default()),
    }
}

impl Back {
    fn one(row: OldRow) -> Self {
        Self { rows: vec![row], ..Self::default() }
    }

    fn changed(mut self, change: BackChange) -> Self {
        self.changes.push(change);
        self
    }
}

impl OldRow {
    /// A row with these values. Texts that are too long for the original are refused.
    fn new(of: &Row<'_>, table: OldTable, values: &[(&str, Value<'_>)]) -> Result<Self, Refusal> {
        for (column, value) in values {
            if let Value::Text(text) = value
                && text.chars().count() > TEXT_MAX
            {
                let (column, characters) = ((*column).to_owned(), text.chars().count());
                return Err(of.refuse(Reason::TooLongForOriginal { column, characters }));
            }
        }
        Ok(Self { table, json: object(values) })
    }
}

/// The id of a row that has no id in our tables. A repetition gives the same id.
fn derived_once(cause: Uuid, step: &str) -> Uuid {
    TransferId::derived_once(cause, step).as_uuid()
}

/// The id of the `n`-th of several such rows.
fn derived(cause: Uuid, step: &str, n: u64) -> Uuid {
    TransferId::derived(cause, step, n).as_uuid()
}

/// A time of ours.
fn time(at: Timestamp) -> Value<'static> {
    Value::Time(at.as_millis().saturating_mul(1000))
}

fn optional_time(at: Option<Timestamp>) -> Value<'static> {
    at.map_or(Value::Null, time)
}

/// The time in a column of the row.
fn time_of(row: &Row<'_>, column: &'static str) -> Result<Value<'static>, Refusal> {
    Ok(time(row.millis(column)?))
}

fn optional_time_of(row: &Row<'_>, column: &'static str) -> Result<Value<'static>, Refusal> {
    Ok(optional_time(row.optional_millis(column)?))
}

/// The JSON text of a column, checked.
fn json_of(row: &Row<'_>, column: &'static str) -> Result<Option<String>, Refusal> {
    let Some(text) = row.optional_text(column)? else { return Ok(None) };
    let read: Result<&RawValue, _> = serde_json::from_str(&text);
    match read {
        Ok(_) => Ok(Some(text)),
        Err(_) => Err(row.refuse(Reason::Malformed { column, found: String::new(), wanted: "JSON" })),
    }
}

/// A text in clear that this program may have encrypted at `place`.
fn opened(
    row: &Row<'_>,
    text: &str,
    (column, place): (&'static str, Place),
    context: &Context,
) -> Result<String, Refusal> {
    let sealer = Sealer::new(context.secret.as_ref().map(ColumnSecret::octets), &[]);
    sealer.open(text, place).map_err(|_| row.refuse(Reason::OtherSecret(column)))
}

/// The clear value that was kept, checked against the hash of the row by `is_of`.
fn clear(
    row: &Row<'_>,
    (kind, owner): (KeptKind, Uuid),
    related: &Related,
    context: &Context,
    is_of: impl FnOnce(&str) -> Result<bool, Refusal>,
) -> Result<Option<String>, Refusal> {
    let Some(sealed) = &related.kept else { return Ok(None) };
    let key = context.key.as_ref().ok_or_else(|| row.refuse(Reason::OtherKey))?;
    let value = kept::open(kind, owner, sealed, key).map_err(|_| row.refuse(Reason::OtherKey))?;
    Ok(is_of(&value)?.then_some(value))
}

fn json(text: Option<&String>) -> Value<'_> {
    text.map_or(Value::Null, |text| Value::Json(text))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Read, json};

    use super::*;

    const TENANT: Uuid = Uuid::from_u128(1);
    const DAY: i64 = 86_400_000;

    fn context() -> Context {
        Context {
            at: Timestamp::from_millis(10 * DAY),
            grace: Duration::from_hours(1),
            operator: TENANT,
            default_retries: 10,
            retries: HashMap::new(),
            consent: HashMap::new(),
            unfinished: HashMap::new(),
            secret: None,
            key: ColumnSecret::from_base64("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc="),
        }
    }

    fn gone_back(table: Table, row: &Read, related: &Related) -> (Vec<Read>, Back) {
        let json = row.to_string();
        let back = back(table, &Row::read(table.name(), &json).unwrap(), related, &context()).unwrap();
        let read = |row: &OldRow| serde_json::from_str(&row.json).unwrap();
        (back.rows.iter().map(read).collect(), back)
    }

    #[test]
    fn data_that_was_encrypted_here_goes_back_in_the_form_of_the_original() {
        let id = Uuid::from_u128(9);
        let stored = Sealer::new(Some(&[7; 32]), &[]);
        let stored = stored.seal("kyc", Place::DataFromSender(id), &clock::SeededEntropy::new(1)).unwrap();
        let row = json!({
            "id": id, "event_type": "incoming_payment.partial_payment_received", "tenant_id": TENANT,
            "data": json!({ "dataFromSender": stored }).to_string(), "withdrawal_account_id": null,
            "withdrawal_asset_id": null, "withdrawal_amount": null, "outgoing_payment_id": null,
            "incoming_payment_id": Uuid::from_u128(2), "wallet_address_id": null, "peer_id": null, "asset_id": null,
            "created_at": DAY,
        });
        let json = row.to_string();
        let row = Row::read(Table::WebhookEvents.name(), &json).unwrap();
        let with = |secret: &str| Context { secret: ColumnSecret::from_base64(secret), ..context() };

        let same = with("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=");
        let gone = back(Table::WebhookEvents, &row, &Related::default(), &same).unwrap();
        let there: Read = serde_json::from_str(&gone.rows[0].json).unwrap();
        let there = there["data"]["dataFromSender"].as_str().unwrap();
        assert_eq!(crate::sealed::open(there, same.secret.as_ref()).as_deref(), Ok("kyc"));

        let other = with("CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=");
        for context in [other, context()] {
            let refused = back(Table::WebhookEvents, &row, &Related::default(), &context).unwrap_err();
            assert_eq!(refused.reason, Reason::OtherSecret("dataFromSender"));
        }
    }

    #[test]
    fn pending_deliveries_stay_pending_in_the_original_and_further_endpoints_are_left_out() {
        let delivery = |state: &str, attempts: u32| {
            json!({
                "id": Uuid::from_u128(2), "event_id": Uuid::from_u128(3), "recipient": "TENANT",
                "recipient_tenant_id": TENANT, "endpoint_id": null, "attempts": attempts, "status_code": 500,
                "state": state, "due_at": 7 * DAY, "created_at": 5 * DAY, "updated_at": 6 * DAY,
            })
        };
        for (state, here, attempts, at, change) in [
            ("PENDING", 3, 3, Some("1970-01-08T00:00:00Z"), None),
            ("PENDING", 40, 9, Some("1970-01-08T00:00:00Z"), Some(BackChange::AttemptsLowered)),
            ("QUARANTINED", 12, 9, Some("1970-01-08T00:00:00Z"), Some(BackChange::AttemptsLowered)),
            ("EXHAUSTED", 4, 10, Some("1970-01-07T00:00:00Z"), Some(BackChange::AttemptsRaised)),
            ("DELIVERED", 11, 11, None, None),
        ] {
            let (rows, back) = gone_back(Table::WebhookDeliveries, &delivery(state, here), &Related::default());
            assert_eq!((&rows[0]["attempts"], rows[0]["processAt"].as_str()), (&json!(attempts), at), "{state} {here}");
            assert_eq!(back.changes, Vec::from_iter(change), "{state} {here}");
        }

        let mut further = delivery("PENDING", 0);
        further["endpoint_id"] = json!(Uuid::from_u128(9));
        let (rows, back) = gone_back(Table::WebhookDeliveries, &further, &Related::default());
        assert_eq!((rows.len(), back.changes), (0, vec![BackChange::EndpointLeftOut]));
    }

    #[test]
    fn a_peers_token_goes_back_if_its_clear_value_was_kept_and_it_has_not_ended() {
        let peer = Uuid::from_u128(4);
        let digest = payments_model::peer_token::TokenDigest::of("from the peer").to_string();
        let row = |digest: &str, end: Option<i64>| json!({"digest": digest, "peer_id": peer, "expires_at": end, "created_at": DAY});
        let sealed = kept::seal(KeptKind::PeerToken, peer, "from the peer", context().key.as_ref().unwrap());
        let kept = Related { kept: Some(sealed), ..Related::default() };

        let (rows, back) = gone_back(Table::PeerIncomingTokens, &row(&digest, None), &kept);
        assert_eq!((&rows[0]["token"], back.lost), (&json!("from the peer"), None));
        let (rows, back) = gone_back(Table::PeerIncomingTokens, &row(&digest, Some(11 * DAY)), &kept);
        assert_eq!((rows.len(), back.lost), (1, None), "it is still valid");
        for (digest, end, related, usable) in [
            (&*digest, None, &Related::default(), true),
            (&*digest, Some(10 * DAY), &kept, false),
            (&*"0".repeat(64), None, &kept, true),
        ] {
            let (rows, back) = gone_back(Table::PeerIncomingTokens, &row(digest, end), related);
            let lost = LostToken { kind: KeptKind::PeerToken, owner: peer, usable, revoked: false };
            assert_eq!((rows.len(), back.lost), (0, Some(lost)));
        }
    }
}
