//! Passkeys on the pages: adding, signing in, proving and removing, and each answer that opens nothing.
//! What an answer has to be is in the tests of `webauthn`, codes are in `second_factor`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::authenticator::{Assertion, Authenticator, Creation, Page, VERIFIED};
use super::*;

const PASSKEYS: &str = "/settings/passkeys";
const ORIGIN: &str = "http://localhost:3030";
const WALLET: Page<'static> = Page { origin: ORIGIN, relying_party: "localhost" };

impl Browser<'_> {
    /// What a script asks on `page`, whose form is sent to `action`.
    async fn question(&mut self, page: &str, action: &str) -> Value {
        let text = self.get(page).await.text;
        let form = text.split(&format!("action=\"{action}\"")).nth(1).unwrap_or_else(|| panic!("{action}: {text}"));
        let value =
            |name: &str| form.split(&format!("{name}=\"")).nth(1).unwrap().split('"').next().unwrap().to_owned();
        let (ask, once) = (value("data-ask"), value("data-ask-once"));
        let answer = self.post(&ask, &[("once", &once)]).await;
        serde_json::from_str(&answer.text).unwrap_or_else(|_| panic!("{} {}", answer.status, answer.text))
    }

    async fn guest_question(&mut self, half: &str) -> Value {
        let answer = self.post("/sign-in/question", &[("half", half)]).await;
        serde_json::from_str(&answer.text).unwrap_or_else(|_| panic!("{} {}", answer.status, answer.text))
    }

    async fn prove_by_password(&mut self) {
        let fields = [("next", PASSKEYS), ("proof", PASSWORD)];
        assert_eq!(self.send("/prove", "/prove", &fields).await.location, PASSKEYS);
    }

    /// Sends the form with a new passkey.
    async fn make(&mut self, name: &str, creation: &Creation) -> Answer {
        let (client, attestation) = (text_of(&creation.client_data), text_of(&creation.attestation));
        self.send(PASSKEYS, PASSKEYS, &[("name", name), ("client", &client), ("attestation", &attestation)]).await
    }

    /// Adds a passkey to somebody who has proved who it is. Returns the page after it, too.
    async fn add(&mut self, number: u8) -> (Authenticator, Answer) {
        let asked = self.question(PASSKEYS, PASSKEYS).await;
        let mut authenticator = Authenticator::new(number, &handle(&asked));
        let creation = authenticator.create(challenge(&asked), WALLET);
        let answer = self.make(&format!("Phone {number}"), &creation).await;
        (authenticator, answer)
    }

    /// Somebody with an account and a passkey, the first one. Returns the recovery codes, too.
    async fn with_passkey(&mut self, number: u8) -> (Authenticator, Vec<String>) {
        self.prove_by_password().await;
        let (authenticator, shown) = self.add(number).await;
        assert_eq!(shown.status, StatusCode::OK, "{}", shown.text);
        let codes = shown.text.split("<li><code>").skip(1).map(|rest| rest.split('<').next().unwrap().to_owned());
        (authenticator, codes.collect())
    }

    async fn enter_with(&mut self, assertion: &Assertion) -> Answer {
        self.finish_with(assertion, "").await
    }

    /// The second half of signing in.
    async fn finish_with(&mut self, assertion: &Assertion, half: &str) -> Answer {
        let fields = fields(assertion);
        let texts = fields.iter().map(|(name, text)| (*name, text.as_str()));
        let all: Vec<_> = texts.chain([("half", half)]).collect();
        self.post("/sign-in/passkey", &all).await
    }

    async fn prove_with(&mut self, page: &str, assertion: &Assertion) -> Answer {
        let fields = fields(assertion);
        let texts: Vec<_> = fields.iter().map(|(name, text)| (*name, text.as_str())).collect();
        self.send(page, "/prove/passkey", &texts).await
    }

    /// Answers from a page that is not the wallet's, or with a device that has not verified anybody.
    async fn is_not_let_in(&mut self, authenticator: &mut Authenticator, page: Page<'_>) -> String {
        let asked = self.guest_question("").await;
        let answer = self.enter_with(&authenticator.answer(challenge(&asked), page)).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(self.cookie.is_none());
        answer.text
    }

    /// Asks, and answers.
    async fn enter(&mut self, authenticator: &mut Authenticator) -> Answer {
        let asked = self.guest_question("").await;
        self.enter_with(&authenticator.answer(challenge(&asked), WALLET)).await
    }

    async fn half_of(&mut self, slug: &str) -> String {
        let text = self.sign_in(slug, PASSWORD).await.text;
        let half = text.split("name=\"half\" value=\"").nth(1).unwrap_or_else(|| panic!("{text}"));
        half.split('"').next().unwrap().to_owned()
    }

    async fn passkey_id(&mut self) -> String {
        let text = self.get(PASSKEYS).await.text;
        text.split("name=\"passkey\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
    }

    async fn remove_first(&mut self) -> Answer {
        let id = self.passkey_id().await;
        self.send(PASSKEYS, &format!("{PASSKEYS}/remove"), &[("passkey", &id)]).await
    }
}

