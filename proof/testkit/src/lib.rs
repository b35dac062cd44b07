//! A database, a clock, entropy, certificates and free ports for every test.
//!
//! It is not for production code. SQLite is in a temporary folder. Postgres is `TEST_POSTGRES_URL` or a temporary
//! cluster of the installed server programs.

mod cluster;
mod database;
mod hostile;
mod mail_server;
mod ports;
mod postgres_server;
mod private_tls;
mod tigerbeetle;
mod waiting;

pub use database::{TestDatabase, block_on};
pub use hostile::hostile_segments;
pub use mail_server::{MailServer, Mood};
pub use ports::free_ports;
pub use postgres_server::PostgresServer;
pub use private_tls::{Certified, PrivateAuthority};
pub use tigerbeetle::TigerBeetle;
pub use waiting::{answered_while, eventually, until};
// The macro below needs it in crates that do not depend on it themselves.
pub use ::database::Dialect;

use std::sync::Arc;

use clock::{Clock, Entropy, ManualClock, SeededEntropy, Timestamp};

/// A clock standing at 2026-01-01T00:00:00Z until it is moved.
pub fn manual_clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_millis(1_767_225_600_000)))
}

/// [`manual_clock`] for code that only reads it.
pub fn fixed_clock() -> Arc<dyn Clock> {
    manual_clock()
}

/// Reproducible entropy.
pub fn entropy(seed: u64) -> Arc<dyn Entropy> {
    Arc::new(SeededEntropy::new(seed))
}

/// Makes two tests of each body, one on SQLite and one on Postgres, each with a fresh database.
///
/// ```
/// testkit::on_each_database! {
///     async fn a_fresh_database_answers(database) {
///         assert!(database.begin().await.is_ok());
///     }
/// }
/// ```
#[macro_export]
macro_rules! on_each_database {
    ($( $(#[$attribute:meta])* async fn $name:ident($database:ident) $body:block )*) => {
        $(
            mod $name {
                use super::*;

                $(#[$attribute])*
                async fn body($database: $crate::TestDatabase) $body

                #[test]
                fn on_sqlite() {
                    $crate::block_on(async { body($crate::TestDatabase::sqlite().await).await });
                }

                #[test]
                fn on_postgres() {
                    $crate::block_on(async {
                        if let Some(database) = $crate::TestDatabase::postgres().await {
                            body(database).await;
                        }
                    });
                }
            }
        )*
    };
}
