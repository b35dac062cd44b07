//! Orders that a budget pays: what the token is used for, what two of them do at once, and when the wallet is asked again.
//!
//! How a budget is allowed is in the end-to-end tests of the binary.

use super::*;
use crate::orders::Exchange;
use crate::periods::first_following;
use crate::rights::Renewal;

pub(super) const VISITOR: &str = "shop_visitor=00000000000000000000000000000007";

/// A page, or where it leads.
pub(super) struct Page {
    pub(super) status: StatusCode,
    pub(super) location: String,
    pub(super) text: String,
}

impl Page {
    /// The token of its first form.
    fn once(&self) -> String {
        let rest = self.text.split("name=\"once\" value=\"").nth(1).unwrap_or_else(|| panic!("{}", self.text));
        rest.split('"').next().unwrap().to_owned()
    }
}

impl Scene {
    /// The paid order that opened a budget of 150.00 each month.
    pub(super) async fn opener(&self) -> Order {
        let (mut order, mut first) = self.order("courage", Stage::Begun).await;
        let sql = "UPDATE shop_orders SET budget = id, budget_limit = 15000";
        self.database.execute(sql, []).await.unwrap();
        order.means = Means::Opens { limit: 15_000 };
        first.stage = Stage::Paid { bill: self.bill() };
        let interval = crate::periods::interval(&order).unwrap();
        let next = first_following(&order, interval.window_at(self.clock.now()).unwrap(), Uuid::from_u128(20));
        let (now, store) = (self.clock.now(), &self.shop.0.store);
        store.save_with_right(&mut first, now, (&order, &self.running()), (&next, now)).await.unwrap();
        store.save(&mut first, None).await.unwrap();
        self.read(order.id).await
    }

    pub(super) async fn read(&self, order: Uuid) -> Order {
        self.shop.0.store.order(order).await.unwrap().unwrap()
    }

    /// An order that the budget pays.
    async fn small(&self, id: u128, opener: &Order) -> (Order, Transfer) {
        let id = Uuid::from_u128(id);
        let order = Order { id, means: Means::From(opener.id), standing: Standing::None, version: 0, ..opener.clone() };
        let first = Transfer { id, order: id, ..self.transfer(Purpose::Purchase, Stage::Allowed) };
        self.shop.0.store.insert_order(&order, &first).await.unwrap();
        (order, first)
    }

    async fn left(&self, opener: &Order) -> Option<u64> {
        self.shop.0.budget(self.read(opener.id).await).await.unwrap().map(|budget| budget.left)
    }

    pub(super) async fn ask(&self, request: Request<Body>) -> Page {
        let answer = crate::pages::router(self.shop.clone()).oneshot(request).await.unwrap();
        let location = answer.headers().get(LOCATION).map_or("", |to| to.to_str().unwrap()).to_owned();
        let status = answer.status();
        let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        Page { status, location, text: String::from_utf8(body.to_vec()).unwrap() }
    }

    pub(super) async fn open(&self, path: &str, cookie: &str) -> Page {
        self.ask(Request::get(path).header(COOKIE, cookie).body(Body::empty()).unwrap()).await
    }

    /// Presses the button that buys with one click.
    async fn click(&self, slug: &str, once: &str, budget: Uuid) -> Page {
        let form = format!("once={once}&budget={budget}");
        let request = Request::post(format!("/buy/{slug}")).header(COOKIE, VISITOR);
        self.ask(request.body(Body::from(form)).unwrap()).await
    }
}

