//! The commands for operators that only read: `doctor`, `config show` and `explain`, `ledger balance` and `export`.
//! They run beside a running institution and after it has stopped.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::backups::role_files;
use crate::institutions::{BINARY, Institutions, Run, Side, Storage, rafiki, run};

fn asked(arguments: &[&str], more: &[String]) -> Run {
    run(Command::new(BINARY).args(arguments).args(more))
}

/// The checks of this name, each as verdict and text.
fn found(doctor: &Run, check: &str) -> Vec<(String, String)> {
    let checks = doctor.json["checks"].as_array().unwrap_or_else(|| panic!("{}{}", doctor.stdout, doctor.stderr));
    let is_named = |name: &str| name == check || name.starts_with(&format!("{check} "));
    let named = checks.iter().filter(|found| is_named(found["check"].as_str().unwrap()));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    named.map(|found| (text(&found["verdict"]), text(&found["found"]))).collect()
}

#[test]
fn the_doctor_and_the_ledger_are_asked_while_an_institution_runs_and_afterwards() {
    looked_at(Storage::Sqlite);
}

#[test]
fn on_postgres_too_the_doctor_and_the_ledger_are_asked_while_an_institution_runs_and_afterwards() {
    looked_at(Storage::PostgresAlone);
}

fn looked_at(storage: Storage) {
    let Some(mut two) = Institutions::start(storage) else { return };
    let facts = two.facts(Side::CloudNine);
    let folder = tempfile::tempdir().unwrap();
    let roles = role_files(folder.path(), &facts);
    let ledger = facts["ledgerUrl"].as_str().unwrap().to_owned();

    let (from, to) = (two.address(Side::CloudNine, "gfranklin"), two.address(Side::HappyLife, "pfry"));
    let paid = two.pay(&["--from", &from, "--to", &to, "--send", "10.00"]);
    assert_eq!(paid.code, Some(0), "{}", paid.stderr);
    let payment = paid.json["outgoingPayment"]["id"].as_str().unwrap().to_owned();

    let running = asked(&["doctor", "--json"], &roles);
    for check in ["backend.database", "backend.ledger", "auth.database", "wallet.ledger", "backend.configuration"] {
        assert_eq!(found(&running, check)[0].0, "ok", "{check}: {}", running.stdout);
    }
    let peers = found(&running, "backend.peer");
    assert!(!peers.is_empty() && peers.iter().all(|(verdict, _)| verdict == "ok"), "{peers:?}");
    // The address of authorization in the files is one where nobody listens.
    assert_eq!(found(&running, "backend.AUTH_SERVICE_API_URL")[0].0, "warning");
    assert_eq!(running.code, Some(1), "the webhook endpoint of the files does not answer: {}", running.stdout);
    assert_eq!(found(&running, "backend.WEBHOOK_URL")[0].0, "failed");
    let in_words = asked(&["doctor", "--offline"], &roles);
    assert!(in_words.stdout.contains("→ "), "what to do is said: {}", in_words.stdout);
    assert!(!in_words.stdout.contains("hidden-word") && !running.stdout.contains("hidden-word"));

    // Entries of the payment, as they are written while the ledger is in use.
    let exported = asked(&["ledger", "export", "--format", "json", "--account", &payment, &ledger], &[]);
    assert_eq!(exported.code, Some(0), "{}", exported.stderr);
    let lines: Vec<Value> = exported.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["event"], "account");
    assert_eq!(lines[0]["accountKind"], "outgoing payment");
    let deposit = lines.iter().find(|line| line["creditAccount"] == payment.as_str()).unwrap();
    assert_eq!(deposit["amount"], "1000", "what was deposited: {deposit}");

    let balance = |more: &[&str]| {
        let arguments = [&["ledger", "balance", &payment, "--ledger", &ledger, "--json"], more].concat();
        asked(&arguments, &[])
    };
    let now = balance(&[]);
    assert_eq!(now.json["creditsPosted"], "1000", "{}{}", now.stdout, now.stderr);
    let then = balance(&["--at", deposit["at"].as_str().unwrap()]);
    assert_eq!(then.code, Some(0), "{}", then.stderr);
    assert_eq!(then.json["kind"], "outgoing payment");
    let before = balance(&["--at", "2020-01-01T00:00:00Z"]);
    assert_eq!(before.code, Some(1));
    assert!(before.stderr.contains("created later"), "{}", before.stderr);
    assert_eq!(balance(&["--at", "2999-01-01T00:00:00Z"]).code, Some(1), "the future is not known");
    let unknown = asked(&["ledger", "balance", "00000000-0000-0000-0000-0000000000ff", "--ledger", &ledger], &[]);
    assert!(unknown.stderr.contains("no account"), "{}", unknown.stderr);

    assert_pages_are_one_whole(&ledger, folder.path());

    for side in [Side::CloudNine, Side::HappyLife] {
        two.stop(side);
    }
    let stopped = asked(&["doctor", "--json"], &roles);
    assert_eq!(found(&stopped, "backend.database")[0].0, "ok", "{}", stopped.stdout);
    let peers = found(&stopped, "backend.peer");
    assert!(!peers.is_empty() && peers.iter().all(|(verdict, _)| verdict == "failed"), "{peers:?}");
    assert_eq!(balance(&[]).code, Some(0), "the ledger is read when nobody uses it");
    assert_eq!(asked(&["ledger", "verify", &ledger], &[]).code, Some(0));
}

