//! The recipes of `docs/admin-api.md`, run unchanged against a running institution.
//!
//! Recipes in a language that is not installed here are left out with a notice.

use std::path::Path;
use std::process::Command;

use crate::institutions::{Institutions, Side, Storage};

const PAGE: &str = include_str!("../../../../docs/admin-api.md");

/// The text of the fenced block behind the mark of this recipe.
fn recipe(mark: &str) -> &'static str {
    let behind = PAGE.split_once(&format!("<!-- recipe: {mark} -->")).expect("the recipe has its mark").1;
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
        std::fs::write(&file, recipe(mark)).unwrap();
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

/// `openssl` has no `--version`. It is enough that it starts.
fn is_installed_somehow(program: &str) -> bool {
    Command::new(program).arg("version").output().is_ok()
}
