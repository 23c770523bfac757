//! Who asks: HTTP Basic with a secret of the caller's (RFC 6749 §2.3.1).

use std::time::Instant;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use obolus_core::Reason;
use secrecy::zeroize::Zeroizing;
use subtle::Choice;

use crate::config::Caller;
use crate::credentials::SecretDigest;
use crate::guesses::Visitor;
use crate::service::Service;

/// The caller that sent these headers.
///
/// # Errors
/// As [`authenticate`]; [`Reason::Overloaded`] for new wrong ones from an address that was wrong too often.
pub(crate) async fn judge<'a>(
    service: &'a Service,
    visitor: Option<Visitor>,
    headers: &HeaderMap,
) -> Result<&'a Caller, Reason> {
    let (visitor, now) = (visitor.ok_or(Reason::Internal)?, Instant::now());
    let refused = match authenticate(&service.callers, headers).await {
        Ok(caller) => return Ok(caller),
        Err(refused) => refused,
    };
    // Where there is no credential, none is guessed.
    let sent = headers.get(AUTHORIZATION);
    let told = sent.is_none_or(|sent| service.guesses.may_be_wrong(visitor, sent.as_bytes(), now));
    let refused = if told {
        service.metrics.wrong_credential();
        refused
    } else {
        service.metrics.caller_limited();
        Reason::Overloaded
    };
    if let Some(requests) = service.strangers.turned_away(visitor.address, now) {
        let (peer, caller) = (visitor.address, claimed(&service.callers, headers));
        tracing::warn!(
            %peer,
            outcome = refused.as_str(),
            caller,
            requests,
            "turned away without a caller's credential"
        );
    }
    Err(refused)
}

/// Who these headers say that they are, if that is a caller: any other text would be a stranger's.
fn claimed<'a>(callers: &'a [Caller], headers: &HeaderMap) -> Option<&'a str> {
    let (id, _) = headers.get(AUTHORIZATION)?.to_str().ok().and_then(basic)?;
    callers.iter().map(|caller| caller.id.as_str()).find(|own| *own == id)
}

/// The caller that sent these headers.
///
/// # Errors
/// [`Reason::CallerUnauthenticated`], whatever is wrong: nobody learns which callers there are.
async fn authenticate<'a>(
    callers: &'a [Caller],
    headers: &HeaderMap,
) -> Result<&'a Caller, Reason> {
    const REFUSED: Reason = Reason::CallerUnauthenticated;
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Err(REFUSED) };
    let (id, secret) = value.to_str().ok().and_then(basic).ok_or(REFUSED)?;
    let named = callers.iter().find(|caller| caller.id == *id);
    // For a name that nobody has, somebody's secrets are looked at all the same: the time that it takes tells nothing.
    let looked_at = named.or_else(|| callers.first()).ok_or(REFUSED)?;
    let sent = SecretDigest::of(&secret);
    // All are always compared: which of them it was is nobody's business.
    let is_theirs = || {
        bool::from(looked_at.secrets.iter().fold(Choice::from(0), |any, own| any | own.is(&sent)))
    };
    // A withdrawal is for the watch to see: a look at the file costs more than all the rest of a warm exchange.
    if let (true, Some(caller)) = (is_theirs(), named) {
        return Ok(caller);
    }
    // A new secret counts at once: nobody is refused by what was read before it was written.
    for own in &looked_at.secrets {
        own.seen().await;
    }
    let matches = is_theirs();
    named.filter(|_| matches).ok_or(REFUSED)
}

/// Id and secret of a `Basic` header.
fn basic(value: &str) -> Option<(String, Zeroizing<String>)> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = Zeroizing::new(STANDARD.decode(encoded).ok()?);
    let (id, secret) = str::from_utf8(&pair).ok()?.split_once(':')?;
    Some((form_decode(id)?, Zeroizing::new(form_decode(secret)?)))
}

