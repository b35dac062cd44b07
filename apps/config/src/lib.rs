//! Typed configuration sections with the reference's variable names and defaults.
//!
//! All values are read and checked at once, so a start reports all errors and not only the first. No other crate reads
//! the environment.

mod admin_api;
mod agreement;
mod auth;
mod backend;
mod card_service;
mod console;
mod database_url;
mod dotenv;
mod environment;
mod events;
mod four_eyes;
mod listeners;
mod log_level;
mod masked;
mod point_of_sale;
mod rates;
mod reader;
mod redis;
mod section;
mod service_auth;
mod shop;
mod shown;
mod sign_in_provider;
mod signatures;
mod spelling;
mod wallet;
mod wallet_modules;

pub use admin_api::AdminApi;
pub use agreement::{Disagreement, Roles};
pub use auth::{Auth, AuthPorts, Cleanup, SameSite, StrangerLimits};
pub use backend::{
    Accounting, AutoPeering, Backend, BackendPorts, BearerTokens, IncomingApproval, PacketStage, Packets,
    PartialPayments, Payments, Telemetry, WalletAddresses, Webhooks, Workers,
};
pub use card_service::{CardService, CardTenant};
pub use console::Console;
pub use database_url::{DatabaseUrl, InvalidDatabaseUrl};
pub use environment::{Environment, EnvironmentError, Mode, Origin};
pub use events::Events;
pub use four_eyes::AssetLimit;
pub use listeners::Listeners;
pub use payments_model::Secret;
pub use point_of_sale::PointOfSale;
pub use rates::{Rates, UnknownBase};
pub use reader::{ConfigError, Notice, Problem};
pub use redis::RedisSettings;
pub use service_auth::{SecretMethod, ServiceAuth, ServiceClient, TokenValidation};
pub use shop::Shop;
pub use shown::{Shown, is_secret};
pub use sign_in_provider::{GivenRole, SignInProvider};
pub use signatures::Signatures;
pub use spelling::{Scope, similar_name, unknown_names};
pub use wallet::{
    CardVerification, FeePolicy, UnsignedWebhooks, Wallet, WalletChallenges, WalletConsent, WalletMail, WalletPages,
};
pub use wallet_modules::{WalletModules, WalletRole};
