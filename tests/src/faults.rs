//! A line between a phone and the server on which every connection suffers one fault, drawn from a seed.
//! It never alters a byte: it cuts, holds, slices and repeats, as a bad network and its middle boxes do.

use std::net::SocketAddr;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What happens to one connection.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Whole,
    /// Hung up after so many bytes of the request: the server may have seen half of it.
    CutRequest(usize),
    /// Hung up after so many bytes of the reply: the server has done it, the phone does not know.
    CutReply(usize),
    /// The server gets the same bytes once more on another connection.
    Twice,
    Held(Duration),
    Sliced,
}

impl Fault {
    fn draw(rng: &mut StdRng) -> Self {
        match rng.random_range(0..8) {
            0 | 1 => Fault::CutRequest(rng.random_range(0..4000)),
            2 | 3 => Fault::CutReply(rng.random_range(0..600)),
            4 => Fault::Twice,
            5 => Fault::Held(Duration::from_millis(rng.random_range(1..60))),
            6 => Fault::Sliced,
            _ => Fault::Whole,
        }
    }
}

/// A faulty line to one server. It ends when it is dropped.
pub struct FaultyLine {
    pub url: String,
    carrying: JoinHandle<()>,
}

impl FaultyLine {
    /// # Panics
    /// If there is no free port or `url` does not name an address.
    pub async fn to(url: &str, seed: u64) -> Self {
        let server: SocketAddr = url.trim_start_matches("http://").parse().expect("a server's address");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound listener"));
        let carrying = tokio::spawn(carry(listener, server, StdRng::seed_from_u64(seed)));
        FaultyLine { url, carrying }
    }
}

impl Drop for FaultyLine {
    fn drop(&mut self) {
        self.carrying.abort();
    }
}

async fn carry(listener: TcpListener, server: SocketAddr, mut rng: StdRng) {
    loop {
        if let Ok((phone, _)) = listener.accept().await {
            tokio::spawn(carry_one(phone, server, Fault::draw(&mut rng)));
        }
    }
}

async fn carry_one(phone: TcpStream, address: SocketAddr, fault: Fault) {
    let Ok(server) = TcpStream::connect(address).await else {
        return;
    };
    let (from_phone, to_phone) = phone.into_split();
    let (from_server, to_server) = server.into_split();
    let (request_limit, reply_limit) = match fault {
        Fault::CutRequest(bytes) => (bytes, usize::MAX),
        Fault::CutReply(bytes) => (usize::MAX, bytes),
        _ => (usize::MAX, usize::MAX),
    };
    let mut sent = Vec::new();
    // Whichever way ends first ends the connection: both halves are dropped here.
    tokio::select! {
        () = pour(from_phone, to_server, fault, request_limit, Some(&mut sent)) => {}
        () = pour(from_server, to_phone, fault, reply_limit, None) => {}
    }
    if matches!(fault, Fault::Twice) {
        repeat(&sent, address).await;
    }
}

/// Carries bytes one way until an end, an error, or `limit`.
async fn pour(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    fault: Fault,
    limit: usize,
    mut kept: Option<&mut Vec<u8>>,
) {
    let mut buffer = [0; 4096];
    let mut left = limit;
    while left > 0 {
        let Ok(read @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        let piece = &buffer[..read.min(left)];
        left -= piece.len();
        if let Some(kept) = &mut kept {
            kept.extend_from_slice(piece);
        }
        if let Fault::Held(time) = fault {
            tokio::time::sleep(time).await;
        }
        let size = if matches!(fault, Fault::Sliced) { 7 } else { piece.len() };
        for slice in piece.chunks(size) {
            if to.write_all(slice).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Sends what was sent before and waits for some of the reply, so that the server has done it by then.
async fn repeat(sent: &[u8], address: SocketAddr) {
    let Ok(mut server) = TcpStream::connect(address).await else {
        return;
    };
    if server.write_all(sent).await.is_ok() {
        let _ = tokio::time::timeout(Duration::from_secs(30), server.read(&mut [0; 512])).await;
    }
}
