//! `rafiki tap`: a virtual card is presented at a virtual terminal of the playground, and the receipt is shown.
//!
//! It simulates chip and terminal. Everything behind the terminal is real.

pub(crate) mod error;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use card::{Pin, Tap, currency_number};
use clock::Stopwatch;
use config::Mode;
use http::HeaderValue;
use http_signatures::Signer;
use money::Asset;
use outbound_http::{Outbound, Request, Response};
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use crate::cli::TapOptions;
use crate::dev::cards::{self, Cards};
use crate::dev::session::Session;
use crate::failure::Failure;
use crate::output::{Table, say};
use crate::pay::{PayError, wallet_address};
use crate::roles::shared_deps::SharedDeps;

use error::TapError;

/// Longer than a point of sale may take.
const WAIT: Duration = Duration::from_secs(100);
/// How often the result is requested again after an error or an undecided answer.
const TRIES: u32 = 30;

pub(crate) async fn run(options: TapOptions) -> Result<(), Failure> {
    let as_json = options.json;
    let result = tap(options).await;
    if let (true, Err(Failure::Tap(error))) = (as_json, &result) {
        let answer =
            json!({"error": {"kind": error.kind(), "message": error.to_string(), "exitCode": error.exit_code()}});
        say(&format!("{answer}\n"));
    }
    result
}

async fn tap(options: TapOptions) -> Result<(), Failure> {
    telemetry::start("error", telemetry::LogFormat::Text).map_err(|e| Failure::start("logging", e))?;
    let (from, at) = (wallet_address(&options.from)?, wallet_address(&options.at)?);
    let deps = SharedDeps::new(Mode::Development, &[])?;
    let sessions = Session::read_all(&options.data_dir)?;
    let of = |url: &Url| {
        let found = sessions.iter().find(|session| session.owns(url));
        found.ok_or_else(|| PayError::UnknownInstitution(url.to_string()))
    };
    let (payer, merchant) = (of(&from)?, of(&at)?);
    let asset = asset_of(merchant, &at)?;
    let amount = asset.parse_decimal(&options.amount).filter(|amount| *amount > 0);
    let amount = amount.ok_or_else(|| TapError::Amount(options.amount.clone(), asset.code.to_string()))?;

    let terminal = Terminal::of(merchant, &at, deps.http.clone())?;
    let watch = Stopwatch::start();
    let (id, answer) = if let Some(id) = options.request_id {
        (id, terminal.ask(id).await?)
    } else {
        let (id, body) = presented(&options, payer, &from, &at, &asset, amount, &deps)?;
        (id, terminal.send(id, &body).await?)
    };
    let receipt = Receipt {
        id: id.to_string(),
        from: from.to_string(),
        at: at.to_string(),
        amount: asset.display(amount),
        took: watch.elapsed(),
        incoming_payment: answer["incomingPaymentId"].as_str().map(str::to_owned),
    };
    say(&if options.json { format!("{}\n", receipt.document()) } else { receipt.text() });
    Ok(())
}

/// The request of the terminal: the chip's signature over this purchase.
fn presented(
    options: &TapOptions,
    payer: &Session,
    from: &Url,
    at: &Url,
    asset: &Asset,
    amount: u64,
    deps: &SharedDeps,
) -> Result<(Uuid, Value), Failure> {
    let path = Path::new(&payer.cards_file);
    let folder = path.parent().unwrap_or(Path::new("."));
    let cards = Cards::read(path)?;
    let record = cards.chips.iter().find(|chip| chip.wallet_address == from.as_str());
    let record = record.ok_or_else(|| TapError::NoCard(from.to_string()))?;
    let currency = currency_number(asset.code.as_str()).ok_or_else(|| TapError::Currency(asset.code.to_string()))?;
    let pin: Option<Pin> = options.pin.as_deref().map(str::parse).transpose().map_err(|_| TapError::Pin)?;
    let tap = Tap {
        amount,
        currency,
        exponent: asset.scale,
        unpredictable: deps.entropy.bytes(),
        counter: cards::next_count(folder, &record.number)?,
        pin: pin.as_ref().map(|pin| (pin, deps.entropy.bytes())),
    };

    let signed = record.chip()?.sign(&tap).map_err(|error| Failure::start("the card", error))?;
    let signature = hex::encode_upper(signed.cryptogram.as_bytes());
    let id = deps.entropy.uuid();
    let body = json!({
        "requestId": id, "signature": signature,
        "payload": signed.to_hex(), "senderWalletAddress": from.as_str(), "receiverWalletAddress": at.as_str(),
        "amount": {"value": amount.to_string(), "assetCode": asset.code.as_str(), "assetScale": asset.scale},
        "timestamp": deps.clock.now().as_millis(),
    });

    Ok((id, body))
}

