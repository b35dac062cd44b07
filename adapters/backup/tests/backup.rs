//! Backups taken while databases are written to, damaged ones, and the way back, on files and on servers.
//! The command is tested with the binary.

#![expect(clippy::unwrap_used, reason = "a test stops where something is not as expected")]

mod places;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use backup::{BackupError, Checked, Damage, Known, MANIFEST, Place, RestoreError, restore};
use database::Contents;
use places::{Pair, Spot, backup_of, everything, try_backup};
use testkit::{TestDatabase, block_on};

/// The steps that a program knows, which has no later ledger than layout 1.
fn check(folder: &Path, migrations: &[(&str, Vec<&str>)]) -> Result<Checked, Damage> {
    backup::check(folder, &Known { migrations, ledger_layout: 1 })
}

/// Fills these databases and saves them in `folder`. Returns the backup, which a program knows.
async fn saved(spots: &[Spot], folder: &Path) -> Checked {
    for spot in spots {
        spot.fill().await;
    }
    let to = folder.join(format!("backup-of-{}", spots[0].name()));
    check(&backup_of(spots, &to).await.folder, &[("some", vec!["0001_first"])]).unwrap()
}

/// Where each of `spots` is restored.
fn places_of(targets: &[Spot], spots: &[Spot]) -> Vec<Place> {
    targets.iter().zip(spots).flat_map(|(target, spot)| target.places(&[spot.name()])).collect()
}

/// How many backups are taken while two databases change.
const BACKUPS: usize = 8;

#[test]
fn two_files_that_change_are_seen_at_one_instant() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let spots = [Spot::file(&folder.path().join("one.db")), Spot::file(&folder.path().join("two.db"))];
        assert_pairs_agree(spots, folder.path()).await;
    });
}

#[test]
fn two_databases_of_one_server_that_change_are_seen_at_one_instant() {
    block_on(async {
        let Some(one) = TestDatabase::postgres().await else { return };
        let Some(two) = TestDatabase::postgres().await else { return };
        let folder = tempfile::tempdir().unwrap();
        assert_pairs_agree([Spot::server(one.url()), Spot::server(two.url())], folder.path()).await;
    });
}

#[test]
fn a_file_and_a_server_that_change_are_seen_at_one_instant() {
    block_on(async {
        let Some(one) = TestDatabase::postgres().await else { return };
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("one.db");
        assert_pairs_agree([Spot::server(one.url()), Spot::file(&file)], folder.path()).await;
        let Some(two) = TestDatabase::postgres().await else { return };
        let file = folder.path().join("two.db");
        assert_pairs_agree([Spot::file(&file), Spot::server(two.url())], folder.path()).await;
    });
}

/// Counts in the first database, then in the second, again and again. Whatever a backup sees of the second it sees of
/// the first, too, and the first is one step ahead at most.
async fn assert_pairs_agree(spots: [Spot; 2], folder: &Path) {
    let mut pair = Pair::begin(&spots).await;
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let writing = tokio::spawn(async move {
        let mut steps = 0_u64;
        while !stopped.load(Ordering::Relaxed) {
            pair.step().await;
            steps += 1;
        }
        steps
    });
    let mut seen = Vec::new();
    for n in 0..BACKUPS {
        let taken = backup_of(&spots, &folder.join(format!("{}-{n}", spots[1].name()))).await;
        seen.push([0, 1].map(|at| spots[at].rows_in(&taken, "counted")));
    }
    stop.store(true, Ordering::Relaxed);
    let steps = writing.await.unwrap();
    for [first, second] in &seen {
        assert!(first == second || *first == second + 1, "not of one instant: {seen:?}");
    }
    assert!(steps > BACKUPS as u64, "only {steps} steps were made meanwhile");
}

#[test]
fn what_is_restored_is_what_was_saved() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        for [spot, target] in everything(folder.path()).await {
            let checked = saved(std::slice::from_ref(&spot), folder.path()).await;
            restore(&checked, &target.places(&[spot.name()]), |_| ()).await.unwrap();
            assert_eq!(spot.content().await, target.content().await);
            assert_eq!(spot.contents().await, target.contents().await, "no mark is left");

            let again = restore(&checked, &target.places(&[spot.name()]), |_| ()).await.unwrap_err();
            assert!(matches!(again, RestoreError::NotEmpty { .. }), "{again}");
            assert_eq!(spot.content().await, target.content().await, "a refused restore changes nothing");
        }
    });
}

