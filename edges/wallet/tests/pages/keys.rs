//! Keys of an address: published once, under a name of their own, and revoked by their owner only.
//! In which forms a key is read is in `keys`.

use super::*;

const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
const OTHER: &str = "PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw";

fn jwk(x: &str) -> String {
    json!({"kty": "OKP", "crv": "Ed25519", "x": x}).to_string()
}

on_each_database! {
    async fn a_key_is_published_once_and_revoked_and_a_private_one_is_not_accepted(database) {
        let bench = Bench::playground(database).await;
        let (mut nora, account) = bench.customer("nora").await;
        let page = format!("/accounts/{account}/keys");
        for _ in 0..2 {
            let added = nora.send(&page, &page, &[("name", "laptop"), ("key", &jwk(X))]).await;
            assert_eq!(added.location, format!("{page}?said=key"), "{}", added.text);
        }
        assert_eq!(bench.instance.count("CreateWalletAddressKey"), 1);
        let input = bench.instance.calls.lock().unwrap().iter().find(|(name, _)| name == "CreateWalletAddressKey").unwrap().1.clone();
        assert_eq!((&input["jwk"]["kid"], &input["jwk"]["x"]), (&json!("laptop"), &json!(X)));
        assert_eq!(input["walletAddressId"], json!(id_of("https://localhost:3000/accounts/nora")));

        let mut private: Value = serde_json::from_str(&jwk(OTHER)).unwrap();
        private["d"] = json!("nobody-but-nora-knows-this");
        for (key, reason) in [(jwk(OTHER), "has this name"), (private.to_string(), "This is a private key"), ("x".to_owned(), "Give a public Ed25519 key")] {
            let refused = nora.send(&page, &page, &[("name", "laptop"), ("key", &key)]).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
            assert!(refused.text.contains(reason) && !refused.text.contains("nobody-but-nora"), "{}", refused.text);
        }
        assert_eq!(bench.instance.count("CreateWalletAddressKey"), 1);

        let revoke = format!("{page}/revoke");
        let key = nora.hidden(&page, &revoke).await.into_iter().find(|(name, _)| name == "key").unwrap().1;
        let (mut eve, eves) = bench.customer("eve").await;
        assert_eq!(eve.get(&page).await.status, StatusCode::NOT_FOUND);
        let theirs = format!("/accounts/{eves}/keys");
        let once = eve.hidden(&theirs, &format!("{theirs}/revoke")).await.remove(0).1;
        let foreign = eve.post(&format!("{theirs}/revoke"), &[("once", &once), ("key", &key)]).await;
        assert_eq!((foreign.status, bench.instance.count("RevokeWalletAddressKey")), (StatusCode::NOT_FOUND, 0));

        assert_eq!(nora.send(&page, &revoke, &[]).await.location, format!("{page}?said=key-gone"));
        assert_eq!(bench.instance.count("RevokeWalletAddressKey"), 1);
        // The name is free again, and of two equal forms at the same time both say that the key is there.
        *bench.instance.overtaken.lock().unwrap() = true;
        let added = nora.send(&page, &page, &[("name", "laptop"), ("key", &jwk(OTHER))]).await;
        assert_eq!(added.location, format!("{page}?said=key"), "{}", added.text);
    }
}
