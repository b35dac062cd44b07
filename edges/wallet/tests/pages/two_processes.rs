//! Signing out everywhere counts in every process at once, and guesses stop at the stated counts, whichever process is
//! asked. No time passes in these tests, so nothing is waited for.

use super::*;

impl Bench {
    /// Browsers of somebody, by turns at two processes.
    fn browsers_at_both(&self, number: usize) -> Vec<Browser<'_>> {
        let other = self.another_wallet();
        let at = |index: usize| match index % 2 {
            0 => self.browser(),
            _ => Browser { wallet: other.clone(), ..self.browser() },
        };
        (0..number).map(at).collect()
    }
}

async fn all_are_signed_out(browsers: &mut [Browser<'_>]) {
    let watch = clock::Stopwatch::start();
    for browser in browsers {
        assert_eq!(browser.get("/").await.location, "/sign-in");
    }
    assert!(watch.elapsed() < Duration::from_secs(5), "each within a second");
}

on_each_database! {
    async fn signing_out_everywhere_ends_the_sessions_in_every_process_at_once(database) {
        let bench = Bench::playground(database).await;
        let mut here = bench.browser();
        here.sign_up("nora").await;
        let mut there = bench.browsers_at_both(4);
        for browser in &mut there {
            assert_eq!(browser.sign_in("nora", PASSWORD).await.location, "/");
        }
        // Each is used at the other process, too.
        for _ in 0..2 {
            for browser in &mut there {
                assert_eq!(browser.get("/").await.status, StatusCode::OK);
            }
        }
        let ended = here.send("/settings", "/settings/sessions", &[("session", "")]).await;
        assert_eq!(ended.location, "/settings?said=session", "{}", ended.text);
        all_are_signed_out(&mut there).await;
        assert_eq!(here.get("/").await.status, StatusCode::OK, "this one stays");

        for browser in &mut there {
            browser.sign_in("nora", PASSWORD).await;
        }
        let fields = [("old", PASSWORD), ("new", "a sunny day in april"), ("again", "a sunny day in april")];
        let changed = here.send("/settings/password", "/settings/password", &fields).await;
        assert_eq!(changed.location, "/settings?said=password", "{}", changed.text);
        all_are_signed_out(&mut there).await;
        for browser in &mut there {
            assert_eq!(browser.sign_in("nora", "a sunny day in april").await.location, "/");
        }
        let mut left = there.swap_remove(0);
        let asked = left.get("/sign-out").await;
        assert!(asked.text.contains("You are signed in until you press this button."), "{}", asked.text);
        assert_eq!(left.get("/").await.status, StatusCode::OK, "opening an address ends no session");
        let mut the_same = Browser { wallet: bench.another_wallet(), ..left.clone() };
        left.send("/sign-out", "/sign-out", &[]).await;
        assert_eq!(the_same.get("/").await.location, "/sign-in", "the session, not only the cookie");
    }

    async fn guesses_stop_at_the_stated_counts_whichever_process_is_asked(database) {
        let bench = Bench::playground(database).await;
        bench.browser().sign_up("nora").await;
        bench.browser().sign_up("eve").await;
        let mut both = bench.browsers_at_both(30);
        // Five for one person, then a pause that grows with each further one.
        for browser in &mut both[..5] {
            assert_eq!(browser.sign_in("nora", "wrong").await.status, StatusCode::UNPROCESSABLE_ENTITY);
        }
        for pause in 1..4 {
            for browser in &mut both[..4] {
                assert_eq!(browser.sign_in("nora", PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS, "{pause}");
            }
            bench.clock.advance(Duration::from_secs(pause * 60 - 1));
            assert_eq!(both[1].sign_in("nora", PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS, "{pause}");
            bench.clock.advance(Duration::from_secs(2));
            assert_eq!(both[0].sign_in("nora", "wrong").await.status, StatusCode::UNPROCESSABLE_ENTITY, "{pause}");
        }
        assert_eq!(both[1].sign_in("eve", PASSWORD).await.location, "/", "nobody else is kept out");

        // Thirty for one network address, whoever it tries.
        bench.clock.advance(Duration::from_mins(16));
        for (number, browser) in both.iter_mut().enumerate() {
            let tried = browser.sign_in(&format!("somebody{number}"), "wrong").await;
            assert_eq!(tried.status, StatusCode::UNPROCESSABLE_ENTITY, "{number}");
        }
        for browser in &mut both[..2] {
            assert_eq!(browser.sign_in("eve", PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
        }
        bench.clock.advance(Duration::from_secs(61));
        assert_eq!(both[1].sign_in("eve", PASSWORD).await.location, "/");
    }
}
