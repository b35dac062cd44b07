//! The receiving peer: it answers packets, and gives credentials and totals to the script that checks them.
//! The sending peer is in `pay`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::Args;
use clock::{Clock, SystemClock, SystemEntropy};
use ilp_packet::{Address, AmountTooLarge, ErrorCode, Packet, Prepare, Reject, ildcp};
use money::Ratio;
use serde_json::{Value, json};
use stream::{AssetDetails, ConnectionDetails, Decision, ReceiverSecret, RejectStyle, StreamReceiver};
use tokio::net::TcpListener;

use crate::{Failure, print_line};

/// How the peer behaves.
#[derive(Args)]
pub(crate) struct Options {
    /// Refuses with F04 and F05 instead of F99, as Rafiki 2.4 does.
    #[arg(long)]
    specific_rejects: bool,
    /// Refuses larger packets with F08.
    #[arg(long)]
    max_packet: Option<u64>,
    /// What a thousand units arrive as.
    #[arg(long, default_value_t = 1000)]
    per_thousand: u32,
}

struct Peer {
    receiver: StreamReceiver,
    max_packet: Option<u64>,
    rate: Ratio,
    received: AtomicU64,
}

pub(crate) async fn run(options: Options) -> Result<(), Failure> {
    let style = if options.specific_rejects { RejectStyle::Specific } else { RejectStyle::default() };
    let address: Address = "test.rafiki.receiver".parse()?;
    let peer = Peer {
        receiver: StreamReceiver::new(ReceiverSecret::new(&[42; 32]), address).with_reject_style(style),
        max_packet: options.max_packet,
        rate: Ratio::new(options.per_thousand.into(), 1000)?,
        received: AtomicU64::new(0),
    };
    let router = Router::new()
        .route("/ilp", post(receive))
        .route("/roundtrip", post(roundtrip))
        .route("/credentials", get(credentials))
        .route("/received", get(received))
        .with_state(Arc::new(peer));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    print_line(&listener.local_addr()?.port().to_string());
    Ok(axum::serve(listener, router).await?)
}

async fn receive(State(peer): State<Arc<Peer>>, body: Bytes) -> Result<Vec<u8>, StatusCode> {
    let prepare = Prepare::parse(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    let own_address = peer.receiver.address().as_ref();
    if ildcp::is_request(&prepare) {
        let client_address = "test.rafiki.client".parse().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        let details = ildcp::AccountDetails { client_address, asset_scale: 2, asset_code: "USD".to_owned() };
        return Ok(ildcp::serve(&prepare, &details, own_address, SystemClock.now()));
    }
    if let Some(maximum) = peer.max_packet.filter(|maximum| prepare.amount > *maximum) {
        let detail = AmountTooLarge { received: prepare.amount, maximum }.encode();
        return Ok(Reject::new(ErrorCode::F08AmountTooLarge, own_address).with_data(&detail).encode());
    }
    let Some(amount) = peer.rate.checked_mul_floor(prepare.amount) else {
        return Ok(Reject::new(ErrorCode::F03InvalidAmount, own_address).encode());
    };
    Ok(match peer.receiver.evaluate(&Prepare { amount, ..prepare }, SystemClock.now(), &SystemEntropy) {
        Decision::Reply(reply) => reply,
        Decision::Money(money) => {
            let total = peer.received.fetch_add(money.amount(), Ordering::SeqCst) + money.amount();
            money.accept(Some(total))
        }
    })
}

/// The packet as this side parses and writes it.
async fn roundtrip(body: Bytes) -> Result<Vec<u8>, StatusCode> {
    Ok(match Packet::parse(&body).map_err(|_| StatusCode::BAD_REQUEST)? {
        Packet::Prepare(prepare) => prepare.encode(),
        Packet::Fulfill(fulfill) => fulfill.encode(),
        Packet::Reject(reject) => reject.encode(),
    })
}

async fn credentials(State(peer): State<Arc<Peer>>) -> Result<Json<Value>, StatusCode> {
    let details = ConnectionDetails {
        payment_tag: Some("3a1f4c5e-6b7d-4e8f-9a0b-1c2d3e4f5a6b".to_owned()),
        receipts: None,
        asset: Some(AssetDetails { code: "USD".to_owned(), scale: 2 }),
    };
    let issued = peer.receiver.issue(&details, &SystemEntropy).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(Json(json!({ "ilpAddress": issued.address.as_str(), "sharedSecret": issued.shared_secret.to_base64url() })))
}

async fn received(State(peer): State<Arc<Peer>>) -> String {
    peer.received.load(Ordering::SeqCst).to_string()
}
