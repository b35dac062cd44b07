//! Why a database cannot be used at all. Each reason says what to do about it.
//!
//! Errors of a database that answers are in [`Error`](crate::Error).

use std::io::ErrorKind;

use sea_orm::sqlx;
use sea_orm::sqlx::postgres::PgConnectOptions;

/// Why there is no connection. The messages are for the operator. They never contain the password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// The URL names a kind of database that this program cannot use.
    #[error("a database URL starts with `sqlite:` or `postgres://`")]
    UnknownScheme,
    /// The URL cannot be read.
    #[error("the database URL cannot be read: {reason}")]
    Url {
        /// What is wrong with it.
        reason: String,
    },
    /// No name server knows the host.
    #[error("there is no host called {host}; correct the host in the database URL, or check its DNS entry")]
    UnknownHost {
        /// The host.
        host: String,
    },
    /// The connection was refused.
    #[error("no Postgres server listens at {server}; start it, or correct host and port in the database URL")]
    NobodyListens {
        /// Host and port, or the socket.
        server: String,
    },
    /// A server answers, but not as Postgres does.
    #[error("{server} does not answer: {reason}")]
    Silent {
        /// Host and port, or the socket.
        server: String,
        /// What happened instead.
        reason: String,
    },
    /// The server is starting or stopping.
    #[error("the Postgres server at {server} is starting up, recovering or shutting down")]
    NotReady {
        /// Host and port, or the socket.
        server: String,
    },
    /// All connections that the server allows are in use.
    #[error("the Postgres server at {server} has no free connection; raise its max_connections or stop other clients")]
    Full {
        /// Host and port, or the socket.
        server: String,
    },
    /// The connection cannot be encrypted as the URL requires.
    #[error(
        "no encrypted connection to {server}: {reason}; this program has no TLS to Postgres: use a private network, \
         a Unix socket or a tunnel, and remove sslmode from the database URL"
    )]
    Tls {
        /// Host and port.
        server: String,
        /// The reason.
        reason: String,
    },
    /// The user or the password is wrong, or the server does not accept this user from this address.
    #[error("{server} refuses user {user}: {reason}; correct user and password in the database URL")]
    Refused {
        /// Host and port, or the socket.
        server: String,
        /// The user.
        user: String,
        /// The server's message.
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
    /// The file is not a SQLite database, or is damaged.
    #[error(
        "the file {file} is damaged, or is not a SQLite database ({reason}); restore it from a backup, or name another file"
    )]
    Damaged {
        /// The file.
        file: String,
        /// SQLite's message.
        reason: String,
    },
    /// The file cannot be opened.
    #[error("the file {file} cannot be opened: {reason}")]
    File {
        /// The file.
        file: String,
        /// The reason.
        reason: String,
    },
    /// Any other error.
    #[error("{server} refuses: {reason}")]
    Other {
        /// Host and port, or the file.
        server: String,
        /// The message of the server or of SQLite.
        reason: String,
    },
}

impl Unreachable {
    /// Whether the same attempt may succeed later without a change here.
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

    /// The meaning of a failed attempt to connect to Postgres.
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
            // Errors of the name service have no kind. Their text is the same on every system that Rust runs on.
            _ if error.to_string().contains("lookup address") => {
                Self::UnknownHost { host: options.get_host().to_owned() }
            }
            _ => Self::Silent { server, reason: error.to_string() },
        }
    }

    /// The meaning of a failed attempt to open a SQLite file.
    pub(crate) fn sqlite(file: &str, error: &sqlx::Error) -> Self {
        let (file, reason) = (file.to_owned(), error.to_string());
        let sqlx::Error::Database(database) = error else { return Self::File { file, reason } };
        // The primary result code is the low octet: 11 is corrupt, 26 is not a database.
        match database.code().unwrap_or_default().parse::<i32>().map(|code| code & 0xff) {
            Ok(11 | 26) => Self::Damaged { file, reason: database.message().to_owned() },
            _ => Self::File { file, reason: database.message().to_owned() },
        }
    }
}

/// The address of a server: host and port, or the folder of its socket.
pub(crate) fn server(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(folder) => folder.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}
