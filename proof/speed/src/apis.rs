//! The five requests of the APIs that clients and peers of an institution send most.
//! What is sent is in `requests`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use clap::Args;
use ledger_bench::processor;
use serde_json::{Value, json};
use testkit::PostgresServer;

use crate::Outcome;
use crate::bare::{self, Bare};
use crate::institution::{
    ADMIN, ADMIN_SECRET, AUTH, INTROSPECTION, Institution, OPEN_PAYMENTS, SERVICE_SECRET, TENANT, binary, customer,
    signer, transactions,
};
use crate::load::{self, Pace, Requests};
use crate::requests::{AdminQuery, Same, Signed};
use crate::rows::{Row, Rows};
use crate::wire::{Wire, request};

/// What is measured.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Where the institution keeps its data: postgres, sqlite.
    #[arg(long, value_delimiter = ',', default_value = "postgres")]
    engines: Vec<String>,
    /// Connections at once.
    #[arg(long, value_delimiter = ',', default_value = "32")]
    connections: Vec<usize>,
    /// Seconds for each row.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Only rows whose name contains one of these.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// A Postgres server, by the URL of one of its databases; otherwise a cluster with default, durable settings is
    /// started.
    #[arg(long)]
    postgres: Option<String>,
    /// The first process of that server, whose children's processor time is counted.
    #[arg(long)]
    postgres_process: Option<u32>,
    /// The program.
    #[arg(long, default_value_os_t = binary())]
    binary: PathBuf,
    /// Folder for data; its disk is part of what is measured.
    #[arg(long, default_value = "target")]
    folder: PathBuf,
}

/// The requirements of a measurement besides the load.
struct Measured<'o> {
    options: &'o Options,
    rows: Rows,
}

/// The processes that serve.
#[derive(Clone, Copy, Default)]
struct Serving<'s> {
    program: Option<u32>,
    server: Option<u32>,
    database: Option<&'s str>,
}

pub(crate) async fn run(options: Options) -> Outcome<()> {
    let mut measured = Measured { options: &options, rows: Rows::begin("apis") };
    let bare_answer = bare::serve(Bare::Answers).await?;
    let bare_verify = bare::serve(Bare::Verifies(Box::new(signer()?.jwk().clone()))).await?;
    let nothing = Serving::default();
    measured.measure("bare: answers", "none", nothing, Arc::new(same_get(bare_answer, "/x"))).await?;
    measured
        .measure("bare: verifies", "none", nothing, Arc::new(signed(bare_verify, "/x", b"{}".into(), 200)?))
        .await?;

    let folder = tempfile::tempdir_in(&options.folder)?;
    for engine in &options.engines {
        match engine.as_str() {
            "sqlite" => measured.institution(engine, folder.path(), nothing).await?,
            "postgres" => {
                let cluster = match &options.postgres {
                    Some(_) => None,
                    None => Some(PostgresServer::start_in(folder.path(), &[]).map_err(|error| error.to_string())?),
                };
                let url = options.postgres.clone().or(cluster.as_ref().map(PostgresServer::url)).unwrap_or_default();
                let process = match &cluster {
                    Some(cluster) => Some(cluster.process().map_err(|error| error.to_string())?),
                    None => options.postgres_process,
                };
                let serving = Serving { program: None, server: process, database: Some(&url) };
                measured.institution(engine, folder.path(), serving).await?;
            }
            other => return Err(format!("{other:?} is no engine; use postgres or sqlite").into()),
        }
    }
    measured.rows.end();
    Ok(())
}

