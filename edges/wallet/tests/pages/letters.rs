//! Letters, and what their links do: confirming an address, a new password, another address.
//! What an app protects is in `second_factor`.

use testkit::{MailServer, Mood};

use super::*;

async fn with_mail(database: TestDatabase) -> (Bench, MailServer) {
    let server = MailServer::start().await;
    let post = Post::Server(Box::new(mail::MailServer::new(&server.url(), "Bank <letters@bank.example>").unwrap()));
    (Bench::with_post(database, Verification::ByLetter, post).await, server)
}

/// The letters with whole lines.
fn read(server: &MailServer) -> Vec<String> {
    server.letters().iter().map(|letter| letter.replace("=\n", "")).collect()
}

/// The path behind a link of the newest letter that has one.
fn link(server: &MailServer, path: &str) -> String {
    let letters = read(server);
    let found = letters.iter().rev().find_map(|letter| Some(&letter[letter.find(path)?..]));
    found.unwrap_or_else(|| panic!("no {path} in {letters:?}")).split_whitespace().next().unwrap().to_owned()
}

/// How many letters have this in their head.
fn count(server: &MailServer, line: &str) -> usize {
    server.letters().iter().filter(|letter| letter.contains(line)).count()
}

/// Somebody who has signed up and confirmed the address.
async fn confirmed<'b>(bench: &'b Bench, server: &MailServer, slug: &str) -> Browser<'b> {
    let mut browser = bench.browser();
    browser.sign_up(slug).await;
    bench.wallet.work_due().await.unwrap();
    let path = link(server, "/verify/");
    assert_eq!(browser.post(&path, &[]).await.location, "/sign-in?said=verified");
    assert_eq!(browser.sign_in(slug, PASSWORD).await.location, "/");
    browser
}

impl Bench {
    async fn one_text(&self, sql: &str) -> String {
        self.database.bulk_query(sql, []).await.unwrap()[0].try_get_by_index(0).unwrap()
    }
}

