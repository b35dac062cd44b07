//! An institution that adopts Interledger in six steps with the sample entity in Python, and pays and is paid meanwhile.
//!
//! Each step is a change of settings, as `docs/adoption.md` tells. The other institution is a playground.

pub(crate) mod application;
mod entity;
mod provider;

use std::time::Duration;

use admin_client::{AdminClient, OutgoingPaymentState};
use audit::Books;
use serde_json::Value;
use testkit::until;
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::asking::client;
use crate::books::{assert_sound, ledger};
use crate::institutions::{Institutions, Side, Storage};
use crate::paying::end_of;
use application::Application;
use entity::{Adopter, OPENING, Step};

const WITHIN: Duration = Duration::from_mins(1);

/// The adopter, the other institution, and an application.
struct Scene {
    two: Institutions,
    adopter: Adopter,
    runtime: Runtime,
    admin: AdminClient,
    application: Application,
    facts: Value,
}

impl Scene {
    /// Prints a notice and returns `None` without Python.
    fn start() -> Option<Self> {
        if !Adopter::can_run() {
            return None;
        }
        let mut two = Institutions::start(Storage::Sqlite)?;
        let facts = two.facts(Side::CloudNine);
        assert_eq!(two.stop(Side::CloudNine), Some(0));
        let adopter = Adopter::new(facts.clone(), &two.data_dir().join(Side::CloudNine.slug()));
        let folder = two.data_dir().join(Side::HappyLife.slug());
        let key = std::fs::read_to_string(folder.join("private-key.pem")).unwrap();
        let runtime = Runtime::new().unwrap();
        let application = runtime.block_on(Application::new(&two.address(Side::HappyLife, "planex"), &key));
        Some(Self { adopter, runtime, admin: client(&facts), application, two, facts })
    }

    fn own(&self, path: &str) -> String {
        format!("{}/{path}", self.adopter.fact("openPaymentsUrl"))
    }

    fn other(&self) -> String {
        self.two.address(Side::HappyLife, "pfry")
    }

    /// The other institution pays ada.
    fn ada_is_paid(&self, amount: &str) {
        let from = self.two.address(Side::HappyLife, "planex");
        let paid = self.two.pay(&["--from", &from, "--to", &self.own("ada"), "--receive", amount]);
        assert_eq!(paid.code, Some(0), "{}", paid.stderr);
    }

    /// Ada pays the other institution over the Admin API. Gives how it ended, and why.
    fn ada_pays(&self, amount: &str) -> (OutgoingPaymentState, Option<String>) {
        let payment = self.adopter.told(&["pay", "ada", &self.other(), amount]);
        self.end(payment["id"].as_str().unwrap())
    }

    fn end(&self, payment: &str) -> (OutgoingPaymentState, Option<String>) {
        let id: Uuid = payment.rsplit('/').next().unwrap().parse().unwrap();
        let ended = self.runtime.block_on(end_of(&self.admin, id));
        let reason = self.runtime.block_on(cancellation(&self.admin, id));
        (ended.state, reason)
    }

    /// Waits until ada can spend so much.
    fn ada_has(&self, cents: i64) {
        let last =
            self.runtime.block_on(until(WITHIN, || async { (self.adopter.balance("ada") == cents).then_some(()) }));
        assert!(last.is_some(), "ada has {}, not {cents}", self.adopter.balance("ada"));
    }

    /// An application pays `cents` from ada's account to the other institution.
    fn application_pays(&self, right: &application::Right, cents: u64) -> (OutgoingPaymentState, Option<String>) {
        let payment = self.runtime.block_on(async {
            let receiver = self.application.incoming(&self.other(), None).await;
            self.application.pay(right, &self.own("ada"), &receiver, cents).await
        });
        self.end(&payment)
    }

    /// Stops everything, and audits both institutions: the adopter's without the books of an entity of ours.
    fn assert_books(mut self) {
        let (own, other) = (text(&self.facts, "databaseUrl"), self.two.facts(Side::HappyLife));
        let (backend, wallet) = (text(&other, "databaseUrl"), text(&other, "walletDatabaseUrl"));
        self.runtime.block_on(async {
            until(WITHIN, || async { audit::quiet(&backend, &wallet).await.unwrap_or(false).then_some(()) }).await
        });
        self.adopter.stop();
        assert_eq!(self.two.stop(Side::HappyLife), Some(0));
        let findings = self.runtime.block_on(async {
            let ledger = ledger(&text(&self.facts, "ledgerUrl")).await;
            let books = Books { backend: own, ledger, unit_worth_max: 19, wallet: None };
            audit::audit(&books).await.unwrap().findings
        });
        let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert!(findings.is_empty(), "{}", findings.join("\n"));
        assert_sound(&other);
    }
}

