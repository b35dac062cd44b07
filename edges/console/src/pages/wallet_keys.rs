//! Keys of a wallet address: list, adding one, revoking one.
//!
//! These are public keys. The private keys stay with their owners.

use admin_client::{Mutation, WalletAddressView};
use serde_json::{Value, json};

use crate::context::{Answer, Ctx, Problem};
use crate::pages::wallet_addresses;
use crate::posted::Posted;
use crate::view::{Block, Field, Form, Input, Page};

/// `GET /wallet-addresses/{id}/keys/create`
pub(crate) async fn create_page(ctx: Ctx) -> Result<Answer, Problem> {
    let address = wallet_addresses::load(&ctx).await?;
    Ok(create_form(&ctx, &address, None).into())
}

fn create_form(ctx: &Ctx, address: &WalletAddressView, posted: Option<&Posted>) -> Page {
    let back = format!("/wallet-addresses/{}", address.id);
    let form = Form::new("", format!("{back}/keys/create"), "Add key")
        .intro("An Ed25519 public key as a JSON Web Key.")
        .fields([
            Field::new("kid", "Key ID", Input::Text).required().help("The name of the key in signatures."),
            Field::new("x", "Public key (x)", Input::Text).required().help("43 letters in base64url, without padding."),
        ])
        .cancel(back.clone())
        .calls(Mutation::CreateWalletAddressKey);
    Page {
        place: "wallet-addresses",
        kind: "Add key",
        name: Some(address.address.clone()),
        back: Some(("Wallet address", back)),
        main: vec![Block::Form(ctx.form(form, posted))],
        ..Page::default()
    }
}

/// `POST /wallet-addresses/{id}/keys/create`
pub(crate) async fn create(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let address = wallet_addresses::load(&ctx).await?;
    let (kid, x) = (posted.required("kid"), posted.required("x"));
    let input = json!({
        "walletAddressId": address.id, "idempotencyKey": posted.key(),
        "jwk": {"kid": kid, "x": x, "alg": "EdDSA", "kty": "OKP", "crv": "Ed25519"},
    });
    if posted.is_good()
        && ctx.change(&mut posted, Mutation::CreateWalletAddressKey, input, Value::Null).await?.is_some()
    {
        return Ok(ctx.done(format!("/wallet-addresses/{}", address.id), "Key was added."));
    }
    Ok(Answer::refused(create_form(&ctx, &address, Some(&posted))))
}

/// `GET /wallet-addresses/{id}/keys/{key}/revoke`
pub(crate) async fn revoke_page(ctx: Ctx) -> Result<Answer, Problem> {
    let address = wallet_addresses::load(&ctx).await?;
    Ok(revoke_form(&ctx, &address, None)?.into())
}

fn revoke_form(ctx: &Ctx, address: &WalletAddressView, posted: Option<&Posted>) -> Result<Page, Problem> {
    let key = ctx.id_named("key", "Invalid key ID.")?;
    let found = address.keys().find(|found| found.id == key).ok_or(Problem::NotFound("There is no such key."))?;
    let back = format!("/wallet-addresses/{}", address.id);
    let form = Form::new("", format!("{back}/keys/{key}/revoke"), "Revoke key")
        .intro("Signatures with this key are no longer accepted. This cannot be undone.")
        .danger("revoke key")
        .cancel(back.clone())
        .calls(Mutation::RevokeWalletAddressKey);
    Ok(Page {
        place: "wallet-addresses",
        kind: "Revoke key",
        name: Some(found.jwk.kid.clone()),
        back: Some(("Wallet address", back)),
        main: vec![Block::Form(ctx.form(form, posted))],
        ..Page::default()
    })
}

/// `POST /wallet-addresses/{id}/keys/{key}/revoke`
pub(crate) async fn revoke(ctx: Ctx, mut posted: Posted) -> Result<Answer, Problem> {
    let address = wallet_addresses::load(&ctx).await?;
    let key = ctx.id_named("key", "Invalid key ID.")?;
    posted.confirm("revoke key");
    let input = json!({"id": key, "idempotencyKey": posted.key()});
    if posted.is_good()
        && ctx.change(&mut posted, Mutation::RevokeWalletAddressKey, input, Value::Null).await?.is_some()
    {
        return Ok(ctx.done(format!("/wallet-addresses/{}", address.id), "Key was revoked."));
    }
    Ok(Answer::refused(revoke_form(&ctx, &address, Some(&posted))?))
}
