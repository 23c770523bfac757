//! Somebody behind the gateway: 5xx.

use super::Acts::{Nobody, Operator};
use super::{Entry, entry};
use crate::Reason;

#[rustfmt::skip]
pub(super) const ENTRIES: &[Entry] = &[
    entry(Reason::KeysUnavailable, Nobody, "No keys of the token's issuer (for Entra ID: of its tenant) are at hand, and no token can be judged; or nobody could be asked for a key that is new. It ends when the STS reaches the issuer: look at `obolus_sts_keys` and `obolus_sts_keys_age_seconds`, and at the filter's warning `no keys of issuer`. Keys that were once fetched are believed for an hour of an outage."),
    entry(Reason::StsUnavailable, Nobody, "The STS did not answer within `timeoutMs`, could not be reached, or answered what is not its own. Look at Envoy's cluster for the STS (`cluster.obolus-sts.*`: connections, TLS errors, health) and at `/readyz` of the STS. People whose exchanged token is remembered notice nothing."),
    entry(Reason::IdpUnavailable, Nobody, "The STS reached no identity provider that answers as OAuth has it: a timeout, a broken connection, 5xx, 429, or a page in HTML. `Retry-After` is what the provider named, at most an hour, or a moment. The STS's log line says which (`upstream_status`, `upstream_error`), and `obolus_sts_circuit_state` whether it has stopped asking for a while. People whose exchanged token is remembered notice nothing."),
    entry(Reason::Overloaded, Nobody, "More requests wait for the same thing (a key, an exchange) than may: `maxWaiting` of the filter, `exchanges_in_flight` of the STS, or the bodies of tokens that nobody has verified. It is usually the shadow of a slow identity provider. Look at `wasmcustom.obolus.waiting` and at what they wait for."),
    entry(Reason::ExchangeMisconfigured, Operator, "The identity provider refuses the STS, not the person: its client is unknown or disabled, a secret or certificate is wrong or has expired, a scope or the target does not exist, or the exchange is not switched on. Or the filter and the STS disagree: credential, target. The STS's log line has the provider's words and codes; `obolus-sts check` finds most of it without a network."),
    entry(Reason::ExchangedMalformed, Operator, "The identity provider answered with 200 and something that is no access token in a JWT with a life: another `token_type`, an opaque token, no `expires_in`. For Keycloak and Entra ID this does not happen with a target that is set up as documented; look at what stands at the token endpoint."),
    entry(Reason::ExchangedIdentityMismatch, Operator, "The exchanged token speaks of somebody else than the token that it was exchanged for (`iss` and `sub`; for Entra ID tenant and `oid`), or of an application. It is not used for anybody. Treat it as an incident: a cache or proxy between the STS and the identity provider mixes up answers, or the issuer is not what it is taken for."),
    entry(Reason::ExchangedAudienceMismatch, Operator, "The exchanged token is not for the target's `audience`, or is the client's own token handed back. Keycloak: the scope of `[[targets]]` needs an audience mapper. Entra ID: `audience` is the application's id for v2 tokens and its App ID URI for v1."),
    entry(Reason::ExchangedExpired, Operator, "The exchanged token has ended, or would before it could be used: the clocks of the STS or the gateway and the identity provider differ, or tokens live for seconds only."),
    entry(Reason::PermitMismatch, Operator, "What was about to be forwarded is not what was permitted: the body, the route or the keys changed in between. It is refused because nobody permitted that. Once, during a change of configuration, it is that change; again and again it is a filter after ours that changes bodies, which `cargo xtask check` names."),
    entry(Reason::Internal, Operator, "Something that cannot happen did, and the request is refused because it could not be judged. Envoy's log has a line of the module at the same time. Please report it with that line."),
];
