//! A budget: allowed once at the wallet, then orders are paid from it with one click, until it is spent or ended.
//!
//! What happens when the wallet refuses such a payment is tested in the crate of the shop.

use super::browser::{Browser, Page};
use super::scene::Scene;
use crate::institutions::{Side, Storage};

impl Scene {
    async fn ware(&self, browser: &Browser, slug: &str) -> Page {
        browser.open(&self.shop.join(&format!("buy/{slug}")).unwrap()).await
    }

    /// Presses the button that pays from the budget.
    async fn click(&self, browser: &Browser, page: &Page, slug: &str) -> Page {
        let budget = page.after("name=\"budget\"", "value");
        browser.submit(page, &format!("/buy/{slug}"), &[("budget", &budget)]).await
    }
}

#[test]
fn a_budget_that_was_allowed_once_pays_with_one_click_until_it_is_spent_or_ended() {
    let mut scene = Scene::start(Storage::Sqlite).unwrap();
    let customer = Browser::new(None);
    let wallet = scene.two.address(Side::CloudNine, "gfranklin");
    scene.runtime.block_on(async {
        let form = scene.ware(&customer, "courage").await;
        let wanted = [("wallet", wallet.as_str()), ("limit", "150")];
        let asking = customer.submit(&form, "/buy/courage", &wanted).await;
        let back = scene.decide(&customer, Side::CloudNine, &asking, "accept").await;
        let opener = customer.open(&back).await.url;
        scene.becomes(&customer, &opener, "Thank you! It is paid.").await.has("up to 150.00\u{a0}USD each month");

        let page = scene.ware(&customer, "knowledge").await;
        page.has("Of your budget 130.00\u{a0}USD are left this month.");
        let bought = scene.click(&customer, &page, "knowledge").await;
        assert_eq!(scene.click(&customer, &page, "knowledge").await.url, bought.url, "a double click is one order");
        scene.becomes(&customer, &bought.url, "Thank you! It is paid.").await;
        assert_eq!(scene.shop_got().await, 2000 + 5400);

        // 76.00 are left. More than that the wallet is asked about.
        let cheap = scene.ware(&customer, "kindness").await;
        let dear = scene.ware(&customer, "luck").await;
        dear.has("That is not enough, so your wallet asks you.");
        let asking = customer.submit(&dear, "/buy/luck", &[("wallet", &wallet)]).await;
        asking.has("Now your wallet asks you");
        let back = scene.decide(&customer, Side::CloudNine, &asking, "reject").await;
        customer.open(&back).await.has("You did not allow the payment");

        let page = customer.open(&opener).await;
        let ended = customer.submit(&page, &format!("{}/end", opener.path()), &[]).await;
        ended.has("The budget has ended. Your wallet asks you each time.");
        // The page that was opened before leads to the wallet now.
        let after = scene.click(&customer, &cheap, "kindness").await;
        assert_eq!(after.url.path(), "/buy/kindness");
        assert!(!after.text.contains("Of your budget"), "{}", after.text);
        assert_eq!(scene.shop_got().await, 2000 + 5400);
    });
    scene.two.assert_conserved();
}
