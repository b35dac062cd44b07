//! Which scope of a token allows which field of the Admin API.
//!
//! A field that is in no list needs `admin:*`. So a new field is closed until somebody opens it.

use http_kit::LetIn;
use http_kit::graphql::FieldRights;
use payments::administration::Caller;
use service_auth::Scope;
use service_identity::Principal;

/// The rights of a caller with a token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScopedRights<'p>(pub(crate) &'p Principal);

impl FieldRights for ScopedRights<'_> {
    fn root(&self, field: &str) -> bool {
        field == "whoami" || self.has_one_of(scopes_of(field))
    }

    fn nested(&self, field: &str) -> bool {
        match field {
            // A token must not give what works without it.
            "apiSecret" | "idpSecret" | "authToken" | "settings" => self.has_one_of(&[]),
            "incomingPayments" => self.has_one_of(&[Scope::PaymentsRead, Scope::PaymentsWrite, Scope::PosReceive]),
            "outgoingPayments" | "quotes" => self.has_one_of(&[Scope::PaymentsRead, Scope::PaymentsWrite]),
            _ => true,
        }
    }
}

impl ScopedRights<'_> {
    fn has_one_of(self, scopes: &[Scope]) -> bool {
        self.0.has(Scope::Admin) || scopes.iter().any(|scope| self.0.has(*scope))
    }
}

/// A sender whose proof was accepted.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub(crate) caller: Caller,
    /// The service, if it showed a token or a certificate. A caller that signs with the tenant's secret has all rights of the
    /// tenant.
    pub(crate) principal: Option<Principal>,
}

impl Sender {
    /// Who it is, for those who audit calls.
    pub(crate) fn let_in(&self) -> LetIn {
        self.principal.as_ref().map_or_else(|| LetIn::tenant(self.caller.tenant), LetIn::service)
    }
}

/// Which outgoing payments of its tenant a caller may use in some way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outgoing {
    /// All of them.
    All,
    /// Those that are made with a card.
    ByCard,
}

/// What a caller may do with outgoing payments, where the scope `cards:pay` opens the field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OutgoingRights {
    /// Which it may read.
    pub(crate) reads: Outgoing,
    /// Which it may make and cancel.
    pub(crate) changes: Outgoing,
}

impl OutgoingRights {
    /// A caller that signs with the secret of its tenant has no principal, and all rights of the tenant.
    pub(crate) fn of(principal: Option<&Principal>) -> Self {
        let with = |scopes: &[Scope]| match principal {
            Some(service) if service.needs(scopes).is_err() => Outgoing::ByCard,
            _ => Outgoing::All,
        };
        Self {
            reads: with(&[Scope::Admin, Scope::PaymentsRead, Scope::PaymentsWrite, Scope::PosReceive]),
            changes: with(&[Scope::Admin, Scope::PaymentsWrite, Scope::PosReceive]),
        }
    }
}

/// The scopes that allow a field of the query or mutation, beside `admin:*`.
fn scopes_of(field: &str) -> &'static [Scope] {
    use Scope::{
        AddressesWrite, AssetsRead, AssetsWrite, CardsPay, LiquidityWrite, PaymentsRead, PaymentsWrite, PosReceive,
    };
    match field {
        "asset" | "assetByCodeAndScale" | "assets" => &[AssetsRead, AssetsWrite, AddressesWrite],
        "peer" | "peerByAddressAndAsset" | "peers" | "exchangeRates" | "convertedAmount" => &[AssetsRead, AssetsWrite],
        "createAsset"
        | "updateAsset"
        | "setFee"
        | "fetchExchangeRates"
        | "createPeer"
        | "createOrUpdatePeerByUrl"
        | "updatePeer" => &[AssetsWrite],

        "walletAddress" | "walletAddressByUrl" => &[AddressesWrite, PaymentsRead, PaymentsWrite, CardsPay, PosReceive],
        "walletAddresses" => &[AddressesWrite, PaymentsRead, PaymentsWrite],
        "createWalletAddress"
        | "updateWalletAddress"
        | "createWalletAddressKey"
        | "revokeWalletAddressKey"
        | "triggerWalletAddressEvents" => &[AddressesWrite],

        "quote" | "outgoingPayments" | "incomingPayments" | "payments" | "webhookEvents" => {
            &[PaymentsRead, PaymentsWrite]
        }
        // With `cards:pay` alone, outgoing payments are restricted to those by card: `OutgoingRights`.
        "outgoingPayment" | "receiver" => &[PaymentsRead, PaymentsWrite, CardsPay, PosReceive],
        "createOutgoingPaymentFromIncomingPayment" => &[PaymentsWrite, CardsPay, PosReceive],
        "cancelOutgoingPayment" => &[PaymentsWrite, CardsPay],

        "incomingPayment" => &[PaymentsRead, PaymentsWrite, PosReceive],
        // A point of sale pays back, and closes the incoming payment of a tap before it says that the tap has failed.
        "createIncomingPayment" | "createReceiver" | "completeReceiver" => &[PaymentsWrite, PosReceive],
        "updateIncomingPayment"
        | "createQuote"
        | "createOutgoingPayment"
        | "approveIncomingPayment"
        | "cancelIncomingPayment"
        | "confirmPartialIncomingPayment"
        | "rejectPartialIncomingPayment" => &[PaymentsWrite],

        "accountingTransfers" => &[LiquidityWrite, PaymentsRead],
        "depositAssetLiquidity"
        | "createAssetLiquidityWithdrawal"
        | "depositPeerLiquidity"
        | "createPeerLiquidityWithdrawal"
        | "postLiquidityWithdrawal"
        | "voidLiquidityWithdrawal"
        | "depositEventLiquidity"
        | "withdrawEventLiquidity"
        | "createIncomingPaymentWithdrawal"
        | "createOutgoingPaymentWithdrawal"
        | "depositOutgoingPaymentLiquidity"
        | "createWalletAddressWithdrawal" => &[LiquidityWrite],

        _ => &[],
    }
}
