//! The dependencies shared by all roles of one process: clock, randomness, the one HTTP client.
//!
//! They are made once, so that connections are pooled across roles.

use std::net::IpAddr;
use std::sync::Arc;

use clock::{Clock, Entropy, SystemClock, SystemEntropy};
use config::{Environment, Mode, Notice, Scope, unknown_names};
use database::{Database, Options};
use outbound_http::{Outbound, OutboundConfig, Strangers};
use tokio::net::TcpListener;

use crate::failure::Failure;
use crate::places::Place;

/// Shared by the roles of one process.
#[derive(Clone)]
pub(crate) struct SharedDeps {
    /// The time by which payments, grants, events and jobs go.
    pub(crate) clock: Arc<dyn Clock>,
    /// The machine's time, by which packets go and what the ledger holds for them. Only in a playground whose clock was
    /// moved does it differ from `clock`.
    pub(crate) wall: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) http: Outbound,
}

impl SharedDeps {
    /// The dependencies of an installation of this kind.
    ///
    /// URLs of tenants and other institutions may name `allowed_hosts` although these are private.
    pub(crate) fn new(mode: Mode, allowed_hosts: &[String]) -> Result<Self, Failure> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let outbound = match mode {
            Mode::Development => OutboundConfig { pool_max_idle_per_host: 32, ..OutboundConfig::development() },
            Mode::Production | Mode::Test | Mode::Autopeer => OutboundConfig {
                strangers: Strangers::PublicAddresses { except_hosts: allowed_hosts.to_vec() },
                ..OutboundConfig::default()
            },
        };
        let http = Outbound::new(outbound, Arc::clone(&clock)).map_err(|e| Failure::start("the HTTP client", e))?;
        Ok(Self { wall: Arc::clone(&clock), clock, entropy: Arc::new(SystemEntropy), http })
    }
}

impl SharedDeps {
    /// The same, with payments, grants, events and jobs going by another clock.
    pub(crate) fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }
}

/// Opens the role's database, the first of its places, after all places were checked.
pub(crate) async fn open(places: &[Place]) -> Result<Database, Failure> {
    for place in places {
        place.look().await.map_err(|reason| place.failure(&reason))?;
    }
    let place = places.first().ok_or_else(|| Failure::start("the database", "the role has none"))?;
    let opened = Database::connect(place.url.expose(), &Options::default()).await;
    opened.map_err(|error| place.failure(&error))
}

/// Logs at the start what the operator should know about the configuration.
pub(crate) fn tell(notices: &[Notice], environment: &Environment) {
    for Notice { name, text } in notices.iter().chain(&unknown_names(environment, Scope::Misspelt)) {
        tracing::warn!("{name} {text}");
    }
}

/// A listener on `port` (0: any free one).
pub(crate) async fn bind(what: &str, address: IpAddr, port: u16) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind((address, port)).await;
    listener.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            Failure::start(what, format!("port {port} is in use; stop what uses it or choose another"))
        }
        _ => Failure::start(what, format!("{address}:{port}: {error}")),
    })
}
