//! The wallet of the example runs: ledger and connector in one process, and a payment between two of them over HTTP.
//! The parts are tested where they are.

#[expect(dead_code, reason = "the example's own beginning is not used here")]
#[path = "../examples/embedded_wallet/main.rs"]
mod embedded_wallet;

#[tokio::test(flavor = "multi_thread")]
async fn alice_at_one_wallet_pays_bob_at_another_and_the_books_of_both_agree() {
    let folder = tempfile::tempdir().expect("a folder");
    let told = embedded_wallet::run(folder.path()).await.expect("it runs");
    // A quote of an amount to send promises what its rate gives for one unit less, because of rounding.
    assert_eq!(
        told,
        "quoted: at least 249.99 EUR arrive\nsent 250.00 EUR, delivered 250.00 EUR\nAlice has 750.00 EUR\n\
         Bob has 250.00 EUR\nhere owes there 250.00 EUR\nhere may still send 250.00 EUR\n"
    );
}

#[test]
fn the_wallet_has_less_than_two_hundred_lines() {
    let lines = include_str!("../examples/embedded_wallet/wallet.rs").lines().count();
    assert!(lines < 200, "{lines} lines");
}
