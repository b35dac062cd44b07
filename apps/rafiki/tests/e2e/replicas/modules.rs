//! A wallet as one process, as three (users, agreements, and accounts with payments) and as four. Users and agreements have
//! databases of their own; accounts and payments share the file that they had before. A customer does the same in all,
//! while each process is killed once, and has the same.
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

/// The processes beside the one that the institution has anyway, which gets the events and has the payments.
struct Parts {
    users: RoleProcess,
    agreements: RoleProcess,
    /// If they are apart from the payments.
    accounts: Option<RoleProcess>,
    front: String,
    /// Where balances are told, if the institution's process does not.
    balances: Option<String>,
    /// Where users, agreements, accounts and payments are asked.
    modules: [u16; 4],
}

impl Parts {
    fn new(shape: Shape, folder: &Path, seed: &Path) -> Self {
        let first = free_ports();
        let payments = if shape == Shape::Four { first + 6 } else { first + 4 };
        let modules = [first + 1, first + 3, first + 4, payments];
        let front = format!("http://localhost:{first}");
        let part = |role: &str, pages: u16, own: u16| {
            let ports = vec![("PORT", pages), ("WALLET_MODULES_PORT", own)];
            let mut process = RoleProcess::new("wallet", folder, ports, role);
            process.variables = variables(role, modules, seed);
            process.variables.push(("PUBLIC_URL", front.clone()));
            if role != "accounts" {
                let database = format!("sqlite:{}", folder.join(format!("wallet-{role}.db")).display());
                process.variables.push(("DATABASE_URL", database));
            }
            process
        };
        let (users, agreements) = (part("users", first, first + 1), part("agreements", first + 2, first + 3));
        let is_four = shape == Shape::Four;
        let accounts = is_four.then(|| part("accounts", first + 5, first + 4));
        let balances = is_four.then(|| format!("http://localhost:{}", first + 5));
        Self { users, agreements, accounts, front, balances, modules }
    }

    fn launch(&mut self) {
        for process in [&mut self.users, &mut self.agreements].into_iter().chain(&mut self.accounts) {
            let ready = process.launch();
            process.assert_ready(ready);
        }
    }

    fn logs(&self) -> String {
        let accounts = self.accounts.as_ref().map(RoleProcess::log).unwrap_or_default();
        format!("--- users\n{}\n--- agreements\n{}\n--- accounts\n{accounts}", self.users.log(), self.agreements.log())
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        self.users.kill();
        self.agreements.kill();
        self.accounts.iter_mut().for_each(RoleProcess::kill);
        if std::thread::panicking() {
            eprintln!("{}", self.logs());
        }
    }
}

fn variables(role: &str, modules: [u16; 4], seed: &Path) -> Vec<(&'static str, String)> {
    let at = |port: u16| format!("http://localhost:{port}");
    vec![
        ("WALLET_ROLE", role.to_owned()),
        ("WALLET_USERS_URL", at(modules[0])),
        ("WALLET_AGREEMENTS_URL", at(modules[1])),
        ("WALLET_ACCOUNTS_URL", at(modules[2])),
        ("WALLET_PAYMENTS_URL", at(modules[3])),
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
    Payments,
}

/// How many processes the wallet of the first institution has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    OneProcess,
    Three,
    Four,
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
            if shape != Shape::OneProcess && side == Side::CloudNine {
                let mut started = Parts::new(shape, folder, &seed);
                let own = if shape == Shape::Four { "payments" } else { "accounts,payments" };
                wallet_variables.extend(variables(own, started.modules, &seed));
                wallet_variables.push(("WALLET_MODULES_PORT", started.modules[3].to_string()));
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
            (Victim::Accounts, Some(Parts { accounts: Some(accounts), .. })) => accounts,
            (Victim::Accounts | Victim::Payments, _) | (_, None) => {
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
        let apart = self.parts.as_ref().filter(|_| side == Side::CloudNine).and_then(|parts| parts.balances.clone());
        let told_at = apart.unwrap_or_else(|| self.wallet_of(side));
        let url = Url::parse(&told_at).unwrap().join("/balances").unwrap();
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
    scene.kill(Victim::Payments);
    assert_eq!(scene.end(Side::HappyLife, &came), OutgoingPaymentState::Completed);
    scene.kill(Victim::Users);
    runtime.block_on(nora.reads("/history", "7.00\u{a0}USD"));

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
        parts.accounts.iter_mut().for_each(RoleProcess::stop);
    }
    let Scene { replicated, parts } = scene;
    replicated.assert_books();
    drop(parts);
    Some(seen)
}

#[test]
fn wallets_of_one_of_three_and_of_four_processes_give_customers_the_same_although_each_process_is_killed() {
    let Some(one) = scenario(Shape::OneProcess) else { return };
    for shape in [Shape::Three, Shape::Four] {
        let apart = scenario(shape).unwrap();
        for (one, apart) in one.iter().zip(&apart) {
            assert_eq!(one, apart);
        }
        assert_eq!(one.len(), apart.len());
    }
}
