//! Each answer that has to be refused, by name, made by an authenticator of software.
//!
//! Questions that were answered before, and passkeys of somebody else, are refused with the database: `tests/pages`.

use ciborium::Value;

use super::authenticator::{Assertion, Authenticator, Creation, Page, VERIFIED, attestation};
use super::*;

const CHALLENGE: &str = "cXVlc3Rpb24";
const BANK: Page<'static> = Page { origin: "https://bank.example", relying_party: "bank.example" };
const USER: &[u8] = b"nora";

fn bank() -> RelyingParty {
    RelyingParty::of(&"https://bank.example/".parse().unwrap()).unwrap()
}

fn registered(creation: Creation) -> Result<NewPasskey, Refusal> {
    let answer = Created { client_data: creation.client_data, attestation: creation.attestation };
    verify_registration(&bank(), CHALLENGE, &answer)
}

/// What is known of a passkey after its first answer.
fn known(authenticator: &mut Authenticator) -> Known {
    let passkey = registered(authenticator.create(CHALLENGE, BANK)).unwrap();
    let NewPasskey { public_key, counter, backup, .. } = passkey;
    Known { public_key, counter, backup, user_handle: USER.to_vec() }
}

fn asserted(known: &Known, assertion: Assertion) -> Result<Asserted, Refusal> {
    asserted_of(known, Whose::AsTheAnswerSays, assertion)
}

fn asserted_of(known: &Known, whose: Whose, assertion: Assertion) -> Result<Asserted, Refusal> {
    let Assertion { credential, client_data, authenticator_data, signature, user } = assertion;
    let answer = Answer { credential, client_data, authenticator_data, signature, user_handle: user };
    verify_assertion(&bank(), CHALLENGE, known, whose, &answer)
}

fn nora() -> Authenticator {
    Authenticator::new(1, USER)
}

#[test]
fn a_new_passkey_is_kept_as_it_was_made_and_its_next_answer_is_accepted() {
    let mut authenticator = nora();
    let passkey = registered(authenticator.create(CHALLENGE, BANK)).unwrap();
    assert_eq!((passkey.id, passkey.public_key), (authenticator.id.clone(), authenticator.cose_key()));
    assert_eq!((passkey.counter, passkey.backup), (1, Backup::OneDevice));
    let known = known(&mut nora());
    assert_eq!(
        asserted(&known, authenticator.answer(CHALLENGE, BANK)),
        Ok(Asserted { counter: 2, backup: Backup::OneDevice })
    );
}

#[test]
fn an_attestation_by_the_new_key_itself_is_verified_and_any_other_is_refused() {
    let attested = || {
        let mut authenticator = nora();
        let creation = authenticator.create(CHALLENGE, BANK);
        let data = authenticator.first_data(BANK);
        let signature = authenticator.sign(&data, &creation.client_data);
        let statement = vec![(Value::from("alg"), Value::from(-7)), (Value::from("sig"), Value::Bytes(signature))];
        Creation { attestation: attestation("packed", Value::Map(statement), data), ..creation }
    };
    assert!(registered(attested()).is_ok());
    let mut changed = attested();
    changed.client_data.push(b' ');
    assert_eq!(registered(changed), Err(Refusal::Attestation));
    let with = |format: &str, statement: Vec<(Value, Value)>| {
        let mut authenticator = nora();
        let mut creation = authenticator.create(CHALLENGE, BANK);
        creation.attestation = attestation(format, Value::Map(statement), authenticator.first_data(BANK));
        registered(creation)
    };
    let something = || vec![(Value::from("sig"), Value::Bytes(vec![1]))];
    assert_eq!(with("none", something()), Err(Refusal::Attestation));
    assert_eq!(with("packed", something()), Err(Refusal::Attestation));
    assert_eq!(with("tpm", Vec::new()), Err(Refusal::Attestation));
}

