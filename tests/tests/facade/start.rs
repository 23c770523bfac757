//! The program itself: what it says of a configuration, and how it ends.

use std::process::{Command, Output};

use obolus_tests::parts::products::products;

use crate::world::World;

fn check(text: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("facade.toml");
    std::fs::write(&path, text).unwrap();
    let program = products().unwrap().facade;
    Command::new(program).arg("--config").arg(path).arg("--check").output().unwrap()
}

const GOOD: &str = r#"
issuer = "https://mcp.example.com/oauth"
[server]
listen = "127.0.0.1:0"
operations_listen = "127.0.0.1:0"
plain_http = true
[upstream]
profile = "entra"
tenant = "11111111-1111-4111-8111-111111111111"
client_id = "cccccccc-0000-4000-8000-000000000001"
[[resources]]
url = "https://mcp.example.com/mcp"
scopes = ["api://bbbbbbbb-0000-4000-8000-000000000001/access_as_user"]
"#;

#[test]
fn everything_that_is_wrong_is_said_before_anything_listens() {
    let good = check(GOOD);
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    assert_eq!(String::from_utf8(good.stdout).unwrap(), "the configuration is good\n");
    let bad = GOOD
        .replace(
            "\"https://mcp.example.com/oauth\"",
            "\"https://login.microsoftonline.com/common/v2.0\"",
        )
        .replace(
            "\"11111111-1111-4111-8111-111111111111\"",
            "\"common\"\nclient_secret = \"CANARY-0123456789\"",
        )
        .replace("/access_as_user", "/.default");
    let bad = check(&bad);
    assert_eq!(bad.status.code(), Some(2));
    let said = String::from_utf8(bad.stderr).unwrap();
    for part in [
        "4 problem(s)",
        "issuer: is at the identity provider's host",
        "upstream.tenant: `common` is no tenant",
        "upstream.client_secret: is a credential, and the façade has none",
        "resources[0].scopes: `api://bbbbbbbb-0000-4000-8000-000000000001/.default` names no right",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("CANARY"), "{said}");
    let keycloak = GOOD.replace("\"entra\"", "\"keycloak\"");
    let said = String::from_utf8(check(&keycloak).stderr).unwrap();
    assert!(said.contains("Keycloak sends its own `iss` with each code (RFC 9207)"), "{said}");
}

#[tokio::test]
async fn it_ends_when_it_is_asked_to_and_is_there_again() {
    let mut world = World::start().await.unwrap();
    assert_eq!(world.facade.stop().unwrap(), 0);
    world.facade.start_again().await.unwrap();
    world.facade.ready().await.unwrap();
    world.tokens(&world.exchange(&world.code().await)).await;
}