/// One form-encoded value; `None` for escapes that are none, since two readings are one too many.
fn form_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return None;
                }
                u8::from_str_radix(str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::credentials::CallerSecret;

    const FIRST: &str = "first-secret-0123456789";
    const SECOND: &str = "second+secret&=%:0123456789";

    fn header(id: &str, secret: &str) -> HeaderValue {
        let encode =
            |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
        let pair = STANDARD.encode(format!("{}:{}", encode(id), encode(secret)));
        HeaderValue::try_from(format!("Basic {pair}")).unwrap()
    }

    struct World {
        folder: tempfile::TempDir,
        callers: Vec<Caller>,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("first"), FIRST).unwrap();
            std::fs::write(folder.path().join("second"), SECOND).unwrap();
            std::fs::write(folder.path().join("other"), "secret-of-another-caller").unwrap();
            let caller = |id: &str, files: &[&str]| Caller {
                id: id.to_owned(),
                secrets: files
                    .iter()
                    .map(|f| CallerSecret::open(folder.path().join(f)).unwrap())
                    .collect(),
                grants: Vec::new(),
            };
            let callers = vec![caller("envoy 1", &["first", "second"]), caller("b", &["other"])];
            Self { folder, callers }
        }

        fn ask(&self, values: &[HeaderValue]) -> Option<String> {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, value.clone());
            }
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            let judged = runtime.unwrap().block_on(authenticate(&self.callers, &headers));
            judged.ok().map(|caller| caller.id.clone())
        }
    }

    #[test]
    fn either_secret_of_the_caller_and_no_other_is_taken() {
        let world = World::new();
        let ask = |id, secret| world.ask(&[header(id, secret)]);
        assert_eq!(ask("envoy 1", FIRST).as_deref(), Some("envoy 1"));
        assert_eq!(ask("envoy 1", SECOND).as_deref(), Some("envoy 1"));
        assert_eq!(ask("b", "secret-of-another-caller").as_deref(), Some("b"));
        for (id, secret) in [
            ("envoy 1", "secret-of-another-caller"),
            ("b", FIRST),
            ("unknown", FIRST),
            ("", FIRST),
            ("envoy 1", ""),
            ("envoy 1", "first-secret-012345678"),
            ("envoy 1", "first-secret-01234567890"),
            ("ENVOY 1", FIRST),
        ] {
            assert_eq!(ask(id, secret), None, "{id} {secret}");
        }
    }

    /// What can be timed is the look at the file and the digest.
    #[test]
    fn a_name_that_nobody_has_is_refused_after_as_long_as_one_that_somebody_has() {
        let world = World::new();
        let file = world.folder.path().join("first");
        let is_withdrawn = || world.callers[0].secrets[0].withdrawn().is_some();
        std::fs::remove_file(&file).unwrap();
        assert!(!is_withdrawn(), "nobody has looked");
        assert!(world.ask(&[header("unknown", FIRST)]).is_none());
        assert!(is_withdrawn(), "the file was looked at");
        std::fs::write(&file, FIRST).unwrap();
        assert!(world.ask(&[header("unknown", FIRST)]).is_none());
        assert!(world.ask(&[header("unknown", SECOND)]).is_none());
        assert!(world.ask(&[header("envoy 1", FIRST)]).is_some());
    }

    #[test]
    fn exactly_one_well_formed_header_is_looked_at() {
        let world = World::new();
        let good = header("b", "secret-of-another-caller");
        assert!(world.ask(std::slice::from_ref(&good)).is_some());
        assert!(world.ask(&[]).is_none());
        assert!(world.ask(&[good.clone(), good.clone()]).is_none());
        assert!(world.ask(&[good, HeaderValue::from_static("Bearer x")]).is_none());
        for pair in ["b", "b:%zz", "b:%4", "b:%+1", "b:%ff"] {
            let value = format!("Basic {}", STANDARD.encode(pair));
            assert!(world.ask(&[HeaderValue::try_from(value).unwrap()]).is_none(), "{pair}");
        }
        assert_eq!(form_decode("a+%2B%25").as_deref(), Some("a +%"));
        for text in ["%", "%4", "%zz", "%+1", "%ff"] {
            assert_eq!(form_decode(text), None, "{text}");
        }
        for value in ["Basic", "Basic !!", "Bearer b", "", "Basic  Yjpj"] {
            assert!(world.ask(&[HeaderValue::from_static(value)]).is_none(), "{value}");
        }
    }

    #[test]
    fn a_new_secret_counts_at_once_and_what_is_withdrawn_no_longer_when_the_file_is_looked_at() {
        let world = World::new();
        let file = world.folder.path().join("first");
        let look = || world.callers[0].secrets[0].look();
        let next = "next-secret-0123456789";
        std::fs::write(&file, next).unwrap();
        assert!(world.ask(&[header("envoy 1", next)]).is_some());
        assert!(world.ask(&[header("envoy 1", FIRST)]).is_none());
        // A mistake is none's end, and nobody's way in.
        for content in ["short", "a line with spaces in it"] {
            std::fs::write(&file, content).unwrap();
            for secret in [FIRST, content] {
                assert!(world.ask(&[header("envoy 1", secret)]).is_none(), "{content:?}");
            }
            look();
            assert!(world.ask(&[header("envoy 1", next)]).is_some(), "{content:?}");
        }
        for content in ["", "\n", "short"] {
            std::fs::write(&file, content).unwrap();
            look();
            for secret in [next, FIRST, content.trim()] {
                assert!(world.ask(&[header("envoy 1", secret)]).is_none(), "{content:?}");
            }
        }
        std::fs::write(&file, next).unwrap();
        assert!(world.ask(&[header("envoy 1", next)]).is_some());
        std::fs::remove_file(&file).unwrap();
        look();
        assert!(world.ask(&[header("envoy 1", next)]).is_none());
        assert!(world.ask(&[header("envoy 1", SECOND)]).is_some());
    }
}
