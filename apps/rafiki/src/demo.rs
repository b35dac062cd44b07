//! `rafiki demo`: both institutions in a temporary folder, three payments, and a check that no money was made or lost.
//! The playground that stays is in `dev`.

use std::sync::Arc;

use serde::Serialize;

use crate::cli::{DemoOptions, InstitutionName};
use crate::dev::institution::{CLOUD_NINE, HAPPY_LIFE, Institution};
use crate::dev::peer;
use crate::dev::playground::{OfTenant, Playground, SeededPeering, Started, Storage};
use crate::dev::ports::{Listeners, Ports};
use crate::failure::Failure;
use crate::output::say;
use crate::pay::institutions::of_playground;
use crate::pay::payer::{Order, OrderAmount, Payer, Receipt};
use crate::pay::receipt::ReceiptDocument;
use crate::pay::wallet_address;
use crate::verification::{self, LedgerReport};

/// The payments of the demonstration: payer, payee's institution and path, amount.
const PAYMENTS: [(&str, InstitutionName, &str, DemoAmount); 3] = [
    ("accounts/gfranklin", InstitutionName::HappyLife, "accounts/pfry", DemoAmount::Send("10.00")),
    ("accounts/gfranklin", InstitutionName::HappyLife, "accounts/lars", DemoAmount::Receive("5.00")),
    ("accounts/gfranklin", InstitutionName::CloudNine, "accounts/bhamchest", DemoAmount::Receive("5.00")),
];

#[derive(Clone, Copy)]
enum DemoAmount {
    Send(&'static str),
    Receive(&'static str),
}

/// The whole demonstration as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DemoDocument {
    payments: Vec<ReceiptDocument>,
    conservation: Conservation,
}

/// The checks of both ledgers after both institutions have stopped.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Conservation {
    /// Every receipt sums to zero, both ledgers verify, nothing is pending, and both sides of the peering agree.
    holds: bool,
    ledgers: Vec<LedgerReport>,
}

pub(crate) async fn run(options: DemoOptions) -> Result<(), Failure> {
    telemetry::start(&options.log, telemetry::LogFormat::Text).map_err(|e| Failure::start("logging", e))?;
    let folder = Folder::create()?;
    let playground = Playground::new(&folder.0, Storage::Files, None, SeededPeering::Made)?;
    let tell = |text: &str| {
        if !options.json {
            say(text);
        }
    };
    tell("Starting two institutions…\n");
    let nine_listeners = Listeners::bind(&Ports::ANY).await?;
    let happy_listeners = Listeners::bind(&Ports::ANY).await?;
    let (nine_ports, happy_ports) = (nine_listeners.ports()?, happy_listeners.ports()?);
    let nine =
        playground.start(&CLOUD_NINE, nine_listeners, (&peer(&HAPPY_LIFE, &happy_ports), OfTenant::None), None).await?;
    let happy =
        playground.start(&HAPPY_LIFE, happy_listeners, (&peer(&CLOUD_NINE, &nine_ports), OfTenant::None), None).await?;
    for institution in [&nine, &happy] {
        institution.seed().await?;
        institution.write_session(&folder.0)?;
    }

    let paid = payments(&playground, &folder, &nine, &happy, &tell).await;
    let dead = nine.dead_events().await? + happy.dead_events().await?;
    let ledgers = [nine.session().ledger_url.clone(), happy.session().ledger_url.clone()];
    futures::future::join_all([nine.stop(), happy.stop()]).await;
    let receipts = paid?;

    let mut reports = Vec::with_capacity(ledgers.len());
    for (institution, url) in [&CLOUD_NINE, &HAPPY_LIFE].into_iter().zip(&ledgers) {
        reports.push(verification::report(institution_name(institution), url).await?);
    }
    let sound = reports.iter().all(LedgerReport::is_sound_and_idle);
    let agree = verification::peers_agree(&reports);
    let holds = sound && agree && dead == 0 && receipts.iter().all(Receipt::conserves);
    if options.json {
        let payments = receipts.iter().map(Receipt::document).collect();
        let document = DemoDocument { payments, conservation: Conservation { holds, ledgers: reports } };
        say(&format!("{}\n", serde_json::to_string(&document).unwrap_or_default()));
    } else {
        for report in &reports {
            say(&format!("{report}\n"));
        }
        say(&format!("Conservation: {}\n", if holds { "holds" } else { "VIOLATED" }));
    }
    if holds { Ok(()) } else { Err(Failure::Check("money was made or lost; see the reports above".to_owned())) }
}

fn institution_name(institution: &Institution) -> &'static str {
    institution.name
}

async fn payments(
    playground: &Playground<'_>,
    folder: &Folder,
    nine: &Started,
    happy: &Started,
    tell: &dyn Fn(&str),
) -> Result<Vec<Receipt>, Failure> {
    let deps = &playground.deps;
    let institutions = of_playground(&folder.0, deps)?;
    let payer = Payer::new(institutions, deps.http.clone(), Arc::clone(&deps.clock));
    let mut receipts = Vec::with_capacity(PAYMENTS.len());

    for (from, side, to, amount) in PAYMENTS {
        let base = |started: &Started| started.session().open_payments_url.as_str().trim_end_matches('/').to_owned();
        let to_base = match side {
            InstitutionName::CloudNine => base(nine),
            InstitutionName::HappyLife => base(happy),
        };
        let amount = match amount {
            DemoAmount::Send(amount) => OrderAmount::Send(amount.to_owned()),
            DemoAmount::Receive(amount) => OrderAmount::Receive(amount.to_owned()),
        };

        let from = wallet_address(&format!("{}/{from}", base(nine)))?;
        let to = wallet_address(&format!("{to_base}/{to}"))?;
        let offer = payer.offer(Order { from, to, amount }).await?;
        tell(&format!("\n{}", offer.text()));
        let receipt = payer.send(offer, &mut |_| {}).await?;
        tell(&format!("\n{}\n", receipt.text()));
        receipts.push(receipt);
    }
    Ok(receipts)
}

/// A temporary folder that is deleted when the demonstration ends.
struct Folder(std::path::PathBuf);

impl Folder {
    fn create() -> Result<Self, Failure> {
        let name = format!("rafiki-demo-{}", clock::Entropy::uuid(&clock::SystemEntropy).simple());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).map_err(|e| Failure::io(format!("cannot create {}", path.display()), e))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "the temporary folder was left behind");
        }
    }
}
