//! A payer that pays a wallet address directly, packet by packet, like a browser with web monetization.
//!
//! It is a peer of the institution with a token of its own, and keeps no books.

use std::time::Duration;

use admin_client::{AdminClient, NewPeer};
use bytes::Bytes;
use clock::{Clock, SystemClock, SystemEntropy};
use ilp_packet::{Address, Packet};
use outbound_http::Request;
use serde_json::Value;
use stream::{Frame, Hashlock, Sender, SharedSecret};
use url::Url;
use uuid::Uuid;

use crate::asking::{insist, outbound, pause};

const TOKEN: &str = "streamer-to-bank";
const LIQUIDITY: u64 = 100_000;
const PACKET_LIFE: Duration = Duration::from_secs(20);

/// A sender of streamed money to one wallet address.
pub(crate) struct Streamer {
    connector: Url,
    sender: Sender,
}

impl Streamer {
    /// Becomes a peer of the institution and asks the wallet address for its payment details.
    pub(crate) async fn start(admin: &AdminClient, facts: &Value, address: &str) -> Self {
        let asset = insist(|| admin.asset_by_code_and_scale("USD", 2)).await.unwrap();
        let peer = NewPeer {
            asset_id: asset.id,
            static_ilp_address: "test.streamer".to_owned(),
            name: Some("Streamer".to_owned()),
            endpoint: "http://localhost:1".to_owned(),
            outgoing_token: "bank-to-streamer".to_owned(),
            incoming_tokens: vec![TOKEN.to_owned()],
            max_packet_amount: None,
            liquidity_threshold: None,
            routes: Vec::new(),
        };
        let peer = admin.create_peer(&peer).await.unwrap();
        insist(|| admin.deposit_peer_liquidity(peer.id, LIQUIDITY, Uuid::from_u128(peer.id.as_u128() ^ 1))).await;

        let url = Url::parse(&address.replace("https://", "http://")).unwrap();
        let request = Request::get(url).configured();
        let request = request.header("accept".parse().unwrap(), "application/spsp4+json".parse().unwrap());
        let credentials: Value = loop {
            match outbound().send(request.clone()).await.map(|answer| answer.json()) {
                Ok(Ok(credentials)) => break credentials,
                _ => pause().await,
            }
        };
        let destination: Address = credentials["destination_account"].as_str().unwrap().parse().unwrap();
        let secret = SharedSecret::from_base64(credentials["shared_secret"].as_str().unwrap()).unwrap();
        let connector = Url::parse(facts["connectorUrl"].as_str().unwrap()).unwrap();
        Self { connector, sender: Sender::new(destination, &secret) }
    }

    /// Sends packets of `amount`, one after the other, until `count` of them are fulfilled.
    ///
    /// A packet whose reply was lost may be paid too. So the received amount is at least the counted amount.
    pub(crate) async fn stream(&mut self, count: u64, amount: u64) {
        let http = outbound();
        let mut fulfilled = 0;
        while fulfilled < count {
            let prepare = self.packet(amount);
            let request = Request::post(self.connector.clone())
                .authorization(&format!("Bearer {TOKEN}"))
                .header("content-type".parse().unwrap(), "application/octet-stream".parse().unwrap())
                .body(prepare)
                .deadline(PACKET_LIFE)
                .configured();
            let reply = http.send(request).await.ok();
            match reply.map(|reply| Packet::parse(&reply.body).is_ok_and(|packet| matches!(packet, Packet::Fulfill(_))))
            {
                Some(true) => fulfilled += 1,
                Some(false) | None => pause().await,
            }
        }
    }

    fn packet(&mut self, amount: u64) -> Bytes {
        let request = stream::Request {
            source_amount: amount,
            min_destination_amount: amount,
            hashlock: Hashlock::Fulfillable,
            expires_at: SystemClock.now() + PACKET_LIFE,
            frames: &[Frame::StreamMoney { stream_id: 1, shares: 1 }],
        };
        self.sender.make(&request, &SystemEntropy).unwrap().prepare.into()
    }
}
