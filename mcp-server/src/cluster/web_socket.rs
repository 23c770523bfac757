//! WebSockets to the API server (RFC 6455), over the cluster's own TLS and as the caller.

use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Request, StatusCode};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::caller::Caller;
use super::operation::Operation;
use crate::failure::Failure;

/// The longest message that is read; the API server's have 32 KiB.
const MAX_MESSAGE_BYTES: usize = 1024 * 1024;

/// A connection that has become a WebSocket. Dropped, it is closed.
pub(super) type Socket = WebSocketStream<TokioIo<Upgraded>>;

impl Caller {
    /// Opens a WebSocket that speaks one of `protocols`.
    pub(super) async fn web_socket(
        &self,
        operation: &Operation,
        target: &str,
        protocols: &[&str],
    ) -> Result<Socket, Failure> {
        let key = generate_key();
        let request = Request::get(target)
            .header(CONNECTION, "Upgrade")
            .header(UPGRADE, "websocket")
            .header(SEC_WEBSOCKET_VERSION, "13")
            .header(SEC_WEBSOCKET_KEY, &key)
            .header(SEC_WEBSOCKET_PROTOCOL, protocols.join(", "))
            .body(Vec::new())
            .map_err(|error| Failure::InvalidArguments(error.to_string()))?;
        let mut response = self.exchange_over(|pools| &pools.upgrading, operation, request).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(if response.status().is_success() {
                self.malformed(operation, "it is no WebSocket: something between us and the API server does not let them through")
            } else {
                self.refused(operation, response).await
            });
        }
        let headers = response.headers().clone();
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        if header(SEC_WEBSOCKET_ACCEPT) != Some(derive_accept_key(key.as_bytes()).as_str()) {
            return Err(
                self.malformed(operation, "its WebSocket is not the one that was asked for")
            );
        }
        if !header(SEC_WEBSOCKET_PROTOCOL).is_some_and(|agreed| protocols.contains(&agreed)) {
            return Err(
                self.malformed(operation, "it speaks none of the protocols that were offered")
            );
        }
        let upgraded = hyper::upgrade::on(&mut response)
            .await
            .map_err(|error| operation.unreachable(&self.server(), error.to_string()))?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_MESSAGE_BYTES))
            .max_frame_size(Some(MAX_MESSAGE_BYTES));
        let io = TokioIo::new(upgraded);
        Ok(WebSocketStream::from_raw_socket(io, Role::Client, Some(config)).await)
    }
}
