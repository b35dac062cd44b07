//! Sends letters through an SMTP server (RFC 5321), one connection for each.
//!
//! It repeats nothing and keeps nothing: whoever calls it stores the letter until it was taken.

#![warn(missing_docs)]

use std::time::{Duration, UNIX_EPOCH};

use clock::Timestamp;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use uuid::Uuid;

/// The server has this time for each of its answers.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// A letter of plain text.
#[derive(Clone, Debug)]
pub struct Letter<'a> {
    /// The same id in every attempt. So a reader of mail can tell that two copies are the same letter.
    pub id: Uuid,
    /// The e-mail address.
    pub to: &'a str,
    /// One line.
    pub subject: &'a str,
    /// The content.
    pub text: &'a str,
    /// The date in its head.
    pub written_at: Timestamp,
}

/// Why letters cannot be sent with these settings.
#[derive(Debug, thiserror::Error)]
pub enum WrongSettings {
    /// The server's address.
    #[error("the address of the mail server is not usable: {0}")]
    Server(String),
    /// The sender.
    #[error("the sender is not an e-mail address such as Bank <letters@bank.example>: {0}")]
    Sender(String),
}

/// Why a letter was not taken.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The server will never take it, for example because there is no such mailbox.
    #[error("the mail server refused the letter: {0}")]
    Refused(String),
    /// It may take it later, or has taken it and its answer was lost.
    #[error("the mail server did not take the letter: {0}")]
    Later(String),
}

/// A mail server. It is cheap to clone.
#[derive(Clone, Debug)]
pub struct MailServer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    sender: Mailbox,
}

impl MailServer {
    /// `url` is `smtps://user:password@host`, or `smtp://…?tls=required` for TLS after `STARTTLS` (RFC 3207).
    pub fn new(url: &str, sender: &str) -> Result<Self, WrongSettings> {
        let sender: Mailbox = sender.parse().map_err(|error| WrongSettings::Sender(format!("{error}")))?;
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url);
        // The error does not repeat the URL, which contains the password.
        let builder = builder.map_err(|error| WrongSettings::Server(reasons(&error)))?;
        Ok(Self { transport: builder.timeout(Some(ANSWERS_WITHIN)).build(), sender })
    }

    /// Gives the letter to the server. After `Ok` the server is responsible for it.
    pub async fn send(&self, letter: &Letter<'_>) -> Result<(), SendError> {
        let message = self.message(letter).map_err(SendError::Refused)?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(SendError::Refused(reasons(&error))),
            Err(error) => Err(SendError::Later(reasons(&error))),
        }
    }

    fn message(&self, letter: &Letter<'_>) -> Result<Message, String> {
        // An address alone. As a mailbox, `x<nora@example.com>` would be a name and another address.
        let to: Address = letter.to.parse().map_err(|error| format!("{error}"))?;
        let domain = self.sender.email.domain();
        let millis = u64::try_from(letter.written_at.as_millis()).unwrap_or_default();
        Message::builder()
            .from(self.sender.clone())
            .to(Mailbox::new(None, to))
            .subject(letter.subject)
            .message_id(Some(format!("<{}@{domain}>", letter.id)))
            .date(UNIX_EPOCH + Duration::from_millis(millis))
            // Holiday notices are not sent in answer to it (RFC 3834).
            .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN)
            .body(letter.text.to_owned())
            .map_err(|error| format!("{error}"))
    }
}

/// An error with its causes.
fn reasons(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let reason = inner.to_string();
        if !text.contains(&reason) {
            text = format!("{text}: {reason}");
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_or_server_that_cannot_be_used_is_named_without_the_password() {
        assert!(matches!(MailServer::new("smtps://mail.example", "nobody"), Err(WrongSettings::Sender(_))));
        let error = MailServer::new("http://a:secret@mail.example", "a@b.example").unwrap_err().to_string();
        assert!(error.contains("http") && !error.contains("secret"), "{error}");
        assert!(MailServer::new("smtp://mail.example?tls=required", "Bank <letters@bank.example>").is_ok());
    }

    #[test]
    fn a_letter_has_the_same_number_and_date_in_every_attempt() {
        let server = MailServer::new("smtp://mail.example", "Bank <letters@bank.example>").unwrap();
        let letter = Letter {
            id: Uuid::from_u128(7),
            to: "nora@example.com",
            subject: "Grüße",
            text: "Zeile eins\n\nZeile zwei\n",
            written_at: Timestamp::from_millis(1_767_225_600_000),
        };
        let text = || String::from_utf8(server.message(&letter).unwrap().formatted()).unwrap();
        assert_eq!(text(), text());
        assert!(text().contains("Message-ID: <00000000-0000-0000-0000-000000000007@bank.example>"), "{}", text());
        assert!(text().contains("Date: Thu, 01 Jan 2026 00:00:00"), "{}", text());
        for injected in ["nora@example.com\r\nBcc: eve@example.com", "x1<nora@example.com>", "Nora <nora@example.com>"]
        {
            assert!(server.message(&Letter { to: injected, ..letter.clone() }).is_err(), "{injected}");
        }
    }
}
