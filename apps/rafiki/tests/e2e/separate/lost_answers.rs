//! `kill -9` of the shop when a wallet has given it a token and the shop has not stored it: the subscription goes on.
//!
//! All that clients ask of the authorization server passes a watched link.

use std::sync::mpsc;
use std::time::Duration;

use testkit::{free_ports, until};
use url::Url;

use super::Separate;
use super::environment::RoleFile;
use super::watched::{Told, Watch};
use crate::institutions::Side;
use crate::role_process::RoleProcess;
use crate::shop::browser::{Browser, Page};
use crate::shop::scene::{decide, sum};

/// A step whose process was killed is taken over after half a minute, and an exchange of a token after a minute.
const PATIENCE: Duration = Duration::from_mins(4);

/// The two institutions, and the shop of the second.
struct Shop {
    all: Separate,
    watch: Watch,
    process: RoleProcess,
    pages: Url,
}

impl Shop {
    fn start() -> Self {
        let mut all = Separate::prepared(&[]);
        let (watch, port, folder) = (Watch::default(), free_ports(), all.folder(Side::CloudNine));
        let mut auth = RoleFile::read(&folder, "auth");
        let to = auth.get("AUTH_PORT").parse().unwrap();
        watch.link(&all.runtime, "client to authorization server", port, to);
        let moved = auth.get("AUTH_SERVER_URL").replace(&format!(":{to}"), &format!(":{port}"));
        assert!(moved.contains(&port.to_string()), "{moved}");
        auth.set("AUTH_SERVER_URL", moved);
        auth.write();
        let mut backend = RoleFile::read(&folder, "backend");
        let moved = backend.get("AUTH_SERVER_GRANT_URL").replace(&format!(":{to}"), &format!(":{port}"));
        backend.set("AUTH_SERVER_GRANT_URL", moved);
        backend.write();
        all.start();

        let folder = all.folder(Side::HappyLife);
        let pages = Url::parse(RoleFile::read(&folder, "shop").get("PUBLIC_URL")).unwrap();
        let mut process = RoleProcess::new("shop", &folder, Vec::new(), "killed");
        let ready = process.launch();
        process.assert_ready(ready);
        Self { all, watch, process, pages }
    }

    /// Lets the shop be killed at this moment, and starts it again when it was.
    fn killed_at(&mut self, moment: &'static [&'static str], then: impl FnOnce(&Self)) {
        let (told, hears) = mpsc::channel();
        self.watch.kill_at(moment, self.process.id().unwrap(), told);
        then(self);
        assert_eq!(hears.recv_timeout(PATIENCE), Ok(Told::Killed), "{moment:?}: {}", self.process.log());
        self.process.kill();
        let ready = self.process.launch();
        self.process.assert_ready(ready);
    }

    async fn becomes(&self, browser: &Browser, path: &str, text: &str) -> Page {
        let url = self.pages.join(path).unwrap();
        let said = until(PATIENCE, || async { browser.try_open(&url).await.filter(|page| page.text.contains(text)) });
        said.await.unwrap_or_else(|| panic!("{url} never said {text:?}: {}", self.process.log()))
    }

    fn database(&self) -> rusqlite::Connection {
        let database = rusqlite::Connection::open(self.all.folder(Side::HappyLife).join("shop.db")).unwrap();
        database.busy_timeout(Duration::from_secs(10)).unwrap();
        database
    }

    /// Lets the week pass after which the shop exchanges the token of a subscription.
    fn a_week_passes(&self) {
        let sql = "UPDATE shop_transfers SET due_at = 0 WHERE purpose = 'charge' AND due_at IS NOT NULL";
        assert_eq!(self.database().execute(sql, []).unwrap(), 1);
    }

    /// Waits until the token is exchanged and stored: the shop looks at it again in a week.
    fn assert_exchanged(&self) {
        let sql = "SELECT MAX(due_at) FROM shop_transfers WHERE purpose = 'charge'";
        let in_a_day = clock::Clock::now(&clock::SystemClock).saturating_add(Duration::from_hours(24)).as_millis();
        let exchanged = self.all.runtime.block_on(until(PATIENCE, || async {
            let looks: Option<i64> = self.database().query_row(sql, [], |row| row.get(0)).unwrap();
            (looks? > in_a_day).then_some(())
        }));
        assert!(exchanged.is_some(), "{}", self.process.log());
    }
}

#[test]
fn a_shop_that_is_killed_between_a_token_and_its_storage_keeps_the_subscription() {
    let mut shop = Shop::start();
    let customer = Browser::new(None);
    let wallet = shop.all.address(Side::CloudNine, "gfranklin");
    let (order, back) = shop.all.runtime.block_on(async {
        let form = customer.open(&shop.pages.join("buy/serenity").unwrap()).await;
        let asking = customer.submit(&form, "/buy/serenity", &[("wallet", &wallet)]).await;
        let back = decide(&shop.all.folder(Side::CloudNine), &customer, &asking, "accept").await;
        (asking.url.path().to_owned(), back)
    });

    // The token of the consent.
    shop.killed_at(&["POST /continue/", "200 OK goes back"], |shop| {
        shop.all.runtime.block_on(customer.open(&back));
    });
    shop.all.runtime.block_on(async {
        shop.becomes(&customer, &order, "Thank you! It is paid.").await.has("You pay each month, until you end it.");
    });

    // The token of the next week. Afterwards the shop has one that can be exchanged again.
    shop.killed_at(&["POST /token/", "200 OK goes back"], Shop::a_week_passes);
    shop.assert_exchanged();
    shop.a_week_passes();
    shop.assert_exchanged();
    let page = shop.all.runtime.block_on(customer.open(&shop.pages.join(&order).unwrap()));
    page.has("You pay each month, until you end it.");

    // The customer ends it, and the wallet is told: the token that the shop has is the right one.
    let action = format!("{order}/end");
    let (told, hears) = mpsc::channel();
    shop.watch.kill_at(&["DELETE /token/", "204", "goes back"], shop.process.id().unwrap(), told);
    let ended = shop.all.runtime.block_on(async {
        let ended = customer.submit(&page, &action, &[]).await;
        ended.has("The subscription has ended.");
        let merchant = shop.all.address(Side::HappyLife, "planex");
        sum(&shop.all.facts[Side::HappyLife as usize], &merchant, "incomingPayments", "receivedAmount").await
    });
    assert_eq!(ended, (500, 1), "the price arrived once");
    assert_eq!(hears.recv_timeout(PATIENCE), Ok(Told::Killed), "the wallet gave the token up");
    shop.process.kill();
    shop.all.assert_conserved();
}
