//! What belongs to somebody else is not found and not changed, on every page that has an id in its address.
//!
//! The pages are those of `docs/routes.md`, so a new one is tested, too, or stops the test until it has something to show.

use page_kit::{Seal, form_token};

use super::*;

const ROUTES: &str = include_str!("../../../../docs/routes.md");

/// The pages of customers with an id in their address. Those of operators belong to no customer: see `operators`.
fn pages_with_an_id() -> Vec<&'static str> {
    let cells = |line: &'static str| line.split('|').map(|cell| cell.trim().trim_matches('`')).collect::<Vec<_>>();
    let rows = ROUTES.lines().map(cells);
    let is_of_customers = |path: &str| path.contains("{id}") && !path.starts_with("/operator/");
    rows.filter(|row| matches!(row[..], [_, "wallet", path, "Session", _] if is_of_customers(path)))
        .map(|row| row[2])
        .collect()
}

impl Bench {
    /// The only value that a query finds.
    async fn value<T: sea_orm::TryGetable>(&self, sql: &str) -> T {
        self.database.bulk_query(sql, []).await.unwrap()[0].try_get_by_index(0).unwrap()
    }

    /// How many changes the instance was asked for.
    fn changes(&self) -> usize {
        self.instance.calls.lock().unwrap().iter().filter(|(_, input)| !input.is_null()).count()
    }
}

impl Browser<'_> {
    /// The id in the first link to a page of this kind.
    async fn linked(&mut self, list: &str, kind: &str) -> String {
        let text = self.get(list).await.text;
        let link = text
            .split(&format!("href=\"/{kind}/"))
            .find_map(|rest| rest.get(..36).filter(|id| Uuid::parse_str(id).is_ok()));
        link.unwrap_or_else(|| panic!("no {kind}: {text}")).to_owned()
    }

    /// One of everything that a customer may have, by the first part of its address.
    async fn everything(&mut self, account: String) -> Vec<(&'static str, String)> {
        let payee = self.bench.payee.clone();
        let draft = self.draft(&account).await;
        self.send("/contacts/add", "/contacts/add", &[("name", "Bob"), ("url", &payee)]).await;
        self.send("/request", "/request", &[("account", &account), ("amount", "1.00"), ("lasts", "day")]).await;
        let sql =
            "INSERT INTO wallet_cards VALUES ('4242', $1, 'https://localhost:3000/accounts/nora', 'x', '', '', '', 0,
            'active', NULL, 0)";
        self.bench.database.execute(sql, [Uuid::parse_str(&account).unwrap().into()]).await.unwrap();
        *self.bench.instance.asked.lock().unwrap() = json!({"grantId": Uuid::from_u128(5), "state": "PENDING", "access": [
            {"type": "outgoing-payment", "actions": ["create"], "identifier": "https://localhost:3000/accounts/nora",
             "limits": {"debitAmount": usd(2_000)}}]});
        let consent = self.get("/mock-idp/?interactId=i1&nonce=n1").await.location;
        let bench = self.bench;
        let hydra = &bench.hydra;
        let subject: Uuid = bench.value("SELECT id FROM wallet_users WHERE email = 'nora@example.com'").await;
        let (login, logout) = (hydra.begins(&json!([]), ""), hydra.wants_sign_out("nora"));
        let mut asked = async |way: &str| self.get(way).await.location.rsplit('/').next().unwrap().to_owned();
        let (login, logout) = (asked(&login).await, asked(&logout).await);
        let consent_there = asked(&hydra.asks_consent(&subject.to_string())).await;
        vec![
            ("oauth/login", login),
            ("oauth/consent", consent_there),
            ("oauth/logout", logout),
            ("send", draft.trim_start_matches("/send/").to_owned()),
            ("contacts", self.linked("/contacts", "contacts").await),
            ("requests", self.linked("/requests", "requests").await),
            ("history", self.linked("/history", "history").await),
            ("cards", self.linked("/cards", "cards").await),
            ("consent", consent.trim_start_matches("/consent/").to_owned()),
            ("agreements", Uuid::from_u128(5).to_string()),
            ("accounts", account),
        ]
    }
}

on_each_database! {
    async fn no_page_shows_or_changes_what_belongs_to_somebody_else(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, account) = bench.customer("nora").await;
        let (mut eve, _) = bench.customer("eve").await;
        let own = nora.everything(account).await;
        let find = "SELECT s.id FROM wallet_sessions s JOIN wallet_users u ON u.id = s.user_id
            WHERE u.email = 'eve@example.com'";
        let session: Uuid = bench.value(find).await;
        let token = eve.cookie.clone().unwrap().split_once('=').unwrap().1.to_owned();
        let seal = Seal::new(&token, testkit::entropy(1));

        let pages = pages_with_an_id();
        assert!(pages.len() > 20, "{pages:?}");
        for page in pages {
            let (_, id) = own.iter().find(|(of, _)| page.starts_with(&format!("/{of}/"))).unwrap_or_else(|| panic!("Nora has nothing for {page}"));
            let path = page.replace("{id}", id);
            assert_ne!(nora.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
            assert_eq!(eve.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
            // Her own token of a form, for a form that she was not shown.
            let asked = bench.changes();
            let once = form_token::issue(&seal, session, &path, Uuid::from_u128(77));
            let fields = [("once", once.as_str()), ("sure", "yes"), ("to", "off"), ("amount", "1.00"), ("offer", id)];
            let sent = eve.post(&path, &fields).await;
            // A second click on "forget" finds nothing, too, and is not told that something is wrong.
            let is_nothing = sent.status == StatusCode::SEE_OTHER && path.ends_with("/forget");
            let is_refused = matches!(sent.status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED);
            assert!(is_refused || is_nothing, "{path}: {}", sent.status);
            assert_eq!(bench.changes(), asked, "{path}");
            assert_ne!(nora.get(&path).await.status, StatusCode::NOT_FOUND, "{path} is still there");
        }
    }

    async fn an_account_is_opened_once_by_its_form_and_only_with_an_asset_that_the_instance_has(database) {
        let bench = Bench::playground(database).await;
        let mut nora = bench.browser();
        nora.sign_up("nora").await;
        let once = nora.hidden("/accounts/open", "/accounts/open").await.remove(0).1;
        let open = |asset: &'static str| [("once", once.clone()), ("asset", asset.to_owned()), ("name", "Everyday".to_owned()), ("path", "nora".to_owned())];
        let mut places = Vec::new();
        for asset in ["XAU/9", "USD/2", "USD/2"] {
            let fields = open(asset);
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let answer = nora.post("/accounts/open", &fields).await;
            places.push((answer.status, answer.location));
        }
        assert_eq!(places[0].0, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(places[1].1.starts_with("/accounts/") && places[1] == places[2], "{places:?}");
        assert_eq!(bench.value::<i64>("SELECT COUNT(*) FROM wallet_accounts").await, 1);
        assert_eq!(bench.instance.count("CreateWalletAddress"), 1);
    }
}
