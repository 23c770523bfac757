//! What this person, this client or this page may do: 403.

use super::Acts::{Administrator, Client, Operator};
use super::{Entry, entry};
use crate::Reason;

#[rustfmt::skip]
pub(super) const ENTRIES: &[Entry] = &[
    entry(Reason::InsufficientScope, Client, "The token is good and lacks a scope of `requiredScopes`, or one with which `access` would permit the call. The challenge names all that are needed, beside those that the token has and that matter here; the client asks the person for them. If the identity provider does not give the scope, it is not assigned to the client, or the person has not consented."),
    entry(Reason::PolicyDenied, Operator, "`access` of the resource denies this request and no scope would change that, while other arguments might: a namespace that a policy forbids, for example. Or a prompt or a resource was asked for that nothing opens to this person. What the client is told in words is the policy's `@reason`, where it has one; the audit record names the policies (`policies`; none where no permit applies), and `obolus-policy explain` says for a token and a request how it came to that. A policy that could not be evaluated denies, too."),
    entry(Reason::ToolHidden, Operator, "The tool is not this person's, whatever the arguments and the scopes: it is missing from their `tools/list`, and a call is answered as the server answers for a tool that it does not have (`access.unknownTool`), so that nobody learns what there is. The audit record says `tool_hidden` and names the policies. If the person should have it, a row of `access.scopes`, `roles` or `groups`, or a policy, has to open it; a tool that is new at the server has to be in the file that the policies were compiled with."),
    entry(Reason::OriginRefused, Operator, "A page in a browser called, and its `Origin` is not among `allowedOrigins` of the resource. If the page is yours, add its origin, letter by letter; if not, this is what the list is for."),
    entry(Reason::ExchangeDenied, Administrator, "The identity provider refuses this person, or this client, a token for the target, and another sign-in would change nothing. Keycloak: the token is not for the STS's client, or the target may not be had. Entra ID: `upstream_codes` of the STS's log line tells 50105 (not assigned to the target's application, which requires assignment), 50057 (disabled) and 50034 (not in the tenant)."),
    entry(Reason::AppOnly, Client, "The token is an application's own (client credentials): there is no person whose rights the cluster could look at. A person must sign in; a program gets a service account of the cluster instead of this way."),
    entry(Reason::ConsentRequired, Administrator, "Nobody has allowed the gateway's application to act for people at the target. Entra ID: `az ad app permission admin-consent --id B`, once, for everybody, where B is the application in `[targets.client]`. No sign-in of the person at the MCP client asks for it."),
    entry(Reason::BlockedByPolicy, Administrator, "A Conditional Access policy blocks this person, place, device or client application for the target, and a sign-in cannot lift it. The sign-in log of Entra ID names the policy; find the entry by `upstream_correlation_id` of the STS's log line."),
    entry(Reason::TargetNotGranted, Operator, "The token is good, and its client, audience or issuer is not in a `[[callers.grants]]` that has this target. Add the client to the grant's `clients`, if it is meant. The STS's log line names `client` and `target_name`."),
];