#[test]
fn another_origin_is_refused_however_alike_it_is() {
    let mut authenticator = nora();
    let known = known(&mut authenticator);
    for origin in [
        "https://bank.example.evil.example",
        "http://bank.example",
        "https://bank.example:8443",
        "https://bank.example/",
        "https://BANK.example",
        "null",
    ] {
        let page = Page { origin, ..BANK };
        assert_eq!(registered(nora().create(CHALLENGE, page)), Err(Refusal::Origin), "{origin}");
        assert_eq!(asserted(&known, authenticator.answer(CHALLENGE, page)), Err(Refusal::Origin), "{origin}");
    }
}

#[test]
fn a_passkey_for_another_site_is_refused() {
    let mut authenticator = nora();
    let known = known(&mut authenticator);
    let page = Page { relying_party: "example", ..BANK };
    assert_eq!(registered(nora().create(CHALLENGE, page)), Err(Refusal::RelyingParty));
    assert_eq!(asserted(&known, authenticator.answer(CHALLENGE, page)), Err(Refusal::RelyingParty));
}

#[test]
fn an_answer_to_another_question_or_of_another_kind_is_refused() {
    let mut authenticator = nora();
    let known = known(&mut authenticator);
    assert_eq!(registered(nora().create("b3RoZXI", BANK)), Err(Refusal::Challenge));
    assert_eq!(asserted(&known, authenticator.answer("b3RoZXI", BANK)), Err(Refusal::Challenge));
    let creation = nora().create(CHALLENGE, BANK);
    assert_eq!(asserted(&known, authenticator.answer_with(creation.client_data, BANK)), Err(Refusal::Kind));
    let mut creation = nora().create(CHALLENGE, BANK);
    creation.client_data = authenticator.answer(CHALLENGE, BANK).client_data;
    assert_eq!(registered(creation), Err(Refusal::Kind));
}

