//! The sample shop of the playground: a customer of the other institution buys, subscribes, and gets money back.
//!
//! The pages in a real browser are in `proof/browser`.

pub(crate) mod browser;
mod budgets;
mod kills;
pub(crate) mod scene;

use testkit::until;

use crate::institutions::{Side, Storage};
use browser::Browser;
use scene::{Scene, WITHIN};

/// What the owner's browser sends to the desk.
const DESK: &str = "Basic b3duZXI6cGxheSBzaG9wIGZvciBldmVyeW9uZQ==";

#[test]
fn a_customer_of_the_other_institution_buys_once_and_gets_the_money_back_once() {
    for storage in [Storage::Sqlite, Storage::Postgres] {
        let Some(mut scene) = Scene::start(storage) else { continue };
        let (customer, owner) = (Browser::new(None), Browser::new(Some(DESK)));
        let wallet = scene.two.address(Side::CloudNine, "gfranklin");
        scene.runtime.block_on(async {
            let catalogue = customer.open(&scene.shop).await;
            catalogue.has("Courage");
            catalogue.has("20.00\u{a0}USD");

            let asking = scene.order(&customer, "courage", &wallet).await;
            asking.has("Now your wallet asks you");
            let back = scene.decide(&customer, Side::CloudNine, &asking, "accept").await;

            // Somebody who makes up a way back does not get an order for nothing, and neither does another browser.
            let mut forged = back.clone();
            forged.set_query(Some("interact_ref=x&hash=y"));
            assert_eq!(customer.open(&forged).await.status, 403);
            assert_eq!(Browser::new(None).open(&back).await.status, 404);

            let order = customer.open(&back).await;
            let paid = scene.becomes(&customer, &order.url, "Thank you! It is paid.").await;
            customer.open(&back).await.has("Thank you! It is paid.");
            assert_eq!(scene.shop_got().await, 2000, "the price arrived once");

            // The owner gives it back, and the shop's own wallet asks.
            let id = paid.url.path().rsplit('/').next().unwrap().to_owned();
            let desk = scene.shop.join(&format!("desk/{id}")).unwrap();
            assert_eq!(customer.open(&desk).await.status, 401);
            let page = owner.open(&desk).await;
            page.has("Give back 20.00");
            // A refund that the wallet did not allow has given nothing, so it is asked for again.
            let asking = owner.submit(&page, &format!("/desk/{id}/refund"), &[]).await;
            let back = scene.decide(&owner, Side::HappyLife, &asking, "reject").await;
            let page = owner.open(&back).await;
            page.has("Not allowed");
            let asking = owner.submit(&page, &format!("/desk/{id}/refund"), &[]).await;
            owner.submit(&page, &format!("/desk/{id}/refund"), &[]).await;
            let back = scene.decide(&owner, Side::HappyLife, &asking, "accept").await;
            owner.open(&back).await;
            let given = scene.becomes(&owner, &desk, "badge done\">Paid</span></span></li></ul>").await;
            given.has("Refund");
            assert!(!given.text.contains("Give back"), "{}", given.text);
            let paid = scene.sum(Side::HappyLife, "planex", "outgoingPayments", "debitAmount").await;
            assert_eq!(paid, (2000, 1), "given back once");
        });
        scene.two.assert_conserved();
    }
}

#[test]
fn an_order_that_the_customer_refuses_is_not_paid_and_wrong_wallets_are_named() {
    let mut scene = Scene::start(Storage::Sqlite).unwrap();
    let customer = Browser::new(None);
    scene.runtime.block_on(async {
        let form = customer.open(&scene.shop.join("buy/luck").unwrap()).await;
        for (wallet, told) in [
            ("what is this", "Write a payment pointer"),
            ("https://localhost:9/nobody", "No wallet answers"),
            (&scene.two.address(Side::HappyLife, "planex"), "the wallet of the shop itself"),
        ] {
            let page = customer.submit(&form, "/buy/luck", &[("wallet", wallet)]).await;
            assert_eq!(page.status, 422, "{}", page.text);
            page.has(told);
        }
        let asking = scene.order(&customer, "luck", &scene.two.address(Side::CloudNine, "gfranklin")).await;
        let back = scene.decide(&customer, Side::CloudNine, &asking, "reject").await;
        customer.open(&back).await.has("You did not allow the payment");
        let poor = scene.order(&customer, "luck", &scene.two.address(Side::CloudNine, "broke")).await;
        let back = scene.decide(&customer, Side::CloudNine, &poor, "accept").await;
        let order = customer.open(&back).await;
        scene.becomes(&customer, &order.url, "Is there enough money in the account?").await;
        assert_eq!(scene.shop_got().await, 0);
    });
    scene.two.assert_conserved();
}

#[test]
fn a_subscription_is_paid_once_each_month_until_the_customer_ends_it() {
    let mut scene = Scene::start(Storage::Sqlite).unwrap();
    let customer = Browser::new(None);
    let wallet = scene.two.address(Side::CloudNine, "gfranklin");
    let moved = |by: &str| {
        let moved = scene.two.rafiki("clock", &["advance", by]);
        assert_eq!(moved.code, Some(0), "{}", moved.stderr);
    };
    let order = scene.runtime.block_on(async {
        let asking = scene.order(&customer, "serenity", &wallet).await;
        let back = scene.decide(&customer, Side::CloudNine, &asking, "accept").await;
        let order = customer.open(&back).await;
        scene.becomes(&customer, &order.url, "Thank you! It is paid.").await;
        assert_eq!(scene.shop_got().await, 500);
        order.url
    });
    for month in 2..4_u64 {
        // Before the month ends the shop has exchanged its token, which the wallet would forget otherwise.
        let looked = scene.next_look();
        moved("20d");
        let renewed = scene.runtime.block_on(until(WITHIN, || async { (scene.next_look() > looked).then_some(()) }));
        assert!(renewed.is_some(), "the token is exchanged");
        moved("12d");
        scene.runtime.block_on(async {
            let page = scene.becomes(&customer, &order, &format!("Month {month}")).await;
            page.has("You pay each month, until you end it.");
            let paid = until(WITHIN, || async { (scene.shop_got().await == month * 500).then_some(()) });
            assert!(paid.await.is_some(), "month {month}: {}", scene.shop_got().await);
            let done = until(WITHIN, || async {
                let page = customer.open(&order).await;
                (page.text.matches("badge done").count() == usize::try_from(month).unwrap()).then_some(())
            });
            assert!(done.await.is_some(), "month {month} is paid");
        });
    }
    scene.runtime.block_on(async {
        let page = customer.open(&order).await;
        let action = format!("{}/end", order.path());
        customer.submit(&page, &action, &[]).await.has("The subscription has ended.");
    });
    moved("31d");
    moved("31d");
    scene.runtime.block_on(async {
        // Another purchase shows that the shop has looked since.
        let asking = scene.order(&customer, "courage", &wallet).await;
        let back = scene.decide(&customer, Side::CloudNine, &asking, "accept").await;
        let bought = customer.open(&back).await;
        scene.becomes(&customer, &bought.url, "Thank you! It is paid.").await;
        assert_eq!(scene.shop_got().await, 3 * 500 + 2000);
    });
    scene.two.assert_conserved();
}
