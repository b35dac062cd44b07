//! The form with a passkey that other pages show: for a guest who signs in, and for a proof.
//!
//! What its answers do is in `passkeys`.

use super::context::{Ctx, Reader};

/// A form with a passkey, which a script fills in and sends.
pub(crate) struct UsePasskey {
    pub(crate) action: String,
    /// Where the script gets the question, and the token of that form.
    pub(crate) ask: &'static str,
    pub(crate) ask_once: String,
    pub(crate) hidden: Vec<(&'static str, String)>,
    pub(crate) label: &'static str,
}

/// The same for somebody who is not signed in. `half` stands for the password, if it was given.
pub(crate) fn for_guest(reader: &Reader, half: &str, next: &str) -> Option<UsePasskey> {
    reader.core.users.has_passkeys().then(|| UsePasskey {
        action: format!("/sign-in/passkey{next}"),
        ask: "/sign-in/question",
        ask_once: String::new(),
        hidden: vec![("half", half.to_owned())],
        label: "Sign in with a passkey",
    })
}

/// The same for somebody who proves who uses a session.
pub(crate) fn for_proof(ctx: &Ctx, next: &str) -> Option<UsePasskey> {
    ctx.core().users.has_passkeys().then(|| UsePasskey {
        action: "/prove/passkey".to_owned(),
        ask: "/prove/question",
        ask_once: ctx.once("/prove/question"),
        hidden: vec![("once", ctx.once("/prove/passkey")), ("next", next.to_owned())],
        label: "Go on with a passkey",
    })
}
