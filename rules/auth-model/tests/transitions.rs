//! Every state of a grant, everything that may happen to it, and what follows.
//! The same over a real listener is in `auth-api`.
#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

use std::time::Duration;

use auth_model::{
    Choice, ChoiceRefusal, ClientDisplay, ContinueRefusal, Finish, FinishOutcome, FinishUri, Grant, GrantState,
    Lifetimes, Progress, RotateRefusal, TenantId, Terms,
};
use clock::{SeededEntropy, Timestamp};
use gnap::{AccessItem, Client, ContinueStep};
use serde_json::json;

const TERMS: Terms = Terms {
    token_lifetime: Duration::from_mins(10),
    interaction_lifetime: Duration::from_mins(10),
    continue_wait: Duration::from_secs(5),
    lifetimes: Lifetimes { grant: None, unissued: None },
};
const START: Timestamp = Timestamp::from_millis(1_000_000);
const STATES: [GrantState; 5] =
    [GrantState::Pending, GrantState::Approved, GrantState::Issued, GrantState::Rejected, GrantState::Revoked];

fn client() -> Client {
    serde_json::from_value(json!("https://client.example")).unwrap()
}

fn access() -> Vec<AccessItem> {
    serde_json::from_value(json!([{"type": "incoming-payment", "actions": ["create"]}])).unwrap()
}

fn entropy() -> SeededEntropy {
    SeededEntropy::new(3)
}

fn tenant() -> TenantId {
    TenantId::random(&entropy())
}

/// A grant that needed consent, put into `state` with `choice` made; the client wants the browser back or polls.
fn grant(state: GrantState, choice: Choice, wants_browser: bool) -> Grant {
    let uri = FinishUri::new("https://client.example/back", &auth_model::FinishUriPolicy::default()).unwrap();
    let finish = wants_browser.then(|| Finish { uri, nonce: "n".to_owned() });
    let display = ClientDisplay { name: "Client".to_owned(), uri: "https://client.example".to_owned() };
    let opened = Grant::ask_owner(tenant(), client(), access(), None, display, finish, &TERMS, START, &entropy());
    let mut grant = opened.grant;
    grant.state = state;
    grant.interaction.as_mut().unwrap().choice = choice;
    grant
}

fn reference(grant: &Grant) -> ContinueStep {
    ContinueStep::Interacted(grant.interaction.as_ref().unwrap().reference.to_string())
}

fn proceed(grant: Grant, step: &ContinueStep, after_seconds: u64) -> Result<(GrantState, bool), ContinueRefusal> {
    let now = START + Duration::from_secs(after_seconds);
    grant.proceed(step, &TERMS, now, &entropy()).map(|progress| match progress {
        Progress::Pending(grant) => (grant.state, false),
        Progress::Issued(grant, issued) => (grant.state, issued.is_some()),
    })
}

#[test]
fn a_reference_is_redeemed_in_one_state_only() {
    for state in STATES {
        let grant = grant(state, Choice::Approved, true);
        let step = reference(&grant);
        let expected = match state {
            GrantState::Approved => Ok((GrantState::Issued, true)),
            GrantState::Pending | GrantState::Issued => Err(ContinueRefusal::NotApproved),
            GrantState::Rejected | GrantState::Revoked => Err(ContinueRefusal::NotFound),
        };
        assert_eq!(proceed(grant.clone(), &step, 5), expected, "{state:?}");
        let hasty = proceed(grant.clone(), &step, 4).unwrap_err();
        let over = state.is_over();
        assert_eq!(hasty, if over { ContinueRefusal::NotFound } else { ContinueRefusal::TooFast }, "{state:?}");
        let unreferenced = proceed(grant, &ContinueStep::Unreferenced, 5);
        assert_eq!(unreferenced, Err(ContinueRefusal::NoReference));
    }
}

#[test]
fn polling_waits_issues_once_and_never_where_the_browser_is_wanted() {
    for state in STATES {
        let polled = proceed(grant(state, Choice::Approved, false), &ContinueStep::Poll, 5);
        let expected = match state {
            GrantState::Pending => Ok((GrantState::Pending, false)),
            GrantState::Approved => Ok((GrantState::Issued, true)),
            GrantState::Issued | GrantState::Rejected | GrantState::Revoked => Err(ContinueRefusal::NotContinuable),
        };
        assert_eq!(polled, expected, "{state:?}");
        let hasty = proceed(grant(state, Choice::Approved, false), &ContinueStep::Poll, 4);
        assert_eq!(hasty, Err(ContinueRefusal::PolledTooFast));
        let other = proceed(grant(state, Choice::Approved, true), &ContinueStep::Poll, 5);
        assert_eq!(other, Err(ContinueRefusal::NotPollable));
    }
}

#[test]
fn a_grant_without_consent_has_its_token_and_gets_no_other() {
    let opened = Grant::approve_at_once(tenant(), client(), access(), &TERMS, START, &entropy());
    let issued = opened.issued.unwrap();
    assert!(issued.token.hash.matches(issued.value.expose()));
    assert!(opened.grant.continuation.token.matches(opened.continue_token.expose()));
    assert_eq!(opened.grant.state, GrantState::Approved);
    assert_eq!(proceed(opened.grant.clone(), &ContinueStep::Poll, 5), Err(ContinueRefusal::NotContinuable));
    let guess = ContinueStep::Interacted(tenant().to_string());
    assert_eq!(proceed(opened.grant, &guess, 5), Err(ContinueRefusal::NotFound));
}

