//! `rafiki testnet join` between two own institutions that do not know each other.
//!
//! No public net is called.

use crate::institutions::{Institutions, Run, Side, Storage};

fn join(two: &Institutions, side: Side, url: &str, more: &[&str]) -> Run {
    let at = if side == Side::CloudNine { "cloud" } else { "happy" };
    two.rafiki("testnet", &[&["join", "--url", url, "--at", at], more].concat())
}

#[test]
fn joining_says_what_is_missing_until_a_quote_and_one_unit_come_through() {
    let mut two = Institutions::start_unpeered(Storage::Sqlite).unwrap();
    let peering = |side: Side| two.facts(side)["peeringUrl"].as_str().unwrap().to_owned();
    let (nine, life) = (peering(Side::CloudNine), peering(Side::HappyLife));
    let (from, to) = (two.address(Side::CloudNine, "gfranklin"), two.address(Side::HappyLife, "pfry"));
    let test: &[&str] = &["--from", &from, "--pay-to", &to];

    // An address where no node takes requests, and an asset that the other side does not have.
    let nobody = join(&two, Side::CloudNine, "http://localhost:9", &[]);
    assert_eq!(nobody.code, Some(1));
    assert!(nobody.stderr.contains("peering does not work: no node takes requests"), "{}", nobody.stderr);
    let no_asset = join(&two, Side::CloudNine, &life, &["--asset", "XAU/9"]);
    assert!(no_asset.code == Some(1) && no_asset.stderr.contains("XAU/9"), "{}", no_asset.stderr);

    // The other side lets us owe nothing yet.
    let poor = join(&two, Side::CloudNine, &life, &[&["--liquidity", "100.00"], test].concat());
    assert_eq!(poor.code, Some(1), "{}", poor.stdout);
    assert!(poor.stdout.contains("peering   works") && poor.stdout.contains("100.00 USD"), "{}", poor.stdout);
    assert!(
        poor.stderr.contains("one unit does not work") && poor.stderr.contains("lets us owe nothing"),
        "{}",
        poor.stderr
    );

    // It joins us, too, with liquidity. Now the way is open in both directions.
    let joined = join(&two, Side::HappyLife, &nine, &["--liquidity", "100.00"]);
    assert_eq!(joined.code, Some(0), "{}", joined.stderr);
    assert!(joined.stdout.contains("quote     not tried"), "{}", joined.stdout);
    for _ in 0..2 {
        let works = join(&two, Side::CloudNine, &life, test);
        assert_eq!(works.code, Some(0), "{}", works.stderr);
        assert!(works.stdout.contains("one unit  arrived: 0.01 USD"), "{}", works.stdout);
        assert!(works.stdout.ends_with("You have joined.\n"), "{}", works.stdout);
    }
    let back: &[&str] = &["--from", &two.address(Side::HappyLife, "planex"), "--pay-to", &from];
    let works = join(&two, Side::HappyLife, &nine, back);
    assert_eq!(works.code, Some(0), "{}", works.stderr);

    let unknown = two.address(Side::HappyLife, "nobody");
    let nobody = join(&two, Side::CloudNine, &life, &["--from", &from, "--pay-to", &unknown]);
    assert!(nobody.code == Some(1) && nobody.stderr.contains("--pay-to"), "{}", nobody.stderr);
    two.assert_conserved();
}

#[test]
fn a_node_that_is_away_is_named_and_the_system_stays_sound() {
    let mut two = Institutions::start_unpeered(Storage::Sqlite).unwrap();
    let life = two.facts(Side::HappyLife)["peeringUrl"].as_str().unwrap().to_owned();
    let facts = two.facts(Side::HappyLife);
    two.kill(Side::HappyLife);
    let away = join(&two, Side::CloudNine, &life, &["--liquidity", "100.00"]);
    assert!(away.code == Some(1) && away.stderr.contains("no node takes requests"), "{}", away.stderr);
    let (from, to) = (two.address(Side::CloudNine, "gfranklin"), two.address(Side::CloudNine, "bhamchest"));
    assert_eq!(two.pay(&["--from", &from, "--to", &to, "--send", "5.00"]).code, Some(0));

    two.restart(Side::HappyLife);
    assert_eq!(two.facts(Side::HappyLife)["tenantId"], facts["tenantId"]);
    let again = join(&two, Side::CloudNine, &life, &["--liquidity", "100.00"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    two.assert_conserved();
}
