//! The options of `rafiki events`, `rafiki listen` and `rafiki trigger`.
//! What the commands do is beside this file.

use std::path::PathBuf;

use admin_client::DeliverySelection;
use clap::{Args, Subcommand, ValueEnum};
use clock::Timestamp;
use payments_model::webhook_event::EventType;
use url::Url;
use uuid::Uuid;

use crate::known_options::{AskedOptions, EXIT_CODES};

#[derive(Debug, Args)]
pub(crate) struct EventsOptions {
    #[command(subcommand)]
    pub(crate) command: EventsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EventsCommand {
    /// List deliveries of events, the newest first.
    #[command(after_help = EXIT_CODES)]
    List(Box<ListOptions>),
    /// Show an event, or one of its deliveries, with every attempt that is still kept.
    #[command(after_help = EXIT_CODES)]
    Show(Box<ShowOptions>),
    /// Send events again: the named ones, or all that match.
    ///
    /// Without a state and without an id, those are sent again that were given up or are set aside.
    #[command(after_help = EXIT_CODES)]
    Resend(Box<ResendOptions>),
}

/// Which deliveries.
#[derive(Debug, Args)]
pub(crate) struct Selection {
    /// Events of this type, for example outgoing_payment.completed. May be given several times.
    #[arg(long = "type", value_name = "TYPE", value_parser = event_type)]
    pub(crate) types: Vec<EventType>,
    /// Deliveries in this state. May be given several times.
    #[arg(long, value_enum)]
    pub(crate) state: Vec<State>,
    /// Events about the payment, wallet address, asset or peer with this id.
    #[arg(long, value_name = "ID")]
    pub(crate) about: Option<Uuid>,
    /// Deliveries to this endpoint.
    #[arg(long, value_name = "ID")]
    pub(crate) endpoint: Option<Uuid>,
    /// Recorded at this time or later, for example 2026-03-01T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Timestamp>,
    /// Recorded before this time.
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<Timestamp>,
    /// Deliveries to this tenant; by default to every tenant that the caller may see.
    #[arg(long, value_name = "ID")]
    pub(crate) of_tenant: Option<Uuid>,
}

impl Selection {
    /// The selection in the terms of the Admin API.
    pub(crate) fn of_api(&self) -> DeliverySelection {
        DeliverySelection {
            states: self.state.iter().map(|state| state.word().to_owned()).collect(),
            types: self.types.iter().map(|kind| kind.as_str().to_owned()).collect(),
            endpoint: self.endpoint,
            subject: self.about,
            from: self.from,
            to: self.to,
            ..DeliverySelection::default()
        }
    }

    /// Whether nothing is selected.
    pub(crate) fn is_empty(&self) -> bool {
        let Self { types, state, about, endpoint, from, to, of_tenant } = self;
        types.is_empty()
            && state.is_empty()
            && about.is_none()
            && endpoint.is_none()
            && from.is_none()
            && to.is_none()
            && of_tenant.is_none()
    }
}

/// The state of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum State {
    /// An attempt is due.
    Pending,
    /// The recipient answered 200.
    Delivered,
    /// It fails while its recipient accepts others; attempts go on.
    Quarantined,
    /// It has no attempts left.
    Exhausted,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Delivered => "DELIVERED",
            Self::Quarantined => "QUARANTINED",
            Self::Exhausted => "EXHAUSTED",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// How many.
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) limit: u32,
    /// Continue after this cursor, which the page before has printed.
    #[arg(long, value_name = "CURSOR")]
    pub(crate) after: Option<String>,
    /// The oldest first.
    #[arg(long)]
    pub(crate) oldest_first: bool,
    /// One JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) asked: AskedOptions,
}

#[derive(Debug, Args)]
pub(crate) struct ShowOptions {
    /// The id of an event (rafiki-event-id) or of a delivery.
    pub(crate) id: Uuid,
    /// One JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) asked: AskedOptions,
}

