//! `rafiki events`, `rafiki listen` and `rafiki trigger` at a playground that runs.
//! What the instance does with events is tested in `services/webhooks`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::{Value, json};

use crate::institutions::{BINARY, Institutions, Run, Side, Storage, rafiki, run, tell};

/// How long a test waits for something that happens soon.
const SOON: Duration = Duration::from_mins(1);

/// A request that a local server got.
struct Heard {
    head: String,
    text: String,
    body: Value,
}

impl Heard {
    fn header(&self, name: &str) -> Option<&str> {
        let line = self.head.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}:")))?;
        Some(line.split_once(':')?.1.trim())
    }
}

/// A local server that answers its requests one after the other with these statuses, the last one for all others.
fn server(statuses: &'static [u16]) -> (String, Receiver<Heard>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hooks", listener.local_addr().unwrap());
    let (told, heard) = channel();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let status = statuses[number.min(statuses.len() - 1)];
            let Some(request) = answer(stream, status) else { continue };
            if told.send(request).is_err() {
                return;
            }
        }
    });
    (url, heard)
}

fn answer(mut stream: TcpStream, status: u16) -> Option<Heard> {
    let heard = read(&stream)?;
    write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").ok()?;
    Some(heard)
}

fn read(stream: &TcpStream) -> Option<Heard> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let length = head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok())?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let text = String::from_utf8(body).ok()?;
    Some(Heard { body: serde_json::from_str(&text).ok()?, head, text })
}

/// `rafiki listen … --json`, with the lines that it prints.
struct Listening {
    child: Child,
    lines: Receiver<Value>,
}

impl Listening {
    fn start(two: &Institutions, more: &[&str]) -> Self {
        let mut command = Command::new(BINARY);
        command.args(["listen", "--json", "--at", "cloud", "--data-dir"]).arg(two.data_dir()).args(more);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let (told, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = told.send(serde_json::from_str(&line).unwrap());
            }
        });
        Self { child, lines }
    }

    fn next(&self) -> Value {
        self.lines.recv_timeout(SOON).unwrap()
    }

    fn stop(mut self) -> Option<i32> {
        tell(&self.child, "-INT");
        self.child.wait().unwrap().code()
    }
}

/// The endpoints of Cloud Nine that `rafiki listen` has registered.
fn registered(two: &Institutions) -> Vec<String> {
    let told = two.admin(&["{ webhookEndpoints { url } }", "--at", "cloud"]);
    let all = told.json["data"]["webhookEndpoints"].as_array().unwrap().clone();
    all.iter().filter_map(|endpoint| endpoint["url"].as_str().map(str::to_owned)).collect()
}

/// Asks again and again until there is an answer.
fn soon<T>(ask: impl Fn() -> Option<T>) -> T {
    let mut answer = None;
    testkit::block_on(async {
        answer = testkit::until(SOON, || async { ask() }).await;
    });
    answer.unwrap()
}

/// Waits until as many endpoints are registered.
fn until_registered(two: &Institutions, count: usize) -> Vec<String> {
    soon(|| Some(registered(two)).filter(|found| found.len() == count))
}

fn events(two: &Institutions, arguments: &[&str]) -> Run {
    two.rafiki("events", &[arguments, &["--at", "cloud"]].concat())
}

fn members(value: &Value) -> Vec<String> {
    value.as_object().unwrap().keys().cloned().collect()
}

fn pay(two: &Institutions, amount: &str) -> String {
    let from = two.address(Side::CloudNine, "gfranklin");
    let paid = two.pay(&["--from", &from, "--to", &two.address(Side::HappyLife, "pfry"), "--send", amount]);
    assert_eq!(paid.code, Some(0), "{}", paid.stderr);
    paid.json["outgoingPayment"]["id"].as_str().unwrap().to_owned()
}

