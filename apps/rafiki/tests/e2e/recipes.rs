//! The recipes of the documentation, run unchanged: those of `docs/admin-api.md` against a running institution, and that of
//! `docs/service-identities.md` for certificates.
//!
//! Recipes in a language that is not installed here are left out with a notice.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use clock::{Clock as _, SystemClock};
use outbound_http::{CertificateFacts, PartyTls};
use service_auth::ServiceRole;
use service_identity::RoleNames;

use crate::institutions::{Institutions, Side, Storage};

const ADMIN_API: &str = include_str!("../../../../docs/admin-api.md");
const IDENTITIES: &str = include_str!("../../../../docs/service-identities.md");

/// The text of the fenced block behind the mark of this recipe.
fn recipe(page: &'static str, mark: &str) -> &'static str {
    let behind = page.split_once(&format!("<!-- recipe: {mark} -->")).expect("the recipe has its mark").1;
    let block = behind.split_once("```").expect("a block begins").1;
    block.split_once('\n').expect("a first line").1.split_once("```").expect("the block ends").0
}

fn is_installed(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

#[test]
fn every_recipe_lists_the_newest_payments_as_it_stands() {
    let two = Institutions::start(Storage::Sqlite).unwrap();
    let paid = two.pay(&[
        "--from",
        &two.address(Side::CloudNine, "gfranklin"),
        "--to",
        &two.address(Side::CloudNine, "bhamchest"),
        "--receive",
        "5.00",
    ]);
    assert_eq!(paid.code, Some(0), "{}", paid.stderr);
    let payment = paid.json["outgoingPayment"]["id"].as_str().unwrap();
    let facts = two.facts(Side::CloudNine);
    let fact = |name: &str| facts[name].as_str().unwrap().to_owned();

    let folder = tempfile::tempdir().unwrap();
    let recipes: [(&str, &str, &[&str]); 3] =
        [("sh", "bash", &["curl", "openssl"]), ("js", "node", &[]), ("py", "python3", &[])];
    for (mark, program, others) in recipes {
        if !is_installed(program) || !others.iter().all(|other| is_installed_somehow(other)) {
            println!("SKIPPED: the recipe for {program}, which is not installed here");
            continue;
        }
        let file = folder.path().join(format!("recipe.{}", if mark == "js" { "cjs" } else { mark }));
        std::fs::write(&file, recipe(ADMIN_API, mark)).unwrap();
        let output = Command::new(program)
            .arg(Path::new(&file))
            .env("ADMIN_URL", fact("adminUrl"))
            .env("TENANT_ID", fact("tenantId"))
            .env("ADMIN_SECRET", fact("adminSecret"))
            .output()
            .unwrap();
        let answer = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program}: {errors}");
        assert!(answer.contains(payment) && answer.contains("COMPLETED"), "{program}: {answer}{errors}");
    }
}

#[test]
fn the_recipe_for_certificates_makes_one_of_the_role_that_the_authority_wrote_and_not_of_that_which_was_asked_for() {
    if !is_installed_somehow("openssl") {
        println!("SKIPPED: openssl is not installed here");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let shell = |text: &str| {
        let output = Command::new("bash").args(["-e", "-c", text]).current_dir(folder.path()).output().unwrap();
        assert!(output.status.success(), "{text}: {}", String::from_utf8_lossy(&output.stderr));
    };
    let request = "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
    shell(&format!("{request} -x509 -days 30 -subj /CN=authority -keyout authority-key.pem -out authority.pem"));
    shell(recipe(IDENTITIES, "request"));
    let certified = || {
        shell(recipe(IDENTITIES, "certify"));
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let (certificate, key) = (read("card-service.pem"), read("card-service-key.pem"));
        let facts = CertificateFacts::of_pem(&certificate).unwrap();
        assert_eq!(RoleNames::default().role_of_pem(&certificate), Some(ServiceRole::CardService), "{facts:?}");
        let week = Duration::from_hours(7 * 24);
        assert!(facts.expires_at <= SystemClock.now() + week, "{facts:?}");
        let authorities = read("authority.pem");
        PartyTls { identity: Some((&certificate, &key)), authorities: Some(&authorities) }.read().unwrap();
        (facts.hosts, facts.uris)
    };
    let first = certified();
    assert_eq!(first.0, ["cards.bank.internal"]);

    let greedy = "-addext subjectAltName=URI:urn:rafiki:role:console -addext basicConstraints=critical,CA:TRUE";
    shell(&format!("{request} -subj /CN=card-service -keyout card-service-key.pem {greedy} -out card-service.csr"));
    assert_eq!(certified(), first, "the request does not choose what the certificate is for");
}

/// `openssl` has no `--version`. It is enough that it starts.
fn is_installed_somehow(program: &str) -> bool {
    Command::new(program).arg("version").output().is_ok()
}
