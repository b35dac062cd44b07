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

/// The module that the process runs; `None` for all of them.
pub(super) fn module_of(role: WalletRole) -> Option<Module> {
    match role {
        WalletRole::All => None,
        WalletRole::Users => Some(Module::Users),
        WalletRole::Agreements => Some(Module::Agreements),
        WalletRole::AccountsAndPayments => Some(Module::Accounts),
    }
}

/// The listener for the other processes, if there are others.
pub(super) async fn listener(config: &config::Wallet) -> Result<Option<TcpListener>, Failure> {
    if module_of(config.modules.role).is_none() {
        return Ok(None);
    }
    let address = Exposure::Private.address(&config.listeners);
    bind("the modules of the wallet", address, config.modules.port).await.map(Some)
}

/// The links to the modules that run elsewhere.
pub(super) fn links(config: &config::Wallet, deps: &SharedDeps, identities: &Identities) -> ModuleLinks {
    let Some(own) = module_of(config.modules.role) else { return ModuleLinks::default() };
    let secret = config.modules.secret.as_ref().map(config::Secret::expose);
    let link = |module: Module, url: &Option<Url>| {
        let url = url.as_ref().filter(|_| module != own)?;
        let proof = identities.proofs.of(module.wanted(), secret);
        Some(ModuleLink::new(module, url.clone(), deps.http.clone(), proof))
    };
    ModuleLinks {
        users: link(Module::Users, &config.modules.users_url),
        agreements: link(Module::Agreements, &config.modules.agreements_url),
        accounts: link(Module::Accounts, &config.modules.accounts_url),
    }
}

/// Serves the module of this process to the others.
pub(super) fn serve(
    running: &mut Running,
    (wallet, listener): (&Wallet, TcpListener),
    config: &config::Wallet,
    deps: &SharedDeps,
    identities: &Identities,
) {
    let Some(module) = module_of(config.modules.role) else { return };
    let secrets = config.modules.secret.as_ref().filter(|_| identities.accepted.secrets(module.service()));
    let secret = CallerSecret::new(
        secrets.map(config::Secret::expose),
        module.service().as_str(),
        memory_limiter(Arc::clone(&deps.clock)),
    );
    let callers = ServiceCallers::Proven(Box::new(ServiceDoor { secret, identities: identities.accepted.clone() }));
    running.serve_services(listener, wallet::door::router(wallet, module, callers), identities.tls.as_ref());
}