#[test]
fn every_damage_is_noticed_and_nothing_is_restored() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        for [spot, target] in everything(folder.path()).await {
            spot.fill().await;
            let taken = backup_of(std::slice::from_ref(&spot), &folder.path().join(spot.name())).await;
            let known = [("some", vec!["0001_first"])];
            let files = taken.manifest.stores[0].files().iter().map(|file| file.path.clone()).collect::<Vec<_>>();
            for name in files.iter().map(String::as_str).chain([MANIFEST, "manifest.json.sha256"]) {
                let path = taken.folder.join(name);
                let whole = fs::read(&path).unwrap();
                assert!(check(&taken.folder, &known).is_ok());

                if !whole.is_empty() {
                    let mut flipped = whole.clone();
                    let middle = flipped.len() / 2;
                    flipped[middle] ^= 1;
                    fs::write(&path, &flipped).unwrap();
                    assert!(check(&taken.folder, &known).is_err(), "a changed octet of {name}");
                    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
                    // The line break at the end of the checksum says nothing.
                    assert!(check(&taken.folder, &known).is_err() || name.ends_with(".sha256"), "a shorter {name}");
                }
                fs::remove_file(&path).unwrap();
                assert!(check(&taken.folder, &known).is_err(), "a missing {name}");
                fs::write(&path, &whole).unwrap();
            }
            assert!(target.is_untouched().await);
        }
    });
}

#[test]
fn a_damaged_file_is_found_when_it_is_saved_and_not_when_it_is_needed() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let spot = Spot::file(&path);
        spot.fill().await;
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        connection.close().unwrap();
        // The number of free pages in the header (<https://sqlite.org/fileformat2.html>). Every row can still be read.
        let mut octets = fs::read(&path).unwrap();
        octets[36..40].copy_from_slice(&[0, 0, 0, 5]);
        fs::write(&path, octets).unwrap();

        let target = folder.path().join("backup");
        let refused = try_backup(&spot.places(&[spot.name()]), &target).await;
        let Err(error) = refused else { panic!("a damaged file was saved") };
        assert!(error.to_string().contains("damaged"), "{error}");
        assert!(!target.exists());
    });
}

#[test]
fn a_backup_of_a_later_version_is_refused() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let spot = Spot::file(&folder.path().join("a.db"));
        spot.fill().await;
        let taken = backup_of(std::slice::from_ref(&spot), &folder.path().join("backup")).await;
        for known in [vec![], vec![("some", vec!["0000_other"])], vec![("other", vec!["0001_first"])]] {
            let Err(Damage::Newer { reason, .. }) = check(&taken.folder, &known) else { panic!("accepted {known:?}") };
            assert!(reason.contains("0001_first"), "{reason}");
        }
        let manifest = taken.folder.join(MANIFEST);
        let later = fs::read_to_string(&manifest).unwrap().replace("\"format\": 1", "\"format\": 2");
        fs::write(&manifest, later).unwrap();
        let Err(refused) = check(&taken.folder, &[("some", vec!["0001_first"])]) else { panic!("accepted") };
        assert!(matches!(refused, Damage::Newer { .. }), "{refused}");
    });
}

#[test]
fn a_backup_of_a_ledger_with_a_later_layout_is_refused() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        for [spot, target] in everything(folder.path()).await {
            spot.fill().await;
            let layout = "CREATE TABLE ledger_layout (one smallint PRIMARY KEY, version bigint NOT NULL);";
            spot.run(&format!("{layout} INSERT INTO ledger_layout VALUES (1, 2)")).await;
            let taken = backup_of(std::slice::from_ref(&spot), &folder.path().join(spot.name())).await;
            assert_eq!(taken.manifest.stores[0].ledger_layout, Some(2));

            let migrations = [("some", vec!["0001_first"])];
            let Err(Damage::Newer { reason, .. }) = check(&taken.folder, &migrations) else { panic!("accepted") };
            assert!(reason.contains("layout 2"), "{reason}");
            let known = Known { migrations: &migrations, ledger_layout: 2 };
            let checked = backup::check(&taken.folder, &known).unwrap();
            restore(&checked, &target.places(&[spot.name()]), |_| ()).await.unwrap();
        }
    });
}