#[derive(Debug, Args)]
pub(crate) struct ResendOptions {
    /// Ids of events or of deliveries, 500 at most.
    #[arg(conflicts_with_all = ["types", "state", "about", "endpoint", "from", "to"])]
    pub(crate) ids: Vec<Uuid>,
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// One JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) asked: AskedOptions,
}

#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct ListenOptions {
    /// The URL that gets each event, with the headers and the body that the instance sent. Without it the events are
    /// shown and answered with 200.
    #[arg(long, value_name = "URL", value_parser = web_url)]
    pub(crate) forward_to: Option<Url>,
    /// Only events of this type. May be given several times.
    #[arg(long = "type", value_name = "TYPE", value_parser = event_type)]
    pub(crate) types: Vec<EventType>,
    /// Show the content of each event, too.
    #[arg(long)]
    pub(crate) data: bool,
    /// Stop after this number of deliveries.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) stop_after: Option<u64>,
    /// One JSON object a line on standard output.
    #[arg(long)]
    pub(crate) json: bool,
    /// Listen at an instance that is not `rafiki dev`. Its events, with names and amounts, then come to this machine.
    #[arg(long)]
    pub(crate) any_instance: bool,
    /// The address to listen on.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    pub(crate) listen_on: std::net::SocketAddr,
    /// The URL at which the instance reaches this command, if it is not on this machine: the beginning, without a path.
    #[arg(long, value_name = "URL", value_parser = web_url)]
    pub(crate) reached_at: Option<Url>,
    #[command(flatten)]
    pub(crate) asked: AskedOptions,
}

#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line, and clap reads flags into booleans"
)]
#[derive(Debug, Args)]
#[command(
    after_help = "Ends with 0 when every sample was answered with 200; 2 wrong arguments, 5 no answer, 1 another answer or any other \
                  error."
)]
pub(crate) struct TriggerOptions {
    /// Types of events, or all.
    #[arg(required_unless_present = "list", value_parser = one_or_all)]
    pub(crate) types: Vec<OneOrAll>,
    /// The URL that gets the samples.
    #[arg(long, value_name = "URL", required_unless_present_any = ["list", "print"], value_parser = web_url)]
    pub(crate) to: Option<Url>,
    /// Print header and body of the samples, and send nothing.
    #[arg(long, conflicts_with_all = ["to", "list"])]
    pub(crate) print: bool,
    /// List the types, and send nothing.
    #[arg(long)]
    pub(crate) list: bool,
    /// A file with the secret that signs the samples; by default the secret of the playground. A line break at its end
    /// does not count.
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_file: Option<PathBuf>,
    /// Send to a server that is not on this machine. That server can send the signed sample on to another program with the
    /// same secret, which takes it for a real event unless it looks at the header rafiki-sample.
    #[arg(long)]
    pub(crate) any_receiver: bool,
    /// The version of signatures (SIGNATURE_VERSION).
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) signature_version: u32,
    /// One JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) asked: AskedOptions,
}

/// What is triggered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OneOrAll {
    One(EventType),
    All,
}

fn one_or_all(text: &str) -> Result<OneOrAll, String> {
    if text == "all" { Ok(OneOrAll::All) } else { event_type(text).map(OneOrAll::One) }
}

fn event_type(text: &str) -> Result<EventType, String> {
    let known = || EventType::ALL.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ");
    text.parse().map_err(|_| format!("there is no such type of events; the types are {}", known()))
}

fn web_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    url.ok_or_else(|| "write it as http://host:port/path".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_type_is_refused_with_the_list_of_types() {
        let told = event_type("peer.*").unwrap_err();
        assert!(EventType::ALL.iter().all(|kind| told.contains(kind.as_str())), "{told}");
        assert_eq!(one_or_all("all"), Ok(OneOrAll::All));
        assert_eq!(one_or_all("ledger.alarm"), Ok(OneOrAll::One(EventType::LedgerAlarm)));
    }

    #[test]
    fn only_web_addresses_get_events() {
        assert!(web_url("http://localhost:8080/hooks").is_ok());
        for wrong in ["localhost:8080", "ftp://h/", "http://", ""] {
            assert!(web_url(wrong).is_err(), "{wrong}");
        }
    }
}
