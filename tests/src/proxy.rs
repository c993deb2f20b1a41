//! The line between a browser and the server: it can be cut and mended, as the network in a basement is.
//! The browser's own "offline" switch reaches pages only, not service workers; a cut line reaches everything.

use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A line to one server. It ends when it is dropped.
pub struct Line {
    /// What the browser is given, such as `http://127.0.0.1:41234`.
    pub url: String,
    whole: watch::Sender<bool>,
    carrying: JoinHandle<()>,
}

impl Line {
    /// A whole line to the server at `url`, on a port of its own.
    ///
    /// # Panics
    /// If there is no free port or `url` does not name an address.
    pub async fn to(url: &str) -> Self {
        let server: SocketAddr = url.trim_start_matches("http://").parse().expect("a server's address");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound listener"));
        let (whole, state) = watch::channel(true);
        let carrying = tokio::spawn(carry(listener, server, state));
        Line { url, whole, carrying }
    }

    /// Ends every connection at once and refuses new ones.
    pub fn cut(&self) {
        self.whole.send_replace(false);
    }

    pub fn mend(&self) {
        self.whole.send_replace(true);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.cut();
        self.carrying.abort();
    }
}

async fn carry(listener: TcpListener, server: SocketAddr, state: watch::Receiver<bool>) {
    loop {
        let Ok((browser, _)) = listener.accept().await else {
            continue;
        };
        // The port stays ours while the line is cut; a caller is hung up on instead.
        if *state.borrow() {
            tokio::spawn(carry_one(browser, server, state.clone()));
        }
    }
}

async fn carry_one(mut browser: TcpStream, server: SocketAddr, mut state: watch::Receiver<bool>) {
    let Ok(mut server) = TcpStream::connect(server).await else {
        return;
    };
    // An end of either side is the end of this connection, and none of the test's business.
    tokio::select! {
        _ = copy_bidirectional(&mut browser, &mut server) => {}
        _ = state.wait_for(|whole| !whole) => {}
    }
}
