//! What letters say, in the language of the page that caused them.
//!
//! Who gets them, and when, is decided elsewhere.

use page_kit::Words;

/// Subject and content.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) subject: String,
    pub(crate) body: String,
}

/// Writes letters of one institution.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Texts<'a> {
    pub(crate) words: Words,
    pub(crate) institution: &'a str,
    /// The address of the wallet, without a slash at its end.
    pub(crate) base: &'a str,
}

impl Texts<'_> {
    fn letter(&self, subject: &str, parts: &[&str]) -> Text {
        let end = self.words.with("This letter was sent by {}. Nobody reads answers to it.", self.institution);
        let mut body = parts.join("\n\n");
        body.push_str("\n\n-- \n");
        body.push_str(&end);
        body.push('\n');
        Text { subject: format!("{}: {}", self.institution, self.words.t(subject)), body }
    }

    /// To somebody who has signed up.
    pub(crate) fn confirm(&self, token: &str) -> Text {
        let link = format!("{}/verify/{token}", self.base);
        let w = self.words;
        let parts = [
            w.t(
                "Somebody has opened a wallet with this e-mail address. If it was you, open this link within 24 hours:",
            ),
            &link,
            w.t("If it was not you, do nothing. Without the link nobody can use the wallet."),
        ];
        self.letter("Confirm your e-mail address", &parts)
    }

    /// To somebody who signs up and has a wallet.
    pub(crate) fn known(&self) -> Text {
        let link = format!("{}/sign-in", self.base);
        let w = self.words;
        let parts = [
            w.t("Somebody wanted to open a wallet with this e-mail address, but you have one already. Sign in here:"),
            &link,
            w.t("If you forgot your password, choose a new one there. If it was not you, do nothing."),
        ];
        self.letter("You have a wallet already", &parts)
    }

    /// To somebody who forgot the password.
    pub(crate) fn reset(&self, token: &str) -> Text {
        let link = format!("{}/reset/{token}", self.base);
        let w = self.words;
        let parts = [
            w.t("Somebody asked for a new password for your wallet. If it was you, open this link within 30 minutes:"),
            &link,
            w.t("If it was not you, do nothing. Your password stays as it is."),
        ];
        self.letter("Choose a new password", &parts)
    }

    /// To somebody whose password was changed.
    pub(crate) fn password_changed(&self) -> Text {
        let link = format!("{}/forgot", self.base);
        let w = self.words;
        let parts = [
            w.t("The password of your wallet was changed, and you were signed out everywhere else."),
            w.t("If it was not you, choose a new password at once:"),
            &link,
        ];
        self.letter("Your password was changed", &parts)
    }

    /// To the new address of somebody who changes it.
    pub(crate) fn new_address(&self, token: &str) -> Text {
        let link = format!("{}/email/{token}", self.base);
        let w = self.words;
        let parts = [
            w.t("Somebody wants to use this e-mail address for a wallet. If it was you, open this link within 24 hours:"),
            &link,
            w.t("If it was not you, do nothing."),
        ];
        self.letter("Confirm your new e-mail address", &parts)
    }

    /// To the present address of somebody who changes it.
    pub(crate) fn address_asked(&self, new: &str) -> Text {
        let link = format!("{}/forgot", self.base);
        let w = self.words;
        let asked = w.with("Somebody who knows your password wants to use the e-mail address {} for your wallet.", new);
        let parts = [
            asked.as_str(),
            w.t("It counts as soon as a link that we sent there is opened. If it was not you, choose a new password at once, which ends that link:"),
            &link,
        ];
        self.letter("Your e-mail address will be changed", &parts)
    }

    /// To the address that was used before.
    pub(crate) fn address_changed(&self, new: &str) -> Text {
        let w = self.words;
        let changed = w.with("Your wallet now belongs to the e-mail address {}.", new);
        let parts = [changed.as_str(), w.t("If it was not you, tell your institution at once.")];
        self.letter("Your e-mail address was changed", &parts)
    }

    /// To somebody who turned the second factor on.
    pub(crate) fn second_factor_on(&self) -> Text {
        let w = self.words;
        let parts = [
            w.t("From now on your wallet asks for a code of your app, too."),
            w.t("If it was not you, tell your institution at once."),
        ];
        self.letter("The second factor is on", &parts)
    }

    /// To somebody who turned the second factor off.
    pub(crate) fn second_factor_off(&self) -> Text {
        let w = self.words;
        let parts = [
            w.t("Your wallet no longer asks for a code of your app."),
            w.t("If it was not you, tell your institution at once."),
        ];
        self.letter("The second factor is off", &parts)
    }

    /// To somebody who turned the app off and has passkeys.
    pub(crate) fn app_off(&self) -> Text {
        let w = self.words;
        let parts = [
            w.t("Your wallet no longer asks for a code of your app. It still asks for a passkey."),
            w.t("If it was not you, tell your institution at once."),
        ];
        self.letter("Your app is no longer asked for", &parts)
    }

    /// To somebody who added a passkey.
    pub(crate) fn passkey_added(&self, name: &str) -> Text {
        let link = format!("{}/settings/passkeys", self.base);
        let w = self.words;
        let added = w.with("Your wallet has a new passkey: {}. It signs in without a password, and from now on your password needs a passkey or a code, too.", name);
        let parts =
            [added.as_str(), w.t("If it was not you, remove it here, and tell your institution at once:"), &link];
        self.letter("You have a new passkey", &parts)
    }

    /// To somebody who removed a passkey.
    pub(crate) fn passkey_removed(&self, name: &str) -> Text {
        let w = self.words;
        let removed = w.with("A passkey of your wallet was removed: {}. You were signed out everywhere else.", name);
        let parts = [removed.as_str(), w.t("If it was not you, tell your institution at once.")];
        self.letter("A passkey was removed", &parts)
    }

    /// To somebody whose passkey was used although its counter had not grown.
    pub(crate) fn passkey_refused(&self, name: &str) -> Text {
        let link = format!("{}/settings/passkeys", self.base);
        let w = self.words;
        let refused = w.with("A passkey of your wallet was refused: {}. It was used with a counter that is older than the one of its last use, so somebody may have a copy of it.", name);
        let parts = [refused.as_str(), w.t("Sign in another way, and remove it here:"), &link];
        self.letter("A passkey was refused", &parts)
    }

    /// To somebody who made new recovery codes.
    pub(crate) fn new_recovery_codes(&self) -> Text {
        let w = self.words;
        let parts = [
            w.t("Your wallet has new recovery codes. The earlier ones have ended."),
            w.t("If it was not you, tell your institution at once."),
        ];
        self.letter("New recovery codes", &parts)
    }

    /// To somebody whose wallet could not be closed.
    pub(crate) fn stays_open(&self) -> Text {
        let link = format!("{}/settings/leave", self.base);
        let w = self.words;
        let parts = [
            w.t("Your wallet was not closed, because something has come meanwhile, such as money or a payment. You can sign in as before. This page says what has to be done first:"),
            &link,
        ];
        self.letter("Your wallet stays open", &parts)
    }

    /// To somebody who has closed the wallet.
    pub(crate) fn closed(&self) -> Text {
        let w = self.words;
        let parts = [
            w.t("Your wallet is closed, and your name, e-mail address and contacts are removed from it."),
            w.t("Your accounts with their addresses and payments stay in the books of the institution."),
            w.t("If it was not you, tell your institution at once."),
        ];
        self.letter("Your wallet is closed", &parts)
    }
}
