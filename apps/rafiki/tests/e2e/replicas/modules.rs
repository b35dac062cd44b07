//! A wallet as one process, and with its modules as processes of their own: users, agreements, and accounts with payments,
//! each with a database of its own. A customer does the same in both, while each process is killed once, and has the same.
//!
//! The other institution has a wallet of one process. What modules ask each other is tested in `edges/wallet`.

use std::path::Path;

use admin_client::OutgoingPaymentState;
use outbound_http::Request;
use serde_json::Value;
use testkit::{free_ports, until};
use url::Url;

use super::Replicated;
use super::bank::Staff;
use super::browser::Browser;
use crate::adoption::application::Application;
use crate::asking::outbound;
use crate::books::await_quiet;
use crate::institutions::{Side, Storage};
use crate::paying::end_of;
use crate::role_process::RoleProcess;

const RATES: &str = "rates:\n  EUR: {USD: 1.10}\n  USD: {EUR: 0.91}\n";
const SECRET: &str = "what the processes of this wallet show each other";
const WITHIN: std::time::Duration = std::time::Duration::from_mins(1);

/// The processes of users and agreements, if they are apart from the accounts.
struct Parts {
    users: RoleProcess,
    agreements: RoleProcess,
    front: String,
    modules: [u16; 3],
}

impl Parts {
    /// The accounts are in the process that the institution has anyway.
    fn new(folder: &Path, seed: &Path) -> Self {
        let first = free_ports();
        let modules = [first + 1, first + 3, first + 4];
        let front = format!("http://localhost:{first}");
        let part = |role: &str, pages: u16, own: u16| {
            let ports = vec![("PORT", pages), ("WALLET_MODULES_PORT", own)];
            let mut process = RoleProcess::new("wallet", folder, ports, role);
            process.variables = variables(role, modules, seed);
            let database = format!("sqlite:{}", folder.join(format!("wallet-{role}.db")).display());
            process.variables.extend([("DATABASE_URL", database), ("PUBLIC_URL", front.clone())]);
            process
        };
        let (users, agreements) = (part("users", first, first + 1), part("agreements", first + 2, first + 3));
        Self { users, agreements, front, modules }
    }

    fn launch(&mut self) {
        for process in [&mut self.users, &mut self.agreements] {
            let ready = process.launch();
            process.assert_ready(ready);
        }
    }

    fn logs(&self) -> String {
        format!("--- users\n{}\n--- agreements\n{}", self.users.log(), self.agreements.log())
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.users.kill();
        self.agreements.kill();
        if std::thread::panicking() {
            eprintln!("{}", self.logs());
        }
    }
}

fn variables(role: &str, modules: [u16; 3], seed: &Path) -> Vec<(&'static str, String)> {
    let at = |port: u16| format!("http://localhost:{port}");
    vec![
        ("WALLET_ROLE", role.to_owned()),
        ("WALLET_USERS_URL", at(modules[0])),
        ("WALLET_AGREEMENTS_URL", at(modules[1])),
        ("WALLET_ACCOUNTS_URL", at(modules[2])),
        ("WALLET_MODULES_SECRET", SECRET.to_owned()),
        ("SEED_FILE_LOCATION", seed.display().to_string()),
    ]
}

/// Which process is killed.
#[derive(Clone, Copy)]
enum Victim {
    Users,
    Agreements,
    Accounts,
}

/// How many processes the wallet of the first institution has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    OneProcess,
    Apart,
}

struct Scene {
    replicated: Replicated,
    parts: Option<Parts>,
}

impl Scene {
    fn start(shape: Shape) -> Option<Self> {
        let mut parts = None;
        let replicated = Replicated::with(Storage::Sqlite, |side, _, _, folder| {
            let seed = folder.join("rates.yml");
            std::fs::write(&seed, RATES).unwrap();
            let mut wallet_variables =
                vec![("SEED_FILE_LOCATION", seed.display().to_string()), ("HOLD_CHECK_AFTER_S", "5".to_owned())];
            if shape == Shape::Apart && side == Side::CloudNine {
                let mut started = Parts::new(folder, &seed);
                wallet_variables.extend(variables("accounts,payments", started.modules, &seed));
                wallet_variables.push(("WALLET_MODULES_PORT", started.modules[2].to_string()));
                wallet_variables.push(("PUBLIC_URL", started.front.clone()));
                started.launch();
                parts = Some(started);
            }
            Staff { processes: 1, wallets: 1, wallet_variables, ..Staff::default() }
        })?;
        Some(Self { replicated, parts })
    }

