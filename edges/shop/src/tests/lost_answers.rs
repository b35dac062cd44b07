//! A process of the shop that is killed after a wallet gave a token and before the token is stored.
//!
//! The kill is the end of the future that waits for the answer. With real processes it is in the end-to-end tests.

use open_payments_client::PendingGrant;

use super::budgets::VISITOR;
use super::*;
use crate::rights::Renewal;

impl Scene {
    fn pending(&self) -> PendingGrant {
        serde_json::from_value(json!({
            "redirect": "https://a.example/interact", "endpoint": format!("{}/grant", self.wallets), "client_nonce": "c",
            "interact_nonce": "i", "continue_uri": format!("{}/continue", self.wallets), "continue_token": "go-on",
            "wait_seconds": 5,
        }))
        .unwrap()
    }

    /// A customer of a subscription who has come back from the wallet.
    async fn returned(&self) -> (Order, Transfer) {
        let reference = serde_json::from_value(json!("reference")).unwrap();
        let (bill, pending) = (self.bill(), self.pending());
        self.order("serenity", Stage::Returned { bill, pending, reference, unanswered_since: None }).await
    }

    /// Works until an answer is lost. Then the process is no more.
    async fn killed(&self, work: impl Future) {
        self.say(|told| told.loses = true);
        tokio::select! {
            _ = work => panic!("the answer arrived"),
            () = self.lost.notified() => {}
        }
    }

    async fn first(&self, order: &Order) -> Transfer {
        self.shop.0.store.transfers(order.id).await.unwrap().remove(0)
    }

    /// A subscription that runs, with what gives its grant back.
    async fn subscription(&self) -> Order {
        let (mut order, _) = self.order("serenity", Stage::Paid { bill: self.bill() }).await;
        let Standing::Running { token, interval, exchange, .. } = self.running() else { panic!() };
        let running = Standing::Running { token, interval, exchange, grant: Some(Box::new(self.pending())) };
        self.shop.0.store.set_standing(&mut order, &running).await.unwrap();
        order
    }
}

testkit::on_each_database! {
    async fn a_token_that_was_exchanged_before_a_kill_is_asked_for_again_under_the_same_key(database) {
        let scene = Scene::new(&database).await;
        scene.say(|told| told.knows_keys = true);
        let (order, core) = (scene.subscription().await, &scene.shop.0);
        scene.killed(core.renewed(&order)).await;
        assert!(matches!(core.renewed(&scene.read(order.id).await).await.unwrap(), Renewal::Busy));

        scene.clock.advance(Duration::from_mins(1));
        let renewed = core.renewed(&scene.read(order.id).await).await.unwrap();
        assert!(matches!(&renewed, Renewal::Token(token) if token.value.expose() == "pay-1"), "{renewed:?}");
        assert_eq!(scene.told.lock().unwrap().exchanges, 1);

        // The next exchange is another one, with a key of its own.
        core.renewed(&scene.read(order.id).await).await.unwrap();
        assert_eq!(scene.told.lock().unwrap().exchanges, 2);
        let Standing::Running { token, exchange, .. } = scene.read(order.id).await.standing else { panic!() };
        assert_eq!((token.value.expose(), exchange), ("pay-2", None));
    }

    async fn where_a_lost_token_is_not_given_again_the_grant_is_given_back_and_the_customer_is_told(database) {
        let scene = Scene::new(&database).await;
        let (order, core) = (scene.subscription().await, &scene.shop.0);
        scene.killed(core.renewed(&order)).await;
        scene.clock.advance(Duration::from_mins(1));
        assert!(matches!(core.renewed(&scene.read(order.id).await).await.unwrap(), Renewal::Lapsed));
        assert!(scene.told.lock().unwrap().given_back, "so nothing runs on at the wallet");
        let page = scene.open(&format!("/orders/{}", order.id), VISITOR).await;
        assert!(page.text.contains("so the subscription has ended."), "{}", page.text);
        assert!(page.text.contains("href=\"/buy/serenity\">Subscribe again</a>"), "{}", page.text);
    }

    async fn a_consent_whose_token_was_lost_in_a_kill_is_fetched_again_and_the_subscription_runs(database) {
        let scene = Scene::new(&database).await;
        scene.say(|told| told.knows_keys = true);
        let ((order, mut first), core) = (scene.returned().await, &scene.shop.0);
        scene.killed(core.till.advance(&order, &mut first)).await;

        let mut first = scene.first(&order).await;
        core.till.advance(&order, &mut first).await.unwrap();
        assert!(matches!(first.stage, Stage::Agreed { .. }), "{:?}", first.stage);
        let standing = scene.read(order.id).await.standing;
        assert!(matches!(standing, Standing::Running { grant: Some(_), .. }), "{standing:?}");
        assert_eq!(scene.told.lock().unwrap().fetched, 2);
    }

    async fn where_a_lost_consent_is_not_given_again_nothing_is_paid_and_the_customer_may_order_again(database) {
        let scene = Scene::new(&database).await;
        let ((order, mut first), core) = (scene.returned().await, &scene.shop.0);
        scene.killed(core.till.advance(&order, &mut first)).await;

        let mut first = scene.first(&order).await;
        for _ in 0..3 {
            core.till.advance(&order, &mut first).await.unwrap();
        }
        assert_eq!(first.stage, Stage::Failed { why: Why::AnswerLost, received: 0 });
        assert!(scene.told.lock().unwrap().given_back);
        assert_eq!(scene.read(order.id).await.standing, Standing::None);
        let page = scene.open(&format!("/orders/{}", order.id), VISITOR).await;
        assert!(page.text.contains("The answer of your wallet was lost."), "{}", page.text);
        assert!(page.text.contains("Order again"), "{}", page.text);
    }

    async fn a_wallet_that_takes_its_permission_back_at_once_is_not_said_to_have_lost_it(database) {
        let scene = Scene::new(&database).await;
        scene.say(|told| told.fetched = 1);
        let ((order, mut first), core) = (scene.returned().await, &scene.shop.0);
        for _ in 0..3 {
            core.till.advance(&order, &mut first).await.unwrap();
        }
        assert_eq!(first.stage, Stage::Failed { why: Why::NotAllowed, received: 0 });
    }
}