fn text(facts: &Value, name: &str) -> String {
    facts[name].as_str().unwrap_or_else(|| panic!("no {name} in {facts}")).to_owned()
}

/// The reason that the entity gave, as the payment keeps it.
async fn cancellation(admin: &AdminClient, id: Uuid) -> Option<String> {
    let payment = admin.outgoing_payment_view(id).await.unwrap().unwrap();
    payment.metadata.and_then(|metadata| metadata["cancellationReason"].as_str().map(str::to_owned))
}

/// The settings of each step, those before it included.
fn steps(adopter: &Adopter, provider: &str) -> [Step; 6] {
    let setting = |name: &'static str, value: &str| (name, value.to_owned());
    let secret = ("ADMIN_SECRET", adopter.fact("adminSecret"));
    let consent_page = format!("{}/consent", adopter.fact("walletUrl"));

    let receive = Step {
        auth: vec![setting("QUOTE_INTERACTION", "true"), ("IDENTITY_SERVER_URL", consent_page)],
        entity: vec![secret.clone(), setting("SENDING", "nothing")],
        ..Step::default()
    };
    let mut send = receive.clone();
    send.entity[1] = setting("SENDING", "own");
    let mut quotes = send.clone();
    quotes.auth[0] = setting("QUOTE_INTERACTION", "false");
    quotes.auth.push(setting("WAIT_SECONDS", "0"));
    let mut consent = quotes.clone();
    let interaction = format!("http://localhost:{}", adopter.variable("auth", "INTERACTION_PORT"));
    consent.entity[1] = setting("SENDING", "all");
    consent.entity.extend([
        ("IDP_SECRET", adopter.variable("auth", "IDENTITY_SERVER_SECRET")),
        ("INTERACTION_URL", interaction),
        ("AUTH_URL", adopter.fact("authUrl")),
    ]);
    let mut tokens = consent.clone();
    tokens.backend = vec![
        setting("SERVICE_AUTH_LINKS", "backend-admin=hmac+token"),
        setting("OAUTH_ISSUER", provider),
        ("OAUTH_TOKEN_URL", format!("{provider}/token")),
        ("OAUTH_INTROSPECTION_URL", format!("{provider}/introspect")),
        setting("OAUTH_CLIENT_ID", provider::BACKEND.0),
        setting("OAUTH_CLIENT_SECRET", provider::BACKEND.1),
    ];
    tokens.entity[0] = ("OAUTH_TOKEN_URL", format!("{provider}/token"));
    tokens
        .entity
        .extend([setting("OAUTH_CLIENT_ID", provider::CLIENT.0), setting("OAUTH_CLIENT_SECRET", provider::CLIENT.1)]);
    let mut agreements = tokens.clone();
    agreements.entity.push(setting("AGREEMENT_CAP", "700"));
    [receive, send, quotes, consent, tokens, agreements]
}

