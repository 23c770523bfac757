//! Findings that no published guide leads to.

use std::path::Path;

use super::{configuration, kubernetes};
use crate::doctor::Report;

const TENANT: &str = "11111111-1111-4111-8111-111111111111";
const A: &str = "aaaaaaaa-0000-4000-8000-000000000001";
const B: &str = "bbbbbbbb-0000-4000-8000-000000000001";

/// The lines of a report, by the line of the file.
fn said(report: &Report) -> Vec<String> {
    let path = Path::new("f");
    let printed = report.of(path).to_string();
    printed.lines().map(str::to_owned).collect()
}

fn own(target: &str, client: &str, audience: &str) -> String {
    format!(
        "[[issuers]]\nname = \"entra\"\nprofile = \"entra\"\ntenants = [\"{TENANT}\"]\n\
         [[targets]]\nname = \"kubernetes\"\nprovider = \"entra\"\nissuer = \"entra\"\n{target}\n\
         [targets.client]\nid = \"{B}\"\n{client}\n\
         [[callers]]\nid = \"gateway\"\n[[callers.grants]]\nissuer = \"entra\"\n\
         audiences = [\"{audience}\"]\nclients = [\"*\"]\ntargets = [\"kubernetes\"]\n"
    )
}

#[test]
fn our_own_form_is_held_to_the_same_rules_with_the_codes_of_entra() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("id"), "5ec2e700-0000-4000-8000-000000000001\n").unwrap();
    std::fs::write(folder.path().join("value"), "5ec~2e7.not-an-id").unwrap();
    let target = |audience: &str, scope: &str| {
        format!("audience = \"{audience}\"\nscopes = [\"{scope}/.default\"]")
    };
    let good = target(A, &format!("api://{A}"));
    let value = "method = \"client_secret_post\"\nsecret_file = \"value\"";
    let id = "method = \"client_secret_post\"\nsecret_file = \"id\"";
    let other = "cccccccc-0000-4000-8000-000000000001";
    for (text, line, path, word) in [
        (own(&good, value, A), 19, "callers[0].grants[0].audiences", "AADSTS500131"),
        (
            own(&good, value, &format!("api://{A}")),
            19,
            "callers[0].grants[0].audiences",
            "AADSTS500131",
        ),
        (own(&target(A, B), value, B), 10, "targets[0].scopes", "AADSTS90009"),
        (own(&target(A, other), value, B), 9, "targets[0].audience", "the scope's application"),
        (own(&good, id, B), 14, "targets[0].client.secret_file", "AADSTS7000215"),
    ] {
        let lines = said(&configuration::examine(&text, folder.path()));
        let start = format!("f:{line}: {path} ");
        let found = lines.iter().position(|line| line.starts_with(&start));
        let found = found.unwrap_or_else(|| panic!("{start} is not in {lines:#?}"));
        assert!(lines[found + 1].contains(word), "{lines:#?}");
    }
    // What is left are the files and the listener that a test of this kind does not have.
    let report = configuration::examine(&own(&good, value, B), folder.path());
    let paths: Vec<_> = report.faults.iter().map(|fault| fault.path.as_str()).collect();
    assert_eq!(paths, ["server", "callers[0].credential_files"], "{report:?}");
}

#[test]
fn a_key_with_a_fault_has_no_notice_that_it_is_used_and_an_app_id_uri_alone_has_one() {
    let folder = tempfile::tempdir().unwrap();
    let brought = |secret: &str| {
        format!(
            "oauth_audience = \"api://{B}\"\nauthorization_url = \"https://login.microsoftonline.com/{TENANT}/v2.0\"\n\
             token_exchange_strategy = \"entra-obo\"\nsts_client_id = \"{B}\"\nsts_client_secret = \"{secret}\"\n\
             sts_scopes = [\"api://{A}/.default\"]\n"
        )
    };
    let noticed = |text: &str, path: &str, word: &str| {
        let report = configuration::examine(text, folder.path());
        report.notices.iter().any(|notice| notice.path == path && notice.what.contains(word))
    };
    assert!(noticed(&brought("value~of.it"), "sts_client_secret", "is used"));
    assert!(!noticed(&brought(TENANT), "sts_client_secret", "is used"));
    let word = "v2 tokens carry the GUID";
    let path = "callers[0].grants[0].audiences";
    assert!(noticed(&brought("value~of.it"), "oauth_audience", word));
    assert!(noticed(&own("", "", &format!("api://{B}")), path, word));
    assert!(!noticed(&own("", "", B), path, word));
    assert!(!noticed(&own("", "", &format!("{B}\", \"api://{B}")), path, word));
}

