//! `rafiki listen`: shows the events of an instance as they are sent, and hands them to a local server.
//!
//! It registers an endpoint of its own, so deliveries to all other recipients go on as before. It removes the endpoint
//! at its end, and those of killed runs at its start.

use std::net::SocketAddr;

use config::Mode;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use url::Url;

use super::forwarding::{self, Shown};
use super::options::ListenOptions;
use super::registration::{Name, Registered, register};
use crate::asked::Asked;
use crate::failure::Failure;
use crate::output::say;
use crate::roles::running::stop_signal;
use crate::roles::shared_deps::SharedDeps;

pub(crate) async fn run(options: ListenOptions) -> Result<(), Failure> {
    let asked = options.asked.find()?;
    let secret = asked.institution.session().map(|session| session.webhook_secret.clone());
    if secret.is_none() && !options.any_instance {
        let told = format!(
            "{} is not a playground; its events contain names and amounts of customers. Add --any-instance if they may \
             come to this machine, and --reached-at with the URL at which the instance reaches it",
            options.asked.known.admin_url.as_ref().map(Url::as_str).unwrap_or_default()
        );
        return Err(Failure::Usage(told));
    }

    let listener = TcpListener::bind(options.listen_on).await;
    let listener = listener.map_err(|error| Failure::io(format!("cannot listen on {}", options.listen_on), error))?;
    let address = listener.local_addr().map_err(|error| Failure::io("cannot listen", error))?;
    let base = match &options.reached_at {
        Some(url) => url.clone(),
        None => base_of(address)?,
    };

    // From here on a signal does not end the command before the endpoint is removed.
    let end = stop_signal();
    tokio::pin!(end);
    let (stop, stopped) = oneshot::channel::<()>();
    let name = Name::random();
    let forwards = SharedDeps::new(Mode::Production, &[])?.http;
    let (deliveries, serving) =
        forwarding::serve(listener, name, options.forward_to.clone(), forwards, async { drop(stopped.await) });

    let (registered, removed) = register(&asked, &base, name, &options.types, secret.as_deref()).await?;
    if !options.json {
        say(&introduction(&options, &asked, &registered, removed));
    }
    tokio::select! {
        () = show(deliveries, &options) => {}
        () = &mut end => {}
    }

    let ended = registered.remove(&asked).await;
    // Requests under way are answered before the listener ends.
    drop(stop);
    let _ = serving.await;
    if ended.is_ok() && !options.json {
        say("The endpoint is removed.\n");
    }
    ended
}

/// The URL of this listener for an instance on the same machine.
fn base_of(address: SocketAddr) -> Result<Url, Failure> {
    let wrong = |_| Failure::Usage(format!("{address} is no address that the instance can call; add --reached-at"));
    Url::parse(&format!("http://{address}")).map_err(wrong)
}

fn introduction(options: &ListenOptions, asked: &Asked, registered: &Registered, removed: usize) -> String {
    let name = &asked.institution.name;
    let left = match removed {
        0 => String::new(),
        1 => "An endpoint of an earlier run that was killed is removed.\n".to_owned(),
        removed => format!("{removed} endpoints of earlier runs that were killed are removed.\n"),
    };
    let place = match &options.forward_to {
        Some(url) => format!("The events of {name} are sent to {url}, too. Ctrl-C ends this.\n"),
        None => format!("The events of {name} are shown here. Ctrl-C ends this.\n"),
    };
    let signed = match &registered.made_secret {
        Some(secret) => format!("They are signed with the secret {secret}\n"),
        None => "They are signed with the SIGNATURE_SECRET of the playground.\n".to_owned(),
    };
    [left, place, signed].concat()
}

/// Prints deliveries, until as many were shown as are wanted.
async fn show(mut deliveries: mpsc::Receiver<Shown>, options: &ListenOptions) {
    let mut count = 0;
    while let Some(shown) = deliveries.recv().await {
        if options.json {
            say(&format!("{}\n", shown.document()));
        } else {
            say(&shown.line());
            if options.data {
                say(&format!("{}\n", serde_json::to_string_pretty(&shown.event).unwrap_or_default()));
            }
        }
        count += 1;
        if options.stop_after.is_some_and(|wanted| count >= wanted) {
            return;
        }
    }
}
