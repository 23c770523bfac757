//! What stands behind the gateway: it answers at once, and remembers whose token arrived how often.
//!
//! It runs in this process, so that none of its time is counted as Envoy's.

use std::collections::HashMap;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::Result;

use super::http1::Message;
use super::policies;
use super::requests::tools_list;

const RESULT: &str =
    r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"3 pods"}]}}"#;

/// `Authorization` values and how often each came.
pub(crate) type Seen = HashMap<Vec<u8>, u64>;

/// The server, at two addresses: the gateway's generator takes no unprotected upstream where a protected one is.
/// Its threads end with this process.
pub(crate) struct Upstream {
    /// For the protected cluster.
    pub(crate) protected: SocketAddr,
    /// For the other one.
    pub(crate) open: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

impl Upstream {
    pub(crate) fn start() -> Result<Self> {
        let seen = Arc::<Mutex<Seen>>::default();
        Ok(Self { protected: listen(&seen)?, open: listen(&seen)?, seen })
    }

    /// What came since the last time.
    pub(crate) fn take(&self) -> Seen {
        std::mem::take(&mut lock(&self.seen))
    }
}

fn listen(seen: &Arc<Mutex<Seen>>) -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let seen = Arc::clone(seen);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = Arc::clone(&seen);
            // An error ends the connection, Envoy answers 503, and the window is no good.
            thread::spawn(move || serve(stream, &seen));
        }
    });
    Ok(address)
}

fn serve(mut stream: TcpStream, seen: &Mutex<Seen>) -> Result<()> {
    stream.set_nodelay(true)?;
    let (answer, list) = (answer(RESULT), answer(&policies::list(7)?));
    let wanted = tools_list();
    let mut request = Message::default();
    while request.read(&mut stream)? {
        let token = request.header("authorization").unwrap_or_default();
        let mut seen = lock(seen);
        match seen.get_mut(token) {
            Some(count) => *count += 1,
            None => {
                seen.insert(token.to_vec(), 1);
            }
        }
        drop(seen);
        let is_list = request.body() == wanted.as_bytes();
        stream.write_all(if is_list { list.as_bytes() } else { answer.as_bytes() })?;
    }
    Ok(())
}

fn answer(body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

fn lock(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}