    /// Where browsers of the first institution's customers go.
    fn front(&self) -> String {
        match &self.parts {
            Some(parts) => parts.front.clone(),
            None => self.wallet_of(Side::CloudNine),
        }
    }

    fn wallet_of(&self, side: Side) -> String {
        self.replicated.banks[side as usize].facts["walletUrl"].as_str().unwrap().to_owned()
    }

    /// `kill -9`, and a new start. In one process everything is killed.
    fn kill(&mut self, victim: Victim) {
        let process = match (victim, &mut self.parts) {
            (Victim::Users, Some(parts)) => &mut parts.users,
            (Victim::Agreements, Some(parts)) => &mut parts.agreements,
            (Victim::Accounts, _) | (_, None) => {
                return self.replicated.banks[Side::CloudNine as usize].kill_and_restart_wallet(0);
            }
        };
        process.kill();
        let ready = process.launch();
        process.assert_ready(ready);
    }

    fn address(&self, side: Side, slug: &str) -> String {
        self.replicated.addresses[side as usize].0.rsplit_once('/').unwrap().0.to_owned() + "/" + slug
    }

    fn end(&self, side: Side, payment: &str) -> OutgoingPaymentState {
        let id = payment.rsplit('/').next().unwrap().parse().unwrap();
        self.replicated.runtime.block_on(end_of(&self.replicated.admin(side), id)).state
    }

    /// Balance and hold of a customer, as soon as nothing is held.
    async fn balance(&self, side: Side, slug: &str) -> String {
        let url = Url::parse(&self.wallet_of(side)).unwrap().join("/balances").unwrap();
        let address = self.address(side, slug);
        let settled = until(WITHIN, || async {
            let response = outbound().send(Request::get(url.clone()).configured()).await.ok()?;
            let accounts: Vec<Value> = response.json().ok()?;
            let account = accounts.iter().find(|account| account["walletAddress"] == address.as_str())?;
            (account["held"] == "0").then(|| account["balance"].as_str().unwrap().to_owned())
        });
        settled.await.unwrap_or_else(|| panic!("{slug} always has a hold"))
    }
}

/// What the customer does from the application's link on: looks, allows with a limit of her own, and goes back.
async fn allows(nora: &Browser, start: &str, account: &str) -> Option<Url> {
    let header = |answer: &outbound_http::Response, name: &str| answer.headers[name].to_str().unwrap().to_owned();
    let called = |url: &str| Url::parse(&url.replace("https://", "http://")).unwrap();
    let begun = outbound().send(Request::get(called(start)).configured()).await.ok()?;
    let lines = begun.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
    let cookie = lines.map(|line| line.split(';').next().unwrap()).collect::<Vec<_>>().join("; ");
    let asked = Url::parse(&header(&begun, "location")).unwrap();
    let page = nora.leads(&format!("/consent?{}", asked.query().unwrap())).await;
    let text = nora.reads(&page, "Pay up to 30.00").await;
    assert!(text.contains("For your account"), "{text}");
    let day = format!("day-{account}");
    let done = nora.fill_in(&page, &page, &[("decision", "allow"), (&day, "10.00")]).await;
    let leaving = nora.reads(&done, "Going back").await;
    let finish = leaving.split("href=\"").find_map(|rest| {
        let url = rest.split('"').next().unwrap();
        url.ends_with("/finish").then(|| url.to_owned())
    });
    let request = Request::get(called(&finish.expect("a link back"))).configured();
    let finished = outbound().send(request.header("cookie".parse().unwrap(), cookie.parse().unwrap())).await.ok()?;
    Url::parse(&header(&finished, "location")).ok()
}

