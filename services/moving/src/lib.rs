//! Moves a live installation of the original Rafiki into our databases, in repeatable passes, and checks the result.
//!
//! The way back (`back`) fills empty databases of the original from ours.
//!
//! A pass checks everything before it writes anything. Then it writes what has changed since the last pass. Every write
//! has its own id, so a pass may be killed and repeated. The meaning of rows is in `rafiki-tables`.

mod back;
mod books;
mod cluster;
mod comparison;
mod counts;
mod error;
mod examination;
mod listener;
mod pass;
mod progress;
mod record_work;
mod remainders;
mod source;
mod target;

pub use back::{
    BackPlan, BackSettings, ClusterLedger, ExportError, Exported, Installation, MoneyPlace, OurLedger, examine_back,
    export,
};
pub use comparison::{Comparison, Line};
pub use error::MoveError;
pub use examination::{Plan, examine};
pub use listener::{Listener, Step};
pub use pass::{Report, carry_over};
pub use progress::{MIGRATIONS, Mark, MarkInUseError, Since, mark_in_use, since_of};
pub use source::{History, Money, MoveSettings, OldInstallation};
pub use target::Target;
