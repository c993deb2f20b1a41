//! Carries pokes between the instances of one office: a dedicated connection listens, and tells what this process published, gathered
//! for a moment. Never part of a write. A lost message costs one poll, because the heads of other instances are asked of the
//! database while nobody tells of them.

use std::collections::BTreeMap;
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use futures_util::StreamExt;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use crate::AppState;
use crate::hub::Poke;
use crate::store::pokes;

/// Buckets that change within this time go out in one message.
const GATHER: Duration = Duration::from_millis(150);
/// A connection that says nothing this long is asked whether it is still there.
const SILENCE: Duration = Duration::from_secs(5);
/// Postgres takes messages below 8,000 bytes; a bucket takes at most 60 and a district's line begins with two ids.
const BUCKETS_A_MESSAGE: usize = 100;

/// Runs until the hub closes; a broken connection is made anew.
pub async fn run(app: AppState) {
    let me = Uuid::new_v4();
    let mut again = false;
    while !app.hub.is_closed() {
        if let Err(error) = carry(&app, me, std::mem::replace(&mut again, true)).await {
            app.heads.distrust();
            tracing::warn!(
                cause = format!("{error:#}"),
                "no word from other instances; asking the database meanwhile"
            );
            sleep(Duration::from_secs(1)).await;
        }
    }
}

/// What happens next on the line.
enum Next {
    Heard(String),
    Published(Poke),
    /// Time to tell what was gathered, or to see whether the line is whole.
    Due,
    /// Too much was published to say what.
    Missed,
    Closed,
}

async fn carry(app: &AppState, me: Uuid, again: bool) -> anyhow::Result<()> {
    let mut conn = diesel_async::pooled_connection::deadpool::Object::take(app.pool.get().await?);
    pokes::listen(&mut conn).await?;
    let mut published = app.hub.subscribe();
    // Whatever changed elsewhere while nobody listened is not known here.
    app.heads.trust();
    if again {
        app.hub.publish_everything();
    }
    let mut gathered: BTreeMap<Uuid, Vec<String>> = BTreeMap::new();
    let mut due = Instant::now() + SILENCE;
    loop {
        let next = {
            let mut heard = std::pin::pin!(conn.notifications_stream());
            tokio::select! {
                heard = heard.next() => match heard {
                    Some(heard) => Next::Heard(heard?.payload),
                    None => Next::Closed,
                },
                poke = published.recv() => match poke {
                    Ok(poke) => Next::Published(poke),
                    Err(RecvError::Lagged(_)) => Next::Missed,
                    Err(RecvError::Closed) => Next::Closed,
                },
                () = sleep_until(due) => Next::Due,
            }
        };
        match next {
            Next::Heard(message) => hear(app, me, &message),
            Next::Published(poke) if poke.relayed || poke.everything => {}
            Next::Published(poke) => {
                due = due.min(Instant::now() + GATHER);
                let buckets = gathered.entry(poke.district).or_default();
                buckets.extend(
                    poke.buckets
                        .iter()
                        .filter(|new| !buckets.contains(new))
                        .cloned()
                        .collect::<Vec<_>>(),
                );
            }
            // Others look at everything.
            Next::Missed => pokes::tell(&mut conn, &format!("{me} {}", Uuid::nil())).await?,
            Next::Due => {
                tell(&mut conn, me, std::mem::take(&mut gathered)).await?;
                due = Instant::now() + SILENCE;
            }
            Next::Closed => return Ok(()),
        }
        if app.hub.is_closed() {
            return Ok(());
        }
    }
}

/// One line a message: who tells, the district, its buckets. Nothing gathered is a question whether the line is whole.
async fn tell(conn: &mut AsyncPgConnection, me: Uuid, gathered: BTreeMap<Uuid, Vec<String>>) -> anyhow::Result<()> {
    if gathered.is_empty() {
        pokes::is_there(conn).await?;
    }
    for (district, buckets) in gathered {
        for part in buckets.chunks(BUCKETS_A_MESSAGE) {
            pokes::tell(conn, &format!("{me} {district} {}", part.join(" "))).await?;
        }
    }
    Ok(())
}

fn hear(app: &AppState, me: Uuid, message: &str) {
    let mut words = message.split(' ');
    let mut id = || words.next().and_then(|word| Uuid::parse_str(word).ok());
    let (Some(from), Some(district)) = (id(), id()) else {
        return;
    };
    if from == me {
        return;
    }
    if district.is_nil() {
        app.heads.forget_all();
        app.hub.publish_everything();
        return;
    }
    let buckets: Vec<String> = words.map(str::to_owned).collect();
    buckets.iter().for_each(|bucket| app.heads.forget(district, bucket));
    app.hub.publish_relayed(district, buckets);
}