impl Bench {
    async fn letters_about(&self, subject: &str) -> i64 {
        let sql = "SELECT COUNT(*) FROM wallet_letters WHERE subject LIKE $1 OR body LIKE $1";
        let rows = self.database.bulk_query(sql, [format!("%{subject}%").into()]).await.unwrap();
        rows[0].try_get_by_index(0).unwrap()
    }
}

/// Octets as pages send them.
fn text_of(octets: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

fn challenge(asked: &Value) -> &str {
    asked["challenge"].as_str().unwrap_or_else(|| panic!("{asked}"))
}

fn handle(asked: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(asked["user"]["id"].as_str().unwrap()).unwrap()
}

/// The fields of the form that a script sends.
fn fields(assertion: &Assertion) -> [(&'static str, String); 5] {
    let Assertion { credential, client_data, authenticator_data, signature, user } = assertion;
    [
        ("credential", text_of(credential)),
        ("client", text_of(client_data)),
        ("authenticator", text_of(authenticator_data)),
        ("signature", text_of(signature)),
        ("user", text_of(user)),
    ]
}

on_each_database! {
    async fn a_passkey_is_added_after_a_proof_signs_in_alone_and_a_letter_tells(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, _) = bench.customer("nora").await;
        let mut elsewhere = bench.browser();
        elsewhere.sign_in("nora", PASSWORD).await;
        let begun = nora.send(PASSKEYS, &format!("{PASSKEYS}/begin"), &[]).await;
        assert_eq!(begun.location, "/prove?next=%2Fsettings%2Fpasskeys", "signing up proved nothing");
        nora.prove_by_password().await;
        let asked = nora.question(PASSKEYS, PASSKEYS).await;
        assert_eq!(asked["rp"], json!({"id": "localhost", "name": "Bank"}));
        assert_eq!(asked["authenticatorSelection"]["userVerification"], "required");
        assert_eq!(asked["authenticatorSelection"]["residentKey"], "required");
        assert_eq!(asked["attestation"], "none");
        let (mut phone, shown) = nora.add(1).await;
        assert_eq!(shown.text.matches("<li><code>").count(), 10, "{}", shown.text);
        assert_eq!(elsewhere.get("/").await.location, "/sign-in", "the second factor is on");
        assert_eq!(bench.letters_about("new passkey: Phone 1").await, 1);
        let list = nora.get(PASSKEYS).await.text;
        assert!(list.contains("Phone 1") && list.contains("not used yet") && list.contains("on one device"), "{list}");

        let mut stranger = bench.browser();
        let entered = stranger.enter(&mut phone).await;
        assert_eq!(entered.location, "/", "{}", entered.text);
        assert!(stranger.get("/").await.text.contains("Nora Neu"));
        assert!(!stranger.get(PASSKEYS).await.text.contains("not used yet"));
        assert!(stranger.get(PASSKEYS).await.text.contains("data-passkey=\"create\""), "it proves, too");
    }

    async fn with_a_passkey_the_password_alone_opens_nothing_and_the_passkey_or_a_recovery_code_goes_on(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, _) = bench.customer("nora").await;
        let (mut phone, codes) = nora.with_passkey(1).await;
        let mut browser = bench.browser();
        let half = browser.half_of("nora").await;
        assert_eq!(browser.get("/").await.location, "/sign-in");
        let asked = browser.guest_question(&half).await;
        assert_eq!(asked["allowCredentials"], json!([{"type": "public-key", "id": text_of(&phone.id)}]));
        // An authenticator that knows who is asked need not say it.
        let answer = Assertion { user: Vec::new(), ..phone.answer(challenge(&asked), WALLET) };
        let entered = browser.finish_with(&answer, &half).await;
        assert_eq!(entered.location, "/", "{}", entered.text);

        let mut browser = bench.browser();
        let half = browser.half_of("nora").await;
        assert_eq!(browser.post("/sign-in/code", &[("half", &half), ("code", "000000")]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(browser.post("/sign-in/code", &[("half", &half), ("code", &codes[0])]).await.location, "/");
        let half = bench.browser().half_of("nora").await;
        let again = bench.browser().post("/sign-in/code", &[("half", &half), ("code", &codes[0])]).await;
        assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY, "used before");
    }

    async fn a_passkey_proves_where_a_code_does(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, account) = bench.customer("nora").await;
        let (mut phone, _) = nora.with_passkey(1).await;
        bench.clock.advance(Duration::from_mins(6));
        let review = format!("{}/review", nora.draft(&account).await);
        let asked = nora.send(&review, &review, &[]).await;
        assert!(asked.location.starts_with("/prove?next=%2Fsend"), "{}", asked.location);
        let wrong = nora.send("/prove", "/prove", &[("next", "/"), ("proof", PASSWORD)]).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "the password does not prove it");
        let question = nora.question(&asked.location, "/prove/passkey").await;
        let answer = phone.answer(challenge(&question), WALLET);
        let proved = nora.prove_with(&asked.location, &answer).await;
        assert_eq!(proved.location, review, "{}", proved.text);
        assert!(nora.send(&review, &review, &[]).await.location.ends_with("/done"));
    }

    async fn an_answer_counts_once_for_the_browser_that_was_asked_and_for_five_minutes(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, _) = bench.customer("nora").await;
        let (mut phone, _) = nora.with_passkey(1).await;
        let mut browser = bench.browser();
        let asked = browser.guest_question("").await;
        let answer = phone.answer(challenge(&asked), WALLET);
        let mut thief = bench.browser();
        assert_eq!(thief.enter_with(&answer).await.status, StatusCode::UNPROCESSABLE_ENTITY, "no question");
        thief.guest_question("").await;
        assert_eq!(thief.enter_with(&answer).await.status, StatusCode::UNPROCESSABLE_ENTITY, "another question");
        assert_eq!(browser.enter_with(&answer).await.location, "/");
        browser.cookie = None;
        assert_eq!(browser.enter_with(&answer).await.status, StatusCode::UNPROCESSABLE_ENTITY, "replayed");

        let asked = browser.guest_question("").await;
        let answer = phone.answer(challenge(&asked), WALLET);
        bench.clock.advance(Duration::from_mins(5));
        let late = browser.enter_with(&answer).await;
        assert!(late.text.contains("This took too long. Try again."), "{}", late.text);
    }

    async fn one_answer_that_is_sent_many_times_at_once_opens_one_session(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, _) = bench.customer("nora").await;
        let (mut phone, _) = nora.with_passkey(1).await;
        let mut browser = bench.browser();
        let asked = browser.guest_question("").await;
        let answer = phone.answer(challenge(&asked), WALLET);
        let tries = (0..8).map(|_| {
            let mut copy = browser.clone();
            let answer = answer.clone();
            async move { copy.enter_with(&answer).await.location }
        });
        let entered = futures::future::join_all(tries).await;
        assert_eq!(entered.iter().filter(|location| *location == "/").count(), 1, "{entered:?}");
    }

    async fn questions_of_one_session_or_purpose_are_not_answered_in_another(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, _) = bench.customer("nora").await;
        let (mut phone, _) = nora.with_passkey(1).await;
        let mut second = bench.browser();
        second.enter(&mut phone).await;
        // A new passkey that the other session of the same person was asked for.
        let asked = nora.question(PASSKEYS, PASSKEYS).await;
        let creation = Authenticator::new(2, &handle(&asked)).create(challenge(&asked), WALLET);
        assert_eq!(second.make("Phone 2", &creation).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        // A proof that is used for signing in.
        let asked = nora.question("/prove", "/prove/passkey").await;
        let answer = phone.answer(challenge(&asked), WALLET);
        let mut guest = bench.browser();
        guest.guest_question("").await;
        assert_eq!(guest.enter_with(&answer).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(guest.cookie.is_none());
    }

    async fn a_wrong_origin_or_site_or_an_unverified_person_signs_nobody_in(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, _) = bench.customer("nora").await;
        let (mut phone, _) = nora.with_passkey(1).await;
        let mut browser = bench.browser();
        browser.is_not_let_in(&mut phone, Page { origin: "http://localhost:3031", ..WALLET }).await;
        browser.is_not_let_in(&mut phone, Page { relying_party: "bank.example", ..WALLET }).await;
        phone.flags = 0x01;
        let text = browser.is_not_let_in(&mut phone, WALLET).await;
        assert!(text.contains("Your device did not check that it is you"), "{text}");
        phone.flags = VERIFIED;
        assert_eq!(browser.enter(&mut phone).await.location, "/");
    }

    async fn a_passkey_of_somebody_else_or_a_wrong_name_in_the_answer_opens_nothing(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, _) = bench.customer("nora").await;
        let (mut eve, _) = bench.customer("eve").await;
        let (of_nora, _) = nora.with_passkey(1).await;
        let (mut of_eve, _) = eve.with_passkey(2).await;
        let mut browser = bench.browser();
        let asked = browser.guest_question("").await;
        let answer = Assertion { user: of_nora.user.clone(), ..of_eve.answer(challenge(&asked), WALLET) };
        assert_eq!(browser.enter_with(&answer).await.status, StatusCode::UNPROCESSABLE_ENTITY, "names somebody else");
        let asked = browser.guest_question("").await;
        let answer = Assertion { user: Vec::new(), ..of_eve.answer(challenge(&asked), WALLET) };
        assert_eq!(browser.enter_with(&answer).await.status, StatusCode::UNPROCESSABLE_ENTITY, "names nobody");
        let asked = browser.guest_question("").await;
        let answer = Assertion { credential: of_nora.id.clone(), user: of_nora.user.clone(), ..of_eve.answer(challenge(&asked), WALLET) };
        assert_eq!(browser.enter_with(&answer).await.status, StatusCode::UNPROCESSABLE_ENTITY, "signed by another");

        // Eve knows the password of Nora, and proves with a passkey of her own.
        let half = browser.half_of("nora").await;
        let asked = browser.guest_question(&half).await;
        let answer = of_eve.answer(challenge(&asked), WALLET);
        let entered = browser.finish_with(&answer, &half).await;
        assert_eq!(entered.status, StatusCode::UNPROCESSABLE_ENTITY);
        let asked = nora.question("/prove", "/prove/passkey").await;
        let answer = of_eve.answer(challenge(&asked), WALLET);
        assert_eq!(nora.prove_with("/prove", &answer).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }

    async fn a_counter_that_goes_backwards_is_refused_and_the_customer_is_told(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, _) = bench.customer("nora").await;
        let (mut phone, _) = nora.with_passkey(1).await;
        let mut copy = phone.clone();
        for _ in 0..2 {
            assert_eq!(bench.browser().enter(&mut phone).await.location, "/");
        }
        let refused = bench.browser().enter(&mut copy).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(refused.text.contains("somebody may use a copy of it"), "{}", refused.text);
        assert_eq!(bench.letters_about("was refused: Phone 1").await, 1);
        assert_eq!(bench.browser().enter(&mut phone).await.location, "/", "the one that counted goes on");
    }

    async fn a_passkey_is_added_once_whoever_has_it_and_nobody_has_more_than_ten(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, _) = bench.customer("nora").await;
        let (mut eve, _) = bench.customer("eve").await;
        nora.with_passkey(1).await;
        eve.prove_by_password().await;
        let (_, stolen) = eve.add(1).await;
        assert_eq!(stolen.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(stolen.text.contains("This passkey is in use here already."), "{}", stolen.text);
        for number in 2..=10 {
            assert_eq!(nora.add(number).await.1.location, format!("{PASSKEYS}?said=passkey"), "{number}");
        }
        let full = nora.question(PASSKEYS, PASSKEYS).await;
        assert_eq!(full["text"], "You have 10 passkeys, and more are not possible. Remove one first.");
    }

    async fn of_passkeys_that_are_added_at_the_same_time_none_is_one_too_many(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, _) = bench.customer("nora").await;
        nora.with_passkey(1).await;
        for number in 2..=9 {
            nora.add(number).await;
        }
        // Three sessions, each with a question of its own.
        let mut made = Vec::new();
        for number in 20..23 {
            let mut session = bench.browser();
            let half = session.half_of("nora").await;
            let mut phone = Authenticator::new(2, b"");
            phone.counter = 100 + u32::from(number);
            let asked = session.guest_question(&half).await;
            phone.user.clear();
            let answer = phone.answer(challenge(&asked), WALLET);
            assert_eq!(session.finish_with(&answer, &half).await.location, "/");
            let asked = session.question(PASSKEYS, PASSKEYS).await;
            let creation = Authenticator::new(number, &handle(&asked)).create(challenge(&asked), WALLET);
            made.push((session, creation));
        }
        let tries = made.iter_mut().map(|(session, creation)| async { session.make("One more", creation).await.location });
        let added = futures::future::join_all(tries).await;
        assert_eq!(added.iter().filter(|location| location.ends_with("said=passkey")).count(), 1, "{added:?}");
        let rows = bench.database.bulk_query("SELECT id FROM wallet_passkeys", []).await.unwrap();
        assert_eq!(rows.len(), 10);
    }

    async fn passkeys_are_named_and_removed_by_their_owner_only_after_a_proof(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, _) = bench.customer("nora").await;
        let (mut phone, _) = nora.with_passkey(1).await;
        let id = nora.passkey_id().await;
        let (mut eve, _) = bench.customer("eve").await;
        eve.with_passkey(2).await;
        let stolen = eve.send(PASSKEYS, &format!("{PASSKEYS}/remove"), &[("passkey", &id)]).await;
        assert!(stolen.location.starts_with(PASSKEYS), "{}", stolen.text);
        eve.send(PASSKEYS, &format!("{PASSKEYS}/name"), &[("passkey", &id), ("name", "Mine")]).await;
        nora.send(PASSKEYS, &format!("{PASSKEYS}/name"), &[("passkey", &id), ("name", "Red <phone>")]).await;
        assert!(nora.get(PASSKEYS).await.text.contains("Red &#60;phone&#62;"));
        for wrong in ["", &"x".repeat(61)] {
            let refused = nora.send(PASSKEYS, &format!("{PASSKEYS}/name"), &[("passkey", &id), ("name", wrong)]).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        }

        let mut elsewhere = bench.browser();
        assert_eq!(elsewhere.enter(&mut phone).await.location, "/");
        bench.clock.advance(Duration::from_mins(6));
        assert!(nora.remove_first().await.location.starts_with("/prove"), "the proof is too old");
        let asked = nora.question("/prove", "/prove/passkey").await;
        let answer = phone.answer(challenge(&asked), WALLET);
        nora.prove_with("/prove", &answer).await;
        assert_eq!(nora.remove_first().await.location, format!("{PASSKEYS}?said=passkey-gone"));
        assert_eq!(bench.letters_about("was removed: Red <phone>").await, 1);
        assert_eq!(elsewhere.get("/").await.location, "/sign-in");
        let mut browser = bench.browser();
        let gone = browser.enter(&mut phone).await;
        assert!(gone.text.contains("This wallet does not know this passkey."), "{}", gone.text);
        assert_eq!(bench.browser().sign_in("nora", PASSWORD).await.location, "/", "the password stays");
        let codes = bench.database.bulk_query("SELECT user_id FROM wallet_recovery_codes", []).await.unwrap();
        assert_eq!(codes.len(), 10, "only Eve has recovery codes");
    }

    async fn an_app_and_a_passkey_keep_the_second_factor_on_until_both_are_gone(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, _) = bench.customer("nora").await;
        let (phone, codes) = nora.enrol().await;
        let (mut key, shown) = nora.add(1).await;
        assert_eq!(shown.location, format!("{PASSKEYS}?said=passkey"), "the recovery codes stay: {}", shown.text);
        let half = bench.browser().half_of("nora").await;
        assert_eq!(bench.browser().post("/sign-in/code", &[("half", &half), ("code", &codes[0])]).await.location, "/");
        let half = bench.browser().half_of("nora").await;
        let code = phone.next_code(&bench);
        assert_eq!(bench.browser().post("/sign-in/code", &[("half", &half), ("code", &code)]).await.location, "/");
        let factor = "/settings/second-factor";
        let off = nora.send(factor, &format!("{factor}/off"), &[]).await;
        assert_eq!(off.location, format!("{factor}?said=app-off"), "{}", off.text);
        let half = bench.browser().half_of("nora").await;
        assert_eq!(bench.browser().post("/sign-in/code", &[("half", &half), ("code", &codes[1])]).await.location, "/");
        assert_eq!(bench.browser().enter(&mut key).await.location, "/");
        nora.remove_first().await;
        assert_eq!(bench.browser().sign_in("nora", PASSWORD).await.location, "/");
    }

    async fn guesses_with_passkeys_are_paused_for_the_person_and_for_the_address(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, _) = bench.customer("nora").await;
        let (mut phone, _) = nora.with_passkey(1).await;
        let mut thief = Authenticator { id: phone.id.clone(), ..Authenticator::new(9, &phone.user) };
        for _ in 0..5 {
            assert_eq!(bench.browser().enter(&mut thief).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        }
        assert_eq!(bench.browser().enter(&mut phone).await.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(bench.browser().sign_in("nora", PASSWORD).await.status, StatusCode::OK, "the password is asked for as before");
        bench.clock.advance(Duration::from_secs(61));
        assert_eq!(bench.browser().enter(&mut phone).await.location, "/");

        for _ in 0..40 {
            bench.browser().post("/sign-in/question", &[]).await;
        }
        let paused = bench.browser().post("/sign-in/question", &[]).await;
        assert_eq!(paused.status, StatusCode::TOO_MANY_REQUESTS);
        assert!(paused.text.contains("There were too many attempts."), "{}", paused.text);
    }

    async fn a_closed_wallet_has_no_passkeys_and_nobody_signs_in_while_it_is_closed(database) {
        let bench = Bench::playground(database).await;
        let mut nora = bench.browser();
        nora.sign_up("nora").await;
        let (mut phone, _) = nora.with_passkey(1).await;
        let once = nora.hidden("/settings/leave", "/settings/leave").await.remove(0).1;
        let left = nora.post("/settings/leave", &[("once", &once), ("sure", "yes")]).await;
        assert_eq!(left.location, "/sign-in?said=left", "{}", left.text);
        assert_eq!(bench.browser().enter(&mut phone).await.status, StatusCode::FORBIDDEN);
        bench.wallet.work_due().await.unwrap();
        assert_eq!(bench.database.bulk_query("SELECT id FROM wallet_passkeys", []).await.unwrap().len(), 0);
        assert_eq!(bench.browser().enter(&mut phone).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }

    async fn two_wallets_on_one_database_answer_for_each_other(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, _) = bench.customer("nora").await;
        let (mut phone, _) = nora.with_passkey(1).await;
        let mut browser = bench.browser();
        let asked = browser.guest_question("").await;
        let answer = phone.answer(challenge(&asked), WALLET);
        browser.wallet = bench.another_wallet();
        assert_eq!(browser.enter_with(&answer).await.location, "/");
        assert!(browser.get("/").await.text.contains("Nora Neu"));
    }

    async fn what_cannot_be_read_is_refused_in_words(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, _) = bench.customer("nora").await;
        nora.with_passkey(1).await;
        let mut browser = bench.browser();
        browser.guest_question("").await;
        for value in ["", "!", "AAAA"] {
            let fields = ["credential", "client", "authenticator", "signature", "user"].map(|name| (name, value));
            let answer = browser.post("/sign-in/passkey", &fields).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{value}");
            let made = nora.send(PASSKEYS, PASSKEYS, &[("name", "x"), ("client", value), ("attestation", value)]).await;
            assert_eq!(made.status, StatusCode::UNPROCESSABLE_ENTITY, "{value}");
        }
    }

    async fn passkeys_are_for_names_of_hosts_so_at_a_numeric_address_no_page_offers_them(database) {
        let bench = Bench::at(database, "http://127.0.0.1:3030").await;
        bench.browser().sign_up("nora").await;
        assert!(!bench.browser().get("/sign-in").await.text.contains("data-passkey"));
        assert_eq!(bench.browser().post("/sign-in/question", &[]).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
}