/// An export in two parts is the export in one; the sum of all movements is zero by construction, so lines are compared.
fn assert_pages_are_one_whole(ledger: &str, folder: &Path) {
    let file = folder.join("all.csv");
    let to = file.to_str().unwrap();
    assert_eq!(asked(&["ledger", "export", ledger, "--to", to], &[]).code, Some(0));
    let all = fs::read_to_string(&file).unwrap();
    assert!(all.starts_with("entry,at,event,"), "{all}");
    let again = asked(&["ledger", "export", ledger, "--to", to], &[]);
    assert_eq!(again.code, Some(1), "an existing file is not replaced");
    assert!(again.stderr.contains("exists already"), "{}", again.stderr);

    let entries: Vec<&str> = all.lines().skip(1).collect();
    let middle = entries[entries.len() / 2].split(',').next().unwrap();
    let rest = asked(&["ledger", "export", ledger, "--after", middle], &[]);
    let rest: Vec<&str> = rest.stdout.lines().skip(1).collect();
    assert_eq!(rest, entries[entries.len() / 2 + 1..].iter().take(rest.len()).copied().collect::<Vec<_>>());
    let none = asked(&["ledger", "export", ledger, "--until", "2020-01-01T00:00:00Z"], &[]);
    assert_eq!(none.stdout.lines().count(), 1, "{}", none.stdout);
}

#[test]
fn a_ledger_that_is_none_is_refused_by_every_command_that_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let missing = format!("sqlite:{}", folder.path().join("no.db").display());
    for arguments in [vec!["ledger", "balance", "1", "--ledger", &missing], vec!["ledger", "export", &missing]] {
        let refused = rafiki(&arguments);
        assert_eq!(refused.code, Some(3), "{arguments:?}: {}", refused.stderr);
    }
    assert!(!folder.path().join("no.db").exists());
}

#[test]
fn the_doctor_names_a_port_that_another_program_uses_and_a_file_that_others_read() {
    let folder = tempfile::tempdir().unwrap();
    // A program that takes connections and says nothing.
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let file = folder.path().join("rates.env");
    let rates = folder.path().join("rates.yml");
    fs::write(&rates, "rates: {USD: {EUR: 0.91}}\n").unwrap();
    fs::write(&file, format!("RATES_PORT={}\nRATES_FILE={}\n", other.local_addr().unwrap().port(), rates.display()))
        .unwrap();
    let doctor = asked(&["doctor", "--json", "--limit", "1"], &[format!("rates={}", file.display())]);
    assert_eq!(doctor.code, Some(1), "{}", doctor.stdout);
    assert_eq!(found(&doctor, "rates.port")[0].0, "failed");
    assert!(
        found(&doctor, "rates.secrets").iter().any(|(_, text)| text.contains("read by other users")),
        "{}",
        doctor.stdout
    );

    let missing = asked(&["doctor", "--json"], &["rates=/no/such/file".to_owned()]);
    assert_eq!(missing.code, Some(1));
    assert_eq!(found(&missing, "rates.configuration")[0].0, "failed");
}

