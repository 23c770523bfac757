//! What the host does for us: the one place that touches proxy-wasm's calls.
//!
//! `proxy_wasm::hostcalls` return `Result`s where the SDK's convenience methods unwrap; here they become
//! `Option`s, and `None` always means that the caller must fail closed. On a status that the specification
//! does not give a call, the SDK itself panics: then the VM is gone, and the guard refuses.

use std::time::{Duration, UNIX_EPOCH};

use obolus_core::UnixSeconds;
use obolus_core::audit::AUDIT_PROPERTY;
use obolus_core::policy::PERMIT_PROPERTY;
use obolus_core::reply::Reply;
use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, LogLevel, MapType, MetricType};
use secrecy::{ExposeSecret as _, SecretString};

/// A moment on the host's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    pub(crate) millis: u64,
    pub(crate) micros: u64,
}

impl Now {
    pub(crate) fn seconds(self) -> UnixSeconds {
        self.millis / 1000
    }
}

pub(crate) fn now() -> Option<Now> {
    let since = hostcalls::get_current_time().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let micros = u64::try_from(since.as_micros()).ok()?;
    Some(Now { millis: micros / 1000, micros })
}

pub(crate) fn log(level: LogLevel, message: &str) {
    // A log that cannot be written must not change a decision.
    let _ = hostcalls::log(level, message);
}

pub(crate) fn plugin_configuration() -> Option<Vec<u8>> {
    hostcalls::get_buffer(BufferType::PluginConfiguration, 0, usize::MAX).ok()?
}

pub(crate) fn request_headers() -> Option<Vec<(String, Vec<u8>)>> {
    hostcalls::get_map_bytes(MapType::HttpRequestHeaders).ok()
}

/// The cluster of the selected route; `Some("")` when there is no route.
///
/// It names the route selected before this filter changes anything: the guard resolves it afresh.
pub(crate) fn selected_cluster() -> Option<String> {
    let property = hostcalls::get_property(vec!["xds", "cluster_name"]).ok()?;
    String::from_utf8(property.unwrap_or_default()).ok()
}

/// The request's body as it is buffered, `None` when it is longer than `limit`.
pub(crate) fn request_body(limit: usize) -> Option<Vec<u8>> {
    let body =
        hostcalls::get_buffer(BufferType::HttpRequestBody, 0, limit.saturating_add(1)).ok()?;
    Some(body.unwrap_or_default()).filter(|body| body.len() <= limit)
}

pub(crate) fn drop_request_trailers() -> Option<()> {
    hostcalls::set_map(MapType::HttpRequestTrailers, Vec::new()).ok()
}

pub(crate) fn remove_request_header(name: &str) -> Option<()> {
    hostcalls::remove_map_value(MapType::HttpRequestHeaders, name).ok()
}

pub(crate) fn set_request_header(name: &str, value: &str) -> Option<()> {
    hostcalls::set_map_value(MapType::HttpRequestHeaders, name, Some(value)).ok()
}

pub(crate) fn set_authorization(value: &SecretString) -> Option<()> {
    let value = Some(value.expose_secret());
    hostcalls::set_map_value(MapType::HttpRequestHeaders, "authorization", value).ok()
}

/// Tells the native guard that this request may reach `cluster`.
pub(crate) fn set_permit(cluster: &str) -> Option<()> {
    hostcalls::set_property(vec![PERMIT_PROPERTY], Some(cluster.as_bytes())).ok()
}

/// Leaves a record of this request for the access log.
pub(crate) fn set_audit(record: &str) -> Option<()> {
    hostcalls::set_property(vec![AUDIT_PROPERTY], Some(record.as_bytes())).ok()
}

pub(crate) fn set_response_header(name: &str, value: &str) {
    let _ = hostcalls::set_map_value(MapType::HttpResponseHeaders, name, Some(value));
}

pub(crate) fn add_response_header(name: &str, value: &str) {
    let _ = hostcalls::add_map_value(MapType::HttpResponseHeaders, name, value);
}

pub(crate) fn response_headers() -> Option<Vec<(String, Vec<u8>)>> {
    hostcalls::get_map_bytes(MapType::HttpResponseHeaders).ok()
}

/// A header of the answer, where it is a text.
pub(crate) fn response_header(name: &str) -> Option<String> {
    let value = hostcalls::get_map_value_bytes(MapType::HttpResponseHeaders, name).ok()??;
    String::from_utf8(value).ok()
}

/// Takes headers from the answer, and sets others.
pub(crate) fn change_response_headers(removed: &[&str], set: &[(&str, &str)]) -> Option<()> {
    removed
        .iter()
        .map(|name| (*name, None))
        .chain(set.iter().map(|(name, value)| (*name, Some(*value))))
        .try_for_each(|(name, value)| {
            hostcalls::set_map_value(MapType::HttpResponseHeaders, name, value).ok()
        })
}