#[test]
fn a_restore_that_is_cut_off_between_two_databases_leaves_marks_that_every_role_refuses() {
    block_on(async {
        let (Some(one), Some(two)) = (TestDatabase::postgres().await, TestDatabase::postgres().await) else { return };
        let folder = tempfile::tempdir().unwrap();
        let spots = [Spot::file(&folder.path().join("a.db")), Spot::server(one.url())];
        let checked = saved(&spots, folder.path()).await;
        let targets = [Spot::file(&folder.path().join("b.db")), Spot::server(two.url())];
        let places = places_of(&targets, &spots);
        let mut restoring = Box::pin(restore(&checked, &places, |_| ()));
        while targets[0].contents().await != (Contents::Incomplete { filled: true }) {
            assert!(futures::poll!(restoring.as_mut()).is_pending(), "it has ended without a mark");
        }
        drop(restoring);
        assert_eq!(targets[0].contents().await, Contents::Incomplete { filled: true });
        assert!(matches!(targets[1].contents().await, Contents::Incomplete { .. }));
        for target in &targets {
            assert!(target.contents().await.require(&["some"]).is_err());
        }
        let again = restore(&checked, &places[..1], |_| ()).await.unwrap_err();
        assert!(matches!(again, RestoreError::NotEmpty { .. }), "{again}");
    });
}

#[test]
fn if_one_place_cannot_get_its_data_every_other_stays_marked() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let [spots, targets] =
            [["a.db", "b.db"], ["c.db", "d.db"]].map(|names| names.map(|name| Spot::file(&folder.path().join(name))));
        let checked = saved(&spots, folder.path()).await;
        // While the second one is written, another program writes to the place of the first.
        let strange = |name: &str| {
            if name == spots[1].name() {
                let other = rusqlite::Connection::open(folder.path().join("c.db")).unwrap();
                other.execute_batch("CREATE TABLE strange (n integer)").unwrap();
            }
        };
        let failed = restore(&checked, &places_of(&targets, &spots), strange).await.unwrap_err();
        assert!(matches!(failed, RestoreError::Half { done: 0, all: 2, .. }), "{failed}");
        assert_eq!(targets[0].contents().await, Contents::Incomplete { filled: true });
        assert_eq!(targets[1].contents().await, Contents::Incomplete { filled: false });

        fs::remove_file(folder.path().join("c.db")).unwrap();
        restore(&checked, &places_of(&targets, &spots), |_| ()).await.unwrap();
        assert_eq!(spots[1].content().await, targets[1].content().await);
    });
}

#[test]
fn a_restore_that_was_cut_off_before_anything_was_written_is_repeated_as_it_is() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        for [spot, target] in everything(folder.path()).await {
            let checked = saved(std::slice::from_ref(&spot), folder.path()).await;
            fs::create_dir_all(folder.path().join("deeper")).unwrap();
            target.run("CREATE TABLE restore_incomplete (backup text NOT NULL)").await;
            assert_eq!(target.contents().await, Contents::Incomplete { filled: false });

            restore(&checked, &target.places(&[spot.name()]), |_| ()).await.unwrap();
            assert_eq!(spot.content().await, target.content().await);
            assert!(matches!(target.contents().await, Contents::Ours { .. }));
        }
    });
}

#[test]
fn a_backup_that_was_interrupted_is_never_taken_for_a_whole_one() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let spot = Spot::file(&folder.path().join("a.db"));
        spot.fill().await;
        let to = folder.path().join("backup");
        {
            let places = spot.places(&[spot.name()]);
            let taking = try_backup(&places, &to);
            // Given up after the first step, which has made the folder.
            assert!(tokio::time::timeout(std::time::Duration::ZERO, taking).await.is_err());
        }
        assert!(!to.exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().flatten().filter(|entry| entry.path().is_dir()).count(), 0);

        let taken = backup_of(std::slice::from_ref(&spot), &to).await;
        let half = folder.path().join("backup.partial-1");
        fs::rename(&taken.folder, &half).unwrap();
        fs::remove_file(half.join(MANIFEST)).unwrap();
        let Err(refused) = check(&half, &[("some", vec!["0001_first"])]) else { panic!("accepted") };
        assert!(matches!(refused, Damage::NotWhole { .. }), "{refused}");
    });
}

#[test]
fn places_that_cannot_be_used_are_named() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let spot = Spot::file(&folder.path().join("a.db"));
        spot.fill().await;
        let places = spot.places(&[spot.name()]);
        let try_at = async |to: &Path| try_backup(&places, to).await.err().unwrap();

        let file = folder.path().join("a.db");
        assert!(matches!(try_at(&file).await, BackupError::Exists { .. }));
        let nowhere = folder.path().join("missing").join("backup");
        assert!(matches!(try_at(&nowhere).await, BackupError::Write { .. }));

        let none =
            Place { names: vec!["x".to_owned()], url: format!("sqlite:{}", folder.path().join("no.db").display()) };
        let missing = try_backup(&[none], &folder.path().join("b")).await;
        assert!(matches!(missing.err().unwrap(), BackupError::Missing { .. }));
        assert!(!folder.path().join("b").exists());

        let other_name = folder.path().join("other.db");
        fs::hard_link(&file, &other_name).unwrap();
        let backup = folder.path().join("c");
        assert!(matches!(try_at(&backup).await, BackupError::SeveralNames { links: 2, .. }));
        assert!(!backup.exists());
        fs::remove_file(&other_name).unwrap();
        std::os::unix::fs::symlink(&file, &other_name).unwrap();
        let by_link = Spot::file(&other_name);
        assert_eq!(backup_of(std::slice::from_ref(&by_link), &backup).await.manifest.stores.len(), 1);

        assert!(matches!(check(&file, &[]), Err(Damage::NoFolder { .. })));
        assert!(matches!(check(folder.path(), &[]), Err(Damage::NotWhole { .. })));
    });
}

