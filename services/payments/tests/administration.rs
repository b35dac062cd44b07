//! Administration over a real store and the ledger's own model.
//! Payments are in `src/tests`.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

use std::sync::Arc;
use std::time::Duration;

use clock::Entropy;
use ledger::{AccountId, Ledger, MemoryLedger};
use payments::administration::{
    Administration, AdministrationSettings, Caller, CreateAssetError, CreateKeyError, CreatePeerError,
    CreateWalletAddressError, DeleteAssetError, DeletePeerError, Holder, LiquidityError, NewAsset, NewKey, NewPeer,
    NewWalletAddress, PeerChange, PutSettingsError, SettleError, Thresholds,
};
use payments_model::accounting::TransferError;
use payments_model::peer::OutgoingHttp;
use payments_model::peer_terms::PeerTerms;
use payments_model::tenant::{Setting, SettingKey};
use payments_model::{FeeKind, Peer, Secret, Tenant, TenantAsset, TenantId, WalletAddress};
use payments_store::Store;
use testkit::{TestDatabase, on_each_database};
use uuid::Uuid;

const OPERATOR: Caller = Caller { tenant: TenantId::from_uuid(Uuid::from_u128(1)), is_operator: true };
const TENANT: Caller = Caller { tenant: TenantId::from_uuid(Uuid::from_u128(2)), is_operator: false };
const OTHER: Caller = Caller { tenant: TenantId::from_uuid(Uuid::from_u128(3)), is_operator: false };

/// A public key.
const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

/// There is no authorization server.
#[derive(Debug)]
struct NoMirror;

#[async_trait::async_trait]
impl auth_service::TenantMirror for NoMirror {
    async fn bring_in_line(&self, _: &Tenant) -> Result<(), auth_service::MirrorError> {
        Ok(())
    }
}

struct Office {
    administration: Administration,
    store: Store,
    ledger: Arc<MemoryLedger>,
    entropy: Arc<dyn Entropy>,
    _database: TestDatabase,
}

impl Office {
    async fn open(database: TestDatabase) -> Self {
        let store = Store::open((*database).clone()).await.unwrap();
        let clock = testkit::fixed_clock();
        let unit = store.begin().await.unwrap();
        for caller in [OPERATOR, TENANT, OTHER] {
            let tenant = Tenant {
                id: caller.tenant,
                api_secret: Secret::new(caller.tenant.to_string()),
                email: None,
                public_name: None,
                idp_consent_url: None,
                idp_secret: None,
                created_at: clock.now(),
                updated_at: clock.now(),
                deleted_at: None,
            };
            unit.every_tenant().insert_tenant(&tenant).await.unwrap();
        }
        unit.commit().await.unwrap();
        let ledger = Arc::new(MemoryLedger::new(Arc::clone(&clock)));
        let entropy = testkit::entropy(11);
        let settings = AdministrationSettings {
            open_payments_url: "https://localhost:3000".parse().unwrap(),
            own_wallet_address: "https://localhost:3000/me".parse().unwrap(),
            deactivation_grace: Duration::from_hours(24),
            operator: OPERATOR.tenant,
            ilp_address: "test.bank".parse().unwrap(),
            secret_overlap: Duration::from_mins(10),
            sealer: sealed_text::Sealer::default(),
        };
        let shared = Arc::clone(&ledger) as Arc<dyn Ledger>;
        let administration =
            Administration::new(store.clone(), shared, clock, Arc::clone(&entropy), settings, Arc::new(NoMirror));
        Self { administration, store, ledger, entropy, _database: database }
    }

    async fn asset(&self, caller: Caller, code: &str) -> Result<TenantAsset, CreateAssetError> {
        let asset = money::Asset::new(code, 2).unwrap();
        let new = NewAsset { asset, thresholds: Thresholds::default(), tenant: None };
        self.administration.create_asset(caller, new).await
    }