fn asset_of(merchant: &Session, at: &Url) -> Result<Asset, Failure> {
    let known = merchant.wallet_addresses.iter().find(|known| known.url == at.as_str());
    let known = known.ok_or_else(|| TapError::NoTerminal(at.to_string()))?;
    Asset::new(&known.asset_code, known.asset_scale).map_err(|error| Failure::start("the merchant's asset", error))
}

/// A terminal of a merchant.
struct Terminal {
    service: Url,
    signer: Arc<Signer>,
    http: Outbound,
}

impl Terminal {
    fn of(merchant: &Session, at: &Url, http: Outbound) -> Result<Self, Failure> {
        let path = Path::new(&merchant.cards_file);
        let cards = Cards::read(path)?;
        let record = cards.terminals.iter().find(|terminal| terminal.merchant == at.as_str());
        let record = record.ok_or_else(|| TapError::NoTerminal(at.to_string()))?;
        let signer = Signer::new(record.key()?, &record.id).map_err(|error| Failure::start("the terminal", error))?;
        Ok(Self { service: merchant.point_of_sale_url.clone(), signer: Arc::new(signer), http })
    }

    /// Sends a tap until its result is known. A repeated request is the same tap.
    async fn send(&self, id: Uuid, body: &Value) -> Result<Value, TapError> {
        let mut last = String::new();
        for attempt in 0..TRIES {
            if attempt > 0 {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            let url = self.service.join("/payment").map_err(|error| TapError::Unreachable(error.to_string()))?;
            let request = Request::post_json(url, body).map_err(|error| TapError::Unreachable(error.to_string()))?;
            let request = request.configured().deadline(WAIT).signed(Arc::clone(&self.signer));
            match self
                .http
                .send(request.header(http::header::ACCEPT, HeaderValue::from_static("application/json")))
                .await
            {
                Ok(answer) => match read(&answer) {
                    TapAnswer::Approved(body) => return Ok(body),
                    TapAnswer::Declined(error) => return Err(error),
                    TapAnswer::AskAgain(reason) => last = reason,
                },
                Err(error) => last = error.to_string(),
            }
        }
        Err(TapError::Unknown { id, reason: last })
    }
}

impl Terminal {
    /// Requests the result of a tap until the tap has ended.
    async fn ask(&self, id: Uuid) -> Result<Value, TapError> {
        let mut last = String::new();
        for attempt in 0..TRIES {
            if attempt > 0 {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            let url = self.service.join(&format!("/payments/{id}"));
            let url = url.map_err(|error| TapError::Unreachable(error.to_string()))?;
            let answer = self.http.send(Request::get(url).configured().signed(Arc::clone(&self.signer))).await;
            let body: Value = match &answer {
                Ok(answer) => answer.json().unwrap_or_default(),
                Err(_) => Value::Null,
            };
            match body["state"].as_str() {
                Some("approved") => return Ok(body),
                Some("pending") => "it is still under way".clone_into(&mut last),
                Some(state) => {
                    let code = body["error"]["code"].as_str().unwrap_or(state).to_owned();
                    let description = body["error"]["description"].as_str().unwrap_or_default().to_owned();
                    return Err(TapError::Declined { code, description });
                }
                None => last = answer.map_or_else(|error| error.to_string(), |answer| answer.excerpt()),
            }
        }

        Err(TapError::Unknown { id, reason: last })
    }
}

enum TapAnswer {
    Approved(Value),
    Declined(TapError),
    AskAgain(String),
}

fn read(answer: &Response) -> TapAnswer {
    let body: Value = answer.json().unwrap_or_default();
    let error = &body["error"];
    match body["result"]["code"].as_str() {
        Some("approved") => TapAnswer::Approved(body),
        Some(code) => TapAnswer::Declined(TapError::Declined { code: code.to_owned(), description: String::new() }),
        None if error["retryable"] == true || (error.is_null() && answer.status.is_server_error()) => {
            TapAnswer::AskAgain(answer.excerpt())
        }
        None => TapAnswer::Declined(TapError::Declined {
            code: error["code"].as_str().unwrap_or("refused").to_owned(),
            description: error["description"].as_str().map_or_else(|| answer.excerpt(), str::to_owned),
        }),
    }
}

/// The printed receipt of a terminal.
struct Receipt {
    id: String,
    from: String,
    at: String,
    amount: String,
    took: Duration,
    incoming_payment: Option<String>,
}

impl Receipt {
    fn text(&self) -> String {
        let mut table = Table::new();
        table.row(["Approved", self.amount.as_str()]);
        table.row(["Card of", &self.from]);
        table.row(["Paid to", &self.at]);
        table.row(["Request", &self.id]);
        if let Some(incoming) = &self.incoming_payment {
            table.row(["Payment", incoming]);
        }
        table.row(["Took", &format!("{} ms", self.took.as_millis())]);
        table.render()
    }

    fn document(&self) -> Value {
        json!({
            "result": "approved", "requestId": self.id, "incomingPaymentId": self.incoming_payment,
            "from": self.from, "at": self.at, "amount": self.amount, "tookMs": self.took.as_millis(),
        })
    }
}
