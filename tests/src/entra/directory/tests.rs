//! What is wrong with a directory is said, all of it at once.

use super::super::policy::Requirement;
use super::Directory;

const GOOD: &str = r#"
[[tenants]]
name = "contoso"
id = "11111111-1111-4111-8111-111111111111"

[[apps]]
name = "api"
id = "22222222-2222-4222-8222-222222222222"
tenants = ["contoso"]
scopes = ["use"]
app_roles = ["Admin"]

[[groups]]
name = "inner"
tenant = "contoso"
id = "33333333-3333-4333-8333-333333333333"
member_of = ["outer"]

[[groups]]
name = "outer"
tenant = "contoso"
id = "44444444-4444-4444-8444-444444444444"
member_of = ["inner"]

[[users]]
name = "alice"
tenant = "contoso"
id = "55555555-5555-4555-8555-555555555555"
password = "x"
groups = ["inner"]
"#;

fn problems(more: &str) -> Vec<String> {
    match Directory::parse(&format!("{GOOD}{more}")) {
        Ok(_) => Vec::new(),
        Err(error) => format!("{error:#}").lines().map(str::to_owned).collect(),
    }
}

#[test]
fn the_example_has_no_problem_and_shows_all_tables() {
    let example = Directory::example();
    assert!(example.problems().is_empty());
    assert!(matches!(example.policies[0].require, Requirement::Mfa(50076)));
    assert_eq!(example.tenants.len(), 2);
}

#[test]
fn each_problem_names_what_has_it() {
    assert_eq!(problems(""), Vec::<String>::new());
    for (more, said) in [
        (
            "[[apps]]\nname = \"x\"\nid = \"X\"\ntenants = [\"contoso\"]",
            "app x: id \"X\" is no GUID",
        ),
        (
            "[[apps]]\nname = \"api\"\nid = \"66666666-6666-4666-8666-666666666666\"\ntenants = [\"contoso\"]",
            "app api: there are two of this name",
        ),
        (
            "[[apps]]\nname = \"x\"\nid = \"22222222-2222-4222-8222-222222222222\"\ntenants = [\"contoso\"]",
            "app x: id 22222222-2222-4222-8222-222222222222 is also somebody else's",
        ),
        (
            "[[apps]]\nname = \"x\"\nid = \"66666666-6666-4666-8666-666666666666\"\ntenants = [\"other\"]",
            "app x: there is no tenant other",
        ),
        (
            "[[apps]]\nname = \"x\"\nid = \"66666666-6666-4666-8666-666666666666\"\ntenants = [\"contoso\"]\nscopes = [\".default\"]",
            "app x: \".default\" cannot be the name of a scope",
        ),
        (
            "[[apps]]\nname = \"x\"\nid = \"66666666-6666-4666-8666-666666666666\"\ntenants = [\"contoso\"]\ntoken_version = 3",
            "app x: token_version is 3, not 1 or 2",
        ),
        (
            "[[apps]]\nname = \"x\"\nid = \"66666666-6666-4666-8666-666666666666\"\ntenants = [\"contoso\"]\npublic = true\n[[apps.secrets]]\nid = \"77777777-7777-4777-8777-777777777777\"\nvalue = \"hush\"",
            "app x: a public client has no credentials",
        ),
        (
            "[[apps]]\nname = \"x\"\nid = \"66666666-6666-4666-8666-666666666666\"\ntenants = [\"contoso\"]\ncertificate_files = [\"nowhere.pem\"]",
            "app x: cannot read nowhere.pem",
        ),
        (
            "[[consents]]\nclient = \"api\"\nresource = \"api\"\nscopes = [\"other\"]",
            "consent of api on api: api has no scope other, only [\"use\"]",
        ),
        (
            "[[assignments]]\napp = \"api\"\nrole = \"Reader\"\nusers = [\"bob\"]",
            "assignment to api: it has no app role Reader, only [\"Admin\"]",
        ),
        ("[[users]]\nname = \"bob\"", "missing field `tenant`"),
        ("[[assignments]]\napp = \"api\"\nuser = [\"alice\"]", "unknown field `user`"),
    ] {
        let found = problems(more);
        assert!(found.iter().any(|line| line.contains(said)), "{said}: {found:#?}");
        assert!(found.iter().all(|line| !line.contains("hush")), "{found:#?}");
    }
}

#[test]
fn all_problems_are_said_at_once() {
    let found = problems(
        "[[consents]]\nclient = \"nobody\"\nresource = \"nothing\"\nscopes = []\nusers = [\"bob\"]\n",
    );
    assert_eq!(found.len(), 4, "{found:#?}");
    assert_eq!(found[0], "3 problems:");
}

#[test]
fn groups_reach_through_groups_even_in_a_circle() {
    let directory = Directory::parse(GOOD).unwrap();
    let alice = directory.user("alice").unwrap();
    let groups: Vec<&str> = directory.groups_of(alice).into_iter().collect();
    assert_eq!(groups, ["inner", "outer"]);
    // An assignment does not.
    let mut directory = directory;
    directory.assignments.push(super::Assignment {
        app: "api".to_owned(),
        role: None,
        users: Vec::new(),
        groups: vec!["outer".to_owned()],
        apps: Vec::new(),
    });
    let (api, alice) = (directory.app("api").unwrap(), directory.user("alice").unwrap());
    assert_eq!(directory.assignments_of(api, alice).count(), 0);
}

#[test]
fn secrets_and_passwords_are_in_no_debug_text() {
    let text = format!("{:?}", Directory::example());
    assert!(text.contains("alice") && text.contains("mcp-server"));
    assert!(!text.contains("~for.tests") && !text.contains("-password"));
}
