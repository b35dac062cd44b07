//! `rafiki trigger`: sends samples of events to a URL, signed like events.
//! The instance is not asked, and records nothing.

use std::path::Path;
use std::time::Duration;

use admin_signature::{canonical, sign};
use clock::{Clock, Entropy, SystemClock, SystemEntropy, Timestamp};
use config::Mode;
use http::HeaderValue;
use outbound_http::{Outbound, Request};
use payments_model::webhook_event::EventType;
use serde_json::{Value, json};
use url::{Host, Url};

use super::options::{OneOrAll, TriggerOptions};
use super::samples::sample;
use crate::dev::session::Session;
use crate::failure::Failure;
use crate::output::say;
use crate::pay::PayError;
use crate::roles::shared_deps::SharedDeps;
use crate::signatures::secret_in;

/// The time for an answer, as WEBHOOK_TIMEOUT has it by default.
const PATIENCE: Duration = Duration::from_secs(2);

/// Says clearly that no payment stands behind the events.
const NOTICE: &str = "These are samples: no payment and no money stands behind them.\n";

pub(crate) async fn run(options: TriggerOptions) -> Result<(), Failure> {
    if options.list {
        let names: Vec<&str> = EventType::ALL.iter().map(|kind| kind.as_str()).collect();
        say(&if options.json { format!("{}\n", json!(names)) } else { format!("{}\n", names.join("\n")) });
        return Ok(());
    }
    if let Some(url) = options.to.as_ref().filter(|url| !options.any_receiver && !is_here(url)) {
        return Err(Failure::Usage(format!(
            "{url} is not on this machine, and a server that gets a signed sample can pass it off as a real event; add \
             --any-receiver if the server is yours"
        )));
    }
    telemetry::start("error", telemetry::LogFormat::Text).map_err(|error| Failure::start("logging", error))?;
    let secret = secret(&options)?;
    let samples: Vec<Sample> = kinds(&options.types)
        .into_iter()
        .map(|kind| Sample::new(kind, &secret, options.signature_version, SystemClock.now(), &SystemEntropy))
        .collect();

    let Some(url) = &options.to else {
        print(&samples, options.json);
        return Ok(());
    };
    let deps = SharedDeps::new(Mode::Production, &[])?;
    if !options.json {
        say(NOTICE);
    }
    send(&samples, url, &deps.http, options.json).await
}

/// Whether the URL leads to this machine.
fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A sample as it is sent.
struct Sample {
    kind: EventType,
    id: String,
    body: String,
    signature: String,
}

impl Sample {
    fn new(kind: EventType, secret: &str, version: u32, now: Timestamp, entropy: &dyn Entropy) -> Self {
        let body = sample(kind, now, entropy);
        let id = body["id"].as_str().unwrap_or_default().to_owned();
        let signature = sign(secret, version, now, &canonical(&body));
        Self { kind, id, body: body.to_string(), signature }
    }