/// A page as a person reads it, without what differs from run to run: times, ports and ids.
fn read(text: &str) -> String {
    let body = text.split("<body").nth(1).unwrap_or(text);
    let plain = body.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
    let words = plain.flat_map(str::split_whitespace).map(|word| {
        let is_time = word.len() == 5 && word.as_bytes()[2] == b':';
        let port = word.split_once("localhost:").map(|(before, after)| {
            format!("{before}localhost{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
        });
        if is_time { "#".to_owned() } else { port.unwrap_or_else(|| word.to_owned()) }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Everything that a customer does, and what the customers of both institutions have and see at its end.
fn scenario(shape: Shape) -> Option<Vec<(String, String)>> {
    let mut scene = Scene::start(shape)?;
    let runtime = scene.replicated.runtime.clone();
    let nora = Browser::at(&scene.front());
    let fritz = Browser::at(&scene.wallet_of(Side::HappyLife));
    let (noras, fritzes) = runtime.block_on(async {
        (
            nora.becomes_customer("nora", "USD/2", "5000.00").await,
            fritz.becomes_customer("fritz", "USD/2", "5000.00").await,
        )
    });
    let (to_nora, to_fritz) = (scene.address(Side::CloudNine, "nora"), scene.address(Side::HappyLife, "fritz"));
    let mut seen = Vec::new();

    let sent = runtime.block_on(nora.sends(&noras, &to_fritz, "12.00"));
    scene.kill(Victim::Accounts);
    assert_eq!(scene.end(Side::CloudNine, &sent), OutgoingPaymentState::Completed);
    let came = runtime.block_on(fritz.sends(&fritzes, &to_nora, "7.00"));
    assert_eq!(scene.end(Side::HappyLife, &came), OutgoingPaymentState::Completed);
    scene.kill(Victim::Users);

    let folder = scene.replicated.data.path().join(Side::HappyLife.slug());
    let key = std::fs::read_to_string(folder.join("private-key.pem")).unwrap();
    let identity = scene.address(Side::HappyLife, "planex");
    let application = runtime.block_on(Application::new(&identity, &key));
    let consent = async |start: String| allows(&nora, &start, &noras).await;
    let right = runtime.block_on(application.right_given(&to_nora, 3_000, consent)).unwrap();
    let receiver = scene.address(Side::HappyLife, "pfry");
    let pays = |cents: u64| {
        runtime.block_on(async {
            let incoming = application.incoming(&receiver, None).await;
            application.pay(&right, &to_nora, &incoming, cents).await
        })
    };
    let paid = pays(400);
    scene.kill(Victim::Agreements);
    assert_eq!(scene.end(Side::CloudNine, &paid), OutgoingPaymentState::Completed);
    let refused = pays(700);
    assert_eq!(scene.end(Side::CloudNine, &refused), OutgoingPaymentState::Cancelled, "her own limit of a day");
    runtime.block_on(async {
        for (slug, side) in [("nora", Side::CloudNine), ("fritz", Side::HappyLife), ("pfry", Side::HappyLife)] {
            seen.push((slug.to_owned(), scene.balance(side, slug).await));
        }
        let agreement = nora.reads("/agreements", "href=\"/agreements/").await;
        let id = agreement.split("href=\"/agreements/").nth(1).unwrap().split('"').next().unwrap().to_owned();
        let page = format!("/agreements/{id}");
        seen.push(("agreement".to_owned(), read(&nora.reads(&page, "4.00\u{a0}USD used").await)));
        nora.fill_in(&page, &page, &[]).await;
        seen.push(("ended".to_owned(), read(&nora.reads("/agreements", "Ended").await)));
        for path in ["/", "/history", "/settings"] {
            seen.push((path.to_owned(), read(&nora.reads(path, "</html>").await)));
        }
        let incoming = application.incoming(&receiver, None).await;
        let after = application.tries_to_pay(&right, &to_nora, &incoming, 100).await;
        assert!(after.status.is_client_error(), "{}: {}", after.status, after.excerpt());
    });
    for bank in &scene.replicated.banks {
        await_quiet(&bank.facts);
    }
    if let Some(parts) = &mut scene.parts {
        parts.users.stop();
        parts.agreements.stop();
    }
    let Scene { replicated, parts } = scene;
    replicated.assert_books();
    drop(parts);
    Some(seen)
}

#[test]
fn a_wallet_of_one_process_and_one_of_three_give_customers_the_same_although_each_process_is_killed() {
    let (Some(one), Some(three)) = (scenario(Shape::OneProcess), scenario(Shape::Apart)) else { return };
    for (one, three) in one.iter().zip(&three) {
        assert_eq!(one, three);
    }
    assert_eq!(one.len(), three.len());
}
