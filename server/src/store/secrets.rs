//! The table `secret`: keys of this installation.

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::error::Result;
use crate::schema::secret;

/// The stored value of `name`; stores `fresh` first when there is none. Whoever comes first wins, all others read that.
pub async fn get_or_insert(conn: &mut AsyncPgConnection, name: &str, fresh: &[u8]) -> Result<Vec<u8>> {
    diesel::insert_into(secret::table)
        .values((secret::name.eq(name), secret::value.eq(fresh)))
        .on_conflict_do_nothing()
        .execute(conn)
        .await?;
    Ok(secret::table.find(name).select(secret::value).first(conn).await?)
}