#[test]
fn a_page_in_a_frame_of_another_site_is_refused() {
    let mut authenticator = nora();
    let known = known(&mut authenticator);
    for more in [r#""crossOrigin":true"#, r#""crossOrigin":false,"topOrigin":"https://evil.example""#] {
        let data =
            format!(r#"{{"type":"webauthn.get","challenge":"{CHALLENGE}","origin":"https://bank.example",{more}}}"#);
        assert_eq!(
            asserted(&known, authenticator.answer_with(data.into_bytes(), BANK)),
            Err(Refusal::Framed),
            "{more}"
        );
    }
}

#[test]
fn a_device_that_has_not_verified_who_uses_it_is_refused() {
    let mut authenticator = nora();
    let known = known(&mut authenticator);
    for (flags, refusal) in [(0x01, Refusal::Unverified), (0x04, Refusal::Absent), (0x00, Refusal::Absent)] {
        let mut new = Authenticator { flags, ..nora() };
        assert_eq!(registered(new.create(CHALLENGE, BANK)), Err(refusal));
        authenticator.flags = flags;
        assert_eq!(asserted(&known, authenticator.answer(CHALLENGE, BANK)), Err(refusal));
    }
}

#[test]
fn a_counter_that_does_not_grow_is_refused_unless_the_device_never_counts() {
    let mut authenticator = nora();
    let mut known = known(&mut authenticator);
    known.counter = 7;
    for (counter, verdict) in [(5, Err(Refusal::Counter)), (6, Err(Refusal::Counter)), (7, Ok(8))] {
        authenticator.counter = counter;
        assert_eq!(asserted(&known, authenticator.answer(CHALLENGE, BANK)).map(|asserted| asserted.counter), verdict);
    }
    let mut still = Authenticator { step: 0, ..nora() };
    still.counter = 0;
    assert_eq!(asserted(&known, still.answer(CHALLENGE, BANK)), Err(Refusal::Counter), "it counted before");
    known.counter = 0;
    assert!(asserted(&known, still.answer(CHALLENGE, BANK)).is_ok());
}

#[test]
fn a_signature_of_another_key_or_over_something_else_is_refused() {
    let mut authenticator = nora();
    let known = known(&mut authenticator);
    assert_eq!(asserted(&known, Authenticator::new(2, USER).answer(CHALLENGE, BANK)), Err(Refusal::Signature));
    let answer = authenticator.answer(CHALLENGE, BANK);
    let counted =
        Assertion { authenticator_data: authenticator.answer(CHALLENGE, BANK).authenticator_data, ..answer.clone() };
    assert_eq!(asserted(&known, counted), Err(Refusal::Signature));
    let mut spaced = answer.clone();
    spaced.client_data.push(b' ');
    assert_eq!(asserted(&known, spaced), Err(Refusal::Signature));
    assert_eq!(asserted(&known, Assertion { signature: Vec::new(), ..answer }), Err(Refusal::Signature));
}

#[test]
fn an_answer_that_names_somebody_else_is_refused_and_one_that_names_nobody_only_if_nobody_was_known() {
    let mut authenticator = nora();
    let known = known(&mut authenticator);
    let eve = Assertion { user: b"eve".to_vec(), ..authenticator.answer(CHALLENGE, BANK) };
    let nobody = Assertion { user: Vec::new(), ..authenticator.answer(CHALLENGE, BANK) };
    for whose in [Whose::AsTheAnswerSays, Whose::OfSomebodyKnown] {
        assert_eq!(asserted_of(&known, whose, eve.clone()), Err(Refusal::UserHandle));
    }
    assert_eq!(asserted(&known, nobody.clone()), Err(Refusal::UserHandle));
    assert!(asserted_of(&known, Whose::OfSomebodyKnown, nobody).is_ok());
}

#[test]
fn what_a_device_says_about_copies_may_change_only_in_possible_ways() {
    for (first, then, is_accepted) in [
        (0x00, 0x00, true),
        (0x08, 0x18, true),
        (0x18, 0x08, true),
        (0x00, 0x08, false),
        (0x18, 0x00, false),
        (0x08, 0x10, false),
    ] {
        let mut authenticator = Authenticator { flags: VERIFIED | first, ..nora() };
        let known = known(&mut authenticator);
        authenticator.flags = VERIFIED | then;
        let answer = asserted(&known, authenticator.answer(CHALLENGE, BANK)).map(drop);
        assert_eq!(answer, if is_accepted { Ok(()) } else { Err(Refusal::Backup) }, "{first} {then}");
    }
    let mut contradicts = Authenticator { flags: VERIFIED | 0x10, ..nora() };
    assert_eq!(registered(contradicts.create(CHALLENGE, BANK)), Err(Refusal::Backup));
}

#[test]
fn an_id_that_is_empty_or_too_long_is_refused() {
    for (length, verdict) in [(0, Err(Refusal::Id)), (1, Ok(())), (1023, Ok(())), (1024, Err(Refusal::Id))] {
        let mut authenticator = Authenticator { id: vec![3; length], ..nora() };
        assert_eq!(registered(authenticator.create(CHALLENGE, BANK)).map(drop), verdict, "{length}");
    }
}

#[test]
fn an_answer_that_is_cut_anywhere_or_has_more_than_it_says_is_refused_and_nothing_panics() {
    let mut authenticator = nora();
    let known = known(&mut authenticator);
    let creation = authenticator.create(CHALLENGE, BANK);
    for end in 0..creation.attestation.len() {
        let cut = Creation { attestation: creation.attestation[..end].to_vec(), ..creation.clone() };
        assert!(registered(cut).is_err(), "{end}");
    }
    let mut more = creation.clone();
    more.attestation.push(0);
    assert_eq!(registered(more), Err(Refusal::Unreadable));
    let data = authenticator.first_data(BANK);
    for end in 0..data.len() {
        let attestation = attestation("none", Value::Map(Vec::new()), data[..end].to_vec());
        assert!(registered(Creation { attestation, ..creation.clone() }).is_err(), "{end}");
    }
    let answer = authenticator.answer(CHALLENGE, BANK);
    for end in 0..answer.authenticator_data.len() {
        let cut = Assertion { authenticator_data: answer.authenticator_data[..end].to_vec(), ..answer.clone() };
        assert_eq!(asserted(&known, cut), Err(Refusal::Unreadable), "{end}");
    }
    for end in 0..answer.client_data.len() {
        let cut = Assertion { client_data: answer.client_data[..end].to_vec(), ..answer.clone() };
        assert_eq!(asserted(&known, cut), Err(Refusal::Unreadable), "{end}");
    }
}