impl Measured<'_> {
    async fn institution(&mut self, engine: &str, folder: &std::path::Path, serving: Serving<'_>) -> Outcome<()> {
        let institution = Institution::start(&self.options.binary, &folder.join(engine), serving.database)?;
        let serving = Serving { program: Some(institution.process()), ..serving };

        let document = same_get(OPEN_PAYMENTS, "/accounts/gfranklin");
        self.measure("wallet address", engine, serving, Arc::new(document)).await?;

        let grant = signed(AUTH, &format!("/{TENANT}"), grant_request(), 200)?;
        let token = token(&grant).await?;
        self.measure("signed grant", engine, serving, Arc::new(grant)).await?;

        let question = introspection(&token);
        self.measure("introspection", engine, serving, Arc::new(question)).await?;

        let query = "query($url: String!) { walletAddressByUrl(url: $url) { id publicName asset { code scale } } }";
        let query = AdminQuery {
            port: ADMIN,
            tenant: TENANT.to_owned(),
            secret: ADMIN_SECRET.to_owned(),
            body: json!({"query": query, "variables": {"url": customer()}}),
            count: AtomicU64::new(0),
        };
        self.measure("Admin query", engine, serving, Arc::new(query)).await?;

        // Measured last, because events of new payments are still under way afterwards.
        let body = json!({"walletAddress": customer(), "metadata": {"description": "coffee"}});
        let post = signed(OPEN_PAYMENTS, &format!("/{TENANT}/incoming-payments"), body.to_string().into(), 201)?;
        let post = Signed { token: Some(token), ..post };
        self.measure("signed incoming payment", engine, serving, Arc::new(post)).await
    }

    #[expect(clippy::cast_precision_loss, reason = "a report, not money")]
    async fn measure(
        &mut self,
        what: &str,
        engine: &str,
        serving: Serving<'_>,
        requests: Arc<dyn Requests>,
    ) -> Outcome<()> {
        let only = &self.options.only;
        if !only.is_empty() && !only.iter().any(|part| what.contains(part)) {
            return Ok(());
        }

        for connections in &self.options.connections {
            // A warm-up, so that one-time work is already done.
            load::run(&requests, *connections, 1, Pace::Full).await?;

            let ended = transactions(serving.database).await?;
            let busy = busy(serving);
            let figures = load::run(&requests, *connections, self.options.seconds, Pace::Full).await?;
            let processor = self::busy(serving);
            let ended = transactions(serving.database).await? - ended;

            let each = |part: usize| (processor[part] - busy[part]) / figures.count as f64;
            self.rows.add(&Row {
                what: what.to_owned(),
                engine: engine.to_owned(),
                connections: *connections,
                processor: [each(0), each(1), each(2)],
                transactions: ended as f64 / figures.count as f64,
                figures,
            });
        }
        Ok(())
    }
}

/// Processor time so far: of the program, of its database, of the load.
fn busy(serving: Serving<'_>) -> [f64; 3] {
    let program = serving.program.map_or(Ok(0.0), processor::busy_of);
    let database = serving.server.map_or(Ok(0.0), processor::busy_of_children);
    let own = processor::busy_of(std::process::id());
    [program, database, own].map(|busy| busy.unwrap_or(0.0))
}

fn same_get(port: u16, path: &str) -> Same {
    let host = format!("localhost:{port}");
    Same { port, octets: request("GET", path, &[("host", host.as_str()), ("accept", "application/json")], b"") }
}

fn signed(port: u16, path: &str, body: Vec<u8>, expected: u16) -> Outcome<Signed> {
    Ok(Signed { port, path: path.to_owned(), body, token: None, signer: signer()?, expected })
}

fn grant_request() -> Vec<u8> {
    let access = json!({"type": "incoming-payment", "actions": ["create", "read"], "identifier": customer()});
    json!({"access_token": {"access": [access]}, "client": customer()}).to_string().into()
}

async fn token(grant: &Signed) -> Outcome<String> {
    let mut wire = Wire::open(grant.port).await?;
    let answer = wire.exchange(&grant.next()).await?;
    let body: Value = serde_json::from_slice(answer.body)?;
    let token = body["access_token"]["value"].as_str();
    token.map(str::to_owned).ok_or_else(|| format!("no token: {} {body}", answer.status).into())
}

fn introspection(token: &str) -> Same {
    let access = json!({"type": "incoming-payment", "actions": ["create"], "identifier": customer()});
    let body = json!({"access_token": token, "access": [access]}).to_string();
    let (host, secret) = (format!("localhost:{INTROSPECTION}"), format!("Bearer {SERVICE_SECRET}"));
    let headers = [("host", host.as_str()), ("content-type", "application/json"), ("authorization", secret.as_str())];
    Same { port: INTROSPECTION, octets: request("POST", "/", &headers, body.as_bytes()) }
}