on_each_database! {
    async fn a_letter_waits_for_the_mail_server_and_is_taken_once(database) {
        let (bench, server) = with_mail(database).await;
        server.set(Mood::Later);
        bench.browser().sign_up("nora").await;
        bench.wallet.work_due().await.unwrap();
        assert_eq!(server.letters().len(), 0);
        server.set(Mood::Takes);
        bench.clock.advance(Duration::from_secs(20));
        for _ in 0..3 {
            bench.wallet.work_due().await.unwrap();
            bench.clock.advance(Duration::from_mins(20));
        }
        assert_eq!(server.letters().len(), 1);
        let letter = server.letters().remove(0);
        assert!(letter.contains("To: nora@example.com") && letter.contains("Auto-Submitted: auto-generated"), "{letter}");
        let kept = bench.one_text("SELECT state || ':' || recipient || subject || body FROM wallet_letters").await;
        assert_eq!(kept, "sent:", "neither the link of a letter nor its reader is kept");
    }

    async fn a_letter_whose_answer_was_lost_comes_again_with_the_same_number(database) {
        let (bench, server) = with_mail(database).await;
        server.set(Mood::TakesSilently);
        bench.browser().sign_up("nora").await;
        bench.wallet.work_due().await.unwrap();
        server.set(Mood::Takes);
        bench.clock.advance(Duration::from_secs(20));
        bench.wallet.work_due().await.unwrap();
        let letters = server.letters();
        let number = |letter: &String| letter.lines().find(|line| line.starts_with("Message-ID")).unwrap().to_owned();
        assert_eq!((letters.len(), number(&letters[0])), (2, number(&letters[1])));
    }

    async fn a_letter_to_no_mailbox_is_given_up_and_others_go_on(database) {
        let (bench, server) = with_mail(database).await;
        server.set(Mood::Refuses);
        bench.browser().sign_up("nora").await;
        bench.wallet.work_due().await.unwrap();
        server.set(Mood::Takes);
        bench.browser().sign_up("eve").await;
        bench.clock.advance(Duration::from_hours(1));
        bench.wallet.work_due().await.unwrap();
        assert_eq!(server.letters().len(), 1);
        assert_eq!(bench.one_text("SELECT state FROM wallet_letters ORDER BY written_at, state LIMIT 1").await, "refused");
        assert_eq!(count(&server, "To: eve@example.com"), 1);
    }

    async fn a_letter_is_not_sent_when_its_link_has_ended(database) {
        let (bench, server) = with_mail(database).await;
        server.set(Mood::Later);
        bench.browser().sign_up("nora").await;
        bench.wallet.work_due().await.unwrap();
        server.set(Mood::Takes);
        bench.clock.advance(Duration::from_hours(25));
        bench.wallet.work_due().await.unwrap();
        assert_eq!(server.letters().len(), 0);
    }

    async fn asking_for_a_new_password_answers_the_same_whether_the_address_is_known(database) {
        let (bench, server) = with_mail(database).await;
        confirmed(&bench, &server, "nora").await;
        let before = server.letters().len();
        let known = bench.browser().post("/forgot", &[("email", "Nora@example.com")]).await;
        let unknown = bench.browser().post("/forgot", &[("email", "nobody@example.com")]).await;
        assert_eq!((known.status, &known.text), (StatusCode::OK, &unknown.text));
        let waiting = bench.one_text("SELECT CAST(COUNT(*) AS text) FROM jobs WHERE queue = 'wallet resets'").await;
        assert_eq!(waiting, "2", "both cost the same");
        bench.wallet.work_due().await.unwrap();
        assert_eq!(server.letters().len(), before + 1);
        assert!(server.letters().pop().unwrap().contains("To: nora@example.com"));
    }

    async fn a_link_sets_a_new_password_once_and_ends_all_sessions(database) {
        const NEW: &str = "another rainy day in may";
        let (bench, server) = with_mail(database).await;
        let mut nora = confirmed(&bench, &server, "nora").await;
        bench.browser().post("/forgot", &[("email", "nora@example.com")]).await;
        bench.wallet.work_due().await.unwrap();
        let path = link(&server, "/reset/");
        let mut stranger = bench.browser();
        let weak = stranger.post(&path, &[("password", "short"), ("again", "short")]).await;
        assert_eq!(weak.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(stranger.get(&path).await.status, StatusCode::OK, "a weak password does not use the link up");
        assert_eq!(nora.get("/").await.status, StatusCode::OK);
        let fields = [("password", NEW), ("again", NEW)];
        let (one, other) = (&mut bench.browser(), &mut bench.browser());
        let (one, other) = futures::join!(one.post(&path, &fields), other.post(&path, &fields));
        let mut answers = [one.status, other.status];
        answers.sort();
        assert_eq!(answers, [StatusCode::SEE_OTHER, StatusCode::GONE], "of two at the same time one counts");
        assert_eq!(nora.get("/").await.location, "/sign-in");
        assert_eq!(bench.browser().sign_in("nora", PASSWORD).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(bench.browser().sign_in("nora", NEW).await.location, "/");
        assert_eq!(stranger.get(&path).await.status, StatusCode::GONE);
        bench.wallet.work_due().await.unwrap();
        assert!(server.letters().pop().unwrap().contains("Your password was changed"));
    }

    async fn a_link_for_a_new_password_ends_after_half_an_hour_and_with_the_next_one(database) {
        let (bench, server) = with_mail(database).await;
        confirmed(&bench, &server, "nora").await;
        let ask = async || {
            bench.browser().post("/forgot", &[("email", "nora@example.com")]).await;
            bench.wallet.work_due().await.unwrap();
            link(&server, "/reset/")
        };
        let (first, second) = (ask().await, ask().await);
        assert_eq!(bench.browser().get(&first).await.status, StatusCode::GONE);
        assert_eq!(bench.browser().get(&second).await.status, StatusCode::OK);
        bench.clock.advance(Duration::from_mins(31));
        assert_eq!(bench.browser().get(&second).await.status, StatusCode::GONE);
    }

    async fn nobody_is_flooded_with_letters(database) {
        let (bench, server) = with_mail(database).await;
        confirmed(&bench, &server, "nora").await;
        // The letter of signing up counts, too.
        bench.clock.advance(Duration::from_mins(16));
        let mut statuses = Vec::new();
        for _ in 0..5 {
            statuses.push(bench.browser().post("/forgot", &[("email", "nora@example.com")]).await.status);
        }
        assert_eq!(statuses[..3], [StatusCode::OK; 3]);
        assert_eq!(statuses[3..], [StatusCode::TOO_MANY_REQUESTS; 2]);
    }

    async fn who_signs_up_for_somebody_else_again_and_again_sends_three_letters_and_is_not_told(database) {
        let (bench, server) = with_mail(database).await;
        let mut answers = BTreeSet::new();
        for _ in 0..6 {
            let answer = bench.browser().sign_up("nora").await;
            answers.insert((answer.status, answer.text));
        }
        bench.wallet.work_due().await.unwrap();
        assert_eq!((server.letters().len(), answers.len()), (3, 1));
        let rows = bench.one_text("SELECT CAST(COUNT(*) AS text) FROM wallet_one_time_tokens").await;
        assert_eq!(rows, "1", "what was not sent changes nothing");
    }

    async fn a_change_of_the_address_that_waits_ends_with_a_new_password_and_the_present_address_is_told(database) {
        const NEW: &str = "another rainy day in may";
        let (bench, server) = with_mail(database).await;
        let mut nora = confirmed(&bench, &server, "nora").await;
        let mut eve = bench.browser();
        eve.sign_in("nora", PASSWORD).await;
        let asked = eve.send("/settings", "/settings/email", &[("email", "eve@example.com"), ("password", PASSWORD)]).await;
        assert_eq!(asked.location, "/settings?said=email", "{}", asked.text);
        bench.wallet.work_due().await.unwrap();
        let told = |letter: &String| letter.contains("To: nora@example.com") && letter.contains("eve@example.com");
        assert!(read(&server).iter().any(told), "{:?}", read(&server));
        let taken_over = link(&server, "/email/");
        bench.browser().post("/forgot", &[("email", "nora@example.com")]).await;
        bench.wallet.work_due().await.unwrap();
        let reset = link(&server, "/reset/");
        let fields = [("old", PASSWORD), ("new", NEW), ("again", NEW)];
        assert_eq!(nora.send("/settings", "/settings/password", &fields).await.location, "/settings?said=password");
        for path in [&taken_over, &reset] {
            assert_eq!(eve.post(path, &[("password", PASSWORD), ("again", PASSWORD)]).await.status, StatusCode::GONE, "{path}");
        }

        nora.send("/settings", "/settings/email", &[("email", "eve@example.com"), ("password", NEW)]).await;
        bench.browser().post("/forgot", &[("email", "nora@example.com")]).await;
        bench.wallet.work_due().await.unwrap();
        let (taken_over, reset) = (link(&server, "/email/"), link(&server, "/reset/"));
        assert_eq!(bench.browser().post(&reset, &[("password", PASSWORD), ("again", PASSWORD)]).await.location, "/sign-in?said=reset");
        assert_eq!(eve.post(&taken_over, &[]).await.status, StatusCode::GONE);
        assert_eq!(bench.browser().sign_in("nora", PASSWORD).await.location, "/");
    }

    async fn a_wrong_password_keeps_no_letters_from_somebody_else(database) {
        let (bench, server) = with_mail(database).await;
        let mut nora = confirmed(&bench, &server, "nora").await;
        for _ in 0..3 {
            let wrong = [("email", "new@example.com"), ("password", "not the password")];
            assert_eq!(nora.send("/settings", "/settings/email", &wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        }
        let right = nora.send("/settings", "/settings/email", &[("email", "new@example.com"), ("password", PASSWORD)]).await;
        assert_eq!(right.location, "/settings?said=email", "{}", right.text);
        bench.wallet.work_due().await.unwrap();
        assert_eq!(count(&server, "To: new@example.com"), 1);
    }

    async fn another_address_counts_after_its_link_was_opened(database) {
        let (bench, server) = with_mail(database).await;
        let mut nora = confirmed(&bench, &server, "nora").await;
        let wrong = [("email", "new@example.com"), ("password", "not the password")];
        let refused = nora.send("/settings", "/settings/email", &wrong).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        let asked = nora.send("/settings", "/settings/email", &[("email", "new@example.com"), ("password", PASSWORD)]).await;
        assert_eq!(asked.location, "/settings?said=email", "{}", asked.text);
        bench.wallet.work_due().await.unwrap();
        assert_eq!(bench.browser().sign_in("new", PASSWORD).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        let path = link(&server, "/email/");
        assert_eq!(bench.browser().get(&path).await.status, StatusCode::OK);
        assert_eq!(bench.browser().post(&path, &[]).await.location, "/sign-in?said=email-changed");
        assert_eq!(bench.browser().post(&path, &[]).await.status, StatusCode::GONE);
        assert_eq!(bench.browser().sign_in("new", PASSWORD).await.location, "/");
        assert_eq!(bench.browser().sign_in("nora", PASSWORD).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        bench.wallet.work_due().await.unwrap();
        assert!(server.letters().pop().unwrap().contains("To: nora@example.com"), "the old address is told");
    }
}