    /// The header `rafiki-sample` tells the receiver, too, what this is.
    fn headers(&self) -> [(&'static str, &str); 5] {
        [
            ("content-type", "application/json"),
            ("rafiki-event-id", &self.id),
            ("rafiki-delivery-attempt", "1"),
            ("rafiki-signature", &self.signature),
            ("rafiki-sample", "true"),
        ]
    }

    fn request(&self, url: &Url) -> Request {
        let mut request = Request::post(url.clone())
            .configured()
            .body(self.body.clone().into())
            .deadline(PATIENCE)
            .beginning_of_answer(1024);
        for (name, value) in self.headers() {
            // All of them are visible ASCII.
            if let Ok(value) = HeaderValue::from_str(value) {
                request = request.header(http::HeaderName::from_static(name), value);
            }
        }
        request
    }
}

async fn send(samples: &[Sample], url: &Url, http: &Outbound, as_json: bool) -> Result<(), Failure> {
    let (mut unanswered, mut refused) = (None, 0);
    let mut results = Vec::with_capacity(samples.len());
    for sample in samples {
        let (status, error) = match http.send(sample.request(url)).await {
            Ok(response) => (Some(response.status.as_u16()), None),
            Err(error) => (None, Some(error.to_string())),
        };
        refused += usize::from(status.is_some_and(|status| status != 200));
        let told = error.clone().unwrap_or_else(|| status.map(|status| status.to_string()).unwrap_or_default());
        if !as_json {
            say(&format!("{}  {}  {told}\n", sample.kind.as_str(), sample.id));
        }
        results.push(json!({
            "sample": true, "type": sample.kind.as_str(), "id": sample.id, "status": status, "error": error,
        }));
        unanswered = unanswered.or(error);
    }

    if as_json {
        say(&format!("{}\n", json!({"samples": results})));
    }
    if let Some(reason) = unanswered {
        return Err(PayError::Unreachable { institution: url.to_string(), reason }.into());
    }
    match refused {
        0 => Ok(()),
        refused => Err(Failure::Check(format!("{refused} of {} samples were not answered with 200", samples.len()))),
    }
}

fn print(samples: &[Sample], as_json: bool) {
    if as_json {
        let all: Vec<Value> = samples
            .iter()
            .map(|sample| {
                let body: Value = serde_json::from_str(&sample.body).unwrap_or_default();
                let headers: serde_json::Map<String, Value> =
                    sample.headers().into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
                json!({"headers": headers, "body": body})
            })
            .collect();
        say(&format!("{}\n", json!({"samples": all})));
        return;
    }
    for sample in samples {
        let headers: Vec<String> = sample.headers().iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        say(&format!("{}\n{}\n\n", headers.concat(), sample.body));
    }
}

/// The types that are meant, each once.
fn kinds(named: &[OneOrAll]) -> Vec<EventType> {
    let mut kinds: Vec<EventType> = Vec::new();
    for named in named {
        let meant = match named {
            OneOrAll::One(kind) => std::slice::from_ref(kind),
            OneOrAll::All => EventType::ALL,
        };
        for kind in meant {
            if !kinds.contains(kind) {
                kinds.push(*kind);
            }
        }
    }
    kinds
}

/// The secret of the file, or that with which the playground signs.
fn secret(options: &TriggerOptions) -> Result<String, Failure> {
    if let Some(file) = &options.secret_file {
        return secret_in(file);
    }
    let folder: &Path = &options.asked.known.data_dir;
    let sessions = Session::read_all(folder)?;
    sessions.first().map(|session| session.webhook_secret.clone()).ok_or_else(|| {
        Failure::NotFound(
            "no playground runs here; name the secret that signs the samples with --secret-file".to_owned(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_that_is_named_twice_is_sent_once() {
        let created = OneOrAll::One(EventType::OutgoingPaymentCreated);
        assert_eq!(kinds(&[created, created]), [EventType::OutgoingPaymentCreated]);
        assert_eq!(kinds(&[created, OneOrAll::All]).len(), EventType::ALL.len());
    }

    #[test]
    fn only_names_and_addresses_of_this_machine_are_here() {
        for here in ["http://localhost:1/", "http://shop.localhost/x", "http://127.0.0.9/", "http://[::1]:80/"] {
            assert!(is_here(&Url::parse(here).unwrap()), "{here}");
        }
        for away in ["http://localhost.example/", "http://10.0.0.1/", "http://[fd00::1]/", "https://notlocalhost/"] {
            assert!(!is_here(&Url::parse(away).unwrap()), "{away}");
        }
    }

    #[test]
    fn a_sample_is_signed_as_the_instance_signs() {
        let now = Timestamp::from_millis(1_767_225_600_000);
        let sample = Sample::new(EventType::LedgerAlarm, "test-secret", 1, now, &*testkit::entropy(3));
        let received = signature_advice::shared_secret::Received {
            header: Some(&sample.signature),
            body: sample.body.as_bytes(),
            secret: "test-secret",
            version: 1,
            now,
            tolerance: Duration::from_secs(1),
        };
        assert_eq!(signature_advice::shared_secret::explain(&received), []);
    }
}
