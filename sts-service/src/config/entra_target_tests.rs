//! What may be asked for at Entra ID, and by whose tokens.

use super::entra_tests::{GOOD, changed, folder, problems};
use super::*;

#[test]
fn graph_is_where_the_cloud_has_it_and_must_be_named_elsewhere() {
    let folder = folder();
    let tenants = "tenants = [\"aaaaaaaa-0000-4000-8000-000000000001\"]";
    let read = |authority: &str, groups: &str| {
        let authority = format!("{tenants}\n{authority}");
        let text = changed("[[callers]]", &format!("[targets.groups]\n{groups}\n[[callers]]"));
        let config = Config::parse(&text.replace(tenants, &authority), folder.path());
        let read = |config: Config| config.targets[0].groups.clone().unwrap();
        config.map(read).map_err(|found| found.to_string())
    };
    let us = "authority_host = \"https://login.microsoftonline.us\"";
    let china = "authority_host = \"https://login.partner.microsoftonline.cn\"";
    let own = "authority_host = \"https://localhost:1\"";
    for (authority, groups, graph, scope) in [
        ("", "", "https://graph.microsoft.com", "https://graph.microsoft.com/.default"),
        (us, "", "https://graph.microsoft.us", "https://graph.microsoft.us/.default"),
        (
            us,
            "graph = \"https://dod-graph.microsoft.us\"",
            "https://dod-graph.microsoft.us",
            "https://dod-graph.microsoft.us/.default",
        ),
        (
            china,
            "",
            "https://microsoftgraph.chinacloudapi.cn",
            "https://microsoftgraph.chinacloudapi.cn/.default",
        ),
        (
            own,
            "graph = \"https://localhost:1\"",
            "https://localhost:1",
            "https://graph.microsoft.com/.default",
        ),
    ] {
        let read = read(authority, groups).unwrap();
        assert_eq!((read.graph.as_str(), read.scope.as_str()), (graph, scope));
    }
    for (authority, groups, word) in [
        (own, "", "is missing"),
        ("", "graph = \"https://graph.example.com\"", "this cloud's"),
        ("", "graph = \"https://graph.microsoft.us\"", "this cloud's"),
        ("", "graph = \"https://graph.microsoft.com/\"", "this cloud's"),
        (own, "graph = \"http://localhost:1\"", "https"),
        (own, "graph = \"https://localhost:1/v1.0\"", "nothing else"),
        (own, "graph = \"https://u@localhost:1\"", "nothing else"),
        ("", "url = \"x\"", "not a setting"),
    ] {
        let found = read(authority, groups).unwrap_err();
        assert!(found.contains("targets[0].groups.") && found.contains(word), "{found}");
    }
}

#[test]
fn a_target_takes_no_tokens_that_come_in_by_whichever_grant_and_name() {
    let folder = folder();
    let other = GOOD.split_once("[[targets]]").unwrap().1.split_once("[[callers]]").unwrap().0;
    let (own, b, c) = (
        "6dae42f8-4368-4678-94ff-3960e28e3630",
        "11111111-2222-4333-8444-555555555555",
        "cccccccc-2222-4333-8444-555555555555",
    );
    // One more caller, of another application, whose tokens go to a target of its own.
    let with = |audience: &str, scope: &str| {
        let other = other
            .replace("\"kubernetes\"", "\"other\"")
            .replace(b, own)
            .replacen(&format!("\"{own}\""), &format!("\"{c}\""), 1)
            .replace(&format!("api://{own}"), &format!("api://{c}"));
        let text = format!(
            "{GOOD}[[callers]]\nid = \"second\"\ncredential_files = [\"credential\"]\n\
             [[callers.grants]]\nissuer = \"entra\"\naudiences = [\"{audience}\"]\nclients = [\"*\"]\n\
             targets = [\"other\"]\n[[targets]]{other}"
        );
        let scopes = format!("scopes = [\"api://{own}/.default\"]");
        Config::parse(
            &text.replace(&scopes, &format!("scopes = [\"{scope}/.default\"]")),
            folder.path(),
        )
    };
    let uri = "https://kubernetes.contoso.example";
    let id_uri = format!("api://{own}");
    for (audience, scope) in [(own, id_uri.as_str()), (&id_uri, &id_uri), (own, uri), (uri, uri)] {
        let found = with(audience, scope).map(|_| ()).unwrap_err();
        let told = format!("`{audience}` is the audience of target `kubernetes`");
        assert!(
            found.list().iter().any(|p| p.path == "callers[1].grants[0].audiences"
                && p.message.starts_with(&told)),
            "{audience} {scope}: {found}"
        );
    }
    // The second target's own client, under a name that is not the first target's.
    with("https://second.contoso.example", uri).unwrap();
}

#[test]
fn one_issuers_tokens_have_no_way_to_the_others_target() {
    let folder = folder();
    // The other example's issuer and target, the target under a name of its own.
    let (_, near) = super::tests::GOOD.split_once("[[issuers]]").unwrap();
    let (near, _) = near.split_once("[[callers]]").unwrap();
    let near = near.replace("name = \"kubernetes\"", "name = \"near\"");
    let both = format!(
        r#"{GOOD}
[[callers.grants]]
issuer = "keycloak"
audiences = ["https://mcp.example.com/mcp"]
clients = ["*"]
targets = ["near"]
[[issuers]]{near}"#
    );
    Config::parse(&both, folder.path()).unwrap();
    for (from, to, grant) in [
        ("targets = [\"near\"]", "targets = [\"near\", \"kubernetes\"]", 1),
        ("targets = [\"kubernetes\"]", "targets = [\"kubernetes\", \"near\"]", 0),
    ] {
        let found = problems(folder.path(), &both.replace(from, to));
        let path = format!("callers[0].grants[{grant}].targets");
        assert!(
            found.list().iter().any(|p| p.path == path && p.message.contains("no other issuer's")),
            "{found}"
        );
    }
    let again = both.replace(
        "issuer = \"https://idp/realms/r\"\nprofile = \"keycloak\"",
        "profile = \"entra\"\ntenants = [\"AAAAAAAA-0000-4000-8000-000000000001\"]",
    );
    let found = problems(folder.path(), &again).to_string();
    assert!(found.contains("issuers[1].tenants: is configured twice"), "{found}");
}
