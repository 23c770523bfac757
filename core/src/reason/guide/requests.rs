//! The request's form: 4xx, answered as JSON-RPC where the body is what is wrong.

use super::Acts::{Client, Operator};
use super::{Entry, entry};
use crate::Reason;

#[rustfmt::skip]
pub(super) const ENTRIES: &[Entry] = &[
    entry(Reason::MethodNotAllowed, Client, "The MCP endpoint takes POST, and OPTIONS of a browser; `/exchange` of the STS takes POST. GET for a stream of server messages and DELETE of sessions are of older transports: a client that is told 405 goes on without them."),
    entry(Reason::UpgradeRefused, Client, "CONNECT, or an upgrade such as WebSockets: behind an upgrade nothing could be looked at. MCP needs neither."),
    entry(Reason::ContentTypeRefused, Client, "The body's type is not `application/json` in UTF-8. Forms and `text/plain` are what a foreign page could make a browser send without asking."),
    entry(Reason::ContentEncodingRefused, Client, "The body is compressed. It is read before it is forwarded, and a decompressor is a way to fill a gateway's memory. The client sends it as it is."),
    entry(Reason::BodyTooLarge, Client, "The body is larger than `maxBodyBytes` of the resource, or than 32 KiB at the STS. If a tool's arguments really are so large, raise the limit together with the listener's buffer; `cargo xtask check` says whether they fit."),
    entry(Reason::BodyNotUtf8, Client, "JSON is UTF-8 (RFC 8259). The body has bytes that are not; look for a client that sends the encoding of its operating system."),
    entry(Reason::BodyByteOrderMark, Client, "The body starts with U+FEFF, which some readers skip and others refuse. The client writes it without."),
    entry(Reason::JsonMalformed, Client, "The body is not exactly one JSON value: cut off, something behind it, nested too deeply, or more than 20,000 values."),
    entry(Reason::JsonDuplicateKey, Client, "An object has one key twice. Readers differ about which one counts, so that what was permitted could differ from what the server does. No JSON library writes this by accident: look at who sent it."),
    entry(Reason::BatchRefused, Client, "An array of JSON-RPC messages. MCP had batches in one revision (2025-03-26) and has none now; the client sends one message per request."),
    entry(Reason::NotARequest, Client, "JSON, but no JSON-RPC 2.0 request or notification: `jsonrpc`, `method` or `id` is missing or of a wrong type. Responses of a client to a server do not come this way."),
    entry(Reason::ParamsMalformed, Client, "The parameters do not fit the method, so that it cannot be told what is asked for: `tools/call` without a name, for example."),
    entry(Reason::TargetNotServed, Client, "The resource has a target for each value of an argument (`targets`; by default the argument is `context`), and the call has a value that is not among them, one that is no string, or none where `targets.required` is true. Nothing was exchanged. Whoever writes the call compares the value with `targets.byValue` of the filter's configuration, where it stands as it is sent, byte for byte."),
    entry(Reason::HeaderMismatch, Client, "`Mcp-Method`, `Mcp-Name` or `MCP-Protocol-Version` is missing or says something else than the body (MCP 2026-07-28). The body is what is decided on; a client that sends both wrong is refused, not corrected."),
    entry(Reason::HeaderDuplicated, Client, "A header on which a decision rests came twice. Look for a proxy that adds what is there already."),
    entry(Reason::ExchangeRequestMalformed, Operator, "The STS was asked for something that is no RFC 8693 exchange of an access token by POST of a form, or with a parameter twice or unknown (`actor_token`). A client of the gateway never sees it: to it this is `exchange_misconfigured`. Whoever calls the STS by themselves compares the form with the STS's README."),
    entry(Reason::GrantTypeUnknown, Operator, "The STS was asked for another grant than `urn:ietf:params:oauth:grant-type:token-exchange`: it gives nobody a token for a password, a code, a refresh token or an assertion. A form without `grant_type` is `exchange_request_malformed`. The gateway always asks for that one grant, so somebody else holds a caller's credential and calls the STS: the log line names the `caller`. Should a client of the gateway ever cause it, it is told `exchange_misconfigured`."),
    entry(Reason::ScopeUnknown, Operator, "The `scope` of the form names something that is not among the `scopes` of the target in the STS's configuration, or `/groups` was asked with one, where there are none. Without `scope` all of the target's are asked for. The gateway sends none, so the caller is another program, which the log line names (`caller`). A client of the gateway would be told `exchange_misconfigured`."),
    entry(Reason::TargetUnknown, Operator, "The STS has no target of this name or `resource`, the two name different ones, or groups were asked for where the target has no `[targets.groups]`. Compare the filter's `target.name` with the `[[targets]]` of the STS. A client of the gateway is told `exchange_misconfigured`."),
    entry(Reason::CallerUnauthenticated, Operator, "The caller of the STS is not known, or its credential is wrong: the variable that the filter's `credentialEnv` names and the STS's `credential_files` differ, often in the middle of a rotation (two files may be listed). The STS's log says where it came from (`peer`), and as which caller, if that is one. A client of the gateway is told `exchange_misconfigured`."),
];