#[test]
fn inside_a_folder_each_backup_gets_a_name_and_only_its_owner_may_read_it() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let spot = Spot::file(&folder.path().join("a.db"));
        spot.fill().await;
        let backups = folder.path().join("backups");
        fs::create_dir(&backups).unwrap();
        let one = backup_of(std::slice::from_ref(&spot), &backups).await;
        let two = backup_of(std::slice::from_ref(&spot), &backups).await;
        assert_ne!(one.folder, two.folder);
        assert_eq!(one.folder.parent(), Some(backups.as_path()));

        let within = try_backup(&spot.places(&["a"]), &one.folder).await;
        assert!(matches!(within, Err(BackupError::Exists { .. })), "a backup is put into a backup");

        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&one.folder), 0o700);
        for file in [MANIFEST, "manifest.json.sha256", "a/database.sqlite"] {
            assert_eq!(mode(&one.folder.join(file)), 0o600, "{file}");
        }
    });
}

#[test]
fn of_two_at_once_one_is_refused() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        for [spot, target] in everything(folder.path()).await {
            spot.fill().await;
            let to = folder.path().join(format!("{}-backup", spot.name()));
            let places = spot.places(&[spot.name()]);
            let one = try_backup(&places, &to);
            let two = try_backup(&places, &to);
            let (one, two) = tokio::join!(one, two);
            assert!(one.is_ok() != two.is_ok(), "exactly one backup has this name");

            let checked = check(&to, &[("some", vec!["0001_first"])]).unwrap();
            let places = target.places(&[spot.name()]);
            let (one, two) = tokio::join!(restore(&checked, &places, |_| ()), restore(&checked, &places, |_| ()));
            assert!(one.is_ok() != two.is_ok(), "exactly one restore fills the place: {one:?} {two:?}");
            assert_eq!(spot.content().await, target.content().await);
        }
    });
}

#[test]
fn what_was_in_one_database_is_not_divided_and_what_is_missing_is_named() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let spot = Spot::file(&folder.path().join("a.db"));
        spot.fill().await;
        let both = spot.places(&["a", "a-ledger"]);
        let to = folder.path().join("backup");
        try_backup(&both, &to).await.unwrap();
        let checked = check(&to, &[("some", vec!["0001_first"])]).unwrap();

        let target = Spot::file(&folder.path().join("target.db"));
        let divided = restore(&checked, &target.places(&["a"]), |_| ()).await.unwrap_err();
        assert!(matches!(divided, RestoreError::OtherPlaces { .. }), "{divided}");
        let missing = restore(&checked, &target.places(&["b"]), |_| ()).await.unwrap_err();
        assert!(matches!(&missing, RestoreError::NotContained { held, .. } if held == "a, a-ledger"), "{missing}");
        assert!(target.is_untouched().await);

        let server = Place { names: vec!["a".to_owned(), "a-ledger".to_owned()], url: "postgres://h/d".to_owned() };
        let other = restore(&checked, &[server], |_| ()).await.unwrap_err();
        assert!(matches!(other, RestoreError::OtherPlaces { .. }), "{other}");
    });
}

#[test]
fn objects_that_cannot_be_made_again_are_named() {
    block_on(async {
        let Some(database) = TestDatabase::postgres().await else { return };
        let folder = tempfile::tempdir().unwrap();
        let spot = Spot::server(database.url());
        spot.run("CREATE TABLE numbered (n bigserial PRIMARY KEY)").await;
        let places = spot.places(&[spot.name()]);
        let refused = try_backup(&places, &folder.path().join("b")).await;
        let Err(BackupError::Unsupported { what, .. }) = refused else { panic!("accepted") };
        assert_eq!(what, "a sequence numbered_n_seq");
        assert!(!folder.path().join("b").exists());
    });
}
