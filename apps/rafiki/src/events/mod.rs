//! `rafiki events`, `rafiki listen` and `rafiki trigger`: webhooks at a terminal, for developers of those who receive
//! them. The instance sends the events; these commands ask its Admin API.

mod forwarding;
mod list;
mod listen;
pub(crate) mod options;
mod registration;
mod resend;
mod samples;
mod trigger;

use crate::failure::Failure;
use options::{EventsCommand, EventsOptions};

pub(crate) use listen::run as listen;
pub(crate) use trigger::run as trigger;

pub(crate) async fn run(options: EventsOptions) -> Result<(), Failure> {
    match options.command {
        EventsCommand::List(options) => list::list(&options).await,
        EventsCommand::Show(options) => list::show(&options).await,
        EventsCommand::Resend(options) => resend::run(&options).await,
    }
}
