//! Connections to the database: how they are opened, handed out and given up.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    pin::pin,
    time::Duration,
};

use futures_util::future::BoxFuture;
use sqlx::{
    Connection, Database, PgPool, SqlitePool,
    pool::{PoolConnection, PoolConnectionMetadata, PoolOptions},
    postgres::PgConnectOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tokio::time::timeout;

use crate::{
    error::Error,
    files::{locked, private_folder},
};

#[derive(Clone)]
pub(in crate::jobs) enum Pool {
    Postgres(PgPool),
    Sqlite(SqlitePool, Spot),
}

/// A file by name and by nature: whether what lies there is still what was opened.
#[derive(Clone, Debug)]
pub(in crate::jobs) struct Spot {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl Pool {
    /// Connections to `postgres://…`. None is made before one is needed.
    pub(super) fn postgres(url: &str) -> Result<Self, Error> {
        let options: PgConnectOptions = url.parse().map_err(failed)?;
        Ok(Self::Postgres(settled(8).connect_lazy_with(options)))
    }

    /// Connections to the file `path`, which is there.
    pub(super) fn sqlite(path: &Path) -> Result<Self, Error> {
        Self::sqlite_with(path, sqlite_options(path))
    }

    pub(super) fn sqlite_with(path: &Path, options: SqliteConnectOptions) -> Result<Self, Error> {
        let spot = Spot::of(path)
            .map_err(|error| Error::StoreMissing { why: format!("{}: {error}", path.display()) })?;
        Ok(Self::Sqlite(settled(4).connect_lazy_with(options), spot))
    }

    /// Refuses a database whose file is no longer where it was opened: what is written to it is gone
    /// when the process ends.
    pub(super) fn stands(&self) -> Result<(), Error> {
        let Self::Sqlite(_, spot) = self else { return Ok(()) };
        let gone = |why: String| Error::StoreUnavailable {
            what: "its file is gone, or is another: start again",
            why: format!("{}: {why}", spot.path.display()),
        };
        let now = Spot::of(&spot.path).map_err(|error| gone(error.to_string()))?;
        if (now.device, now.inode) != (spot.device, spot.inode) {
            let why = format!("expected inode {}, found {}", spot.inode, now.inode);
            return Err(gone(why));
        }
        Ok(())
    }
}

impl Spot {
    fn of(path: &Path) -> io::Result<Self> {
        let file = fs::metadata(path)?;
        Ok(Self { path: path.to_owned(), device: file.dev(), inode: file.ino() })
    }
}

pub(super) fn sqlite_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        // What was answered is on the disk, also where the power fails.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(20))
        // What is deleted is overwritten.
        .pragma("secure_delete", "ON")
}

/// Makes the file of a store where there is none. It and what SQLite lays beside it are their owner's alone;
/// SQLite gives those the mode of the first.
pub(super) fn make_file(path: &Path) -> Result<(), Error> {
    let failed =
        |error: io::Error| Error::Unwritable { path: path.to_owned(), why: error.to_string() };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        private_folder(folder)?;
    }
    let mut file = fs::OpenOptions::new();
    file.create(true).append(true).mode(0o600).open(path).map_err(failed)?;
    for end in ["", "-wal", "-shm"] {
        let path = PathBuf::from(format!("{}{end}", path.display()));
        let Ok(found) = fs::metadata(&path) else { continue };
        if found.permissions().mode() & 0o077 != 0 {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
        }
    }
    Ok(())
}

/// Held while tables are made: of several processes that begin at once, one makes them.
pub(super) async fn lock(path: &Path) -> Result<fs::File, Error> {
    let path = PathBuf::from(format!("{}.lock", path.display()));
    let locked = tokio::task::spawn_blocking(move || locked(&path)).await;
    locked.map_err(|error| Error::Panicked { why: error.to_string() })?
}

/// Up to `most` connections, each of which is given up when a transaction is still open on it as it comes
/// back. SQLite ends a transaction by itself where the disk is full; the driver does not notice, and all that
/// is done later on that connection would be part of a transaction that nobody commits.
fn settled<DB: Database>(most: u32) -> PoolOptions<DB> {
    fn is_settled<C: Connection>(
        connection: &mut C,
        _: PoolConnectionMetadata,
    ) -> BoxFuture<'_, sqlx::Result<bool>> {
        Box::pin(async move {
            if connection.is_in_transaction() {
                connection.ping().await?; // it may be rolling back, and be done with it then
            }
            Ok(!connection.is_in_transaction())
        })
    }
    PoolOptions::new().max_connections(most).acquire_timeout(PATIENCE).after_release(is_settled)
}

/// A connection, soon or not at all. A pool keeps to itself why it has none: that is asked of the database.
pub(in crate::jobs) async fn acquire<DB: Database>(
    pool: &sqlx::Pool<DB>,
) -> Result<PoolConnection<DB>, Error> {
    let mut acquiring = pin!(pool.acquire());
    if let Ok(held) = timeout(SOON, &mut acquiring).await {
        return held.map_err(failed);
    }
    let away = probe(pool).await.err();
    if let Some(why) = &away {
        let wait_ms = PATIENCE.as_millis();
        tracing::warn!(why, wait_ms, "the job store cannot be reached; waiting");
    }
    acquiring.await.map_err(|error| match (error, away) {
        (sqlx::Error::PoolTimedOut, Some(why)) => {
            Error::StoreUnavailable { what: "it cannot be reached", why }
        }
        (error, _) => failed(error),
    })
}

/// A connection beside the pool, to look at what others see.
pub(super) async fn beside<DB: Database>(pool: &sqlx::Pool<DB>) -> Result<DB::Connection, Error> {
    probe(pool).await.map_err(|why| Error::StoreUnavailable { what: "it cannot be reached", why })
}

async fn probe<DB: Database>(pool: &sqlx::Pool<DB>) -> Result<DB::Connection, String> {
    let options = pool.connect_options();
    let connecting = <DB::Connection as Connection>::connect_with(&options);
    match timeout(PROBE, connecting).await {
        Ok(connected) => connected.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no connection within {} ms", PROBE.as_millis())),
    }
}

/// How long anybody waits for a connection.
const PATIENCE: Duration = Duration::from_secs(3);
/// How soon a connection is there where all is well.
const SOON: Duration = Duration::from_millis(250);
const PROBE: Duration = Duration::from_secs(1);

/// What the database or its driver said, by what it means for whoever asked.
pub(in crate::jobs) fn failed(error: sqlx::Error) -> Error {
    let what = match &error {
        sqlx::Error::Database(said) => said.code().and_then(|code| away(&code)),
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::WorkerCrashed => {
            Some("the connection broke off")
        }
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => {
            Some("all its connections are in use")
        }
        _ => None,
    };
    let why = error.to_string();
    match what {
        Some(what) => Error::StoreUnavailable { what, why },
        None => Error::Store { why },
    }
}

/// Codes that say that nothing can be done now: SQLite's are numbers, with details above the lowest
/// byte; those of Postgres have five characters, of which two are the class.
fn away(code: &str) -> Option<&'static str> {
    if code.len() == 5 {
        return match code.get(..2) {
            Some("08") => Some("the connection broke off"),
            Some("53") => Some("the database has no room"),
            Some("57") => Some("the database starts or ends"),
            _ => None,
        };
    }
    match code.parse::<u32>().ok()? & 0xff {
        5 | 6 => Some("another process holds it"),
        8 => Some("its file can be read only"),
        10 => Some("its file cannot be read or written"),
        11 | 26 => Some("its file is damaged"),
        13 => Some("the disk is full"),
        14 => Some("its file cannot be opened"),
        _ => None,
    }
}
