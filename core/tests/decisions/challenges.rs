//! What a refused client is told, word for word: challenges, bodies, metadata. From the configuration alone.

use obolus_core::config::Resource;
use obolus_core::mcp::Message;
use obolus_core::metadata::{challenge, protected_resource_metadata};
use obolus_core::reply::{self, Reply};
use obolus_core::{ClaimsChallenge, Denial, Reason, RetrySeconds};
use serde_json::{Value, json};

use crate::configuration::{another, good, parse, resource_but};

fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    reply.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

fn claims() -> ClaimsChallenge {
    ClaimsChallenge::parse(r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#).unwrap()
}

#[test]
fn the_three_challenges_read_as_the_specifications_have_them() {
    let resource = resource_but(json!({"requiredScopes": ["mcp:tools", "mcp:write"]}));
    let start = r#"Bearer resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp", scope="mcp:tools mcp:write""#;
    assert_eq!(challenge(&Reason::TokenMissing.into(), &resource).as_deref(), Some(start));
    assert_eq!(
        challenge(&Reason::TokenExpired.into(), &resource).unwrap(),
        format!(
            r#"{start}, error="invalid_token", error_description="the token has expired: get a new one""#
        )
    );
    assert_eq!(
        challenge(&Reason::InsufficientScope.into(), &resource).unwrap(),
        format!(
            r#"{start}, error="insufficient_scope", error_description="the token lacks a scope that this operation needs""#
        )
    );
    let without = resource_but(json!({"requiredScopes": []}));
    assert_eq!(
        challenge(&Reason::TokenMissing.into(), &without).as_deref(),
        Some(
            r#"Bearer resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp""#
        )
    );
}

#[test]
fn claims_reach_the_client_in_base64_and_in_the_body_and_contexts_as_rfc_9470_has_them() {
    let resource = resource_but(json!({"requiredScopes": ["mcp:tools"]}));
    let reply = reply::denial(&Denial::claims_required(claims()), &resource, None);
    assert_eq!(reply.status, 401);
    assert_eq!(
        header(&reply, "www-authenticate").unwrap(),
        r#"Bearer resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp", scope="mcp:tools", error="insufficient_claims", error_description="the identity provider asks for more: sign in again with the claims of this answer", claims="eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzEifX19", acr_values="c1""#
    );
    assert_eq!(
        serde_json::from_str::<Value>(&reply.body).unwrap(),
        json!({
            "error": "insufficient_claims",
            "error_description": Reason::ClaimsRequired.description(),
            "reason": "claims_required",
            "claims": {"access_token": {"acrs": {"essential": true, "value": "c1"}}},
        })
    );
    let plain = ClaimsChallenge::parse(r#"{"access_token":{"nbf":{"value":"1"}}}"#).unwrap();
    let reply = reply::denial(&Denial::claims_required(plain), &resource, None);
    assert!(!header(&reply, "www-authenticate").unwrap().contains("acr_values"));
}

#[test]
fn a_client_is_told_the_time_that_the_identity_provider_named_and_ours_without() {
    let resource = resource_but(json!({}));
    let told = |after: Option<u64>| {
        let denial = Denial::from(Reason::IdpUnavailable).after(after.map(RetrySeconds::new));
        let reply = reply::denial(&denial, &resource, None);
        header(&reply, "retry-after").unwrap().to_owned()
    };
    assert_eq!((told(Some(77)), told(None)), ("77".to_owned(), "2".to_owned()));
}

#[test]
fn every_bearer_401_and_a_missing_scope_are_challenged_and_nothing_else_is() {
    let resource = resource_but(json!({}));
    for reason in Reason::ALL {
        let denial = match reason {
            Reason::ClaimsRequired => Denial::claims_required(claims()),
            reason => Denial::from(*reason),
        };
        let reply = reply::denial(&denial, &resource, None);
        assert_eq!(reply.status, reason.status());
        assert_eq!(header(&reply, "content-type"), Some("application/json"));
        // What is said in the server's name has the server's headers.
        let own = (*reason != Reason::ToolHidden).then_some("no-store");
        assert_eq!(header(&reply, "cache-control"), own, "{reason}");
        let challenged = header(&reply, "www-authenticate");
        let expected = *reason == Reason::InsufficientScope
            || (reason.status() == 401 && *reason != Reason::CallerUnauthenticated);
        assert_eq!(challenged.is_some(), expected, "{reason}");
        if let Some(challenged) = challenged {
            assert!(challenged.starts_with("Bearer resource_metadata=\"https://"), "{reason}");
            assert_eq!(challenged.contains("error="), *reason != Reason::TokenMissing, "{reason}");
            assert_eq!(challenged.matches('"').count() % 2, 0, "{reason}");
            assert!(challenged.bytes().all(|b| matches!(b, b' '..=b'~')), "{reason}");
        }
        assert_eq!(header(&reply, "retry-after").is_some(), reason.status() == 503, "{reason}");
        let body: Value = serde_json::from_str(&reply.body).unwrap();
        let said = body.get("reason").or_else(|| body.pointer("/error/data/reason"));
        let told = (*reason != Reason::ToolHidden).then_some(reason.as_str());
        assert_eq!(said.and_then(Value::as_str), told, "{reason}");
    }
}

#[test]
fn bad_tokens_are_401_and_bad_bodies_are_4xx_whatever_the_fault() {
    // "Never a 5xx" for what a client sends: the reasons, by name, so that a new one has to be placed.
    for reason in Reason::ALL {
        let ours = matches!(
            reason,
            Reason::KeysUnavailable
                | Reason::StsUnavailable
                | Reason::IdpUnavailable
                | Reason::Overloaded
                | Reason::ExchangeMisconfigured
                | Reason::ExchangedMalformed
                | Reason::ExchangedIdentityMismatch
                | Reason::ExchangedAudienceMismatch
                | Reason::ExchangedTypeRefused
                | Reason::ExchangedClientMismatch
                | Reason::ExchangedNotYetValid
                | Reason::ExchangedExpired
                | Reason::AnswerEncoded
                | Reason::AnswerUnreadable
                | Reason::AnswerTooLarge
                | Reason::AnswerMalformed
                | Reason::AnswerMismatch
                | Reason::AnswerNotAList
                | Reason::AnswerMissing
                | Reason::AnswerSessionMalformed
                | Reason::FacadeMisrouted
                | Reason::PermitMismatch
                | Reason::BodyNotHeld
                | Reason::Internal
        );
        assert_eq!(reason.status() >= 500, ours, "{reason}");
        // The refusals that HTTP takes for a success: JSON-RPC before 2026-07-28, and what a server says of itself.
        let in_band = matches!(reason, Reason::MethodUnknownLegacy | Reason::ToolHidden);
        assert_eq!((400..600).contains(&reason.status()), !in_band, "{reason}");
        assert_eq!(reason.status() == 200, in_band, "{reason}");
    }
}

#[test]
fn a_refused_body_is_answered_as_json_rpc_with_the_id_and_a_refused_token_as_oauth() {
    let resource = resource_but(json!({}));
    let call = br#"{"jsonrpc":"2.0","id":"q","method":"tools/call"}"#;
    let refused = Message::parse(call).unwrap_err();
    let reply = reply::denial(&refused.reason.into(), &resource, refused.id.as_ref());
    assert_eq!(reply.status, 400);
    assert_eq!(
        serde_json::from_str::<Value>(&reply.body).unwrap(),
        json!({
            "jsonrpc": "2.0",
            "id": "q",
            "error": {
                "code": -32602,
                "message": "the params do not fit the method",
                "data": {"reason": "params_malformed"},
            },
        })
    );
    let reply = reply::denial(&Reason::BodyTooLarge.into(), &resource, None);
    assert_eq!(reply.status, 413);
    assert_eq!(serde_json::from_str::<Value>(&reply.body).unwrap()["id"], Value::Null);
    let reply = reply::denial(&Reason::TokenExpired.into(), &resource, None);
    assert_eq!(
        serde_json::from_str::<Value>(&reply.body).unwrap(),
        json!({
            "error": "invalid_token",
            "error_description": "the token has expired: get a new one",
            "reason": "token_expired",
        })
    );
    let reply = reply::denial(&Reason::MethodNotAllowed.into(), &resource, None);
    assert_eq!((reply.status, header(&reply, "allow")), (405, Some("POST, OPTIONS")));
}

#[test]
fn the_metadata_say_where_tokens_come_from_and_what_they_need() {
    assert_eq!(
        protected_resource_metadata(&resource_but(json!({}))),
        json!({
            "resource": "https://mcp.example.com/mcp",
            "resource_name": "kubernetes",
            "authorization_servers": ["https://idp.example.com/realms/obolus"],
            "scopes_supported": ["mcp:tools"],
            "bearer_methods_supported": ["header"],
        })
    );
}

#[test]
fn metadata_are_read_by_anybody_and_written_by_nobody() {
    let resource = resource_but(json!({}));
    for method in ["GET", "HEAD"] {
        let reply = reply::metadata(&resource, method);
        assert_eq!((reply.status, header(&reply, "access-control-allow-origin")), (200, Some("*")));
        let body: Value = serde_json::from_str(&reply.body).unwrap();
        assert_eq!(body, protected_resource_metadata(&resource));
    }
    let reply = reply::metadata(&resource, "OPTIONS");
    assert_eq!((reply.status, reply.body.as_str()), (204, ""));
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "get", ""] {
        assert_eq!(reply::metadata(&resource, method).status, 405, "{method}");
    }
}

#[test]
fn metadata_answer_for_their_own_host_and_path_only() {
    let mut config = good();
    let second = another("second", "https://mcp.example.com/team/mcp");
    let third = another("third", "https://other.example.com:8443");
    config["resources"].as_array_mut().unwrap().extend([second, third]);
    let config = parse(&config);
    let name = |authority: &str, path: &str| {
        config
            .resource_of_metadata(authority, path)
            .map(|resource: &std::sync::Arc<Resource>| resource.name.clone())
    };
    const ROOT: &str = "/.well-known/oauth-protected-resource";
    for (authority, path, expected) in [
        ("mcp.example.com", "/mcp", Some("kubernetes")),
        ("MCP.Example.COM", "/mcp", Some("kubernetes")),
        ("mcp.example.com:443", "/mcp", Some("kubernetes")),
        ("mcp.example.com", "/team/mcp", Some("second")),
        ("other.example.com:8443", "", Some("third")),
        ("mcp.example.com", "", None),
        ("mcp.example.com:80", "/mcp", None),
        ("mcp.example.com:8443", "/mcp", None),
        ("mcp.example.com:443:443", "/mcp", None),
        ("mcp.example.com:", "/mcp", None),
        ("mcp.example.com.", "/mcp", None),
        ("evil@mcp.example.com", "/mcp", None),
        ("mcp.example.com.evil", "/mcp", None),
        ("evil.mcp.example.com", "/mcp", None),
        ("", "/mcp", None),
        ("other.example.com", "", None),
        ("other.example.com:443", "", None),
        ("other.example.com:8443:443", "", None),
        ("mcp.example.com", "/MCP", None),
        ("mcp.example.com", "/mcp/", None),
        ("mcp.example.com", "//mcp", None),
        ("mcp.example.com", "/%6dcp", None),
        ("mcp.example.com", "/mcp?x", None),
        ("other.example.com:8443", "/mcp", None),
    ] {
        assert_eq!(
            name(authority, &format!("{ROOT}{path}")).as_deref(),
            expected,
            "{authority} {path}"
        );
    }
    // The bare path speaks for a host with one resource.
    let single = parse(&good());
    let name = |authority: &str| single.resource_of_metadata(authority, ROOT).is_some();
    assert!(name("mcp.example.com") && !name("other.example.com"));
}

#[test]
fn a_browser_is_told_what_it_may_send_and_read() {
    let config = parse(&good());
    let resource = &config.resources[0];
    let reply = reply::preflight(resource, None);
    assert_eq!(reply.status, 204);
    let allowed = header(&reply, "access-control-allow-headers").unwrap().to_ascii_lowercase();
    for name in ["authorization", "content-type", "mcp-protocol-version", "mcp-method", "mcp-name"]
    {
        assert!(allowed.split(", ").any(|known| known == name), "{name}");
    }
    // Arguments that travel in headers are named one by one, and nothing else that is asked for is.
    let asked =
        "cookie, Mcp-Param-Namespace,mcp-param-x,x-mcp-param-y, mcp-param-a b, mcp-param-\u{e9}";
    let reply = reply::preflight(resource, Some(asked));
    let more = header(&reply, "access-control-allow-headers").unwrap().to_ascii_lowercase();
    assert_eq!(more, format!("{allowed}, mcp-param-namespace, mcp-param-x"));
    let cors = reply::cors_headers("https://app.example.com");
    assert!(cors.contains(&("access-control-allow-origin", "https://app.example.com")));
    for name in ["WWW-Authenticate", "Retry-After"] {
        let exposed = cors.iter().find(|(name, _)| name.ends_with("expose-headers")).unwrap().1;
        assert!(exposed.split(", ").any(|known| known == name), "{name}");
    }
    assert!(cors.contains(&("vary", "Origin")), "one page's answer is not another's");
    assert!(!cors.iter().any(|(name, _)| name.contains("credentials")), "no cookies are wanted");
}

#[test]
fn a_refusal_names_the_request_once_it_is_known_and_changes_nothing_else() {
    let resource = resource_but(json!({"requiredScopes": ["mcp:tools"]}));
    let id = Message::parse(br#"{"jsonrpc":"2.0","id":"q","method":"ping"}"#).unwrap();
    for reason in Reason::ALL.iter().filter(|reason| **reason != Reason::ToolHidden) {
        let denial = Denial::from(*reason);
        let unknown = reply::denial(&denial, &resource, None);
        let known = reply::denial(&denial, &resource, id.id());
        assert_eq!((known.status, &known.headers), (unknown.status, &unknown.headers), "{reason}");
        let (unknown, known): (Value, Value) = (
            serde_json::from_str(&unknown.body).unwrap(),
            serde_json::from_str(&known.body).unwrap(),
        );
        assert_eq!((&known["jsonrpc"], &known["id"]), (&json!("2.0"), &json!("q")), "{reason}");
        assert_eq!(known["error"]["code"], denial.reason().error_code(), "{reason}");
        assert_eq!(known["error"]["message"], denial.description(), "{reason}");
        // The same members, in the place that each form has for them.
        let is_oauth = unknown["error"].is_string();
        let members = if is_oauth { &unknown } else { &unknown["error"]["data"] };
        assert_eq!(&known["error"]["data"], members, "{reason}");
    }
    let missing = Denial::from(Reason::InsufficientScope);
    let reply = reply::denial(&missing, &resource, id.id());
    assert_eq!(
        serde_json::from_str::<Value>(&reply.body).unwrap(),
        json!({
            "jsonrpc": "2.0",
            "id": "q",
            "error": {
                "code": 403,
                "message": "the token lacks a scope that this operation needs",
                "data": {
                    "error": "insufficient_scope",
                    "error_description": "the token lacks a scope that this operation needs",
                    "reason": "insufficient_scope",
                    "scope": "mcp:tools",
                },
            },
        })
    );
}