#[test]
fn the_owner_decides_once_in_time_and_while_the_grant_waits() {
    let end = START + TERMS.interaction_lifetime;
    for state in STATES {
        for made in [Choice::Pending, Choice::Approved, Choice::Denied] {
            for (now, in_time) in [(end, true), (end + Duration::from_millis(1), false)] {
                let decided = grant(state, made, true).decide(Choice::Denied, now);
                let expected = if state.is_over() {
                    Err(ChoiceRefusal::Over)
                } else if state == GrantState::Pending && made == Choice::Pending && in_time {
                    Ok(Choice::Denied)
                } else {
                    Err(ChoiceRefusal::NotPending)
                };
                let choice = decided.map(|grant| grant.interaction.unwrap().choice);
                assert_eq!(choice, expected, "{state:?} {made:?} {in_time}");
            }
        }
    }
}

#[test]
fn the_browsers_return_moves_a_waiting_grant_and_no_other() {
    use FinishOutcome as Outcome;
    use GrantState::{Approved, Issued, Pending, Rejected, Revoked};
    for (state, choice, after, outcome) in [
        (Pending, Choice::Pending, Pending, Outcome::Undecided),
        (Pending, Choice::Approved, Approved, Outcome::Approved),
        (Pending, Choice::Denied, Rejected, Outcome::Rejected),
        (Approved, Choice::Approved, Approved, Outcome::Approved),
        (Issued, Choice::Approved, Issued, Outcome::Approved),
        (Rejected, Choice::Denied, Rejected, Outcome::Rejected),
        (Revoked, Choice::Pending, Revoked, Outcome::Gone),
        (Revoked, Choice::Approved, Revoked, Outcome::Gone),
        (Revoked, Choice::Denied, Revoked, Outcome::Gone),
    ] {
        let (finished, found) = grant(state, choice, true).finish();
        assert_eq!((finished.state, found), (after, outcome), "{state:?} {choice:?}");
    }
}

#[test]
fn tokens_rotate_while_the_grant_lives_and_revocation_is_for_ever() {
    for state in STATES {
        let grant = grant(state, Choice::Approved, true);
        let rotated = grant.rotate(&TERMS, START, &entropy());
        assert_eq!(rotated.err(), state.is_over().then_some(RotateRefusal::GrantOver), "{state:?}");
        assert_eq!(grant.revoke().state, GrantState::Revoked);
    }
}

#[test]
fn a_grant_gives_nothing_after_its_greatest_age_and_its_tokens_end_with_it() {
    let hour = Duration::from_hours(1);
    let terms = Terms { lifetimes: Lifetimes { grant: Some(hour), unissued: None }, ..TERMS };
    let end = START + hour;
    let opened = Grant::approve_at_once(tenant(), client(), access(), &terms, START, &entropy());
    assert_eq!(opened.issued.unwrap().token.expires_at, START + TERMS.token_lifetime);
    let grant = opened.grant;

    let late = grant.rotate(&terms, end - Duration::from_mins(1), &entropy()).unwrap();
    assert_eq!(late.token.expires_at, end, "ten minutes would be beyond the grant");
    assert_eq!(grant.rotate(&terms, end, &entropy()).unwrap().token.expires_at, end);
    let over = end + Duration::from_millis(1);
    assert!(!grant.is_too_old(&terms.lifetimes, end) && grant.is_too_old(&terms.lifetimes, over));
    assert_eq!(grant.rotate(&terms, over, &entropy()).unwrap_err(), RotateRefusal::GrantOver);
    assert_eq!(grant.rotate(&TERMS, over, &entropy()).unwrap().token.expires_at, over + TERMS.token_lifetime);
    assert_eq!(grant.ends_at_latest(&terms.lifetimes), Some(end));
    assert_eq!(grant.ends_at_latest(&TERMS.lifetimes), None);
}

#[test]
fn a_grant_whose_token_was_not_fetched_in_time_gives_none() {
    let day = Duration::from_hours(24);
    let terms = Terms { lifetimes: Lifetimes { grant: None, unissued: Some(day) }, ..TERMS };
    for (state, wants_browser) in
        [(GrantState::Pending, false), (GrantState::Approved, false), (GrantState::Approved, true)]
    {
        let grant = grant(state, Choice::Approved, wants_browser);
        let step = if wants_browser { reference(&grant) } else { ContinueStep::Poll };
        assert!(grant.clone().proceed(&step, &terms, START + day, &entropy()).is_ok(), "{state:?}");
        let late = grant.proceed(&step, &terms, START + day + Duration::from_millis(1), &entropy());
        assert_eq!(late.unwrap_err(), ContinueRefusal::Expired, "{state:?}");
    }
    // What was fetched is not ended by this age.
    let issued = grant(GrantState::Issued, Choice::Approved, true);
    assert!(issued.rotate(&terms, START + day * 9, &entropy()).is_ok());
    assert_eq!(grant(GrantState::Approved, Choice::Approved, true).ends_at_latest(&terms.lifetimes), None);
    // The owner has no more time than the grant.
    let terms = Terms { lifetimes: Lifetimes { grant: None, unissued: Some(Duration::from_mins(1)) }, ..TERMS };
    let display = ClientDisplay { name: "Client".to_owned(), uri: "https://client.example".to_owned() };
    let opened = Grant::ask_owner(tenant(), client(), access(), None, display, None, &terms, START, &entropy());
    assert_eq!(opened.grant.interaction.unwrap().expires_at, START + Duration::from_mins(1));
}

#[test]
fn no_log_text_contains_a_secret() {
    let opened = Grant::approve_at_once(tenant(), client(), access(), &TERMS, START, &entropy());
    let printed = format!("{opened:?}");
    assert!(!printed.contains(opened.continue_token.expose()));
    assert!(!printed.contains(opened.issued.unwrap().value.expose()));
}
