//! A program outside of Rafiki that asks another institution to be paid: wallet address, grant, incoming payment.
//!
//! Run it beside `rafiki dev`. A customer of one institution acts as the client at the other:
//!
//! ```sh
//! cargo run -p open-payments-client --example receive -- https://localhost:3000/accounts/gfranklin \
//!     https://localhost:4000/accounts/pfry data/happy-life/private-key.pem <KEY_ID of data/happy-life/backend.env>
//! ```

use std::error::Error;
use std::sync::Arc;

use clock::SystemClock;
use gnap::{AccessType, Action};
use http_signatures::{Signer, SigningKey};
use open_payments::CreateIncomingPayment;
use open_payments_client::{OpenPaymentsClient, PublicResources, RetryPolicy};
use outbound_http::{Outbound, OutboundConfig};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [payee, identity, key_file, key_id] = arguments.as_slice() else {
        return Err("name the payee, the client, the file with its key, and the id of the key".into());
    };

    // In production use OutboundConfig::default(): https only, public addresses only.
    let clock = Arc::new(SystemClock);
    let http = Outbound::new(OutboundConfig::development(), clock.clone())?;
    let public = PublicResources::new(http, RetryPolicy::default(), clock);
    let signer = Signer::new(SigningKey::from_text(&std::fs::read_to_string(key_file)?)?, key_id)?;
    let client = OpenPaymentsClient::new(public, identity, Arc::new(signer));

    let address = client.public().wallet_address(payee).await?;
    let actions = [Action::Create, Action::Read, Action::Complete];
    let granted = client.request_grant(&address.auth_server, AccessType::IncomingPayment, &actions).await?;

    let wanted = CreateIncomingPayment {
        wallet_address: address.id.clone(),
        incoming_amount: None,
        expires_at: None,
        metadata: None,
    };
    let token = granted.value.expose();
    let payment = client.create_incoming_payment(&address, &wanted, None, token).await?;
    println!("whoever has this URL can pay it: {}", payment.id);
    let completed = client.complete_incoming_payment(&payment.id, token).await?;
    println!("completed: {}", completed.completed);
    client.revoke_token(&granted.manage, token).await?;
    Ok(())
}
