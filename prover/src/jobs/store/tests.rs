use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt as _, time::Duration};

use futures_util::future::join_all;
use sqlx::{Connection as _, Row as _, SqliteConnection};

use super::{super::Place, *};

mod postgres;

fn rules() -> Rules {
    Rules {
        heartbeat: Duration::from_millis(20),
        missed: 1,
        max_attempts: 3,
        max_queued: 10,
        hand_back: Duration::from_secs(1),
    }
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> std::path::PathBuf {
        self.0.path().join("state/jobs.sqlite")
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.file().display())
    }

    async fn open(&self) -> Store {
        Store::open(&self.url(), rules()).await.unwrap()
    }

    /// A connection that is none of the store's.
    async fn own(&self) -> SqliteConnection {
        SqliteConnection::connect(&self.url()).await.unwrap()
    }
}

fn digest(number: u64) -> OperationDigest {
    format!("{number:064x}").parse().unwrap()
}

fn card(number: u8) -> CardDigest {
    format!("{number:064x}").parse().unwrap()
}

fn job(number: u64, card: CardDigest) -> NewJob {
    NewJob {
        id: format!("{number:032x}"),
        step: 0,
        step_name: "head".to_owned(),
        card,
        place: Place::Anywhere,
        witness: vec![7; 1000],
        expected_ms: 100,
    }
}

async fn submit(store: &Store, number: u64) -> Result<u64, Error> {
    let jobs = [job(number, card(1))];
    store.submit(digest(number), "digits", &[7; 3000], &jobs, 0).await.map(|()| number)
}

async fn prove(store: &Store, number: u64) -> Result<bool, Error> {
    let Some(claim) = store.claim(&format!("{number:032x}")).await? else { return Ok(false) };
    store.finish(&claim, &[1; 192], 1).await?;
    let given = store.proved().await?.into_iter().find(|given| given.id == claim.id);
    match given {
        Some(given) => store.attach(&given, &[8; 3000]).await,
        None => Ok(false),
    }
}

/// SQLite rolls back by itself where there is no room. Whatever the driver makes of that: what was said to
/// be kept is kept, and all goes on once there is room.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_kept_is_lost_where_the_disk_was_full() {
    let folder = Folder::new();
    drop(folder.open().await);
    let mut own = folder.own().await;
    for statement in
        ["CREATE TABLE filler (x BLOB)", "INSERT INTO filler VALUES (zeroblob(400000))"]
    {
        sqlx::query(statement).execute(&mut own).await.unwrap();
    }
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut own).await.unwrap();
    let options =
        pool::sqlite_options(&folder.file()).pragma("max_page_count", (pages + 60).to_string());
    let pool = Pool::sqlite_with(&folder.file(), options).unwrap();
    let store = Store { pool, rules: rules() };

    let (mut kept, mut done, mut refused) = (BTreeSet::new(), BTreeSet::new(), 0);
    let mut next = 0;
    for _ in 0..12 {
        let numbers = next..next + 8;
        next += 8;
        for outcome in join_all(numbers.map(|number| submit(&store, number))).await {
            match outcome {
                Ok(number) => drop(kept.insert(number)),
                Err(error) => {
                    assert_eq!(error.code(), "store-unavailable", "{error}");
                    assert!(error.to_string().contains("the disk is full"), "{error}");
                    refused += 1;
                }
            }
        }
        // An ordinary refusal, on whatever connections there are: it rolls back, too.
        let first = *kept.first().unwrap();
        let again = join_all((0..4).map(|_| submit(&store, first))).await;
        assert!(again.iter().all(Result::is_err));
        // Proofs come in meanwhile.
        for number in kept.iter().rev().take(2).copied().collect::<Vec<_>>() {
            if matches!(prove(&store, number).await, Ok(true)) {
                done.insert(number);
            }
        }
    }
    assert!(refused >= 8 && kept.len() >= 8, "{refused} refused, {} kept", kept.len());
    assert_eq!(store.check().await.unwrap_err().code(), "store-unavailable");

    sqlx::query("DELETE FROM filler").execute(&mut own).await.unwrap();
    store.check().await.unwrap();
    for number in next..next + 40 {
        kept.insert(submit(&store, number).await.unwrap());
        if number % 2 == 0 {
            assert!(prove(&store, number).await.unwrap());
            done.insert(number);
        }
    }
    // As another process sees it, while this one has closed nothing.
    let seen = folder.open().await;
    for number in &kept {
        let receipt = seen.receipt(digest(*number)).await.unwrap();
        let receipt = receipt.unwrap_or_else(|| panic!("{number} was said to be kept"));
        let state = seen.job(&format!("{number:032x}")).await.unwrap().unwrap().state();
        assert_eq!(state == State::Done, done.contains(number), "{number} is {state:?}");
        assert_eq!(receipt[0], if done.contains(number) { 8 } else { 7 });
    }
    let census = seen.census().await.unwrap();
    assert_eq!(census.jobs[&State::Done], done.len() as u64);
}

