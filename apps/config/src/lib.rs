//! Typed configuration sections with the reference's variable names and defaults.
//!
//! Everything is read and judged at once, so a start reports all that is wrong and not the first thing only.
//! Nothing else in the house reads the environment.

mod admin_api;
mod agreement;
mod auth;
mod backend;
mod card_service;
mod database_url;
mod dotenv;
mod environment;
mod events;
mod listeners;
mod log_level;
mod point_of_sale;
mod rates;
mod reader;
mod redis;
mod secret;
mod signatures;
mod spelling;
mod wallet;

pub use admin_api::AdminApi;
pub use agreement::{Disagreement, Roles};
pub use auth::{Auth, AuthPorts, Cleanup, SameSite, StrangerLimits};
pub use backend::{
    Accounting, AutoPeering, Backend, BackendPorts, IncomingApproval, Packets, PartialPayments, Payments,
    WalletAddresses, Webhooks, Workers,
};
pub use card_service::{CardService, CardTenant};
pub use database_url::{DatabaseUrl, InvalidDatabaseUrl};
pub use environment::{Environment, EnvironmentError, Mode};
pub use events::Events;
pub use listeners::Listeners;
pub use point_of_sale::PointOfSale;
pub use rates::{Rates, UnknownBase};
pub use reader::{ConfigError, Notice, Problem};
pub use redis::RedisSettings;
pub use secret::Secret;
pub use signatures::Signatures;
pub use spelling::{Scope, unknown_names};
pub use wallet::{CardVerification, FeePolicy, UnsignedWebhooks, Wallet};
