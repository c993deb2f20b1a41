//! A line between a phone and the server that does everything lines do: breaks in the middle of a request or a reply, delivers a
//! request twice, holds its breath, delivers crumbs. What it does is drawn from a seed.

use std::net::SocketAddr;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What befalls one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Whole,
    /// The server gets this many bytes and then nobody hears anything more.
    CutRequest(usize),
    /// The phone gets this many bytes, between two of one reply or of two.
    CutReply(usize),
    /// The server gets everything on a second connection, too, at the same time; that one's replies are lost.
    TwiceAtOnce,
    /// The reply breaks off, and a moment later everything that was sent comes again by itself.
    AgainAfterCut(usize),
    /// Nothing moves for a while after this many bytes of the reply.
    Hold(usize, Duration),
    /// At most this many bytes at a time, both ways.
    Crumbs(usize),
}

impl Fate {
    fn draw(draw: &mut StdRng) -> Self {
        let bytes = draw.random_range(1..6_000);
        match draw.random_range(0..8) {
            0 => Self::Whole,
            1 => Self::CutRequest(bytes),
            2 => Self::CutReply(bytes / 4),
            3 => Self::CutReply(bytes),
            4 => Self::TwiceAtOnce,
            5 => Self::AgainAfterCut(bytes / 8),
            6 => Self::Hold(bytes / 8, Duration::from_millis(draw.random_range(1..400))),
            _ => Self::Crumbs(draw.random_range(1..40)),
        }
    }
}

/// A bad line to one server. It ends when it is dropped.
pub struct BadLine {
    /// What the phone is given.
    pub url: String,
    good: watch::Sender<bool>,
    carrying: JoinHandle<()>,
}

impl BadLine {
    /// A line to the server at `url`, on a port of its own; the fates of its connections follow from `seed`.
    ///
    /// # Panics
    /// If there is no free port or `url` does not name an address.
    pub async fn to(url: &str, seed: u64) -> Self {
        let server: SocketAddr = url.trim_start_matches("http://").parse().expect("a server's address");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound listener"));
        let (good, is_good) = watch::channel(false);
        let carrying = tokio::spawn(carry(listener, server, StdRng::seed_from_u64(seed), is_good));
        Self { url, good, carrying }
    }

    /// New connections are whole from now on; those that go on keep their fate.
    pub fn mend(&self) {
        self.good.send_replace(true);
    }
}

impl Drop for BadLine {
    fn drop(&mut self) {
        self.carrying.abort();
    }
}

async fn carry(listener: TcpListener, server: SocketAddr, mut draw: StdRng, is_good: watch::Receiver<bool>) {
    loop {
        let Ok((phone, _)) = listener.accept().await else {
            continue;
        };
        let drawn = Fate::draw(&mut draw);
        let fate = if *is_good.borrow() { Fate::Whole } else { drawn };
        // An end of either side is the end of this connection, and none of the test's business.
        tokio::spawn(async move { carry_one(phone, server, fate).await.ok() });
    }
}

async fn carry_one(phone: TcpStream, server: SocketAddr, fate: Fate) -> std::io::Result<()> {
    let upstream = TcpStream::connect(server).await?;
    upstream.set_nodelay(true)?;
    phone.set_nodelay(true)?;
    let (from_phone, to_phone) = phone.into_split();
    let (from_server, to_server) = upstream.into_split();
    let mut servers = vec![to_server];
    if fate == Fate::TwiceAtOnce {
        let (replies, requests) = TcpStream::connect(server).await?.into_split();
        tokio::spawn(swallow(replies));
        servers.push(requests);
    }
    let (mut request, mut reply) = (Pump::default(), Pump::default());
    match fate {
        Fate::CutRequest(bytes) => request.cut_after = Some(bytes),
        Fate::CutReply(bytes) | Fate::AgainAfterCut(bytes) => reply.cut_after = Some(bytes),
        Fate::Hold(bytes, pause) => reply.hold = Some((bytes, pause)),
        Fate::Crumbs(bytes) => (request.at_most, reply.at_most) = (bytes, bytes),
        Fate::Whole | Fate::TwiceAtOnce => {}
    }
    let (mut sent, mut came) = (Vec::new(), Vec::new());
    let _ = tokio::select! {
        end = request.run(from_phone, servers, &mut sent) => end,
        end = reply.run(from_server, vec![to_phone], &mut came) => end,
    };
    if let Fate::AgainAfterCut(_) = fate {
        let (replies, mut requests) = TcpStream::connect(server).await?.into_split();
        requests.write_all(&sent).await?;
        swallow(replies).await;
    }
    Ok(())
}

/// Reads to the end, or until the server has said nothing for a while, for nobody.
async fn swallow(mut replies: OwnedReadHalf) {
    let mut buffer = [0; 8192];
    while let Ok(Ok(1..)) = tokio::time::timeout(Duration::from_secs(5), replies.read(&mut buffer)).await {}
}

/// One direction of a connection.
struct Pump {
    cut_after: Option<usize>,
    hold: Option<(usize, Duration)>,
    at_most: usize,
}

impl Default for Pump {
    fn default() -> Self {
        Self {
            cut_after: None,
            hold: None,
            at_most: 8192,
        }
    }
}

impl Pump {
    /// Carries until one side ends or the line breaks, and notes what came.
    async fn run(
        mut self,
        mut from: OwnedReadHalf,
        mut to: Vec<OwnedWriteHalf>,
        came: &mut Vec<u8>,
    ) -> std::io::Result<()> {
        let mut buffer = [0; 8192];
        let mut carried = 0;
        loop {
            let left = self.cut_after.map_or(usize::MAX, |end| end - carried);
            let most = self.at_most.min(left);
            if most == 0 {
                return Ok(());
            }
            let read = from.read(&mut buffer[..most]).await?;
            if read == 0 {
                return Ok(());
            }
            carried += read;
            came.extend(&buffer[..read]);
            if let Some((_, pause)) = self.hold.take_if(|(after, _)| carried > *after) {
                tokio::time::sleep(pause).await;
            }
            for one in &mut to {
                one.write_all(&buffer[..read]).await?;
            }
        }
    }
}
