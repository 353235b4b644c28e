//! Whether the store keeps what it is given.

use super::{Pool, Store, acquire, failed, pool, statements};
use crate::{error::Error, jobs::now_ms};

impl Store {
    /// Writes something down, and reads it over another connection: what one connection believes to have
    /// written is no evidence. Errors: why nothing can be kept.
    pub async fn check(&self) -> Result<(), Error> {
        self.pool.stands()?;
        // Of several that check at once, each its own.
        let begun = now_ms();
        let own = hex::encode(crate::random::bytes::<8>()?);
        let name = format!("check/{begun:016x}/{own}");
        let old = format!("check/{:016x}", begun.saturating_sub(OLD_MS));
        let text = "0".repeat(LENGTH);
        on!(self, db => sqlx::query(statements::CHECK).bind(&name).bind(&text).execute(db).await.map(drop))?;
        let found = self.seen_beside(&name).await;
        on!(self, db => sqlx::query(statements::CHECK_OVER).bind(&name).bind(&old).execute(db).await.map(drop))?;
        if !found? {
            let what = "what is written cannot be read";
            let why = "what one connection wrote, another does not find".to_owned();
            return Err(Error::StoreUnavailable { what, why });
        }
        Ok(())
    }

    async fn seen_beside(&self, name: &str) -> Result<bool, Error> {
        macro_rules! seen {
            ($pool:expr) => {{
                let mut other = pool::beside($pool).await?;
                let found: Option<String> = sqlx::query_scalar(statements::CHECKED)
                    .bind(name)
                    .fetch_optional(&mut other)
                    .await
                    .map_err(failed)?;
                let _ = sqlx::Connection::close(other).await; // it has done what it was for
                Ok(found.is_some())
            }};
        }
        match &self.pool {
            Pool::Postgres(pool) => seen!(pool),
            Pool::Sqlite(pool, _) => seen!(pool),
        }
    }
}

/// A check takes seconds: what is older is nobody's.
const OLD_MS: i64 = 60_000;

/// As long as a receipt: less may find room where no receipt does.
const LENGTH: usize = 16_384;
