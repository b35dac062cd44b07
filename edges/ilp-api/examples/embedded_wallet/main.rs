//! Two wallets with ledger and connector in their own process, and a payment from one to the other.
//! The wallet is in `wallet`.

mod wallet;

use std::fmt::Write;
use std::path::Path;

use money::Asset;
use payments_model::{PeerId, WalletAddressId};
use uuid::Uuid;
use wallet::{Failure, Wallet};

/// Two wallets that are peers, and a payment from Alice at one to Bob at the other. Returns what is told about it.
pub(crate) async fn run(folder: &Path) -> Result<String, Failure> {
    let euro = || Asset::new("EUR", 2);
    let url = |name: &str| format!("sqlite:{}", folder.join(name).display());
    let here = Wallet::open("test.here", euro()?, &url("here.db")).await?;
    let there = Wallet::open("test.there", euro()?, &url("there.db")).await?;
    here.peer_with(&there, 0).await?;
    there.peer_with(&here, 50_000).await?;
    let (alice, bob) = (here.customer(100_000).await?, there.customer(0).await?);

    let (quote, outcome) = here.pay(alice, there.credentials(bob)?, 25_000).await?;
    let show = |amount: u128| euro().map(|euro| euro.display(u64::try_from(amount).unwrap_or_default()));
    let peer = PeerId::from_uuid(Uuid::from_u128(3));
    let mut told = format!(
        "quoted: at least {} arrive\nsent {}, delivered {}\n",
        show(quote.min_delivery_amount.into())?,
        show(outcome.amount_sent.into())?,
        show(outcome.amount_delivered.into())?
    );
    for (name, balance) in [
        ("Alice has", here.balance(WalletAddressId::from_uuid(alice)).await?),
        ("Bob has", there.balance(WalletAddressId::from_uuid(bob)).await?),
        ("here owes there", here.balance(peer).await?),
        ("here may still send", there.balance(peer).await?),
    ] {
        writeln!(told, "{name} {}", show(balance)?)?;
    }
    Ok(told)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    print!("{}", run(folder.path()).await?);
    Ok(())
}
