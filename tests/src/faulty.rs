//! A server that misbehaves on purpose: stands before the real one and answers chosen paths itself, with chosen statuses, or hangs up.
//! Speaks only as much HTTP/1.1 as a browser does: one request a connection.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What happens instead of the server's answer.
#[derive(Debug, Clone)]
pub enum Fault {
    /// This status, with these headers and this body.
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: String,
    },
    /// The server has done what was asked, and the answer gets lost.
    LostAnswer,
    /// Nobody answers.
    Cut,
}

impl Fault {
    /// A bare status, as a proxy in between gives.
    pub fn status(status: u16) -> Self {
        Self::Answer {
            status,
            headers: vec![],
            body: String::new(),
        }
    }

    /// A status that says when to come again.
    pub fn come_again(status: u16, seconds: u64) -> Self {
        Self::Answer {
            status,
            headers: vec![("Retry-After", seconds.to_string())],
            body: String::new(),
        }
    }

    /// A file or JSON of the test's own.
    pub fn body(kind: &'static str, body: String) -> Self {
        Self::Answer {
            status: 200,
            headers: vec![
                ("Content-Type", kind.to_owned()),
                ("Cache-Control", "no-cache".to_owned()),
            ],
            body,
        }
    }
}

#[derive(Default)]
struct Rules {
    faults: Vec<(String, Fault)>,
    calls: Vec<(String, Instant)>,
}

/// The stand-in. It ends when it is dropped.
pub struct Faulty {
    /// What is given out as the server's address.
    pub url: String,
    rules: Arc<Mutex<Rules>>,
    serving: JoinHandle<()>,
}

impl Faulty {
    /// Stands before the server at `url`, on a port of its own, and passes everything on until told otherwise.
    ///
    /// # Panics
    /// If there is no free port or `url` does not name an address.
    pub async fn before(url: &str) -> Self {
        let server: SocketAddr = url.trim_start_matches("http://").parse().expect("a server's address");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound listener"));
        let rules: Arc<Mutex<Rules>> = Arc::default();
        let of_server = rules.clone();
        let serving = tokio::spawn(async move {
            loop {
                if let Ok((browser, _)) = listener.accept().await {
                    tokio::spawn(serve_one(browser, server, of_server.clone()));
                }
            }
        });
        Faulty { url, rules, serving }
    }

    /// From now on every request whose path begins so meets this fault.
    pub fn on(&self, path: &str, fault: Fault) {
        self.rules().faults.push((path.to_owned(), fault));
    }

    /// The faults end.
    pub fn mend(&self) {
        self.rules().faults.clear();
    }

    /// When requests for this path came, from the first on.
    pub fn calls(&self, path: &str) -> Vec<Instant> {
        let rules = self.rules();
        let of_path = rules.calls.iter().filter(|(called, _)| called.starts_with(path));
        of_path.map(|(_, at)| *at).collect()
    }

    fn rules(&self) -> std::sync::MutexGuard<'_, Rules> {
        self.rules.lock().expect("nobody panics with the rules")
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

// An end of either side is the end of this connection, and none of the test's business.
async fn serve_one(mut browser: TcpStream, server: SocketAddr, rules: Arc<Mutex<Rules>>) -> Option<()> {
    let (head, rest) = read_head(&mut browser).await?;
    let path = head.split_whitespace().nth(1)?.to_owned();
    let fault = {
        let mut rules = rules.lock().ok()?;
        rules.calls.push((path.clone(), Instant::now()));
        let met = rules.faults.iter().rev().find(|(begin, _)| path.starts_with(begin));
        met.map(|(_, fault)| fault.clone())
    };
    match fault {
        Some(Fault::Cut) => None,
        Some(Fault::Answer { status, headers, body }) => {
            drain(&mut browser, &head, rest.len()).await?;
            let headers: String = headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}\r\n"))
                .collect();
            let answer = format!(
                "HTTP/1.1 {status} Fault\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}",
                body.len()
            );
            browser.write_all(answer.as_bytes()).await.ok()?;
            browser.shutdown().await.ok()
        }
        Some(Fault::LostAnswer) => {
            let mut server = pass_on(server, &head, &rest).await?;
            let body = drain(&mut browser, &head, rest.len()).await?;
            server.write_all(&body).await.ok()?;
            let mut answer = Vec::new();
            server.read_to_end(&mut answer).await.ok().map(drop)
        }
        None => {
            let mut server = pass_on(server, &head, &rest).await?;
            copy_bidirectional(&mut browser, &mut server).await.ok().map(drop)
        }
    }
}

/// Opens the way to the server for this one request.
async fn pass_on(server: SocketAddr, head: &str, rest: &[u8]) -> Option<TcpStream> {
    let mut server = TcpStream::connect(server).await.ok()?;
    let lines = head
        .lines()
        .filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    let head: String = lines.map(|line| format!("{line}\r\n")).collect();
    server
        .write_all(format!("{head}Connection: close\r\n\r\n").as_bytes())
        .await
        .ok()?;
    server.write_all(rest).await.ok()?;
    Some(server)
}

/// The request's head without its empty line, and what of the body came along.
async fn read_head(browser: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            bytes.truncate(end);
            return Some((String::from_utf8(bytes).ok()?, rest));
        }
        if browser.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// Reads what is missing of the body: a browser whose sending is broken off sees no answer.
async fn drain(browser: &mut TcpStream, head: &str, have: usize) -> Option<Vec<u8>> {
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0).saturating_sub(have)];
    browser.read_exact(&mut body).await.ok()?;
    Some(body)
}