#[test]
fn each_step_of_adoption_is_a_change_of_settings_that_keeps_all_books_and_can_be_taken_back() {
    let Some(mut scene) = Scene::start() else { return };
    let provider = scene.runtime.block_on(provider::start(scene.adopter.fact("tenantId")));
    let steps = steps(&scene.adopter, &provider.url);
    let mut has = OPENING;
    let not_offered = Some("this institution does not offer such payments yet".to_owned());

    // 1. Receive only.
    scene.adopter.go(&steps[0]);
    scene.ada_is_paid("5.00");
    has += 500;
    scene.ada_has(has);
    assert_eq!(scene.ada_pays("5.00"), (OutgoingPaymentState::Cancelled, not_offered.clone()));
    scene.ada_has(has);

    // 2. Send by the Admin API.
    scene.adopter.go(&steps[1]);
    scene.ada_has(has);
    assert_eq!(scene.ada_pays("5.00").0, OutgoingPaymentState::Completed);
    has -= 500;
    scene.ada_has(has);
    let more_than_there_is = scene.ada_pays("5000.00");
    assert_eq!(more_than_there_is, (OutgoingPaymentState::Cancelled, Some("insufficient funds".to_owned())));
    let receiver = scene.runtime.block_on(scene.application.incoming(&scene.other(), Some(300)));
    assert_eq!(scene.runtime.block_on(scene.application.quote(&scene.own("ada"), &receiver)), None);

    // 3. Open Payments without consent.
    scene.adopter.go(&steps[2]);
    scene.ada_has(has);
    let quote = scene.runtime.block_on(scene.application.quote(&scene.own("ada"), &receiver)).unwrap();
    assert_eq!(quote["receiveAmount"]["value"], "300", "{quote}");
    assert!(scene.runtime.block_on(scene.application.right(&scene.own("ada"), 1000)).is_none(), "nobody asks ada");

    // 4. Consent.
    scene.adopter.go(&steps[3]);
    scene.ada_has(has);
    let right = scene.runtime.block_on(scene.application.right(&scene.own("ada"), 3000)).unwrap();
    assert_eq!(scene.application_pays(&right, 400).0, OutgoingPaymentState::Completed);
    has -= 400;
    scene.ada_has(has);

    // 5. A provider of tokens of one's own. The entity knows no secret of the instance.
    scene.adopter.go(&steps[4]);
    scene.ada_has(has);
    scene.ada_is_paid("2.00");
    assert_eq!(scene.ada_pays("3.00").0, OutgoingPaymentState::Completed);
    has -= 100;
    scene.ada_has(has);
    assert!(provider.issued() > 0, "no token was asked for");

    // 6. Agreements: this right has used 4.00, and ada's entity lets no right use more than 7.00.
    scene.adopter.go(&steps[5]);
    assert_eq!(scene.application_pays(&right, 300).0, OutgoingPaymentState::Completed);
    has -= 300;
    scene.ada_has(has);
    let beyond = scene.application_pays(&right, 150);
    assert_eq!(beyond, (OutgoingPaymentState::Cancelled, Some("agreement limit".to_owned())));

    // And all the way back.
    scene.adopter.go(&steps[0]);
    scene.ada_has(has);
    scene.ada_is_paid("1.00");
    has += 100;
    scene.ada_has(has);
    assert_eq!(scene.ada_pays("3.00"), (OutgoingPaymentState::Cancelled, not_offered));
    assert_eq!(scene.adopter.balance("bob"), OPENING);
    scene.assert_books();
}

#[test]
fn the_sample_entity_loses_and_doubles_nothing_when_it_is_killed_and_believes_only_signed_events() {
    let Some(mut scene) = Scene::start() else { return };
    let steps = steps(&scene.adopter, "http://localhost:9");
    scene.adopter.go(&steps[1]);
    let mut has = OPENING;
    for round in 0..3 {
        let payment = scene.adopter.told(&["pay", "ada", &scene.other(), "3.00"]);
        scene.adopter.kill_entity();
        let from = scene.two.address(Side::HappyLife, "planex");
        let paying = scene.two.start_paying(&["--from", &from, "--to", &scene.own("ada"), "--receive", "2.00"]);
        let paid = paying.wait_with_output().unwrap();
        assert!(paid.status.success(), "round {round}: {}", String::from_utf8_lossy(&paid.stderr));
        scene.adopter.start_entity();
        assert_eq!(scene.end(payment["id"].as_str().unwrap()).0, OutgoingPaymentState::Completed);
        has -= 100;
        scene.ada_has(has);
    }

    // The same events again, by somebody who does not know the secret, and by somebody who has kept them.
    let forged = scene.runtime.block_on(deliver(&scene, "not the secret"));
    assert_eq!(forged, 401);
    let genuine = scene.runtime.block_on(deliver(&scene, &scene.adopter.fact("webhookSecret")));
    assert_eq!(genuine, 200);
    let again = scene.runtime.block_on(deliver(&scene, &scene.adopter.fact("webhookSecret")));
    assert_eq!(again, 200);
    scene.ada_has(has);
    scene.assert_books();
}

/// Sends an event of a type that the entity does not know.
async fn deliver(scene: &Scene, secret: &str) -> u16 {
    let event = serde_json::json!({"id": Uuid::nil(), "type": "something.new", "data": {"amount": "1"}});
    let now = clock::Clock::now(&clock::SystemClock);
    let signature = admin_signature::sign(secret, 1, now, &admin_signature::canonical(&event));
    let url = format!("{}/webhooks", scene.adopter.fact("walletUrl")).parse().unwrap();
    let request = outbound_http::Request::post_json(url, &event).unwrap().configured();
    let request = request.header("rafiki-signature".parse().unwrap(), signature.parse().unwrap());
    crate::asking::outbound().send(request).await.unwrap().status.as_u16()
}
