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
    /// Another instance told of it, and is not told again.
    pub relayed: bool,
    /// Any bucket of any district may have changed: this process heard nothing for a while.
    pub everything: bool,
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
        self.send(district, buckets.into_iter().collect(), false);
    }

    /// What another instance told of.
    pub fn publish_relayed(&self, district: Uuid, buckets: Vec<String>) {
        self.send(district, buckets.into(), true);
    }

    fn send(&self, district: Uuid, buckets: Arc<[String]>, relayed: bool) {
        if !buckets.is_empty() {
            let everything = false;
            let _ = self.pokes.send(Poke {
                district,
                buckets,
                relayed,
                everything,
            });
        }
    }

    /// Whoever listens looks at everything again.
    pub fn publish_everything(&self) {
        let _ = self.pokes.send(Poke {
            district: Uuid::nil(),
            buckets: Arc::new([]),
            relayed: true,
            everything: true,
        });
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
            relayed: true,
            everything: false,
        });
    }

    /// Whether the server is stopping.
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}