/// A transaction whose future was dropped leaves nothing behind, either.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_in_the_midst_takes_nothing_along() {
    let folder = Folder::new();
    let store = folder.open().await;
    for number in 0..50 {
        let submitting = submit(&store, number);
        let _ = tokio::time::timeout(Duration::from_micros(200 * number), submitting).await;
        submit(&store, 1000 + number).await.unwrap();
    }
    let seen = folder.open().await;
    for number in 0..50 {
        assert!(seen.receipt(digest(1000 + number)).await.unwrap().is_some(), "{number}");
    }
}

/// What a request, a worker or the clerk has run never goes through all jobs that there ever were.
#[tokio::test]
async fn no_statement_reads_what_has_ended() {
    let folder = Folder::new();
    drop(folder.open().await);
    let mut own = folder.own().await;
    for (name, statement) in statements::ALL {
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let plan = sqlx::query(explain).fetch_all(&mut own).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|row| row.get::<String, _>("detail")).collect();
        let scans = |line: &&String| {
            let table = line.strip_prefix("SCAN ").unwrap_or_default();
            ["assay_jobs", "assay_receipts", "assay_meta", "assay_holders", "j", "r", "h"]
                .iter()
                .any(|known| table.split(' ').next() == Some(known))
        };
        let scans: Vec<_> = plan.iter().filter(scans).collect();
        match *name {
            // A thousand rows, for the operator.
            "JOBS" => assert_eq!(scans, ["SCAN assay_jobs USING INDEX assay_jobs_by_age"]),
            _ => assert!(scans.is_empty(), "{name}: {plan:?}"),
        }
        let sorted = plan.iter().any(|line| line.contains("TEMP B-TREE"));
        assert!(!sorted || ["COUNT_PARKED", "DUE"].contains(name), "{name} sorts: {plan:?}");
        // Rows of jobs are long: counts are read from the index alone.
        if ["BACKLOG", "COUNT", "COUNT_PARKED"].contains(name) {
            assert!(plan.iter().any(|line| line.contains("COVERING INDEX")), "{name}: {plan:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_counted_as_they_end() {
    let folder = Folder::new();
    let store = folder.open().await;
    for number in 0..6 {
        submit(&store, number).await.unwrap();
    }
    assert!(prove(&store, 0).await.unwrap() && prove(&store, 1).await.unwrap());
    assert!(store.cancel(&format!("{:032x}", 2)).await.unwrap());
    assert!(!store.cancel(&format!("{:032x}", 2)).await.unwrap(), "cancelled twice");
    let backlog = store.backlog().await.unwrap();
    assert_eq!((backlog.open, backlog.expected_ms), (3, 300));
    let expected = [(State::Cancelled, 1), (State::Done, 2), (State::Queued, 3)];
    assert_eq!(store.census().await.unwrap().jobs, expected.into());
    // Those of a store of before are counted when it is opened.
    let mut own = folder.own().await;
    sqlx::query("DROP TABLE assay_ended").execute(&mut own).await.unwrap();
    assert_eq!(folder.open().await.census().await.unwrap().jobs, expected.into());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_without_a_key_is_parked_until_there_is_one() {
    let folder = Folder::new();
    let store = folder.open().await;
    store.announce(&[card(1), card(2)]).await.unwrap();
    for (number, card) in [(1, card(1)), (2, card(2)), (3, card(2))] {
        let jobs = [job(number, card)];
        store.submit(digest(number), "digits", &[7; 30], &jobs, 0).await.unwrap();
    }
    assert_eq!(store.park_unknown().await.unwrap(), 0, "their keys were announced just now");
    // The second card is announced no more.
    let mut parked = 0;
    while parked < 2 {
        store.announce(&[card(1)]).await.unwrap();
        parked += store.park_unknown().await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(store.backlog().await.unwrap().open, 1, "they do not count for max_queued");
    assert_eq!(store.census().await.unwrap().parked, [("key-unknown".to_owned(), 2)].into());
    let found = store.jobs(Some(State::Parked)).await.unwrap();
    for job in &found {
        assert_eq!(job.reason_code.as_deref(), Some("key-unknown"));
        assert!(job.reason.as_deref().unwrap().contains(&card(2).to_string()), "{job:?}");
        assert_eq!(job.attempts, 0, "nobody tried");
    }
    // By hand, or by whoever brings the key.
    assert!(store.retry(&found[0].id).await.unwrap());
    assert_eq!(store.announce(&[card(2)]).await.unwrap(), 1);
    assert_eq!(store.census().await.unwrap().jobs, [(State::Queued, 3)].into());
    assert!(store.claim(&found[1].id).await.unwrap().is_some());
}

#[test]
fn of_many_that_begin_at_once_each_finds_the_same_store() {
    let folder = Folder::new();
    let opened = std::thread::scope(|scope| {
        let open = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let store = Store::open(&folder.url(), rules()).await?;
                store.agree("the same").await?;
                store.check().await
            })
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    for outcome in opened {
        outcome.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_is_its_owners_alone() {
    let folder = Folder::new();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let private = |store: Store| {
        let folder = &folder;
        async move {
            submit(&store, 1).await.ok();
            assert_eq!(mode(folder.file().parent().unwrap()), 0o700);
            let files = fs::read_dir(folder.file().parent().unwrap()).unwrap();
            let files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
            assert!(files.len() >= 4, "file, log, index, lock: {files:?}");
            for file in files {
                assert_eq!(mode(&file), 0o600, "{}", file.display());
            }
            store
        }
    };
    let store = private(folder.open().await).await;
    // One that was made when nobody minded is made so, too, with its log.
    for end in ["", "-wal", "-shm"] {
        let file = format!("{}{end}", folder.file().display());
        fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();
    }
    private(folder.open().await).await;
    drop(store);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_deleted_or_replaced_is_not_ready() {
    let folder = Folder::new();
    let store = folder.open().await;
    submit(&store, 1).await.unwrap();
    store.check().await.unwrap();
    let refused = |error: Error| {
        assert_eq!(error.code(), "store-unavailable", "{error}");
        assert!(error.to_string().contains("its file is gone"), "{error}");
    };
    let aside = folder.0.path().join("aside");
    fs::rename(folder.file(), &aside).unwrap();
    refused(store.check().await.unwrap_err());
    refused(submit(&store, 2).await.unwrap_err());
    fs::copy(&aside, folder.file()).unwrap();
    refused(store.check().await.unwrap_err());
    refused(submit(&store, 3).await.unwrap_err());
    fs::rename(&aside, folder.file()).unwrap();
    store.check().await.unwrap();
    submit(&store, 4).await.unwrap();
}

/// A check that ended in the midst, by a kill or because whoever asked had gone, leaves nothing for long.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_takes_back_what_checks_have_written() {
    let folder = Folder::new();
    let store = folder.open().await;
    let Pool::Sqlite(pool, _) = &store.pool else { panic!("SQLite") };
    let now = crate::jobs::now_ms();
    for (begun, text) in [(now - 3_600_000, "old"), (now, "another's, under way")] {
        let name = format!("check/{begun:016x}/{text}");
        sqlx::query(statements::CHECK).bind(name).bind(text).execute(pool).await.unwrap();
    }
    store.check().await.unwrap();
    let left: Vec<String> =
        sqlx::query_scalar("SELECT value FROM assay_meta WHERE name LIKE 'check/%'")
            .fetch_all(pool)
            .await
            .unwrap();
    assert_eq!(left, ["another's, under way"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_only_looks_makes_nothing() {
    let folder = Folder::new();
    let missing = |opened: Result<Store, Error>| opened.err().unwrap().code();
    assert_eq!(missing(Store::existing(&folder.url(), rules()).await), "store-missing");
    assert_eq!(fs::read_dir(folder.0.path()).unwrap().count(), 0, "something was made");
    // Nor out of a file that is no store.
    fs::create_dir(folder.0.path().join("state")).unwrap();
    fs::write(folder.file(), "").unwrap();
    assert_eq!(missing(Store::existing(&folder.url(), rules()).await), "store-missing");
    drop(folder.open().await);
    let found = Store::existing(&folder.url(), rules()).await.unwrap();
    assert_eq!(found.jobs(None).await.unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_named_with_its_reason() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("postgres://assay:secret@127.0.0.1:{port}/assay");
    let error = Store::open(&url, rules()).await.err().unwrap();
    assert_eq!(error.code(), "store-unavailable");
    let said = error.to_string();
    assert!(said.contains("it cannot be reached") && said.contains("refused"), "{said}");
    assert!(!said.contains("secret"), "{said}");
}
