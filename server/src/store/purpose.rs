//! What a transaction is for, told to the database as it begins: the second lock then shows and takes no more than that
//! (migrations/…_second_lock, docs/adr/0013). Outside of such a transaction the server sees nobody's data.

use diesel_async::{
    AnsiTransactionManager, AsyncConnection, AsyncPgConnection, SimpleAsyncConnection, TransactionManager,
};
use uuid::Uuid;

use crate::error::{Error, Result};

/// Somebody at work, by their sign-in. The database derives by itself what they reach.
#[derive(Debug, Clone, Copy)]
pub struct Who {
    /// The district.
    pub district: Uuid,
    /// The person.
    pub person: Uuid,
    /// The sign-in.
    pub family: Uuid,
}

/// What a transaction is for.
#[derive(Debug, Clone, Copy)]
pub struct Purpose(Kind);

#[derive(Debug, Clone, Copy)]
enum Kind {
    Of(&'static str, Who),
    SignIn,
    Installation,
    Retention,
}

impl Purpose {
    /// Somebody looks at what they reach.
    pub fn reading(who: Who) -> Self {
        Self(Kind::Of("read", who))
    }

    /// Somebody hands in work: takes effect where they may write, is kept for the office elsewhere.
    pub fn pushing(who: Who) -> Self {
        Self(Kind::Of("push", who))
    }

    /// The same for sealed work, which somebody hands in whose sign-in may be over: its author's rights count all the same.
    pub fn handing_in(who: Who) -> Self {
        Self(Kind::Of("hand_in", who))
    }

    /// The office gives a kept group its effect.
    pub fn admitting(who: Who) -> Self {
        Self(Kind::Of("admit", who))
    }

    /// The office looks after people and reads the audit.
    pub fn managing(who: Who) -> Self {
        Self(Kind::Of("office", who))
    }

    /// A coordinator keeps, or a coordinator or approved handler opens, the identity of somebody who complained.
    pub fn identifying(who: Who) -> Self {
        Self(Kind::Of("identities", who))
    }

    /// Nobody is known yet: signing in, renewing and ending a sign-in, choosing a password.
    pub fn signing_in() -> Self {
        Self(Kind::SignIn)
    }

    /// The command line and the demo district.
    pub fn installation() -> Self {
        Self(Kind::Installation)
    }

    /// What is old is thrown away.
    pub fn retaining() -> Self {
        Self(Kind::Retention)
    }

    fn sql(self) -> String {
        match self.0 {
            Kind::Of(work, who) => {
                let Who {
                    district,
                    person,
                    family,
                } = who;
                format!("SELECT lock_enter('{work}', '{district}', '{person}', '{family}')")
            }
            Kind::SignIn => "SELECT lock_enter_as('sign_in')".into(),
            Kind::Installation => "SELECT lock_enter_as('installation')".into(),
            Kind::Retention => "SELECT lock_enter_as('retention')".into(),
        }
    }
}

type Manager = <AsyncPgConnection as AsyncConnection>::TransactionManager;

/// Begins a transaction for this purpose, in one round trip; inside another one a savepoint, which keeps that one's purpose.
pub async fn begin(conn: &mut AsyncPgConnection, purpose: Purpose) -> Result<()> {
    if is_inside(conn)? {
        return Ok(Manager::begin_transaction(conn).await?);
    }
    begin_as(conn, "BEGIN", purpose).await
}

/// Does `work` in a transaction for this purpose; inside another one it shares that one and its purpose.
pub async fn within<T, E: From<Error>>(
    conn: &mut AsyncPgConnection,
    purpose: Purpose,
    work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, E>,
) -> Result<T, E> {
    if is_inside(conn)? {
        return work(conn).await;
    }
    begin_as(conn, "BEGIN", purpose).await?;
    finish(conn, work).await
}

/// Reads all that `work` asks from one snapshot.
pub async fn snapshot<T>(
    conn: &mut AsyncPgConnection,
    purpose: Purpose,
    work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T>,
) -> Result<T> {
    begin_as(conn, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", purpose).await?;
    finish(conn, work).await
}

async fn begin_as(conn: &mut AsyncPgConnection, begin: &str, purpose: Purpose) -> Result<()> {
    let sql = format!("{begin}; {}", purpose.sql());
    if let Err(failed) = AnsiTransactionManager::begin_transaction_sql(conn, &sql).await {
        // Postgres may be inside a transaction of which the manager knows nothing.
        let _ = conn.batch_execute("ROLLBACK").await;
        return Err(failed.into());
    }
    Ok(())
}

async fn finish<T, E: From<Error>>(
    conn: &mut AsyncPgConnection,
    work: impl AsyncFnOnce(&mut AsyncPgConnection) -> Result<T, E>,
) -> Result<T, E> {
    match work(conn).await {
        Ok(done) => {
            Manager::commit_transaction(conn).await.map_err(Error::from)?;
            Ok(done)
        }
        Err(failed) => {
            // Should the line be broken, the first failure tells more.
            let _ = Manager::rollback_transaction(conn).await;
            Err(failed)
        }
    }
}

fn is_inside(conn: &mut AsyncPgConnection) -> Result<bool> {
    Ok(Manager::transaction_manager_status_mut(conn)
        .transaction_depth()?
        .is_some())
}
