//! The modules of a wallet that run as processes of their own: the links to the others, and the listener that they call.
//!
//! What modules ask each other is in `edges/wallet`.

use std::sync::Arc;

use config::WalletRole;
use http_kit::{CallerSecret, ServiceCallers, ServiceDoor};
use tokio::net::TcpListener;
use url::Url;
use wallet::{Module, ModuleLink, ModuleLinks, Wallet};

use super::cache::memory_limiter;
use super::identities::Identities;
use super::listening::Exposure;
use super::running::Running;
use super::shared_deps::{SharedDeps, bind};
use crate::failure::Failure;

/// The modules that other processes ask this one about. None do if it runs all of them.
fn modules_of(role: WalletRole) -> &'static [Module] {
    match role {
        WalletRole::All => &[],
        WalletRole::Users => &[Module::Users],
        WalletRole::Agreements => &[Module::Agreements],
        WalletRole::Accounts => &[Module::Accounts],
        WalletRole::Payments => &[Module::Payments],
        WalletRole::AccountsAndPayments => &[Module::Accounts, Module::Payments],
    }
}

/// The listener for the other processes, if there are others.
pub(super) async fn listener(config: &config::Wallet) -> Result<Option<TcpListener>, Failure> {
    if modules_of(config.modules.role).is_empty() {
        return Ok(None);
    }
    let address = Exposure::Private.address(&config.listeners);
    bind("the modules of the wallet", address, config.modules.port).await.map(Some)
}

/// The links to the modules that run elsewhere.
pub(super) fn links(config: &config::Wallet, deps: &SharedDeps, identities: &Identities) -> ModuleLinks {
    let own = modules_of(config.modules.role);
    if own.is_empty() {
        return ModuleLinks::default();
    }
    let secret = config.modules.secret.as_ref().map(config::Secret::expose);
    let link = |module: Module, url: &Option<Url>| {
        let url = url.as_ref().filter(|_| !own.contains(&module))?;
        let proof = identities.proofs.of(module.wanted(), secret);
        Some(ModuleLink::new(module, url.clone(), deps.http.clone(), proof))
    };
    ModuleLinks {
        users: link(Module::Users, &config.modules.users_url),
        agreements: link(Module::Agreements, &config.modules.agreements_url),
        accounts: link(Module::Accounts, &config.modules.accounts_url),
        payments: link(Module::Payments, &config.modules.payments_url),
    }
}

/// Serves the modules of this process to the others.
pub(super) fn serve(
    running: &mut Running,
    (wallet, listener): (&Wallet, TcpListener),
    config: &config::Wallet,
    deps: &SharedDeps,
    identities: &Identities,
) {
    let doors = modules_of(config.modules.role).iter().map(|module| {
        let secrets = config.modules.secret.as_ref().filter(|_| identities.accepted.secrets(module.service()));
        let limiter = memory_limiter(Arc::clone(&deps.clock));
        let secret = CallerSecret::new(secrets.map(config::Secret::expose), module.service().as_str(), limiter);
        let identities = identities.accepted.clone();
        (*module, ServiceCallers::Proven(Box::new(ServiceDoor { secret, identities })))
    });
    running.serve_services(listener, wallet::door::router(wallet, doors), identities.tls.as_ref());
}