#[test]
fn drop_ins_and_what_is_no_toml_are_told_with_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    let report = configuration::examine("a = 1\nb = hunter2 hunter2\n", folder.path());
    let lines = said(&report);
    assert!(lines[0].starts_with("f:2: ") && !lines.concat().contains("hunter2"), "{lines:?}");
    let has_drop_ins = |folder: &Path| {
        let report = configuration::examine("log_level = \"info\"\n", folder);
        report.faults.iter().any(|fault| fault.path == "conf.d")
    };
    assert!(!has_drop_ins(folder.path()));
    std::fs::create_dir(folder.path().join("conf.d")).unwrap();
    assert!(!has_drop_ins(folder.path()));
    std::fs::write(folder.path().join("conf.d/10.toml"), "").unwrap();
    assert!(has_drop_ins(folder.path()));
}

#[test]
fn the_clusters_files_may_name_people_by_what_never_changes_and_by_nothing_else() {
    let jwt = |url: &str, username: &str| {
        format!(
            "kind: AuthenticationConfiguration\njwt:\n- issuer:\n    url: {url}\n  claimMappings:\n    username: {{{username}}}\n"
        )
    };
    let entra = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    let groups = |url: &str, groups: &str| {
        let jwt = jwt(url, "claim: oid, prefix: 'entra:'");
        format!("{jwt}    groups: {{{groups}}}\n")
    };
    let subject = |kind: &str, name: &str| {
        format!("kind: RoleBinding\nsubjects:\n- kind: {kind}\n  name: {name}\n")
    };
    for (text, lines) in [
        (jwt(&entra, "expression: \"'entra:' + claims.oid\""), &[][..]),
        (jwt(&entra, "claim: oid, prefix: 'entra:'"), &[]),
        (jwt(&entra, "claim: email, prefix: ''"), &[6]),
        (jwt(&entra, "expression: claims.preferred_username"), &[6]),
        (jwt(&entra, "expression: \"claims.email_verified ? claims.oid : ''\""), &[]),
        (jwt("https://idp.example.com/realms/r", "claim: preferred_username, prefix: ''"), &[]),
        (jwt("https://login.microsoftonline.com/common/v2.0", "claim: oid, prefix: ''"), &[4]),
        (groups(&entra, "claim: groups, prefix: 'entra:'"), &[7]),
        (groups(&entra, "expression: \"has(claims.groups) ? claims.groups : []\""), &[]),
        (groups("https://idp.example.com/realms/r", "claim: groups, prefix: ''"), &[]),
        (subject("User", "alice@example.com"), &[4]),
        (subject("User", "entra:a11ce000"), &[]),
        (subject("User", "system:kube@x"), &[]),
        (subject("Group", "team@example.com"), &[]),
        (
            "kind: ClusterConfiguration\napiServer:\n  extraArgs:\n    oidc-username-claim: upn\n"
                .to_owned(),
            &[4],
        ),
        (
            "kind: List\nitems:\n- kind: RoleBinding\n  subjects:\n  - {kind: User, name: a@b}\n"
                .to_owned(),
            &[5],
        ),
        ("a: b\n---\nc: [\n".to_owned(), &[4]),
    ] {
        let report = kubernetes::examine(&text);
        let found: Vec<_> = report.faults.iter().map(|fault| fault.line).collect();
        assert_eq!(found, lines, "{text}{report:?}");
        let said = said(&report);
        assert!(said[said.len() - 2].contains("expressions are not compiled"), "{said:?}");
    }
}
