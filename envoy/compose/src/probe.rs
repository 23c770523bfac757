//! A health check for images without a shell: plain HTTP, one request, a short deadline.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

const DEADLINE: Duration = Duration::from_secs(3);

/// Fails unless the answer is 200.
pub(crate) fn probe(url: &str, show: bool) -> Result<()> {
    let rest = url.strip_prefix("http://").context("only http:// is spoken here")?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let answer = ask(authority, path).with_context(|| format!("no answer from {url}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).unwrap_or_default();
    if show {
        let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
        println!("{}", if chunked { joined(body) } else { body.to_owned() });
    }
    if status != "200" {
        bail!("{url}: {}", head.lines().next().unwrap_or_default());
    }
    Ok(())
}

fn ask(authority: &str, path: &str) -> Result<String> {
    let address = authority.to_socket_addrs()?.next().context("the name has no address")?;
    let mut stream = TcpStream::connect_timeout(&address, DEADLINE)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    write!(stream, "GET /{path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// The chunks of a body without their sizes (RFC 9112 §7.1). Envoy refuses HTTP/1.0, which has none.
fn joined(body: &str) -> String {
    let (mut rest, mut text) = (body, String::new());
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or_default();
        let Some((chunk, after)) = after.split_at_checked(size).filter(|_| size > 0) else { break };
        text.push_str(chunk);
        rest = after.strip_prefix("\r\n").unwrap_or(after);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn answering(text: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/readyz", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut some = [0; 256];
            let _read = stream.read(&mut some).unwrap();
            stream.write_all(text.as_bytes()).unwrap();
        });
        url
    }

    #[test]
    fn chunks_are_joined() {
        assert_eq!(joined("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), "abcde");
        assert_eq!(joined("zz\r\n"), "");
    }

    #[test]
    fn only_200_is_healthy() {
        assert!(probe(&answering("HTTP/1.1 200 OK\r\n\r\nok"), false).is_ok());
        let refused = probe(&answering("HTTP/1.1 503 Unavailable\r\n\r\n"), false).unwrap_err();
        assert!(refused.to_string().contains("503"), "{refused}");
        assert!(probe("https://localhost/", false).is_err());
    }
}