testkit::on_each_database! {
    async fn an_order_from_a_budget_is_paid_without_asking_and_counts_in_its_month(database) {
        let scene = Scene::new(&database).await;
        let opener = scene.opener().await;
        assert_eq!(scene.left(&opener).await, Some(13_000));
        let core = &scene.shop.0;
        for id in [5, 6] {
            let (order, mut transfer) = scene.small(id, &opener).await;
            scene.say(|told| told.received = 0);
            core.take(&order, &mut transfer).await.unwrap();
            core.till.advance(&order, &mut transfer).await.unwrap();
            assert!(matches!(transfer.stage, Stage::Paying { .. }), "{:?}", transfer.stage);
            scene.say(|told| told.received = 2000);
            core.till.advance(&order, &mut transfer).await.unwrap();
            assert!(matches!(transfer.stage, Stage::Paid { .. }), "{:?}", transfer.stage);
        }
        assert_eq!(scene.left(&opener).await, Some(9000));
        assert_eq!(scene.told.lock().unwrap().exchanges, 1, "a token that lives is used again");
        scene.clock.advance(Duration::from_hours(31 * 24));
        assert_eq!(scene.left(&opener).await, Some(15_000));
    }

    async fn one_process_exchanges_the_token_while_others_wait_also_for_one_that_was_killed(database) {
        let scene = Scene::new(&database).await;
        let opener = scene.opener().await;
        let core = &scene.shop.0;
        let ((one, mut first), (other, mut second)) = (scene.small(5, &opener).await, scene.small(6, &opener).await);
        let (first_took, second_took) = tokio::join!(core.take(&one, &mut first), core.take(&other, &mut second));
        first_took.unwrap();
        second_took.unwrap();
        assert_eq!(scene.told.lock().unwrap().exchanges, 1);
        assert!(matches!(scene.read(opener.id).await.standing, Standing::Running { .. }));

        // The token has ended, and the process that was at it was killed.
        scene.clock.advance(Duration::from_mins(11));
        let mut killed = scene.read(opener.id).await;
        let Standing::Running { token, interval, grant, .. } = killed.standing.clone() else { panic!() };
        let until = scene.clock.now().saturating_add(Duration::from_mins(1));
        let exchange = Some(Exchange { key: Uuid::from_u128(30), until });
        let at_it = Standing::Running { token, interval, exchange, grant };
        core.store.set_standing(&mut killed, &at_it).await.unwrap();
        assert!(matches!(core.renewed(&killed).await.unwrap(), Renewal::Busy));
        scene.clock.advance(Duration::from_mins(1));
        assert!(matches!(core.renewed(&killed).await.unwrap(), Renewal::Token(_)));
        assert_eq!(scene.told.lock().unwrap().exchanges, 2);
    }

    async fn a_token_that_was_exchanged_for_another_order_meanwhile_is_no_obstacle(database) {
        let scene = Scene::new(&database).await;
        let opener = scene.opener().await;
        let core = &scene.shop.0;
        let (order, mut transfer) = scene.small(5, &opener).await;
        core.take(&order, &mut transfer).await.unwrap();
        core.renewed(&scene.read(opener.id).await).await.unwrap();
        core.till.advance(&order, &mut transfer).await.unwrap();
        assert!(matches!(transfer.stage, Stage::Paying { .. }), "{:?}", transfer.stage);
    }

    async fn what_the_wallet_does_not_pay_from_a_budget_fails_and_its_bill_is_closed(database) {
        let scene = Scene::new(&database).await;
        let opener = scene.opener().await;
        scene.say(|told| told.payment = Payment::Refused);
        let core = &scene.shop.0;
        let (order, mut transfer) = scene.small(5, &opener).await;
        core.take(&order, &mut transfer).await.unwrap();
        for _ in 0..3 {
            core.till.advance(&order, &mut transfer).await.unwrap();
        }
        assert_eq!(transfer.stage, Stage::Failed { why: Why::NotFromBudget, received: 0 });
        assert_eq!(scene.left(&opener).await, Some(13_000), "and it takes nothing from the budget");
    }

    async fn a_budget_that_has_ended_pays_nothing_and_its_wallet_is_told(database) {
        let scene = Scene::new(&database).await;
        let opener = scene.opener().await;
        let core = &scene.shop.0;
        let (order, mut transfer) = scene.small(5, &opener).await;
        core.till.end(&opener).await.unwrap();
        core.take(&order, &mut transfer).await.unwrap();
        assert_eq!(transfer.stage, Stage::Failed { why: Why::NotFromBudget, received: 0 });
        let waiting = core.store.due(scene.clock.now(), 10).await.unwrap();
        let mut keeper = waiting.into_iter().find(|due| due.purpose == Purpose::Charge).unwrap();
        core.look_at_period(&scene.read(opener.id).await, &mut keeper).await.unwrap();
        assert_eq!(scene.read(opener.id).await.standing, Standing::Ended);
        assert!(scene.told.lock().unwrap().revoked);
        assert_eq!(scene.left(&opener).await, None);
    }

    async fn a_click_orders_once_for_its_own_browser_and_more_than_is_left_leads_to_the_wallet(database) {
        let scene = Scene::new(&database).await;
        let opener = scene.opener().await;
        let page = scene.open("/buy/opportunity", VISITOR).await;
        assert!(page.text.contains("Of your budget 130.00\u{a0}USD are left this month."), "{}", page.text);
        let once = page.once();
        // The form of a page that was opened before the budget was used.
        let old = scene.open("/buy/opportunity", VISITOR).await.once();

        let first = scene.click("opportunity", &once, opener.id).await;
        let again = scene.click("opportunity", &once, opener.id).await;
        assert!(first.location.starts_with("/orders/"), "{} {}", first.status, first.text);
        assert_eq!(first.location, again.location, "a double click is one order");
        assert_eq!(scene.left(&opener).await, Some(700));
        assert!(scene.open(&first.location, VISITOR).await.text.contains("Your payment is on its way"));
        let due = scene.shop.0.store.due(scene.clock.now(), 10).await.unwrap();
        assert_eq!(due.iter().filter(|due| due.stage == Stage::Allowed).count(), 1);

        assert_eq!(scene.click("opportunity", &old, opener.id).await.location, "/buy/opportunity");
        let page = scene.open("/buy/opportunity", VISITOR).await;
        assert!(page.text.contains("That is not enough, so your wallet asks you."), "{}", page.text);
        assert!(page.text.contains(&format!("value=\"{}\"", opener.customer)), "the wallet is filled in");

        // Another browser has no budget, and does not get this one.
        let other = "shop_visitor=00000000000000000000000000000008";
        let page = scene.open("/buy/courage", other).await;
        assert!(!page.text.contains("Of your budget"), "{}", page.text);
        let form = format!("once={}&budget={}", page.once(), opener.id);
        let request = Request::post("/buy/courage").header(COOKIE, other).body(Body::from(form)).unwrap();
        assert_eq!(scene.ask(request).await.status, StatusCode::NOT_FOUND);
    }
}
