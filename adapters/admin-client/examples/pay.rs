//! A program outside of Rafiki that pays over the Admin API: receiver, quote, payment, result.
//!
//! Run it beside `rafiki dev`, with the file that it writes for other programs:
//!
//! ```sh
//! cargo run -p admin-client --example pay -- data/dev-cloud-nine.json \
//!     https://localhost:3000/accounts/gfranklin https://localhost:4000/accounts/pfry 500
//! ```

use std::error::Error;
use std::sync::Arc;

use admin_client::{AdminClient, Amount, Credentials, OutgoingPaymentState, QuoteAmount};
use clock::{Entropy, SystemClock, SystemEntropy};
use outbound_http::{Outbound, OutboundConfig};
use serde_json::Value;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [session, from, to, cents] = arguments.as_slice() else {
        return Err("name the session file, the payer, the payee and an amount in smallest units".into());
    };
    let session: Value = serde_json::from_str(&std::fs::read_to_string(session)?)?;
    let text = |name: &str| session[name].as_str().ok_or(format!("the file has no {name}"));

    // The client signs each request with the tenant's secret.
    let clock = Arc::new(SystemClock);
    let http = Outbound::new(OutboundConfig::development(), clock.clone())?;
    let credentials = Credentials {
        tenant_id: text("tenantId")?.parse()?,
        secret: text("adminSecret")?.to_owned(),
        signature_version: 1,
    };
    let admin = AdminClient::new(text("adminUrl")?.parse()?, credentials, http, clock);

    let payer = admin.wallet_address_by_url(from).await?.ok_or("there is no such payer")?;
    let receiver = admin.create_receiver(to, None, None, None).await?;
    let asset = (payer.asset.code.clone(), payer.asset.scale);
    let debit = Amount { value: cents.parse()?, asset_code: asset.0, asset_scale: asset.1 };
    let quote = admin.create_quote(payer.id, &receiver.id, &QuoteAmount::Debit(debit)).await?;
    println!("{} to pay, {} to deliver", quote.debit_amount, quote.receive_amount);

    // With the same key the payment is made once, however often this is repeated.
    let key = SystemEntropy.uuid().to_string();
    let payment = admin.create_outgoing_payment(payer.id, quote.id, None, &key).await?;
    // The wallet of the playground funds the payment when it hears of it.
    loop {
        let now = admin.outgoing_payment(payment.id).await?;
        match now.state {
            OutgoingPaymentState::Funding | OutgoingPaymentState::Sending => {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            state => {
                println!("payment {} {state:?}, {} sent", payment.id, now.sent_amount);
                return Ok(());
            }
        }
    }
}