#[test]
fn the_doctor_says_when_the_certificates_of_a_role_end() {
    let folder = tempfile::tempdir().unwrap();
    let written = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        file.display().to_string()
    };
    let authority = testkit::PrivateAuthority::default();
    let own = authority.certify_as("rates", &["urn:rafiki:role:rates"], (2001, 1, 1));
    let rates = written("rates.yml", "rates: {USD: {EUR: 0.91}}\n");
    let variables = [
        ("RATES_FILE", rates),
        ("SERVICE_AUTH", "hmac,mtls".to_owned()),
        ("SERVICE_TLS_CERTIFICATE_FILE", written("rates.pem", &own.certificate)),
        ("SERVICE_TLS_KEY_FILE", written("rates-key.pem", &own.key)),
        ("SERVICE_TLS_AUTHORITIES_FILE", written("authorities.pem", &authority.pem())),
    ];
    let text: String = variables.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    let file = written("rates.env", &text);
    let doctor = asked(&["doctor", "--json", "--offline"], &[format!("rates={file}")]);
    let (verdict, text) = &found(&doctor, "rates.certificate")[0];
    assert_eq!(verdict, "failed", "{}", doctor.stdout);
    assert!(text.starts_with("the certificate CN=rates in SERVICE_TLS_CERTIFICATE_FILE ended at 2001"), "{text}");
    assert_eq!(found(&doctor, "rates.authorities")[0].0, "ok", "{}", doctor.stdout);
}

#[test]
fn the_configuration_is_shown_with_its_sources_and_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("auth.env");
    fs::write(
        &file,
        "ADMIN_API_SECRET=hidden-word\nAUTH_DATABASE_URL=postgres://u:hidden-word@h/d?password=hidden-word\nAUTH_PORT=4006\n",
    )
    .unwrap();
    let shown = asked(&["config", "show", "--json"], &[format!("auth={}", file.display())]);
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    assert!(!shown.stdout.contains("hidden-word"), "{}", shown.stdout);
    let variables = shown.json[0]["variables"].as_array().unwrap();
    let one =
        |name: &str| variables.iter().find(|variable| variable["name"] == name).unwrap_or_else(|| panic!("{name}"));
    assert_eq!((&one("AUTH_PORT")["value"], &one("AUTH_PORT")["source"]["kind"]), (&"4006".into(), &"file".into()));
    assert_eq!(one("ADMIN_API_SECRET")["hidden"], true);
    assert_eq!(
        (&one("SERVICE_API_PORT")["value"], &one("SERVICE_API_PORT")["source"]["kind"]),
        (&"3011".into(), &"default".into())
    );
    let words = asked(&["config", "show", "--set"], &[format!("auth={}", file.display())]);
    assert_eq!(words.stdout.lines().count(), 4, "the role and three variables: {}", words.stdout);

    let from_process = run(Command::new(BINARY).args(["config", "show", "rates", "--json"]).env("RATES_PORT", "4013"));
    let port = from_process.json[0]["variables"].as_array().unwrap().iter().find(|found| found["name"] == "RATES_PORT");
    assert_eq!(port.unwrap()["source"]["kind"], "environment");
}

#[test]
fn a_variable_is_explained_and_a_misspelt_one_is_corrected() {
    let explained = rafiki(&["config", "explain", "stream_secret"]);
    assert_eq!(explained.code, Some(0), "{}", explained.stderr);
    assert!(
        explained.stdout.contains("rafiki backend") && explained.stdout.contains("32 octets"),
        "{}",
        explained.stdout
    );
    let json = rafiki(&["config", "explain", "ADMIN_PORT", "--json"]);
    assert!(json.json.as_array().unwrap().len() >= 2, "backend and auth read it: {}", json.stdout);
    let misspelt = rafiki(&["config", "explain", "STREAM_SECRT"]);
    assert_eq!(misspelt.code, Some(1));
    assert!(misspelt.stderr.contains("did you mean STREAM_SECRET?"), "{}", misspelt.stderr);
    assert!(rafiki(&["config", "explain", "PATH"]).stderr.contains("docs/settings.md"));
}
