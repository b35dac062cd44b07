//! Live updates of open pages: server-sent events (WHATWG HTML) that signal a change, without its content.
//!
//! The page then loads itself again. A stream ends after a while, and the browser opens the next one.

use std::convert::Infallible;
use std::time::Duration;

use admin_client::{AdminClient, AdminError, PageRequest, PaymentFilter};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::context::{Answer, Ctx, Problem};

/// How often the instance is queried.
const EVERY: Duration = Duration::from_secs(1);
/// The number of queries in one stream, so that a stream is shorter than a request may take.
const TURNS: u32 = 90;

/// The content of a page.
#[derive(Clone, Copy)]
enum Subject {
    Outgoing(Uuid),
    Incoming(Uuid),
    Events,
    Liquidity,
    All,
}

impl Subject {
    fn of(path: &str) -> Self {
        let id = |prefix: &str| path.strip_prefix(prefix).and_then(|rest| Uuid::parse_str(rest).ok());
        if let Some(id) = id("/payments/outgoing/") {
            return Self::Outgoing(id);
        }
        if let Some(id) = id("/payments/incoming/") {
            return Self::Incoming(id);
        }
        match path {
            "/webhook-events" => Self::Events,
            "/liquidity" => Self::Liquidity,
            _ => Self::All,
        }
    }

    /// Changes when the content of the page changes.
    async fn mark(self, admin: &AdminClient) -> Result<[u8; 32], AdminError> {
        let some = PageRequest { first: Some(20), ..PageRequest::default() };
        let text = match self {
            Self::Outgoing(id) => format!("{:?}", admin.outgoing_payment_view(id).await?),
            Self::Incoming(id) => format!("{:?}", admin.incoming_payment_view(id).await?),
            Self::Events => format!("{:?}", admin.webhook_events_page(&some, &[], None).await?.nodes),
            Self::Liquidity => {
                let (assets, peers) = futures::join!(admin.assets_page(&some, None), admin.peers_page(&some, None));
                format!("{:?}{:?}", assets?.nodes, peers?.nodes)
            }
            Self::All => format!("{:?}", admin.payments_page(&some, &PaymentFilter::default(), None).await?.nodes),
        };
        Ok(Sha256::digest(text).into())
    }
}

struct Following {
    admin: AdminClient,
    subject: Subject,
    last: Option<[u8; 32]>,
    turns: u32,
}

/// `GET /live?of=…`
pub(crate) async fn stream(ctx: Ctx) -> Result<Answer, Problem> {
    let subject = Subject::of(ctx.asked("of").unwrap_or("/"));
    let begin = Following { admin: ctx.admin(), subject, last: None, turns: 0 };
    let events = Sse::new(stream::unfold(begin, next)).keep_alive(KeepAlive::default());
    Ok(Answer::Raw(events.into_response()))
}

/// Waits until the content changes.
async fn next(mut following: Following) -> Option<(Result<Event, Infallible>, Following)> {
    loop {
        if following.turns == TURNS {
            return None;
        }
        following.turns += 1;
        // A backend that does not answer now is queried again.
        if let Ok(mark) = following.subject.mark(&following.admin).await {
            let before = following.last.replace(mark);
            match before {
                None => return Some((Ok(Event::default().event("open").data("following")), following)),
                Some(before) if before != mark => {
                    return Some((Ok(Event::default().event("changed").data(hex::encode(&mark[..8]))), following));
                }
                Some(_) => {}
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}
