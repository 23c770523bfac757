//! A shell command that prints a person's token.

use std::path::Path;

use anyhow::{Context as _, Result};
use obolus_tests::fixtures::entra;
use obolus_tests::fixtures::stack::{Provider, SCOPE, Stack};

/// Prints the member of a JSON object that comes in.
const ACCESS_TOKEN: &str =
    r#"python3 -c 'import json,sys; print(json.load(sys.stdin)["access_token"])'"#;

/// RFC 7636, appendix B: nobody else can see what goes on here.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A command that prints a fresh token of this person.
pub(crate) fn token_command(
    stack: &Stack,
    ca: &Path,
    provider: Provider,
    person: &str,
) -> Result<String> {
    match provider {
        Provider::Keycloak => Ok(password_grant(stack, ca, person)),
        Provider::Entra => authorization_code(stack, ca, person),
    }
}

/// The demo's realm allows the password grant, so that a shell can have a token. The passwords are the demo's own.
fn password_grant(stack: &Stack, ca: &Path, person: &str) -> String {
    format!(
        "curl -s --cacert {ca} {url} -d grant_type=password -d client_id=mcp-client \
         -d username={person} -d password={person} -d 'scope=openid {SCOPE}' \
         | {ACCESS_TOKEN}",
        ca = ca.display(),
        url = stack.keycloak().token_url(),
    )
}

/// The emulator asks nobody for a password whose name comes along.
fn authorization_code(stack: &Stack, ca: &Path, person: &str) -> Result<String> {
    let entra = stack.entra();
    let directory = entra.emulator.directory();
    let user = directory.user(person).context("a person who is not in the directory")?;
    let name = directory.principal_name(user);
    let client = entra.id_of(entra::CLIENT);
    let ca = ca.display();
    let code = format!(
        "curl -s --cacert {ca} -o /dev/null -w '%{{redirect_url}}' -G {url} -d response_type=code -d client_id={client} \
         -d redirect_uri=http://localhost/callback -d scope={scope} -d login_hint={name} \
         -d code_challenge={CHALLENGE} -d code_challenge_method=S256 | sed 's/.*[?&]code=\\([^&]*\\).*/\\1/'",
        url = entra.emulator.authorization_endpoint(entra::TENANT),
        scope = entra.scope(),
    );
    Ok(format!(
        "curl -s --cacert {ca} {url} -d grant_type=authorization_code -d client_id={client} \
         -d redirect_uri=http://localhost/callback -d code_verifier={VERIFIER} -d code=$({code}) \
         | {ACCESS_TOKEN}",
        url = entra.emulator.token_endpoint(entra::TENANT),
    ))
}