    async fn peer(&self, caller: Caller, asset: &TenantAsset, address: &str) -> Result<Peer, CreatePeerError> {
        let new = NewPeer {
            asset_id: asset.id,
            static_ilp_address: address.to_owned(),
            outgoing: OutgoingHttp { endpoint: "http://peer.example".into(), token: Secret::new("out") },
            incoming_tokens: vec![Secret::new(format!("in {address}"))],
            max_packet_amount: None,
            name: None,
            liquidity_threshold: None,
            initial_liquidity: Some(500),
            routes: Vec::new(),
            terms: PeerTerms::default(),
        };
        self.administration.create_peer(caller, new).await
    }

    async fn address(
        &self,
        caller: Caller,
        asset: &TenantAsset,
        address: &str,
    ) -> Result<WalletAddress, CreateWalletAddressError> {
        let new = NewWalletAddress {
            tenant: None,
            asset_id: asset.id,
            address: address.to_owned(),
            public_name: None,
            additional_properties: Vec::new(),
        };
        self.administration.create_wallet_address(caller, new).await
    }

    fn v4(&self) -> String {
        self.entropy.uuid().to_string()
    }

    async fn balance(&self, id: impl Into<AccountId>) -> Option<u64> {
        self.administration.balance(id.into()).await.unwrap()
    }
}

