//! Tells the live connections of this process which buckets changed. A lost message costs one poll, never data.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::broadcast;
use uuid::Uuid;

/// Messages a slow listener may fall behind before it is told to look at everything again.
const BACKLOG: usize = 1024;

/// Buckets of one district that changed in one commit.
#[derive(Debug, Clone)]
pub struct Poke {
    /// The district.
    pub district: Uuid,
    /// Bucket ids such as `school/<uuid>`.
    pub buckets: Arc<[String]>,
}

/// The fan-out of one server process; cloning shares it.
#[derive(Debug, Clone)]
pub struct Hub {
    pokes: broadcast::Sender<Poke>,
    closed: Arc<AtomicBool>,
}

impl Default for Hub {
    fn default() -> Self {
        Hub {
            pokes: broadcast::channel(BACKLOG).0,
            closed: Arc::default(),
        }
    }
}

impl Hub {
    /// Call it after the commit, never inside the transaction. Nobody listening is fine.
    pub fn publish(&self, district: Uuid, buckets: impl IntoIterator<Item = String>) {
        let buckets: Arc<[String]> = buckets.into_iter().collect();
        if !buckets.is_empty() {
            let _ = self.pokes.send(Poke { district, buckets });
        }
    }

    /// Everything published from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Poke> {
        self.pokes.subscribe()
    }

    /// Ends every live connection, so that the server can stop without waiting for them.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        // An empty message wakes the listeners, which then see that it is over.
        let _ = self.pokes.send(Poke {
            district: Uuid::nil(),
            buckets: Arc::new([]),
        });
    }

    /// Whether the server is stopping.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}
