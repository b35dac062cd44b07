//! When certificates end: that of a role, those of the authorities that it believes, and those that servers show. And how
//! old lists of revoked certificates are. Whether certificates should be believed is not judged. `network` asks the servers.

use std::time::Duration;

use clock::{Clock as _, SystemClock, Timestamp};
use config::{Secret, ServiceAuth};
use outbound_http::{CertificateFacts, RevocationListFacts, RevokedCertificates};

use super::finding::{Finding, Findings};

/// A certificate that ends sooner is a warning. One that lives shortly is renewed later: when a third of its life is left.
const WARNS: Duration = Duration::from_hours(21 * 24);

/// The certificate that a role shows to services and callers, and the authorities that certify its callers.
pub(super) fn own(findings: &mut Findings, role: &str, service_auth: &ServiceAuth) {
    let files = [
        ("certificate", "SERVICE_TLS_CERTIFICATE_FILE", &service_auth.certificate_pem),
        ("authorities", "SERVICE_TLS_AUTHORITIES_FILE", &service_auth.authorities_pem),
    ];
    for (name, variable, pem) in files {
        if let Some(pem) = pem {
            findings.add(format!("{role}.{name}"), of_file(variable, pem, SystemClock.now()));
        }
    }
    if let Some(pem) = &service_auth.revoked_pem {
        findings.add(format!("{role}.revoked"), of_lists(pem, SystemClock.now()));
    }
}

/// The lists of revoked certificates by the oldest of them.
fn of_lists(pem: &Secret, now: Timestamp) -> Finding {
    const VARIABLE: &str = "SERVICE_TLS_REVOKED_FILE";
    let advice = "put the newest list of each authority into the file; the role reads it within ten seconds";
    let facts = match RevokedCertificates::of_pem(pem.expose()) {
        Ok(lists) => lists.facts(),
        Err(error) => return Finding::failed(format!("{VARIABLE} cannot be used: {error}"), advice),
    };
    let Some(RevocationListFacts { issuer, made_at, next_at }) = facts.into_iter().min_by_key(|list| list.made_at)
    else {
        return Finding::failed(format!("{VARIABLE} has no list"), advice);
    };
    let told = format!("the oldest list in {VARIABLE} is of {issuer}, and was made at {made_at}");
    match next_at {
        Some(next) if next <= now => Finding::warning(format!("{told}; there should be another since {next}"), advice),
        _ => Finding::ok(told),
    }
}

/// The certificate of a file that ends first: without it the others are worth nothing, or the role does not start.
fn of_file(variable: &str, pem: &Secret, now: Timestamp) -> Finding {
    let all = CertificateFacts::all_of_pem(pem.expose());
    match all.and_then(|all| all.into_iter().min_by_key(|facts| facts.expires_at)) {
        Some(first) => {
            let what = format!("the certificate {} in {variable}", first.subject);
            judged(&what, &first, now, "renew it, and restart the role: it reads certificates at the start")
        }
        None => {
            Finding::failed(format!("{variable} has a certificate that cannot be read"), "give certificates in PEM")
        }
    }
}

/// A certificate by its end. `what` names it.
pub(super) fn judged(what: &str, facts: &CertificateFacts, now: Timestamp, advice: &str) -> Finding {
    let (begins, ends) = (facts.begins_at, facts.expires_at);
    if begins > now {
        return Finding::failed(format!("{what} is not valid before {begins}"), "look at the clock of this machine");
    }
    if ends <= now {
        return Finding::failed(format!("{what} ended at {ends}"), advice);
    }
    let warns = WARNS.min(ends.saturating_since(begins) / 3);
    if ends.saturating_since(now) < warns {
        return Finding::warning(format!("{what} ends at {ends}"), advice);
    }
    Finding::ok(format!("{what} is valid until {ends}"))
}

#[cfg(test)]
mod tests {
    use testkit::PrivateAuthority;

    use super::super::finding::Verdict;
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);
    const DAY: Duration = Duration::from_hours(24);

    #[test]
    fn a_certificate_is_renewed_before_it_ends_and_one_of_a_week_on_its_last_days() {
        let verdict = |life: u32, left: u32| {
            let ends = NOW + DAY * left;
            let begins_at = Timestamp::from_millis(ends.as_millis() - i64::from(life) * 86_400_000);
            let (subject, hosts, uris) = ("CN=a".to_owned(), Vec::new(), Vec::new());
            let facts = CertificateFacts { subject, begins_at, expires_at: ends, hosts, uris };
            judged("it", &facts, NOW, "renew it").verdict
        };
        assert_eq!(
            [verdict(365, 90), verdict(365, 20), verdict(365, 0)],
            [Verdict::Ok, Verdict::Warning, Verdict::Failed]
        );
        assert_eq!(verdict(7, 8), Verdict::Failed, "it begins tomorrow");
        assert_eq!([verdict(7, 3), verdict(7, 2), verdict(7, 0)], [Verdict::Ok, Verdict::Warning, Verdict::Failed]);
    }

    #[test]
    fn of_several_certificates_in_a_file_the_one_that_ends_first_counts() {
        let authority = PrivateAuthority::default();
        let made = |until| authority.certify_as("a role", &["localhost"], until).certificate;
        let (long, ended) = (made((3000, 1, 1)), made((2001, 1, 1)));
        let found = |pem: &str| of_file("SERVICE_TLS_CERTIFICATE_FILE", &Secret::new(pem), NOW);
        assert_eq!(found(&long).verdict, Verdict::Ok);
        let both = found(&format!("{long}{ended}"));
        assert_eq!(both.verdict, Verdict::Failed);
        assert!(both.text.contains("SERVICE_TLS_CERTIFICATE_FILE ended at 2001-01-01"), "{}", both.text);
        assert_eq!(found("no certificate").verdict, Verdict::Failed);
    }

    #[test]
    fn a_list_of_revoked_certificates_that_should_have_been_replaced_is_a_warning() {
        let list = PrivateAuthority::default().revoke(&[]);
        let found = |pem: &str, now: &str| of_lists(&Secret::new(pem), now.parse().unwrap()).verdict;
        assert_eq!(found(&list, "2026-06-01T00:00:00Z"), Verdict::Ok);
        assert_eq!(found(&list, "3000-06-01T00:00:00Z"), Verdict::Warning);
        assert_eq!(found("no list", "2026-06-01T00:00:00Z"), Verdict::Failed);
    }
}
