//! Lists of certificates that their authorities have revoked (RFC 5280 section 5).
//!
//! Who looks at them is decided elsewhere. It reads no files.

use std::collections::HashSet;
use std::sync::Arc;

use clock::Timestamp;
use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::parse_x509_crl;
use x509_parser::revocation_list::CertificateRevocationList;
use x509_parser::time::ASN1Time;

/// Lists of revoked certificates. One that is old still counts.
#[derive(Clone, Debug, Default)]
pub struct RevokedCertificates(Arc<[CertificateRevocationListDer<'static>]>);

/// What a list says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationListFacts {
    /// The authority that made it, for example `CN=authority`.
    pub issuer: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// When the next one is made, if it says so.
    pub next_at: Option<Timestamp>,
}

/// Why lists cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevocationListError {
    /// There is no list, or something besides lists.
    #[error("give lists in PEM, from -----BEGIN X509 CRL----- to -----END X509 CRL-----, and nothing else")]
    Unreadable,
    /// Two lists are of one authority, and only the first of them would count.
    #[error(
        "there are two lists of {0}; give the newest list of each authority only, and give authorities different names"
    )]
    TwoOf(String),
}

impl RevokedCertificates {
    /// The lists in a text in PEM that holds nothing else.
    pub fn of_pem(pem: &str) -> Result<Self, RevocationListError> {
        let lists: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(pem.as_bytes()).collect();
        let lists = lists.map_err(|_| RevocationListError::Unreadable)?;
        if lists.is_empty() || lists.len() != pem.matches("-----BEGIN").count() {
            return Err(RevocationListError::Unreadable);
        }
        let mut known = HashSet::new();
        for der in &lists {
            let list = read(der).ok_or(RevocationListError::Unreadable)?;
            if !known.insert((list.issuer().as_raw().to_vec(), part(&list))) {
                return Err(RevocationListError::TwoOf(list.issuer().to_string()));
            }
        }
        Ok(Self(lists.into()))
    }

    /// The lists as they are given to the verifier of certificates.
    pub fn lists(&self) -> Vec<CertificateRevocationListDer<'static>> {
        self.0.to_vec()
    }

    /// What they say about themselves.
    pub fn facts(&self) -> Vec<RevocationListFacts> {
        let facts = |list: CertificateRevocationList<'_>| RevocationListFacts {
            issuer: list.issuer().to_string(),
            made_at: instant(list.last_update()),
            next_at: list.next_update().map(instant),
        };
        self.0.iter().filter_map(|der| read(der).map(facts)).collect()
    }
}

fn read(der: &[u8]) -> Option<CertificateRevocationList<'_>> {
    parse_x509_crl(der).ok().map(|(_, list)| list)
}

/// Which part of the certificates of its authority it is about, if it says so (RFC 5280 section 5.2.5). A large authority
/// has a list for each part.
fn part(list: &CertificateRevocationList<'_>) -> Option<Vec<u8>> {
    const ISSUING_DISTRIBUTION_POINT: &str = "2.5.29.28";
    let mut extensions = list.extensions().iter();
    let named = extensions.find(|extension| extension.oid.to_id_string() == ISSUING_DISTRIBUTION_POINT)?;
    Some(named.value.to_vec())
}

fn instant(time: ASN1Time) -> Timestamp {
    Timestamp::from_millis(time.timestamp().saturating_mul(1000))
}

#[cfg(test)]
mod tests {
    use testkit::PrivateAuthority;

    use super::*;

    /// An empty list, made with OpenSSL.
    const OF_ANOTHER: &str = "-----BEGIN X509 CRL-----
MIGzMFsCAQEwCgYIKoZIzj0EAwIwHDEaMBgGA1UEAwwRYW5vdGhlciBhdXRob3Jp
dHkXDTI2MTEyNzE3MTc0MVoXDTI2MTIyNzE3MTc0MVqgDjAMMAoGA1UdFAQDAgEB
MAoGCCqGSM49BAMCA0gAMEUCIQCKePgrFMItCTPIXL3cj4WylBt4CsASdlKSRyNV
DxyOdAIgLKs8Qv5IXT+yMRIBD6J1kWmwNGj8hscpobhsI3zFMZk=
-----END X509 CRL-----
";

    #[test]
    fn each_authority_has_one_list_and_the_text_holds_nothing_else() {
        let authority = PrivateAuthority::default();
        let list = authority.revoke(&[&authority.certify()]);
        let both = format!("{list}{OF_ANOTHER}");
        let facts = RevokedCertificates::of_pem(&both).unwrap().facts();
        assert_eq!(facts.len(), 2);
        let made_at = "2026-11-27T17:17:41Z".parse().unwrap();
        let next_at = Some("2026-12-27T17:17:41Z".parse().unwrap());
        assert_eq!(facts[1], RevocationListFacts { issuer: "CN=another authority".to_owned(), made_at, next_at });

        let no_list = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
        for wrong in ["", "no list", &authority.pem(), &format!("{both}{}", authority.pem()), no_list] {
            assert_eq!(RevokedCertificates::of_pem(wrong).unwrap_err(), RevocationListError::Unreadable, "{wrong}");
        }
        let older = authority.revoke(&[]);
        let twice = RevokedCertificates::of_pem(&format!("{older}{both}")).unwrap_err();
        assert!(matches!(twice, RevocationListError::TwoOf(_)), "the older one would hide the newer one: {twice}");
    }
}
