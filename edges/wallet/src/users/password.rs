//! Which passwords are accepted, and how they are stored: as Argon2id hashes (RFC 9106).
//!
//! The same rule holds wherever a password is chosen.

use std::sync::{Arc, OnceLock};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

const LENGTH_MAX: usize = 128;
/// Passwords that are tried first by those who guess.
const COMMON: &str = include_str!("common_passwords.txt");
/// Each comparison needs 19 MiB and a processor for tens of milliseconds.
const AT_ONCE: usize = 4;

/// Why a password is not accepted. The text tells the user what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WeakPassword {
    #[error("Use 12 characters or more, or 8 or more with small and capital letters, digits and other signs.")]
    Short,
    #[error("Use at most 128 characters.")]
    Long,
    #[error("Many people use this password, so it is guessed first. Choose another one.")]
    Common,
    #[error("Do not use your name or e-mail address in the password.")]
    Personal,
}

/// Whether a person with this e-mail address and name may have this password.
pub(crate) fn check(password: &str, email: &str, name: &str) -> Result<(), WeakPassword> {
    let length = password.chars().count();
    if length > LENGTH_MAX {
        return Err(WeakPassword::Long);
    }
    let lower = password.to_lowercase();
    if COMMON.lines().any(|common| common == lower) {
        return Err(WeakPassword::Common);
    }
    let classes = [
        password.chars().any(char::is_lowercase),
        password.chars().any(char::is_uppercase),
        password.chars().any(char::is_numeric),
        password.chars().any(|c| !c.is_alphanumeric()),
    ];
    if length < 8 || (length < 12 && classes.contains(&false)) {
        return Err(WeakPassword::Short);
    }
    let local_part = email.split('@').next().unwrap_or_default();
    let personal = name.split_whitespace().chain([local_part, email]).map(str::to_lowercase);
    if personal.filter(|part| part.chars().count() >= 4).any(|part| lower.contains(&part)) {
        return Err(WeakPassword::Personal);
    }
    Ok(())
}

/// Hashes and compares, a few at a time, on threads that may be busy.
#[derive(Debug)]
pub(crate) struct Hashing {
    slots: Semaphore,
    nobody: Arc<Nobody>,
}

/// The hash of no password: unknown users take as long as known ones.
#[derive(Debug)]
struct Nobody {
    salt: [u8; 16],
    hash: OnceLock<String>,
}

impl Nobody {
    /// It is made at the first comparison. A process without users compares nothing.
    fn hash(&self) -> &str {
        self.hash.get_or_init(|| hash("a password that nobody has", self.salt).unwrap_or_default())
    }
}

impl Hashing {
    pub(crate) fn new(salt: [u8; 16]) -> Self {
        let nobody = Arc::new(Nobody { salt, hash: OnceLock::new() });
        Self { slots: Semaphore::new(AT_ONCE), nobody }
    }

    /// The hash to store; `None` if there is no memory for it.
    pub(crate) async fn hash(&self, password: &str, salt: [u8; 16]) -> Option<String> {
        let password = password.to_owned();
        self.busy(move || hash(&password, salt)).await.flatten()
    }

    /// Whether `password` is the one of `stored`. Without a stored hash it takes as long, and is not.
    pub(crate) async fn matches(&self, password: &str, stored: Option<&str>) -> bool {
        let (password, known) = (password.to_owned(), stored.is_some());
        let (stored, nobody) = (stored.map(str::to_owned), Arc::clone(&self.nobody));
        let equal = self.busy(move || {
            // Asked for in each case, so that the first comparison takes as long for a known user, too.
            let nobody = nobody.hash();
            let parsed = PasswordHash::new(stored.as_deref().unwrap_or(nobody)).ok()?;
            Argon2::default().verify_password(password.as_bytes(), &parsed).ok()
        });
        equal.await.flatten().is_some() && known
    }

    async fn busy<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let _slot = self.slots.acquire().await.ok()?;
        tokio::task::spawn_blocking(work).await.ok()
    }
}

fn hash(password: &str, salt: [u8; 16]) -> Option<String> {
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt).ok()?;
    Some(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_long_or_mixed_and_neither_common_nor_personal() {
        let judge = |password: &str| check(password, "grace.franklin@example.com", "Grace Franklin");
        assert_eq!(judge("correct horse battery"), Ok(()));
        assert_eq!(judge("aB3$efgh"), Ok(()));
        assert_eq!(judge("aB3defgh"), Err(WeakPassword::Short));
        assert_eq!(judge("aB3$efg"), Err(WeakPassword::Short));
        assert_eq!(judge("Password123!"), Err(WeakPassword::Common));
        assert_eq!(judge("my name is franklin"), Err(WeakPassword::Personal));
        assert_eq!(judge(&"x".repeat(129)), Err(WeakPassword::Long));
    }

    #[tokio::test]
    async fn a_hash_fits_its_password_only() {
        let hashing = Hashing::new([1; 16]);
        let stored = hashing.hash("correct horse battery", [2; 16]).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(hashing.matches("correct horse battery", Some(&stored)).await);
        assert!(!hashing.matches("correct horse", Some(&stored)).await);
        assert!(!hashing.matches("a password that nobody has", None).await);
    }
}