#[test]
fn events_are_listed_page_by_page_shown_and_sent_again() {
    let two = Institutions::start(Storage::Sqlite).unwrap();
    let payment = pay(&two, "10.00");
    pay(&two, "5.00");

    let list = |more: &[&str]| {
        let found = events(&two, &[&["list", "--json"], more].concat());
        assert_eq!(found.code, Some(0), "{}", found.stderr);
        found.json
    };
    let about = list(&["--about", &payment, "--oldest-first"]);
    let types: Vec<&Value> = about["deliveries"].as_array().unwrap().iter().map(|one| &one["type"]).collect();
    assert_eq!(types, ["outgoing_payment.created", "outgoing_payment.completed"]);

    let first = list(&["--type", "outgoing_payment.created", "--limit", "1"]);
    let second =
        list(&["--type", "outgoing_payment.created", "--limit", "1", "--after", first["next"].as_str().unwrap()]);
    assert!(first["deliveries"][0]["eventId"] != second["deliveries"][0]["eventId"]);
    assert_eq!(second["deliveries"][0]["eventId"], about["deliveries"][0]["eventId"], "the newest is first");
    let later = first["deliveries"][0]["createdAt"].as_str().unwrap();
    assert_eq!(list(&["--type", "outgoing_payment.created", "--to", later])["deliveries"].as_array().unwrap().len(), 1);

    let event = about["deliveries"][1]["eventId"].as_str().unwrap();
    let shown = events(&two, &["show", event, "--json"]);
    assert_eq!(shown.json["event"]["data"]["id"], payment.as_str());
    assert_eq!(shown.json["deliveries"][0]["history"][0]["statusCode"], 200);
    let in_words = events(&two, &["show", event]).stdout;
    assert!(in_words.contains("to the default endpoint: delivered") && in_words.contains("ms  200"), "{in_words}");

    let again = events(&two, &["resend", event, "--json"]);
    assert_eq!((again.code, &again.json["count"]), (Some(0), &json!(1)), "{}", again.stderr);
    let attempts =
        || events(&two, &["show", event, "--json"]).json["deliveries"][0]["history"].as_array().unwrap().len();
    soon(|| (attempts() == 2).then_some(()));
    let nothing = events(&two, &["resend", "--state", "exhausted"]);
    assert!(nothing.code == Some(0) && nothing.stdout.starts_with("Nothing matches"), "{}", nothing.stderr);
}

#[test]
fn what_is_asked_wrongly_is_refused_with_advice_and_a_code() {
    let two = Institutions::start(Storage::Sqlite).unwrap();
    let nobody = "00000000-0000-4000-8000-000000000000";
    for (arguments, code, told) in [
        (&["list", "--type", "no.such"][..], 2, "the types are incoming_payment.created"),
        (&["list", "--limit", "0"], 2, "1..=100"),
        (&["list", "--from", "yesterday"], 2, "RFC 3339"),
        (&["show", nobody], 3, "no event and no delivery"),
        (&["resend"], 2, "name events or deliveries"),
        (&["resend", nobody], 3, "nothing was sent again"),
        (&["resend", nobody, "--state", "exhausted"], 2, "cannot be used with"),
    ] {
        let refused = events(&two, arguments);
        assert_eq!(refused.code, Some(code), "{arguments:?}: {}", refused.stderr);
        assert!(refused.stderr.contains(told), "{arguments:?}: {}", refused.stderr);
    }
    let secret = ["--tenant", nobody, "--secret", "s", "--admin-url", "http://127.0.0.1:1"];
    let away = rafiki(&[&["events", "list"][..], &secret].concat());
    assert_eq!(away.code, Some(5), "{}", away.stderr);
    let not_ours = rafiki(&[&["listen"][..], &secret].concat());
    assert!(not_ours.code == Some(2) && not_ours.stderr.contains("--any-instance"), "{}", not_ours.stderr);
}

