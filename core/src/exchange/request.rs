//! The form of `POST /exchange` (RFC 8693 §2.1), written by the filter and read by the STS.

use secrecy::{ExposeSecret as _, SecretString};

use super::{ACCESS_TOKEN_TYPE, GRANT_TYPE};
use crate::Reason;

/// An exchange of an access token for an access token.
#[derive(Debug)]
pub struct ExchangeRequest {
    /// The token to exchange.
    pub subject_token: SecretString,
    /// The target's name (`audience`). This, or `resource`, or both.
    pub audience: Option<String>,
    /// The target's URI (`resource`), as it came.
    pub resource: Option<String>,
    /// `scope`, split; empty where the target's own are wanted.
    pub scopes: Vec<String>,
}

impl ExchangeRequest {
    /// For the target of this name, with all of its scopes.
    #[must_use]
    pub fn new(subject_token: SecretString, target: &str) -> Self {
        let audience = Some(target.to_owned());
        Self { subject_token, audience, resource: None, scopes: Vec::new() }
    }

    /// `application/x-www-form-urlencoded`.
    #[must_use]
    pub fn to_form(&self) -> SecretString {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", GRANT_TYPE)
            .append_pair("subject_token_type", ACCESS_TOKEN_TYPE)
            .append_pair("requested_token_type", ACCESS_TOKEN_TYPE)
            .append_pair("subject_token", self.subject_token.expose_secret());
        for (name, value) in [("audience", &self.audience), ("resource", &self.resource)] {
            if let Some(value) = value {
                form.append_pair(name, value);
            }
        }
        if !self.scopes.is_empty() {
            form.append_pair("scope", &self.scopes.join(" "));
        }
        SecretString::from(form.finish())
    }

