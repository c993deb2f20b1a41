//! Messages between the instances of one office, by way of Postgres. Never sent inside a write.

use diesel::sql_query;
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};

use crate::error::Result;

const CHANNEL: &str = "duxing_poke";

/// From now on this connection hears what the others tell.
pub async fn listen(conn: &mut AsyncPgConnection) -> Result<()> {
    Ok(conn.batch_execute(&format!("LISTEN {CHANNEL}")).await?)
}

/// Tells every connection that listens; below 8,000 bytes.
pub async fn tell(conn: &mut AsyncPgConnection, message: &str) -> Result<()> {
    let statement = sql_query("SELECT pg_notify($1, $2)").bind::<Text, _>(CHANNEL);
    statement.bind::<Text, _>(message).execute(conn).await?;
    Ok(())
}

/// Fails when the line is broken.
pub async fn is_there(conn: &mut AsyncPgConnection) -> Result<()> {
    Ok(conn.batch_execute("SELECT 1").await?)
}
