//! Slows down password guessing: growing delays by login, address and device, never a lock. Kept in memory, bounded.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use uuid::Uuid;

use crate::error::{Code, Refused};

/// A key with no try for this long is forgotten.
const FORGET: Duration = Duration::from_secs(3600);
/// Keys kept at most; about 10 MiB.
const CAPACITY: usize = 65_536;

/// What tries are counted by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    /// One person's guesses on one device: the tightest.
    Exact(String, IpAddr, Uuid),
    /// A login, whoever guesses it from devices that never signed in.
    Login(String),
    /// The second factor of a login, asked of whoever has the password: six digits are few.
    Code(String),
    /// An address, whichever logins it guesses; loose, as a whole school may share one.
    Address(IpAddr),
}

impl Key {
    /// Tries that cost nothing, and the longest delay after them.
    fn allowance(&self) -> (u32, Duration) {
        match self {
            Key::Exact(..) | Key::Code(_) => (5, Duration::from_secs(300)),
            Key::Login(_) => (20, Duration::from_secs(60)),
            Key::Address(_) => (60, Duration::from_secs(30)),
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Tries {
    count: u32,
    last: Instant,
}

/// Who wants to sign in from where.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The login as typed; letter case does not matter.
    pub login: String,
    /// The network address.
    pub address: IpAddr,
    /// The installation's id.
    pub device: Uuid,
    /// Whether this login signed in on this device before: then strangers guessing the login do not slow it down.
    pub known_device: bool,
}

impl Visitor {
    fn keys(&self) -> Vec<Key> {
        let login = self.login.to_lowercase();
        let mut keys = vec![
            Key::Exact(login.clone(), self.address, self.device),
            Key::Address(self.address),
        ];
        if !self.known_device {
            keys.push(Key::Login(login));
        }
        keys
    }
}

/// The counters of this process; cloning shares them.
#[derive(Clone, Default)]
pub struct Throttle(Arc<Mutex<HashMap<Key, Tries>>>);

impl Throttle {
    /// Counts a try before its password is looked at; refuses `session.too_many_tries` when it comes too early.
    /// A refused try is not counted, so the delay never grows by waiting impatiently.
    pub fn admit(&self, visitor: &Visitor, now: Instant) -> Result<(), Refused> {
        self.count(visitor.keys(), now)
    }

    /// Counts a try of a second factor before its code is looked at; refuses `session.too_many_tries` like a password that comes too early.
    pub fn admit_code(&self, login: &str, now: Instant) -> Result<(), Refused> {
        self.count(vec![Key::Code(login.to_lowercase())], now)
    }

    fn count(&self, keys: Vec<Key>, now: Instant) -> Result<(), Refused> {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = keys
            .iter()
            .filter_map(|key| Some(wait(key, tries.get(key)?, now)))
            .max()
            .unwrap_or_default();
        if !wait.is_zero() {
            let retry_after_s = wait.as_secs_f64().ceil() as u32;
            return Err(Refused(Code::TooManyTries { retry_after_s }));
        }
        make_room(&mut tries, now);
        for key in keys {
            let entry = tries.entry(key).or_insert(Tries { count: 0, last: now });
            entry.count = entry.count.saturating_add(1);
            entry.last = now;
        }
        Ok(())
    }

    /// Takes this one try back, and none before it: the password was right, and the sign-in waits for the second factor.
    pub fn half_way(&self, visitor: &Visitor) {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in visitor.keys() {
            if let Some(entry) = tries.get_mut(&key) {
                entry.count = entry.count.saturating_sub(1);
            }
        }
    }

    /// Forgets the tries of a second factor: its code was right.
    pub fn code_succeeded(&self, login: &str) {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tries.remove(&Key::Code(login.to_lowercase()));
    }

    /// Takes the try back: the password was right.
    pub fn succeeded(&self, visitor: &Visitor) {
        let mut tries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in visitor.keys() {
            match (&key, tries.get_mut(&key)) {
                (Key::Exact(..), _) => drop(tries.remove(&key)),
                (_, Some(entry)) => entry.count = entry.count.saturating_sub(1),
                (_, None) => {}
            }
        }
    }
}

/// Where the request comes from. A proxy on this machine is believed about the address it appended, nobody else is.
pub fn address(request: &HttpRequest) -> IpAddr {
    let peer = request.peer_addr().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.ip());
    let forwarded = request
        .headers()
        .get_all("x-forwarded-for")
        .last()
        .and_then(|value| value.to_str().ok());
    let nearest = forwarded.and_then(|list| list.rsplit(',').next()?.trim().parse().ok());
    nearest.filter(|_| peer.is_loopback()).unwrap_or(peer)
}

/// How long until the next try: 1 s after the free ones, doubling up to the longest.
fn wait(key: &Key, tries: &Tries, now: Instant) -> Duration {
    let (free, longest) = key.allowance();
    let Some(over) = tries.count.checked_sub(free) else {
        return Duration::ZERO;
    };
    let delay = Duration::from_secs(1 << over.min(20)).min(longest);
    delay.saturating_sub(now.saturating_duration_since(tries.last))
}

fn make_room(tries: &mut HashMap<Key, Tries>, now: Instant) {
    if tries.len() < CAPACITY {
        return;
    }
    tries.retain(|_, entry| now.saturating_duration_since(entry.last) < FORGET);
    if tries.len() >= CAPACITY {
        // Under a flood of invented logins the counters that already slow somebody down are the ones worth keeping.
        tries.retain(|key, entry| entry.count >= key.allowance().0);
    }
    if tries.len() >= CAPACITY {
        tries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visitor(login: &str, device: u128) -> Visitor {
        let address = IpAddr::from([192, 0, 2, 1]);
        Visitor {
            login: login.into(),
            address,
            device: Uuid::from_u128(device),
            known_device: false,
        }
    }

    fn retry_after_s(refused: Refused) -> u32 {
        match refused.0 {
            Code::TooManyTries { retry_after_s } => retry_after_s,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn wrong_guesses_are_slowed_more_and_more_but_never_locked_out() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        let me = visitor("Anna", 1);
        for _ in 0..5 {
            throttle.admit(&me, start).unwrap();
        }
        let mut now = start;
        let mut delays = Vec::new();
        for _ in 0..12 {
            let delay = retry_after_s(throttle.admit(&visitor("anna", 1), now).unwrap_err());
            delays.push(delay);
            now += Duration::from_secs(delay.into());
            throttle.admit(&me, now).expect("after the delay the next try is heard");
        }
        assert_eq!(delays[..5], [1, 2, 4, 8, 16]);
        assert_eq!(*delays.last().unwrap(), 300);
    }

    #[test]
    fn guessing_from_ever_new_devices_does_not_help_and_does_not_slow_the_owner() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for device in 0..20 {
            throttle.admit(&visitor("anna", device), now).unwrap();
        }
        assert!(throttle.admit(&visitor("anna", 99), now).is_err());
        let owner = Visitor {
            known_device: true,
            ..visitor("anna", 1000)
        };
        throttle.admit(&owner, now).unwrap();
    }

    #[test]
    fn success_forgets_the_misspellings_before_it() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        let me = visitor("anna", 1);
        for _ in 0..100 {
            throttle.admit(&me, now).unwrap();
            throttle.succeeded(&me);
        }
    }

    #[test]
    fn who_has_the_password_does_not_guess_the_second_factor() {
        let (throttle, mut now) = (Throttle::default(), Instant::now());
        let mut heard = 0;
        for device in 0..1000 {
            // The right password each time, from ever new devices.
            let _ = throttle.admit(&visitor("anna", device), now);
            throttle.half_way(&visitor("anna", device));
            heard += u32::from(throttle.admit_code("Anna", now).is_ok());
            now += Duration::from_secs(1);
        }
        assert!(heard <= 15, "{heard} guesses in a thousand seconds");
        throttle.code_succeeded("anna");
        throttle.admit_code("anna", now).unwrap();
    }

    #[test]
    fn memory_is_bounded() {
        let (throttle, mut now) = (Throttle::default(), Instant::now());
        for number in 0..(2 * CAPACITY as u32) {
            now += Duration::from_secs(31);
            let address = IpAddr::from(number.to_be_bytes());
            let _ = throttle.admit(
                &Visitor {
                    address,
                    ..visitor(&number.to_string(), number.into())
                },
                now,
            );
        }
        assert!(throttle.0.lock().unwrap().len() <= CAPACITY + 3);
    }
}
