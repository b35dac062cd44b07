//! Letters to customers: written in the transaction of what caused them, and sent by a job until the mail server takes
//! them. What they say is in `texts`.
//!
//! A letter that was taken is not sent again. If the process dies between the server's answer and the note of it, the
//! letter is sent once more with the same number, by which readers of mail recognise the copy.

mod texts;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clock::{Clock, Entropy, Timestamp};
use database::{Database, Error, WriteTransaction};
use jobs::{Backoff, Done, Failure, Handler, Job, NewJob, Worker, WorkerSettings};
use mail::{Letter, MailServer, SendError};
pub(crate) use texts::{Text, Texts};
use uuid::Uuid;

use crate::sql::{execute, read_one};

const QUEUE: &str = "wallet letters";
const SETTINGS: WorkerSettings = WorkerSettings {
    concurrency: 4,
    lane_concurrency: 1,
    places_in_lanes: 4,
    // Longer than the mail server has for all its answers together.
    lease: Duration::from_mins(3),
    backoff: Backoff { step: Duration::from_secs(15), most_steps: 40 },
};
/// What became of a letter is kept for so long. To whom it went, and its content, are not.
const KEPT_FOR: Duration = Duration::from_hours(30 * 24);
const REFUSAL_MAX: usize = 500;

/// How letters leave.
#[derive(Clone, Debug)]
pub enum Post {
    /// As lines of the log, in development.
    Log,
    /// Through a mail server.
    Server(Box<MailServer>),
}

/// The letters of a wallet. It is cheap to clone.
#[derive(Clone)]
pub(crate) struct Letters {
    database: Database,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    post: Post,
}

/// A letter that waits.
struct Waiting {
    recipient: String,
    subject: String,
    body: String,
    written_at: Timestamp,
    useful_until: Timestamp,
}

impl Letters {
    pub(crate) fn new(database: Database, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>, post: Post) -> Self {
        Self { database, clock, entropy, post }
    }

    /// Writes a letter in the transaction of its cause. After `useful_for` it is not sent any more.
    pub(crate) async fn write(
        &self,
        transaction: &WriteTransaction,
        to: &str,
        text: Text,
        useful_for: Duration,
    ) -> Result<(), Error> {
        let (id, now) = (self.entropy.uuid(), self.clock.now());
        let sql = "INSERT INTO wallet_letters (id, recipient, subject, body, state, written_at, useful_until)
            VALUES ($1, $2, $3, $4, 'waiting', $5, $6)";
        let values = [
            id.into(),
            to.into(),
            text.subject.into(),
            text.body.into(),
            now.as_millis().into(),
            now.saturating_add(useful_for).as_millis().into(),
        ];
        execute(transaction, sql, values).await?;
        jobs::enqueue(transaction, NewJob::new(QUEUE, id, now))?;
        Ok(())
    }

    pub(crate) fn worker(&self) -> Worker {
        let (clock, entropy) = (Arc::clone(&self.clock), Arc::clone(&self.entropy));
        Worker::new(self.database.clone(), clock, entropy, QUEUE, Arc::new(self.clone()), SETTINGS)
    }

    async fn waiting(&self, id: Uuid) -> Result<Option<Waiting>, Error> {
        let sql = "SELECT recipient, subject, body, written_at, useful_until FROM wallet_letters
            WHERE id = $1 AND state = 'waiting'";
        let row = read_one(&self.database, sql, [id.into()]).await?;
        row.map(|row| {
            Ok(Waiting {
                recipient: row.try_get_by_index(0)?,
                subject: row.try_get_by_index(1)?,
                body: row.try_get_by_index(2)?,
                written_at: Timestamp::from_millis(row.try_get_by_index(3)?),
                useful_until: Timestamp::from_millis(row.try_get_by_index(4)?),
            })
        })
        .transpose()
    }

    /// Sends a letter. Returns why it was given up, or an error if it has to be tried again.
    async fn send(&self, id: Uuid, letter: &Waiting) -> Result<Option<String>, SendError> {
        if letter.useful_until <= self.clock.now() {
            return Ok(Some("the mail server did not take it before it was too old".to_owned()));
        }
        let Waiting { recipient: to, subject, body: text, written_at, .. } = letter;
        match &self.post {
            Post::Log => {
                tracing::info!(to, subject, text, "a letter, which no mail server sends");
                Ok(None)
            }
            Post::Server(server) => {
                match server.send(&Letter { id, to, subject, text, written_at: *written_at }).await {
                    Ok(()) => Ok(None),
                    Err(SendError::Refused(reason)) => Ok(Some(reason)),
                    Err(error @ SendError::Later(_)) => Err(error),
                }
            }
        }
    }

    /// Notes what became of a letter, and removes to whom it went and its content, which may let its reader do something.
    async fn end(&self, job: &Job, id: Uuid, refusal: Option<String>) -> Result<(), Error> {
        let now = self.clock.now();
        let transaction = self.database.begin().await?;
        let sql = "UPDATE wallet_letters SET state = $2, recipient = '', subject = '', body = '', ended_at = $3,
                refusal = $4
            WHERE id = $1";
        let state = if refusal.is_some() { "refused" } else { "sent" };
        let refusal = refusal.map(|text| text.chars().take(REFUSAL_MAX).collect::<String>());
        execute(&transaction, sql, [id.into(), state.into(), now.as_millis().into(), refusal.into()]).await?;
        let forget = "DELETE FROM wallet_letters WHERE ended_at < $1";
        execute(&transaction, forget, [now.saturating_sub(KEPT_FOR).as_millis().into()]).await?;
        job.complete(&transaction);
        transaction.commit().await
    }
}

#[async_trait]
impl Handler for Letters {
    #[tracing::instrument(name = "wallet.letter", skip_all, fields(letter.id = job.key()))]
    async fn run(&self, job: &Job) -> Result<Done, Failure> {
        let Ok(id) = Uuid::try_parse(job.key()) else { return Ok(Done::Complete) };
        let Some(letter) = self.waiting(id).await.map_err(Box::new)? else { return Ok(Done::Complete) };
        let refusal = self.send(id, &letter).await.map_err(Box::new)?;
        if let Some(reason) = &refusal {
            tracing::warn!(reason, "a letter is given up");
        }
        self.end(job, id, refusal).await.map_err(Box::new)?;
        Ok(Done::Settled)
    }
}
