//! Rules 7 and 8: an assertion that a client signed with the key of a certificate.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters, RsaPublicKeyComponents,
};

use super::clock;
use super::directory::{App, Certificate, Tenant};
use super::errors::Refusal;
use super::jwt::Jwt;
use super::record::Request;
use super::request::Asked;
use super::world::World;

/// How far clocks may differ, in seconds.
const SKEW: i64 = 300;

/// Whether this is the client's own assertion and not another issuer's.
pub(super) fn is_one(assertion: &Jwt, app: &App) -> bool {
    let own =
        |name| assertion.claim(name).is_some_and(|value: &str| value.eq_ignore_ascii_case(&app.id));
    assertion.header("x5t").is_some() || assertion.header("x5t#S256").is_some() || own("iss")
}

/// Judges it.
pub(super) fn judge(
    world: &World,
    tenant: &Tenant,
    asked: &Asked,
    app: &App,
    assertion: &Jwt,
    entry: &mut Request,
) -> Result<(), Refusal> {
    note(assertion, entry);
    let parameters = padding(assertion.header("alg").unwrap_or("none"))?;
    let certificate = registered(app, assertion)?;
    let Some((n, e)) = certificate.rsa() else {
        return Err(Refusal::of(5_002_730).text(
            "Invalid JWT token. Unsupported key for the signing algorithm: RSA of 2048 bits or more is needed.",
        ));
    };
    RsaPublicKeyComponents { n, e }
        .verify(parameters, assertion.signed.as_bytes(), &assertion.signature)
        .map_err(|_| {
            Refusal::of(700_027).text(format!(
                "Client assertion contains an invalid signature. [Reason - The provided signature value did not match the expected signature value., Thumbprint of key used by client: '{}']",
                hexadecimal(&thumbprint(assertion).1)
            ))
        })?;

    for name in ["iss", "sub"] {
        if assertion.claim(name) != Some(&app.id) {
            return Err(Refusal::of(700_021).text(format!(
                "Client assertion application identifier doesn't match 'client_id' parameter: its '{name}' is '{}'.",
                assertion.claim(name).unwrap_or_default()
            )));
        }
    }
    let endpoints =
        [tenant.id.clone(), asked.path.split('/').nth(1).unwrap_or_default().to_owned()]
            .map(|segment| format!("{}/{segment}/oauth2/v2.0/token", world.host));
    let audience = assertion.claim("aud").unwrap_or_default();
    if !endpoints.iter().any(|endpoint| endpoint == audience) {
        return Err(Refusal::of(50012).text(format!(
            "Assertion audience claim '{audience}' does not match the required value '{}'.",
            endpoints[0]
        )));
    }
    within_its_time(assertion)?;
    // The service accepts an assertion more than once; who reuses it is only noted.
    if let Some(jti) = &entry.jti {
        entry.jti_reused = world.jti_is_known(&app.id, jti);
    }
    Ok(())
}

/// The time of a client's assertion: `exp` is needed, `nbf` is not.
pub(super) fn within_its_time(assertion: &Jwt) -> Result<(), Refusal> {
    let now = clock::now();
    let (begin, end) = (assertion.time("nbf"), assertion.time("exp"));
    let absent =
        |name: &str, value: Option<i64>| value.is_none() && !assertion.claims[name].is_null();
    if end.is_none_or(|end| end + SKEW <= now)
        || begin.is_some_and(|begin| begin - SKEW > now)
        || absent("nbf", begin)
    {
        return Err(Refusal::of(700_024).text(format!(
            "Client assertion is not within its valid time range. Current time: {}, assertion valid from {}, expiry time of assertion {}.",
            clock::written(now),
            begin.map_or_else(|| "unknown".to_owned(), clock::written),
            end.map_or_else(|| "unknown".to_owned(), clock::written)
        )));
    }
    Ok(())
}

fn padding(algorithm: &str) -> Result<&'static RsaParameters, Refusal> {
    match algorithm {
        "RS256" => Ok(&RSA_PKCS1_2048_8192_SHA256),
        "PS256" => Ok(&RSA_PSS_2048_8192_SHA256),
        other => Err(Refusal::of(5_002_738).text(format!(
            "Invalid JWT token. '{other}' is not a supported signature algorithm. Supported signing algorithms are: 'RS256, PS256'."
        ))),
    }
}

/// The registered certificate that the header names by its thumbprint: `kid` does not count.
fn registered<'d>(app: &'d App, assertion: &Jwt) -> Result<&'d Certificate, Refusal> {
    let (_, named) = thumbprint(assertion);
    let encoded = URL_SAFE_NO_PAD.encode(&named);
    let refused = |reason: &str| {
        Refusal::of(700_027).text(format!(
            "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - {reason}, Thumbprint of key used by client: '{}', Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '{}'.]",
            hexadecimal(&named), app.id
        ))
    };
    let certificate = app.certificates.iter().find(|certificate| {
        assertion.header("x5t#S256").map_or_else(
            || assertion.header("x5t").is_some() && certificate.sha1() == encoded,
            |_| certificate.sha256() == encoded,
        )
    });
    let certificate = certificate.ok_or_else(|| refused("The key was not found."))?;
    if !certificate.is_valid_at(clock::now()) {
        return Err(refused("The key used is expired."));
    }
    // With both thumbprints, both must be the certificate's.
    let other = assertion.header("x5t#S256").and(assertion.header("x5t"));
    if other.is_some_and(|other| other.trim_end_matches('=') != certificate.sha1()) {
        return Err(refused("The key was not found."));
    }
    Ok(certificate)
}

/// Which member of the header names the certificate, and what it names. Padding is tolerated.
fn thumbprint(assertion: &Jwt) -> (Option<&'static str>, Vec<u8>) {
    let decoded = |name: &str| {
        let text = assertion.header(name)?;
        Some(URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).unwrap_or_default())
    };
    if let Some(named) = decoded("x5t#S256") {
        return (Some("x5t#S256"), named);
    }
    decoded("x5t").map_or((None, Vec::new()), |named| (Some("x5t"), named))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// Remembers what tests may see of it.
fn note(assertion: &Jwt, entry: &mut Request) {
    let (kind, named) = thumbprint(assertion);
    entry.thumbprint_kind = kind;
    entry.thumbprint = kind.map(|_| hexadecimal(&named));
    entry.assertion_algorithm = assertion.header("alg").map(str::to_owned);
    entry.jti = assertion.claim("jti").map(str::to_owned);
}
