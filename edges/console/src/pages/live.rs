//! Live updates of open pages: server-sent events (WHATWG HTML) that signal a change, without its content.
//!
//! The page then loads itself again. It has the mark of what it shows, so it does not load itself again when nothing changed. A stream ends after a while, and the browser opens the next one. All pages about one
//! subject share one poll of the instance.

use std::convert::Infallible;
use std::time::Duration;

use admin_client::Followed;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream;
use http_kit::Stopping;
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::context::{Answer, Ctx, Problem};
use crate::following::Mark;
use crate::subject;
use crate::view::Live;

/// A stream is shorter than a request may take.
const LONGEST: Duration = Duration::from_secs(90);

/// How long a page waits for its mark. Without one it loads itself once more in the browser.
const PATIENCE: Duration = Duration::from_millis(500);

/// What a page that follows itself needs to know. This is called before the page reads what it shows: a change in between
/// gives another mark, and is not missed.
pub(crate) async fn begin(ctx: &Ctx) -> Live {
    // The open page has its own mark.
    if ctx.is_by_script() {
        return Live::Since(None);
    }
    // The poll goes on for a moment without followers, so the stream of the page finds it.
    let mut marks = join(ctx, subject::of(&ctx.reader.path));
    let known = tokio::time::timeout(PATIENCE, marks.wait_for(Option::is_some)).await;
    let mark = known.ok().and_then(Result::ok).and_then(|mark| mark.as_deref().map(digest));
    Live::Since(mark)
}

/// `GET /live?of=…`
pub(crate) async fn stream(ctx: Ctx) -> Result<Answer, Problem> {
    let marks = join(&ctx, subject::of(ctx.asked("of").unwrap_or("/")));
    let stopping = ctx.reader.stopping.clone();
    let begin = Open { marks, until: Instant::now() + LONGEST, told: None, stopping };
    let events = Sse::new(stream::unfold(begin, next)).keep_alive(KeepAlive::default());
    Ok(Answer::Raw(events.into_response()))
}

/// Follows `subject` in the name of this session.
fn join(ctx: &Ctx, subject: Followed) -> watch::Receiver<Option<Mark>> {
    let session = &ctx.session;
    let key = (session.tenant_id, Sha256::digest(&session.secret).into(), subject);
    let admin = ctx.admin();
    ctx.reader.console.following().join(key, move |known: Option<Mark>| {
        let admin = admin.clone();
        // A backend that does not answer now is asked again.
        async move { admin.followed(subject, known.as_deref()).await.ok().map(Mark::from) }
    })
}

/// What a page gets of a mark. Only a digest: the instance chose the text.
fn digest(mark: &str) -> String {
    hex::encode(&Sha256::digest(mark.as_bytes())[..8])
}

/// An open stream.
struct Open {
    marks: watch::Receiver<Option<Mark>>,
    until: Instant,
    told: Option<Mark>,
    stopping: Stopping,
}

/// Waits until the content changes.
async fn next(mut open: Open) -> Option<(Result<Event, Infallible>, Open)> {
    loop {
        let mark = open.marks.borrow_and_update().clone();
        if let Some(mark) = mark.filter(|mark| open.told.as_ref() != Some(mark)) {
            // The first event has the mark too, so that a page which opens a new stream learns what it missed.
            let kind = if open.told.is_some() { "changed" } else { "open" };
            let digest = digest(&mark);
            open.told = Some(mark);
            return Some((Ok(Event::default().event(kind).data(digest)), open));
        }
        tokio::select! {
            changed = open.marks.changed() => changed.ok()?,
            () = tokio::time::sleep_until(open.until) => return None,
            // A role that stops does not wait for open pages. They follow the next process.
            () = open.stopping.begun() => return None,
        }
    }
}
