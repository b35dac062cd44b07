//! Several processes of the shop on one Postgres, of which two are killed again and again while orders are paid and
//! given back.
//!
//! The wallets are not killed: other tests do that.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clock::{Entropy, SeededEntropy};
use testkit::{free_ports, until};
use tokio::runtime::Runtime;
use url::Url;

use super::DESK;
use super::browser::{Browser, Page};
use super::scene::Scene;
use crate::institutions::{Side, Storage};
use crate::role_process::RoleProcess;

/// A step whose process was killed is taken over after half a minute, and that may happen to several steps of an order.
const PATIENCE: Duration = Duration::from_mins(6);
const ORDERS: usize = 12;
const PRICE: u64 = 2000;

/// A process of the shop, and the address of its pages.
struct Shop {
    process: RoleProcess,
    pages: Url,
}

impl Shop {
    fn start(scene: &Scene, number: usize) -> Self {
        let (folder, port) = (scene.two.data_dir().join(Side::HappyLife.slug()), free_ports());
        let mut process = RoleProcess::new("shop", &folder, vec![("PORT", port)], &number.to_string());
        let ready = process.launch();
        process.assert_ready(ready);
        Self { process, pages: Url::parse(&format!("http://localhost:{port}/")).unwrap() }
    }

    fn kill_and_restart(&mut self) {
        self.process.kill();
        let ready = self.process.launch();
        self.process.assert_ready(ready);
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.process.kill();
    }
}

/// A person who tries again when a page does not come.
struct Person<'a> {
    browser: Browser,
    /// The process whose pages this person sees.
    pages: &'a Url,
}

impl Person<'_> {
    async fn page(&self, path: &str, is_right: impl Fn(&Page) -> bool) -> Page {
        let url = self.pages.join(path).unwrap();
        let found = until(PATIENCE, || async { self.browser.try_open(&url).await.filter(|page| is_right(page)) });
        found.await.unwrap_or_else(|| panic!("{url} is not what it should become"))
    }

    /// Sends a form until the page that leads to the wallet comes.
    async fn send(&self, form: &Page, action: &str, fields: &[(&str, &str)]) -> Page {
        let sent = until(PATIENCE, || async {
            let page = self.browser.try_submit(form, action, fields).await;
            page.filter(|page| page.text.contains("class=\"button main wide\" href="))
        });
        sent.await.unwrap_or_else(|| panic!("{action} does not lead to a wallet"))
    }

    /// Comes back from the wallet to the same process.
    async fn come_back(&self, back: &Url) {
        self.page(&back[url::Position::BeforePath..], |page| page.status == 200).await;
    }
}

/// Buys something, and gets the money back.
async fn buy_and_return(scene: &Scene, pages: &Url) {
    let [customer, owner] = [None, Some(DESK)].map(|password| Person { browser: Browser::new(password), pages });
    let wallet = scene.two.address(Side::CloudNine, "gfranklin");
    let form = customer.page("buy/courage", |page| page.status == 200).await;
    let asking = customer.send(&form, "/buy/courage", &[("wallet", &wallet)]).await;
    let order = asking.url.path().to_owned();
    let back = scene.decide(&customer.browser, Side::CloudNine, &asking, "accept").await;
    customer.come_back(&back).await;
    customer.page(&order, |page| page.text.contains("Thank you! It is paid.")).await;

    let desk = order.replace("/orders/", "/desk/");
    let form = owner.page(&desk, |page| page.text.contains("Give back 20.00")).await;
    let asking = owner.send(&form, &format!("{desk}/refund"), &[]).await;
    let back = scene.decide(&owner.browser, Side::HappyLife, &asking, "accept").await;
    owner.come_back(&back).await;
    owner.page(&desk, |page| page.text.matches("badge done").count() == 2).await;
}

/// Kills processes at moments that follow from `seed`, until `over`.
fn kill(shops: &mut [Shop], over: &AtomicBool, seed: u64) {
    println!("seed {seed}");
    let (entropy, runtime) = (SeededEntropy::new(seed), Runtime::new().unwrap());
    while !over.load(Ordering::Acquire) {
        let [a, b] = (&entropy as &dyn Entropy).bytes::<2>();
        let pause = Duration::from_millis(150 + u64::from(a) * 4);
        runtime.block_on(async { tokio::time::timeout(pause, std::future::pending::<()>()).await }).unwrap_err();
        let victim = usize::from(b) % shops.len();
        shops[victim].kill_and_restart();
    }
}

#[test]
fn every_order_is_paid_once_and_given_back_once_although_processes_of_the_shop_are_killed() {
    let Some(mut scene) = Scene::start(Storage::Postgres) else { return };
    let mut shops = [0, 1].map(|number| Shop::start(&scene, number));
    let pages = shops.each_ref().map(|shop| shop.pages.clone());
    let over = AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| kill(&mut shops, &over, 31));
        // The killing ends also when an order does not come to its end.
        let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let orders = (0..ORDERS).map(|number| buy_and_return(&scene, &pages[number % pages.len()]));
            scene.runtime.block_on(futures::future::join_all(orders));
        }));
        over.store(true, Ordering::Release);
        if let Err(panic) = made {
            std::panic::resume_unwind(panic);
        }
    });

    let all = PRICE * u64::try_from(ORDERS).unwrap();
    scene.runtime.block_on(async {
        assert_eq!(scene.shop_got().await, all, "every price arrived once");
        let given = scene.sum(Side::HappyLife, "planex", "outgoingPayments", "debitAmount").await;
        assert_eq!(given, (all, ORDERS), "every price was given back once");
    });
    drop(shops);
    scene.two.assert_conserved();
}