    /// Reads the form. A parameter that stands twice is refused (RFC 6749 §3.2), and so is one that we do not
    /// know: it could ask for something that we would silently not do (`actor_token`). RFC 8693 lets `audience` and
    /// `resource` stand several times, for a token of several targets: here a token is for one.
    ///
    /// # Errors
    /// [`Reason::GrantTypeUnknown`] for another grant, whatever its parameters are (RFC 6749 §5.2); else
    /// [`Reason::ExchangeRequestMalformed`].
    pub fn from_form(body: &[u8]) -> Result<Self, Reason> {
        const MALFORMED: Reason = Reason::ExchangeRequestMalformed;
        let mut known: [(&str, Option<String>); 7] = [
            ("grant_type", None),
            ("subject_token", None),
            ("subject_token_type", None),
            ("requested_token_type", None),
            ("audience", None),
            ("resource", None),
            ("scope", None),
        ];
        let mut has_others = false;
        for (name, value) in form_urlencoded::parse(body) {
            let Some(slot) = known.iter_mut().find(|(known, _)| *known == name) else {
                has_others = true;
                continue;
            };
            if slot.1.replace(value.into_owned()).is_some() {
                return Err(MALFORMED);
            }
        }
        let [grant_type, subject_token, subject_token_type, requested, audience, resource, scope] =
            known.map(|(_, value)| value);
        // One without a value counts as left out (RFC 6749 §3.2).
        match grant_type.as_deref() {
            Some(GRANT_TYPE) => {}
            None | Some("") => return Err(MALFORMED),
            Some(_) => return Err(Reason::GrantTypeUnknown),
        }
        let is = |value: &Option<String>, wanted: &str| value.as_deref() == Some(wanted);
        let fits = !has_others
            && is(&subject_token_type, ACCESS_TOKEN_TYPE)
            && (requested.is_none() || is(&requested, ACCESS_TOKEN_TYPE));
        let is_aimed = audience.is_some() || resource.is_some();
        match subject_token {
            Some(subject_token) if fits && is_aimed => Ok(Self {
                subject_token: SecretString::from(subject_token),
                audience,
                resource,
                scopes: scope
                    .unwrap_or_default()
                    .split_ascii_whitespace()
                    .map(str::to_owned)
                    .collect(),
            }),
            _ => Err(MALFORMED),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(pairs: &[(&str, &str)]) -> Vec<u8> {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().into_bytes()
    }

    const GOOD: [(&str, &str); 4] = [
        ("grant_type", GRANT_TYPE),
        ("subject_token_type", ACCESS_TOKEN_TYPE),
        ("subject_token", "a.b.c"),
        ("audience", "kubernetes"),
    ];

    #[test]
    fn what_the_filter_writes_the_sts_reads() {
        let request = ExchangeRequest {
            subject_token: "a+b/c=.d".into(),
            audience: Some("kube & co".into()),
            resource: Some("https://kube.example.com/?a=b&c".into()),
            scopes: vec!["x".into(), "y".into()],
        };
        let read =
            ExchangeRequest::from_form(request.to_form().expose_secret().as_bytes()).unwrap();
        assert_eq!(read.subject_token.expose_secret(), "a+b/c=.d");
        assert_eq!(read.audience.as_deref(), Some("kube & co"));
        assert_eq!(read.resource.as_deref(), Some("https://kube.example.com/?a=b&c"));
        assert_eq!(read.scopes, ["x", "y"]);
    }

    #[test]
    fn another_grant_a_repeated_an_unknown_or_a_missing_parameter_is_refused() {
        assert!(ExchangeRequest::from_form(&form(&GOOD)).is_ok());
        let of = |pairs: &[_]| ExchangeRequest::from_form(&form(pairs)).map(drop);
        const MALFORMED: Result<(), Reason> = Err(Reason::ExchangeRequestMalformed);
        for extra in [
            ("audience", "other"),
            ("subject_token", "x"),
            ("actor_token", "x"),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token"),
        ] {
            let mut pairs = GOOD.to_vec();
            pairs.push(extra);
            assert_eq!(of(&pairs), MALFORMED, "{extra:?}");
        }
        let mut twice = GOOD.to_vec();
        twice.push(("resource", "https://x"));
        assert!(ExchangeRequest::from_form(&form(&twice)).is_ok());
        twice.push(("resource", "https://x"));
        assert_eq!(of(&twice), MALFORMED);
        for (left_out, name) in GOOD.iter().enumerate() {
            let mut pairs = GOOD.to_vec();
            pairs.remove(left_out);
            assert_eq!(of(&pairs), MALFORMED, "{name:?}");
        }
        for grant in
            ["client_credentials", "authorization_code", "refresh_token", "password", "x", " "]
        {
            let mut pairs = GOOD.to_vec();
            pairs[0].1 = grant;
            assert_eq!(of(&pairs), Err(Reason::GrantTypeUnknown), "{grant}");
            // Its own parameters are as unknown as it is.
            let own = [("grant_type", grant), ("code", "x"), ("client_id", "x")];
            assert_eq!(of(&own), Err(Reason::GrantTypeUnknown), "{grant}");
            assert_eq!(of(&[own[0], own[0]]), MALFORMED, "{grant}");
        }
        assert_eq!(of(&[("grant_type", ""), ("code", "x")]), MALFORMED);
    }

    #[test]
    fn a_target_is_named_by_audience_or_by_resource_and_by_something() {
        let aimed = |aims: &[(&str, &str)]| {
            let rest = GOOD.iter().filter(|(name, _)| *name != "audience").copied();
            let pairs: Vec<_> = rest.chain(aims.iter().copied()).collect();
            ExchangeRequest::from_form(&form(&pairs))
                .map(|request| (request.audience, request.resource))
        };
        let (name, uri) = (("audience", "a"), ("resource", "https://x"));
        assert_eq!(aimed(&[name]), Ok((Some("a".to_owned()), None)));
        assert_eq!(aimed(&[uri]), Ok((None, Some("https://x".to_owned()))));
        assert_eq!(aimed(&[uri, name]), Ok((Some("a".to_owned()), Some("https://x".to_owned()))));
        assert_eq!(aimed(&[]), Err(Reason::ExchangeRequestMalformed));
    }
}