#[test]
fn a_local_server_gets_the_events_as_the_instance_signed_them_and_what_it_refuses_comes_again() {
    let two = Institutions::start(Storage::Sqlite).unwrap();
    let (url, heard) = server(&[500, 200]);
    let listening = Listening::start(&two, &["--forward-to", &url, "--type", "outgoing_payment.created"]);
    until_registered(&two, 1);
    let payment = pay(&two, "10.00");

    let (refused, accepted) = (listening.next(), listening.next());
    assert_eq!((&refused["status"], &refused["attempt"]), (&json!(500), &json!(1)));
    assert_eq!((&accepted["status"], &accepted["attempt"]), (&json!(200), &json!(2)));
    assert_eq!(refused["id"], accepted["id"]);
    let first = heard.recv_timeout(SOON).unwrap();
    assert_eq!(first.body["data"]["id"], payment.as_str());
    assert_eq!((first.header("rafiki-delivery-attempt"), &first.body["id"]), (Some("1"), &refused["id"]));

    // The playground's secret is the right one for the signature of the body as it arrived.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("body"), first.body.to_string()).unwrap();
    let secret = two.facts(Side::CloudNine)["webhookSecret"].as_str().unwrap().to_owned();
    std::fs::write(folder.path().join("secret"), secret).unwrap();
    let signature = first.header("rafiki-signature").unwrap();
    let verified = run(Command::new(BINARY).current_dir(folder.path()).args([
        "verify",
        "webhook",
        "--secret-file",
        "secret",
        "--body",
        "body",
        "--tolerance",
        "300",
        "--signature",
        signature,
    ]));
    assert_eq!(verified.code, Some(0), "{}", verified.stdout);

    assert_eq!(listening.stop(), Some(0));
    assert_eq!(registered(&two), Vec::<String>::new());
    // The instance's own deliveries went to its wallet, each once.
    let own = events(&two, &["list", "--json", "--about", &payment]).json;
    let endpoint = &two.facts(Side::CloudNine)["tenantId"];
    let own: Vec<&Value> =
        own["deliveries"].as_array().unwrap().iter().filter(|one| one["endpointId"] == *endpoint).collect();
    assert!(own.len() == 2 && own.iter().all(|one| one["attempts"] == 1 && one["state"] == "DELIVERED"), "{own:?}");
}

#[test]
fn two_listeners_hear_the_same_and_what_a_killed_one_left_is_removed_by_the_next() {
    let two = Institutions::start(Storage::Sqlite).unwrap();
    let mut killed = Listening::start(&two, &[]);
    let left = until_registered(&two, 1);
    killed.child.kill().unwrap();
    killed.child.wait().unwrap();

    let listening = Listening::start(&two, &["--stop-after", "2"]);
    let next = soon(|| Some(registered(&two)).filter(|found| found.len() == 1 && *found != left));
    let beside = Listening::start(&two, &[]);
    let both = until_registered(&two, 2);
    assert!(both.contains(&next[0]), "one that runs is left alone");

    pay(&two, "10.00");
    for listener in [&listening, &beside] {
        let kinds = [listener.next()["type"].clone(), listener.next()["type"].clone()];
        assert_eq!(kinds, ["outgoing_payment.created", "outgoing_payment.completed"]);
    }
    let mut ended = listening;
    assert_eq!(ended.child.wait().unwrap().code(), Some(0), "it stops after two deliveries");
    assert_eq!(beside.stop(), Some(0));
    assert_eq!(registered(&two), Vec::<String>::new());
}

/// A server before the Admin API of Cloud Nine. It passes on everything. When it passes on the registration of an endpoint,
/// it says so and keeps the answer back until it is told, or for ever.
fn admin_proxy(two: &Institutions, registered: Sender<()>, answer: Receiver<()>) -> String {
    let upstream = two.facts(Side::CloudNine)["adminUrl"].as_str().unwrap().to_owned();
    let upstream = upstream.split('/').nth(2).unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/graphql", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let Some(heard) = read(&stream) else { continue };
            let head = heard.head.replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n");
            let mut ours = TcpStream::connect(&upstream).unwrap();
            write!(ours, "{head}{}", heard.text).unwrap();
            let mut answered = Vec::new();
            ours.read_to_end(&mut answered).unwrap();
            if heard.text.contains("createWebhookEndpoint") {
                registered.send(()).unwrap();
                if answer.recv().is_err() {
                    continue;
                }
            }
            let _ = stream.write_all(&answered);
        }
    });
    url
}

