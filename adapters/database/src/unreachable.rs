//! Why a database cannot be used at all, each reason with what to do about it.
//!
//! Not what goes wrong with a database that answers: that is [`Error`](crate::Error).

use std::io::ErrorKind;

use sea_orm::sqlx;
use sea_orm::sqlx::postgres::PgConnectOptions;

/// Why there is no connection. The words are for the operator; they never hold the password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// The URL names no database this program can use.
    #[error("a database URL starts with `sqlite:` or `postgres://`")]
    UnknownScheme,
    /// The URL cannot be read.
    #[error("the database URL cannot be read: {reason}")]
    Url {
        /// What is wrong with it.
        reason: String,
    },
    /// No name server knows the host.
    #[error("there is no host called {host}; correct the host in the database URL, or see to its name service")]
    UnknownHost {
        /// The host.
        host: String,
    },
    /// Nothing listens there.
    #[error("no Postgres server listens at {server}; start it, or correct host and port in the database URL")]
    NobodyListens {
        /// Host and port, or the socket.
        server: String,
    },
    /// Something listens there, but does not answer as Postgres does.
    #[error("{server} does not answer: {reason}")]
    Silent {
        /// Host and port, or the socket.
        server: String,
        /// What happened instead.
        reason: String,
    },
    /// The server is there and not yet, or no longer, ready.
    #[error("the Postgres server at {server} is starting up, recovering or shutting down")]
    NotReady {
        /// Host and port, or the socket.
        server: String,
    },
    /// Every connection the server allows is taken.
    #[error("the Postgres server at {server} has no connection left; raise its max_connections or stop other clients")]
    Full {
        /// Host and port, or the socket.
        server: String,
    },
    /// The connection cannot be encrypted as the URL demands.
    #[error(
        "no encrypted connection to {server}: {reason}; switch TLS on at the server, or set sslmode in the database \
         URL to what it offers"
    )]
    Tls {
        /// Host and port.
        server: String,
        /// Why not.
        reason: String,
    },
    /// User or password is wrong, or the server lets this user not in from here.
    #[error("{server} does not let user {user} in: {reason}; correct user and password in the database URL")]
    Refused {
        /// Host and port, or the socket.
        server: String,
        /// The user.
        user: String,
        /// The server's words.
        reason: String,
    },
    /// The server has no such database.
    #[error("the server at {server} has no database {database}; create it (`createdb {database}`) or correct the URL")]
    NoDatabase {
        /// Host and port, or the socket.
        server: String,
        /// The database.
        database: String,
    },
    /// The file is no SQLite database, or damaged.
    #[error("the file {file} is damaged or no SQLite database ({reason}); restore it from a backup, or name another")]
    Damaged {
        /// The file.
        file: String,
        /// What SQLite says.
        reason: String,
    },
    /// The file cannot be opened.
    #[error("the file {file} cannot be opened: {reason}")]
    File {
        /// The file.
        file: String,
        /// Why not.
        reason: String,
    },
    /// Anything else the server said.
    #[error("{server} refuses: {reason}")]
    Other {
        /// Host and port, or the file.
        server: String,
        /// The reason in its words.
        reason: String,
    },
}

impl Unreachable {
    /// Whether the same attempt may succeed later although nothing is changed here.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::UnknownHost { .. }
            | Self::NobodyListens { .. }
            | Self::Silent { .. }
            | Self::NotReady { .. }
            | Self::Full { .. } => true,
            Self::UnknownScheme
            | Self::Url { .. }
            | Self::Tls { .. }
            | Self::Refused { .. }
            | Self::NoDatabase { .. }
            | Self::Damaged { .. }
            | Self::File { .. }
            | Self::Other { .. } => false,
        }
    }

    /// What a failed attempt to connect to Postgres means.
    pub(crate) fn postgres(options: &PgConnectOptions, error: &sqlx::Error) -> Self {
        let server = server(options);
        match error {
            sqlx::Error::Io(error) => Self::io(options, server, error),
            sqlx::Error::Tls(error) => Self::Tls { server, reason: error.to_string() },
            sqlx::Error::Configuration(error) => Self::Url { reason: error.to_string() },
            sqlx::Error::Protocol(reason) => Self::Silent { server, reason: reason.clone() },
            sqlx::Error::Database(error) => {
                let reason = error.message().to_owned();
                match error.code().unwrap_or_default().as_ref() {
                    "28000" if reason.contains("encryption") || reason.contains("SSL") => Self::Tls { server, reason },
                    "28P01" | "28000" => Self::Refused { server, user: options.get_username().to_owned(), reason },
                    "3D000" => {
                        let named = options.get_database().unwrap_or_else(|| options.get_username());
                        Self::NoDatabase { server, database: named.to_owned() }
                    }
                    "57P01" | "57P02" | "57P03" => Self::NotReady { server },
                    "53300" => Self::Full { server },
                    _ => Self::Other { server, reason },
                }
            }
            other => Self::Other { server, reason: other.to_string() },
        }
    }

    fn io(options: &PgConnectOptions, server: String, error: &std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused | ErrorKind::NotFound => Self::NobodyListens { server },
            // The name service's own errors have no kind; its words are the same on every system Rust runs on.
            _ if error.to_string().contains("lookup address") => {
                Self::UnknownHost { host: options.get_host().to_owned() }
            }
            _ => Self::Silent { server, reason: error.to_string() },
        }
    }

    /// What a failed attempt to open a SQLite file means.
    pub(crate) fn sqlite(file: &str, error: &sqlx::Error) -> Self {
        let (file, reason) = (file.to_owned(), error.to_string());
        let sqlx::Error::Database(database) = error else { return Self::File { file, reason } };
        // The primary result code is the low octet: 11 is corrupt, 26 is no database.
        match database.code().unwrap_or_default().parse::<i32>().map(|code| code & 0xff) {
            Ok(11 | 26) => Self::Damaged { file, reason: database.message().to_owned() },
            _ => Self::File { file, reason: database.message().to_owned() },
        }
    }
}

/// Where a server is: host and port, or the folder of its socket.
pub(crate) fn server(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(folder) => folder.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}