/// The answer's body, as far as it is held, or the piece of it that is being delivered; `None` when it is longer than
/// `limit`.
pub(crate) fn response_body(limit: usize) -> Option<Vec<u8>> {
    let body =
        hostcalls::get_buffer(BufferType::HttpResponseBody, 0, limit.saturating_add(1)).ok()?;
    Some(body.unwrap_or_default()).filter(|body| body.len() <= limit)
}

/// Puts `body` in the place of all that [`response_body`] gives, which is `length` bytes long.
pub(crate) fn replace_response_body(length: usize, body: &[u8]) -> Option<()> {
    if length == 0 && body.is_empty() {
        return Some(());
    }
    hostcalls::set_buffer(BufferType::HttpResponseBody, 0, length, body).ok()
}

pub(crate) fn drop_response_trailers() -> Option<()> {
    hostcalls::set_map(MapType::HttpResponseTrailers, Vec::new()).ok()
}

/// Breaks off an answer that has begun.
pub(crate) fn reset_response() {
    let _ = hostcalls::reset_http_response();
}

pub(crate) fn send(reply: &Reply) {
    let headers = reply.headers.iter().map(|(name, value)| (&**name, value.as_str())).collect();
    let body = Some(reply.body.as_bytes()).filter(|body| !body.is_empty());
    let _ = hostcalls::send_http_response(u32::from(reply.status), headers, body);
}

pub(crate) fn resume_request() {
    let _ = hostcalls::resume_http_request();
}

/// From here on, calls act on this context; `None` when it is gone.
pub(crate) fn act_on(context_id: u32) -> Option<()> {
    hostcalls::set_effective_context(context_id).ok()
}

pub(crate) fn set_tick_period(period: Duration) -> Option<()> {
    hostcalls::set_tick_period(period).ok()
}

/// A queue that wakes this root context and no other.
///
/// A queue is process-wide, and only the context that registered its name last is woken: the name must be
/// this worker's own.
pub(crate) fn own_queue() -> Option<u32> {
    let mut unique = [0u8; 16];
    getrandom::fill(&mut unique).ok()?;
    let name: String = unique.iter().map(|byte| format!("{byte:02x}")).collect();
    hostcalls::register_shared_queue(&format!("obolus-{name}")).ok()
}

pub(crate) fn enqueue(queue: u32) -> Option<()> {
    hostcalls::enqueue_shared_queue(queue, Some(b"w")).ok()
}

pub(crate) fn dequeue(queue: u32) -> bool {
    matches!(hostcalls::dequeue_shared_queue(queue), Ok(Some(_)))
}

/// An outgoing call; its number, by which the answer is known.
pub(crate) fn dispatch(
    cluster: &str,
    headers: Vec<(&str, &str)>,
    body: Option<&[u8]>,
    timeout: Duration,
) -> Option<u32> {
    hostcalls::dispatch_http_call(cluster, headers, body, Vec::new(), timeout).ok()
}

/// Status and body of the call whose answer is being delivered.
pub(crate) fn call_response(limit: usize) -> Option<(u16, Vec<u8>)> {
    let status =
        hostcalls::get_map_value_bytes(MapType::HttpCallResponseHeaders, ":status").ok()??;
    let status = str::from_utf8(&status).ok()?.parse().ok()?;
    let body =
        hostcalls::get_buffer(BufferType::HttpCallResponseBody, 0, limit.saturating_add(1)).ok()?;
    Some((status, body.unwrap_or_default())).filter(|(_, body)| body.len() <= limit)
}

/// Whether the answer that is being delivered has this header.
pub(crate) fn call_response_has(header: &str) -> bool {
    hostcalls::get_map_value_bytes(MapType::HttpCallResponseHeaders, header)
        .is_ok_and(|value| value.is_some())
}

pub(crate) fn call_foreign_function(name: &str, argument: &[u8]) -> Option<Vec<u8>> {
    hostcalls::call_foreign_function(name, Some(argument)).ok()?
}

pub(crate) fn counter(name: &str) -> Option<u32> {
    hostcalls::define_metric(MetricType::Counter, name).ok()
}

pub(crate) fn gauge(name: &str) -> Option<u32> {
    hostcalls::define_metric(MetricType::Gauge, name).ok()
}

pub(crate) fn increment(metric: u32) {
    add(metric, 1);
}

pub(crate) fn add(metric: u32, difference: i64) {
    let _ = hostcalls::increment_metric(metric, difference);
}