on_each_database! {
    async fn an_asset_has_its_two_accounts_as_soon_as_it_can_be_seen(database) {
        let office = Office::open(database).await;
        let usd = office.asset(TENANT, "USD").await.unwrap();
        let accounts = [usd.in_ledger().liquidity_account(), usd.in_ledger().settlement_account()];
        assert!(office.ledger.accounts(accounts.to_vec()).await.unwrap().iter().all(Option::is_some));
        assert!(matches!(office.asset(TENANT, "USD").await, Err(CreateAssetError::Duplicate)));
        assert!(office.asset(OTHER, "USD").await.is_ok());
    }

    async fn of_fees_set_at_the_same_instant_the_last_is_in_force(database) {
        let office = Office::open(database).await;
        let usd = office.asset(TENANT, "USD").await.unwrap();
        for fixed in 0..10 {
            office.administration.set_fee(TENANT, usd.id, FeeKind::Sending, fixed, 0).await.unwrap();
            let newest = office.store.tenant(TENANT.tenant).newest_fee(usd.id, FeeKind::Sending).await.unwrap();
            assert_eq!(newest.unwrap().terms.fixed, fixed);
        }
    }

    async fn a_deleted_asset_is_revived_as_it_was(database) {
        let office = Office::open(database).await;
        let usd = office.asset(TENANT, "USD").await.unwrap();
        office.administration.delete_asset(TENANT, usd.id).await.unwrap();
        assert_eq!(office.store.tenant(TENANT.tenant).asset(usd.id).await.unwrap(), None);
        let revived = office.asset(TENANT, "USD").await.unwrap();
        assert_eq!((revived.id, revived.ledger), (usd.id, usd.ledger));
    }

    async fn a_peer_is_deleted_when_nothing_is_held_and_what_is_left_of_its_liquidity_is_withdrawn(database) {
        let office = Office::open(database).await;
        let usd = office.asset(TENANT, "USD").await.unwrap();
        let bob = office.peer(TENANT, &usd, "test.bob").await.unwrap();
        let own = office.administration.delete_peer(OTHER, bob.id).await;
        assert!(matches!(own, Err(DeletePeerError::Unknown)), "{own:?}");

        // A packet from Bob is under way.
        let (hold, decision) = (office.entropy.uuid().into(), office.entropy.uuid().into());
        let packet = usd.in_ledger().withdrawal(hold, bob.id.into(), 100, 30);
        assert!(office.ledger.submit(vec![packet]).await.unwrap()[0].is_ok());
        let refused = office.administration.delete_peer(TENANT, bob.id).await.unwrap_err();
        assert!(matches!(refused, DeletePeerError::HoldsMoney), "{refused:?}");
        assert_eq!(office.store.tenant(TENANT.tenant).peer(bob.id).await.unwrap().as_ref(), Some(&bob));
        let void = ledger::NewTransfer::void(decision, hold);
        assert!(office.ledger.submit(vec![void]).await.unwrap()[0].is_ok());

        office.administration.delete_peer(TENANT, bob.id).await.unwrap();
        assert_eq!(office.store.tenant(TENANT.tenant).peer(bob.id).await.unwrap(), None);
        assert_eq!(office.balance(bob.id).await, Some(0), "money that could not be reached any more was moved out");
        let again = office.peer(TENANT, &usd, "test.bob").await.unwrap();
        assert_eq!(office.balance(again.id).await, Some(500));
    }

    async fn an_asset_in_use_is_not_deleted(database) {
        let office = Office::open(database).await;
        let usd = office.asset(TENANT, "USD").await.unwrap();
        office.peer(TENANT, &usd, "test.bob").await.unwrap();
        let refused = office.administration.delete_asset(TENANT, usd.id).await;
        assert!(matches!(refused, Err(DeleteAssetError::InUse)));
    }

    async fn a_tenant_can_neither_use_nor_see_what_is_anothers(database) {
        let office = Office::open(database).await;
        let usd = office.asset(TENANT, "USD").await.unwrap();
        let bob = office.peer(TENANT, &usd, "test.bob").await.unwrap();
        assert!(matches!(office.peer(OTHER, &usd, "test.eve").await, Err(CreatePeerError::UnknownAsset)));
        let fee = office.administration.set_fee(OTHER, usd.id, FeeKind::Sending, 1, 1).await;
        assert!(fee.is_err());
        let change = office.administration.update_peer(OTHER, bob.id, PeerChange::default()).await;
        assert!(change.is_err());
        let deposit = office.administration.deposit(OTHER, Holder::Peer(bob.id), 5, &office.v4()).await;
        assert!(matches!(deposit, Err(LiquidityError::UnknownPeer)));
        assert!(office.administration.deposit(OPERATOR, Holder::Peer(bob.id), 5, &office.v4()).await.is_ok());
        assert_eq!(office.balance(bob.id).await, Some(505));
        let new = NewAsset {
            asset: money::Asset::new("EUR", 2).unwrap(),
            thresholds: Thresholds::default(),
            tenant: Some(TENANT.tenant),
        };
        assert!(matches!(office.administration.create_asset(OTHER, new.clone()).await, Err(CreateAssetError::ForeignTenant(_))));
        assert_eq!(office.administration.create_asset(OPERATOR, new).await.unwrap().tenant_id, TENANT.tenant);
    }

    async fn a_refused_peer_leaves_neither_row_nor_token(database) {
        let office = Office::open(database).await;
        let usd = office.asset(TENANT, "USD").await.unwrap();
        let eur = office.asset(TENANT, "EUR").await.unwrap();
        office.peer(TENANT, &usd, "test.bob").await.unwrap();
        assert!(matches!(office.peer(TENANT, &usd, "test.bob").await, Err(CreatePeerError::Duplicate)));
        assert!(matches!(office.peer(TENANT, &eur, "test.bob").await, Err(CreatePeerError::DuplicateToken)));
        assert!(matches!(office.peer(TENANT, &eur, "bob").await, Err(CreatePeerError::InvalidAddress)));
        assert_eq!(office.store.every_tenant().all_peers().await.unwrap().len(), 1);
        assert_eq!(office.store.every_tenant().all_peer_tokens().await.unwrap().len(), 1);
    }

    async fn a_wallet_address_lies_below_its_tenants_base_url(database) {
        let office = Office::open(database).await;
        let usd = office.asset(TENANT, "USD").await.unwrap();
        assert!(matches!(office.address(TENANT, &usd, "ann").await, Err(CreateWalletAddressError::NoBaseUrl)));
        let base = Setting { key: SettingKey::WalletAddressUrl, value: "https://bank.example/w".into() };
        office.administration.put_settings(TENANT, vec![base]).await.unwrap();
        let ann = office.address(TENANT, &usd, "Ann").await.unwrap();
        assert_eq!(ann.address, "https://bank.example/w/ann");
        assert!(matches!(office.address(TENANT, &usd, "ann").await, Err(CreateWalletAddressError::Duplicate)));
        let own = office.asset(OPERATOR, "USD").await.unwrap();
        assert_eq!(office.address(OPERATOR, &own, "bob").await.unwrap().address, "https://localhost:3000/bob");
        assert!(matches!(office.address(OPERATOR, &usd, "eve").await, Err(CreateWalletAddressError::UnknownAsset)));
    }

    async fn keys_of_a_foreign_wallet_address_cannot_be_added_or_revoked(database) {
        let office = Office::open(database).await;
        let own = office.asset(OPERATOR, "USD").await.unwrap();
        let ann = office.address(OPERATOR, &own, "ann").await.unwrap();
        let key = NewKey { wallet_address_id: ann.id, kid: "k".into(), x: X.into() };
        let refused = office.administration.create_wallet_address_key(TENANT, key.clone()).await;
        assert!(matches!(refused, Err(CreateKeyError::UnknownWalletAddress)));
        let made = office.administration.create_wallet_address_key(OPERATOR, key).await.unwrap();
        assert!(office.administration.revoke_wallet_address_key(TENANT, made.id).await.is_err());
        assert!(office.administration.revoke_wallet_address_key(OPERATOR, made.id).await.unwrap().revoked);
    }

    async fn what_no_signature_can_be_verified_with_is_not_published(database) {
        let office = Office::open(database).await;
        let own = office.asset(OPERATOR, "USD").await.unwrap();
        let ann = office.address(OPERATOR, &own, "ann").await.unwrap();
        let refused = async |kid: &str, x: &str| {
            let key = NewKey { wallet_address_id: ann.id, kid: kid.into(), x: x.into() };
            let made = office.administration.create_wallet_address_key(OPERATOR, key).await;
            made.err().map(|error| error.to_string())
        };

        let bad_x = "jwk.x must be a 32-byte Ed25519 public key in unpadded base64url";
        let padded = format!("{X}=");
        let (thirty, zeros, hex) = ("A".repeat(40), "A".repeat(43), "d7".repeat(32));
        for x in ["", "x", &padded, &thirty, &zeros, &hex] {
            assert_eq!(refused("k", x).await.as_deref(), Some(bad_x), "{x}");
        }
        let long = "k".repeat(100_000);
        for (kid, message) in [
            ("", "jwk.kid must not be blank"),
            (" ", "jwk.kid must not be blank"),
            ("a\nb", "jwk.kid must not contain control characters"),
            ("a\0b", "jwk.kid must not contain the character U+0000"),
            (&*long, "jwk.kid must not be longer than 255 characters"),
        ] {
            assert_eq!(refused(kid, X).await.as_deref(), Some(message));
        }
        assert_eq!(refused("k", X).await, None);
    }

    async fn no_tenant_takes_what_anothers_addresses_begin_with(database) {
        let office = Office::open(database).await;
        let claim = async |caller: Caller, url: &str| {
            let base = Setting { key: SettingKey::WalletAddressUrl, value: url.to_owned() };
            office.administration.put_settings(caller, vec![base]).await.map(|kept| kept[0].value.clone())
        };
        assert_eq!(claim(TENANT, "https://Bank.example:443/W/").await.unwrap(), "https://bank.example/w");
        for taken in [
            "https://bank.example/w",
            "HTTPS://BANK.example/w/",
            "https://bank.example:443/w",
            "https://bank.example./%57",
            "https://bank.example",
            "https://bank.example/w/inner",
            "https://localhost:3000",
            "https://LOCALHOST:3000/inner",
        ] {
            let refused = claim(OTHER, taken).await;
            assert!(matches!(refused, Err(PutSettingsError::DuplicateWalletAddressUrl)), "{taken}: {refused:?}");
        }
        assert_eq!(claim(OTHER, "https://bank.example/w2").await.unwrap(), "https://bank.example/w2");
        assert_eq!(claim(TENANT, "https://bank.example/w/moved").await.unwrap(), "https://bank.example/w/moved");
        assert_eq!(claim(OPERATOR, "https://localhost:3000/w").await.unwrap(), "https://localhost:3000/w");
    }

    async fn of_two_tenants_that_take_one_base_at_once_one_gets_it(database) {
        let office = Office::open(database).await;
        let claim = |caller: Caller, url: &str| {
            let base = Setting { key: SettingKey::WalletAddressUrl, value: url.to_owned() };
            office.administration.put_settings(caller, vec![base])
        };
        let claims = tokio::join!(claim(TENANT, "https://bank.example/w"), claim(OTHER, "https://bank.example/w/inner"));
        assert_ne!(claims.0.is_ok(), claims.1.is_ok(), "{claims:?}");
    }

    async fn one_wallet_address_has_one_spelling_and_no_reserved_name(database) {
        let office = Office::open(database).await;
        let own = office.asset(OPERATOR, "USD").await.unwrap();
        assert_eq!(office.address(OPERATOR, &own, "twin").await.unwrap().address, "https://localhost:3000/twin");
        for spelling in ["twin/", "TWIN", "%74win", "https://localhost:3000/x/../twin"] {
            let again = office.address(OPERATOR, &own, spelling).await;
            assert!(matches!(again, Err(CreateWalletAddressError::Duplicate)), "{spelling}: {again:?}");
        }
        let long = "a".repeat(3000);
        for unusable in ["//x", "me", "a/jwks.json", "healthz", ".well-known/pay", &TENANT.tenant.to_string(), &long] {
            let refused = office.address(OPERATOR, &own, unusable).await;
            assert!(matches!(refused, Err(CreateWalletAddressError::InvalidUrl(_))), "{unusable}: {refused:?}");
        }
        let spelled = "https://LOCALHOST:3000/%54win/".parse().unwrap();
        assert!(office.store.every_tenant().wallet_address_by_url(&spelled).await.unwrap().is_some());
    }

    async fn a_pending_withdrawal_holds_the_money_until_it_is_settled_once(database) {
        let office = Office::open(database).await;
        let usd = office.asset(TENANT, "USD").await.unwrap();
        let bob = office.peer(TENANT, &usd, "test.bob").await.unwrap();
        let (first, second) = (office.v4(), office.v4());
        let a = &office.administration;
        a.withdraw(TENANT, Holder::Peer(bob.id), 200, &first, 60).await.unwrap();
        a.withdraw(TENANT, Holder::Peer(bob.id), 100, &second, 60).await.unwrap();
        assert_eq!(office.balance(bob.id).await, Some(200));
        let again = a.withdraw(TENANT, Holder::Peer(bob.id), 200, &first, 60).await;
        assert!(matches!(again, Err(LiquidityError::Transfer(TransferError::TransferExists))));
        let foreign = a.post_withdrawal(OTHER, &first).await;
        assert!(matches!(foreign, Err(SettleError::Transfer(TransferError::UnknownTransfer))));
        a.post_withdrawal(TENANT, &first).await.unwrap();
        a.void_withdrawal(TENANT, &second).await.unwrap();
        assert_eq!(office.balance(bob.id).await, Some(300));
        let posted = a.post_withdrawal(TENANT, &first).await;
        assert!(matches!(posted, Err(SettleError::Transfer(TransferError::AlreadyPosted))));
        let voided = a.post_withdrawal(TENANT, &second).await;
        assert!(matches!(voided, Err(SettleError::Transfer(TransferError::AlreadyVoided))));
    }

    async fn liquidity_that_is_not_there_or_badly_named_is_not_moved(database) {
        let office = Office::open(database).await;
        let usd = office.asset(TENANT, "USD").await.unwrap();
        let holder = Holder::Asset(usd.id);
        let a = &office.administration;
        assert!(matches!(a.deposit(TENANT, holder, 0, &office.v4()).await, Err(LiquidityError::AmountZero)));
        for bad in ["", "nonsense", "00000000-0000-0000-0000-000000000001"] {
            let refused = a.deposit(TENANT, holder, 5, bad).await;
            assert!(matches!(refused, Err(LiquidityError::Transfer(TransferError::InvalidId))), "{bad}");
        }
        let short = a.withdraw(TENANT, holder, 1, &office.v4(), 0).await;
        assert!(matches!(short, Err(LiquidityError::Transfer(TransferError::InsufficientBalance))), "{short:?}");
        let id = office.v4();
        a.deposit(TENANT, holder, 5, &id).await.unwrap();
        let again = a.deposit(TENANT, holder, 5, &id).await;
        assert!(matches!(again, Err(LiquidityError::Transfer(TransferError::TransferExists))));
        assert_eq!(office.balance(usd.id).await, Some(5));
    }
}
