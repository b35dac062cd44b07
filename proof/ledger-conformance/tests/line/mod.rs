//! The connection between an engine and its Postgres server. A test cuts it at a commit, before the server gets it or
//! before the engine gets the answer.
//!
//! It understands only as much of the server's protocol as it needs to recognise a commit.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use url::Url;

/// What is lost with the cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The server does not receive the message.
    Request,
    /// The server executes it, and its answer is lost.
    Answer,
    /// The server may or may not receive it.
    Either,
}

/// The message that is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// The statement that writes a round. Outside a transaction it is also the commit.
    Statement,
    /// The `COMMIT` of a transaction that holds the lock.
    Commit,
}

/// A proxy on a port of its own. Ends with the test's runtime.
pub(crate) struct Line {
    url: String,
    plan: Arc<Mutex<Plan>>,
}

#[derive(Default)]
struct Plan {
    cuts: VecDeque<(Point, Loss)>,
    closed: bool,
    /// The connection stays dead after the cut.
    close_with_cut: bool,
}

trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Socket for T {}

impl Line {
    pub(crate) async fn to(server: &str) -> Self {
        let upstream: PgConnectOptions = server.parse().expect("a Postgres URL");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let mut url: Url = server.parse().expect("a URL");
        url.set_host(Some("127.0.0.1")).expect("a host");
        url.set_port(Some(listener.local_addr().expect("an address").port())).expect("a port");
        url.set_query(Some("sslmode=disable"));
        let plan = Arc::new(Mutex::new(Plan::default()));
        let line = Self { url: url.into(), plan: Arc::clone(&plan) };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if !plan.lock().unwrap_or_else(PoisonError::into_inner).closed {
                    let server = connect(&upstream).await;
                    tokio::spawn(carry(client, server, Arc::clone(&plan)));
                }
            }
        });
        line
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Cuts the line when the next such message passes.
    pub(crate) fn cut(&self, point: Point, loss: Loss) {
        self.plan().cuts.push_back((point, loss));
    }

    /// The same, and the line stays dead until it is opened.
    pub(crate) fn cut_for_long(&self, point: Point, loss: Loss) {
        self.cut(point, loss);
        self.plan().close_with_cut = true;
    }

    pub(crate) fn open(&self) {
        let mut plan = self.plan();
        (plan.closed, plan.close_with_cut) = (false, false);
    }

    /// The number of requested cuts that have not happened yet.
    pub(crate) fn cuts_left(&self) -> usize {
        self.plan().cuts.len()
    }

    fn plan(&self) -> std::sync::MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn connect(server: &PgConnectOptions) -> Box<dyn Socket> {
    let folder = server.get_socket().map(|folder| folder.display().to_string());
    let folder = folder.or(Some(server.get_host().to_owned()).filter(|host| host.starts_with('/')));
    if let Some(folder) = folder {
        let path = format!("{folder}/.s.PGSQL.{}", server.get_port());
        Box::new(UnixStream::connect(path).await.expect("the server's socket"))
    } else {
        Box::new(TcpStream::connect((server.get_host(), server.get_port())).await.expect("the server"))
    }
}

/// Carries one connection until an end closes it or the plan cuts it.
async fn carry(client: TcpStream, server: Box<dyn Socket>, plan: Arc<Mutex<Plan>>) {
    let (mut from_client, to_client) = client.into_split();
    let (from_server, mut to_server) = tokio::io::split(server);
    let answers_pass = Arc::new(AtomicBool::new(true));
    let back = tokio::spawn(carry_back(from_server, to_client, Arc::clone(&answers_pass)));
    let (mut startup, mut writing) = (true, None);
    while let Ok(message) = read_message(&mut from_client, startup).await {
        startup = false;
        let Some(loss) = due(&plan, &message, &mut writing) else {
            if to_server.write_all(&message).await.is_err() {
                break;
            }
            continue;
        };
        if loss == Loss::Request {
            break;
        }
        answers_pass.store(false, Ordering::SeqCst);
        let mut request = message;
        while request[0] != b'Q'
            && request[0] != b'S'
            && let Ok(next) = read_message(&mut from_client, false).await
        {
            let _ = to_server.write_all(&request).await;
            request = next;
        }
        let _ = to_server.write_all(&request).await;
        if loss == Loss::Answer {
            // The server first does what it received before the request to end.
            let _ = to_server.write_all(&[b'X', 0, 0, 0, 4]).await;
            let _ = back.await;
            return;
        }
        break;
    }
    back.abort();
}

async fn carry_back(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, pass: Arc<AtomicBool>) {
    let mut octets = vec![0; 65_536];
    while let Ok(count @ 1..) = from.read(&mut octets).await {
        if pass.load(Ordering::SeqCst) && to.write_all(&octets[..count]).await.is_err() {
            return;
        }
    }
}

/// What is lost with this message, if the plan waits for it.
///
/// `writing` is the name under which the statement that writes a round was prepared on this connection.
fn due(plan: &Mutex<Plan>, message: &[u8], writing: &mut Option<Vec<u8>>) -> Option<Loss> {
    let mut strings = message.get(5..)?.split(|octet| *octet == 0);
    let (first, second) = (strings.next()?, strings.next()?);
    let point = match message[0] {
        b'P' if second.windows(18).any(|text| text == b"UPDATE ledger_head") => {
            *writing = Some(first.to_vec());
            return None;
        }
        b'B' if writing.as_deref() == Some(second) => Point::Statement,
        b'Q' if first == b"COMMIT" => Point::Commit,
        _ => return None,
    };
    let mut plan = plan.lock().unwrap_or_else(PoisonError::into_inner);
    let (_, loss) = plan.cuts.pop_front_if(|(wanted, _)| *wanted == point)?;
    plan.closed = plan.close_with_cut;
    Some(loss)
}

/// A complete message: type, length and content. The first message of a connection has no type.
async fn read_message(from: &mut (impl AsyncRead + Unpin), startup: bool) -> std::io::Result<Vec<u8>> {
    let mut message = vec![0; if startup { 4 } else { 5 }];
    from.read_exact(&mut message).await?;
    let length = u32::from_be_bytes(*message.last_chunk().expect("four octets at least"));
    let start = message.len();
    message.resize(start + length as usize - 4, 0);
    from.read_exact(&mut message[start..]).await?;
    Ok(message)
}
