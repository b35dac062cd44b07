//! What the console calculates and asks by itself: signatures of webhooks, wallet addresses, consent pages, forms of numbers.
//! What it asks of the Admin API is tested in `tasks`.

use axum::http::StatusCode;

use crate::browser::World;
use crate::fake::{ADDRESS, ADDRESS_HERE, DELIVERY, OPERATOR, TENANT};

const PAGE: &str = "/webhooks/signature";

#[tokio::test]
async fn a_signature_is_calculated_and_checked_and_its_secret_is_nowhere_after() {
    let world = World::new().await;
    let mut b = world.operator().await;
    let body = r#"{"id":"5c1f0f3e-2b7d-4e0a-9b1c-0d6a2f1e7a11","type":"incoming_payment.completed","data":{"id":"a1b2c3d4-0000-4000-8000-000000000001","walletAddressId":"a1b2c3d4-0000-4000-8000-000000000002","client":null,"createdAt":"2026-03-01T10:00:00.000Z","expiresAt":"2026-03-01T11:00:00.000Z","receivedAmount":{"value":"1000","assetCode":"USD","assetScale":2},"completed":true,"metadata":{"note":"café","n":1.50}}}"#;
    let digest = "8301d65c05b85c4801217fd8e2d24a9a6b97a919c7972e0ddabf9b2a97fc140a";
    let header = format!("t=1767225600000, v1={digest}");
    let before = world.log();

    let time = ("time", "1767225600000");
    let made = b.fill(PAGE, PAGE, &[("body", body), ("secret", "test-secret"), time]).await;
    assert!(made.status == StatusCode::OK && made.html.contains(&header), "{}", made.html);
    assert!(!made.html.contains("test-secret"), "a secret is never written back");

    let other = format!("Rafiki-Signature: t=1767225600000, v1={}, v1={digest}", digest.replace('8', "9"));
    let fits = [("body", body), ("secret", "test-secret"), ("received", other.as_str())];
    let checked = b.fill(PAGE, PAGE, &fits).await;
    assert!(checked.html.contains("The header fits the body and the secret."), "{}", checked.html);
    assert!(checked.html.contains("Does not fit"), "the other signature is that of another secret");
    let wrong = b.fill(PAGE, PAGE, &[("body", body), ("secret", "test-secrets"), ("received", &header)]).await;
    assert!(wrong.html.contains("The header does not fit."), "{}", wrong.html);
    for wrong in [("body", "{"), ("received", "sha256=abc"), ("time", "now"), ("secret", "")] {
        let mut fields = vec![("body", body), ("secret", "test-secret")];
        fields.push(wrong);
        let refused = b.fill(PAGE, PAGE, &fields).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong:?}");
        assert!(!refused.html.contains("test-secret"), "{wrong:?}");
    }
    assert_eq!(world.log(), before, "nothing is kept");

    let prepared = b.get(&format!("{PAGE}?delivery={DELIVERY}")).await;
    assert!(prepared.html.contains("outgoing_payment.created"), "the body of a delivery is there: {}", prepared.html);
    assert_eq!(b.get(&format!("{PAGE}?delivery={OPERATOR}")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_wallet_address_is_asked_for_its_documents_as_others_see_them() {
    let world = World::new().await;
    let mut b = world.operator().await;
    let page = format!("/wallet-addresses/{ADDRESS_HERE}");
    let test = format!("{page}/test");
    let good = b.fill(&page, &test, &[]).await;
    for told in ["As others see it now", "test.cloud-nine.abc", "USD / 2", "keyid-97a3a431-8ee1"] {
        assert!(good.html.contains(told), "{told}: {}", good.html);
    }
    assert!(!good.html.contains("Not as it should be"), "{}", good.html);
    assert!(!good.html.contains("a-secret-for-payers"), "the secret of the credentials is not shown");

    *world.fake.document_scale.lock().unwrap() = 9;
    let other = b.fill(&page, &test, &[]).await;
    assert!(other.html.contains("Not as it should be") && other.html.contains("USD / 9"), "{}", other.html);

    let page = format!("/wallet-addresses/{ADDRESS}");
    let silent = b.fill(&page, &format!("{page}/test"), &[]).await;
    assert!(silent.status == StatusCode::OK && silent.html.contains("no connection to"), "{}", silent.html);
}

#[tokio::test]
async fn the_consent_page_of_a_tenant_is_asked_whether_it_answers() {
    let world = World::new().await;
    let mut b = world.operator().await;
    let page = format!("/tenants/{TENANT}");
    let shown = b.fill(&page, &format!("{page}/consent-test"), &[]).await;
    assert!(shown.html.contains("It answers 200") && shown.html.contains("Answers"), "{}", shown.html);
    let without = b.get(&format!("/tenants/{OPERATOR}")).await;
    assert!(!without.html.contains("consent-test"), "{}", without.html);
}

#[tokio::test]
async fn numbers_have_the_form_that_was_chosen_in_either_language() {
    let world = World::new().await;
    let mut b = world.operator().await;
    let form = "/preferences";
    b.fill(form, form, &[("numbers", "space-comma")]).await;
    assert!(b.get("/payments").await.html.contains("1\u{202f}065,67"));
    let deposit = format!("/peers/{}/deposit-liquidity", crate::fake::PEER);
    b.fill(&deposit, &deposit, &[("amount", "12,50")]).await;
    assert_eq!(world.fake.calls_of("DepositPeerLiquidity")[0]["amount"], "1250");
    let refused = b.fill(&deposit, &deposit, &[("amount", "12.50")]).await;
    assert!(refused.html.contains("with a comma before the decimal places"), "{}", refused.html);

    b.fill(form, form, &[("language", "de"), ("numbers", "comma-point")]).await;
    assert!(b.get("/payments").await.html.contains("1,065.67"));
    b.fill(form, form, &[("numbers", "")]).await;
    assert!(b.get("/payments").await.html.contains("1.065,67"), "that of the language");
}