/// `rafiki listen` at this URL of Cloud Nine's Admin API.
fn listen_at(two: &Institutions, admin_url: &str) -> Child {
    let facts = two.facts(Side::CloudNine);
    let fact = |name: &str| facts[name].as_str().unwrap().to_owned();
    let mut command = Command::new(BINARY);
    command.args(["listen", "--any-instance", "--admin-url", admin_url, "--tenant", &fact("tenantId"), "--secret"]);
    command.arg(fact("adminSecret")).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn one_that_is_stopped_while_it_registers_leaves_nothing() {
    let two = Institutions::start(Storage::Sqlite).unwrap();
    let ((told, registration), (go, waits)) = (channel(), channel());
    let mut listening = listen_at(&two, &admin_proxy(&two, told, waits));
    registration.recv_timeout(SOON).unwrap();
    assert_eq!(registered(&two).len(), 1);
    tell(&listening, "-INT");
    go.send(()).unwrap();
    assert_eq!(listening.wait().unwrap().code(), Some(0));
    assert_eq!(registered(&two), Vec::<String>::new());
}

#[test]
fn one_that_gets_no_answer_to_its_registration_leaves_nothing() {
    let two = Institutions::start(Storage::Sqlite).unwrap();
    let ((told, registration), (_, never)) = (channel(), channel());
    let mut listening = listen_at(&two, &admin_proxy(&two, told, never));
    registration.recv_timeout(SOON).unwrap();
    assert_eq!(listening.wait().unwrap().code(), Some(5));
    assert_eq!(registered(&two), Vec::<String>::new());
}

#[test]
fn samples_have_the_members_of_real_events_and_say_that_they_are_samples() {
    let two = Institutions::start(Storage::Sqlite).unwrap();
    pay(&two, "10.00");
    let (url, heard) = server(&[200]);
    let sent = two.rafiki("trigger", &["all", "--to", &url]);
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);
    assert!(sent.stdout.starts_with("These are samples"), "{}", sent.stdout);
    let samples: Vec<Heard> = (0..sent.stdout.lines().count() - 1).map(|_| heard.recv_timeout(SOON).unwrap()).collect();
    assert_eq!(samples.len(), 16);
    assert!(samples.iter().all(|sample| sample.header("rafiki-sample") == Some("true")));

    for (side, kind) in [
        ("cloud", "outgoing_payment.created"),
        ("cloud", "outgoing_payment.completed"),
        ("happy", "incoming_payment.created"),
        ("happy", "incoming_payment.completed"),
    ] {
        let real = two.rafiki("events", &["list", "--json", "--at", side, "--type", kind]);
        let id = real.json["deliveries"][0]["eventId"].as_str().unwrap().to_owned();
        let real = two.rafiki("events", &["show", &id, "--json", "--at", side]).json["event"]["data"].clone();
        let sample = &samples.iter().find(|sample| sample.body["type"] == kind).unwrap().body["data"];
        let mut known = members(sample);
        known.retain(|member| real.get(member).is_some() || !["metadata", "incomingAmount"].contains(&member.as_str()));
        let mut members = members(&real);
        known.sort();
        members.sort();
        assert_eq!(known, members, "{kind}");
    }
}

#[test]
fn a_sample_that_is_refused_or_not_answered_has_a_code_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "of the receiver\n").unwrap();
    let secret = secret.to_str().unwrap();
    let (url, _heard) = server(&[500]);
    let trigger = |to: &str| rafiki(&["trigger", "ledger.alarm", "--secret-file", secret, "--json", "--to", to]);
    let refused = trigger(&url);
    assert_eq!((refused.code, &refused.json["samples"][0]["status"]), (Some(1), &json!(500)));
    let nobody = trigger("http://127.0.0.1:1/");
    assert_eq!((nobody.code, &nobody.json["samples"][0]["sample"]), (Some(5), &json!(true)));
    let away = trigger("http://shop.example/hooks");
    assert!(away.code == Some(2) && away.stderr.contains("--any-receiver"), "{}", away.stderr);
    let unknown = rafiki(&["trigger", "ledger.alarms", "--print"]);
    assert!(unknown.code == Some(2) && unknown.stderr.contains("the types are"), "{}", unknown.stderr);
    let nowhere = rafiki(&["trigger", "all", "--print", "--data-dir", "/nonexistent"]);
    assert!(nowhere.code == Some(3) && nowhere.stderr.contains("--secret-file"), "{}", nowhere.stderr);
    let printed = rafiki(&["trigger", "all", "--print", "--json", "--secret-file", secret]);
    assert_eq!(printed.json["samples"].as_array().unwrap().len(), 16);
}
