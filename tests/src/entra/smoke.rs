//! That the pieces work together; each rule has a test of its own in `tests/tests/entra_rules`.

use serde_json::{Value, json};

use super::{Directory, Emulator};
use crate::https;
use crate::pki::Authority;

#[tokio::test]
async fn a_person_signs_in_and_the_server_exchanges_the_token() {
    let authority = Authority::new("entra").unwrap();
    let entra = Emulator::start(&authority, Directory::example()).await.unwrap();
    let token =
        entra.user_token("alice", "mcp-client", "api://{mcp-server}/access_as_user").await.unwrap();
    let (client, scope) =
        (entra.filled_in("{mcp-server}"), entra.filled_in("{kubernetes}/.default"));
    let form = json!({
        "grant_type": super::token::ON_BEHALF_OF,
        "client_id": client,
        "client_secret": "mcp-server-secret~for.tests",
        "assertion": token,
        "scope": scope,
        "requested_token_use": "on_behalf_of",
    });
    let http = https::client(&authority.pem()).unwrap();
    let answer = http.post(entra.token_endpoint("contoso")).form(&form).send().await.unwrap();
    let body: Value = answer.json().await.unwrap();
    let exchanged = super::jwt::Jwt::parse(body["access_token"].as_str().unwrap()).unwrap();
    assert_eq!(exchanged.claim("aud").unwrap(), entra.filled_in("{kubernetes}"));
    assert_eq!(exchanged.claim("azp").unwrap(), client);
    assert_eq!(exchanged.claim("oid").unwrap(), "a11ce000-0000-4000-8000-000000000001");
    assert_eq!(exchanged.claims["roles"], json!(["Cluster.Admin"]));
    assert_eq!(body["scope"], entra.filled_in("{kubernetes}/access_as_user"));
}
