//! What is ours, and not Cedar's: claims that a token does not tell, lists, scopes that would help, arguments that
//! are not what the schema says.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly")]

mod arguments;
mod claims;
mod lists;
mod scopes;
mod tools;

use obolus_core::policy::cedar::{Decision, Program, Request, Told, User};
use obolus_core::token::Memberships;
use serde_json::{Value, json};

const TOOLS: &str = r#"{"tools": [
    {"name": "pods_list", "annotations": {"readOnlyHint": true}, "tags": ["view"], "inputSchema": {"type": "object",
        "properties": {"namespace": {"type": "string"}, "limit": {"type": "integer"}}}},
    {"name": "scale", "inputSchema": {"type": "object", "required": ["replicas"],
        "properties": {"namespace": {"type": "string"}, "replicas": {"type": "integer"},
            "spec": {"type": "object", "properties": {"kind": {"type": "string"}}}}}}
]}"#;

fn program(policies: &str) -> Program {
    let tools = obolus_policy::read_tools(Some("kubernetes"), "tools.json", TOOLS).unwrap();
    let compiled = obolus_policy::compile(&[("p.cedar".to_owned(), policies.to_owned())], &tools);
    Program::from_json(&compiled.unwrap_or_else(|problems| panic!("{problems:?}"))).unwrap()
}

fn names(names: &[&str]) -> Memberships {
    Memberships::Present(names.iter().map(ToString::to_string).collect())
}

fn told() -> Told {
    Told {
        id: "keycloak/alice".to_owned(),
        subject: "alice".to_owned(),
        issuer: "keycloak".to_owned(),
        tenant: None,
        client: Some("agent".to_owned()),
        scopes: names(&["mcp"]),
        roles: Memberships::Absent,
        groups: names(&["dev"]),
        auth_contexts: Memberships::Absent,
        auth_methods: Memberships::Absent,
        is_app_only: false,
    }
}

struct Asked<'p> {
    program: &'p Program,
    told: Told,
    tool: &'p str,
    arguments: Value,
}

impl<'p> Asked<'p> {
    fn of(program: &'p Program) -> Self {
        Self { program, told: told(), tool: "pods_list", arguments: json!({}) }
    }

    fn with<T>(&self, ask: impl Fn(&Request<'_>) -> T) -> T {
        let user = User::new(&self.told);
        let object = &*self.program.tool("kubernetes", self.tool).unwrap();
        let arguments = self.arguments.as_object();
        let (target, revision) = ("kubernetes", "2026-07-28");
        ask(&Request { user: &user, object, arguments, target, revision })
    }

    fn decide(&self) -> Decision {
        self.with(|request| self.program.decide(request))
    }

    fn is_permitted(&self) -> bool {
        self.decide().is_permit()
    }

    fn is_listed(&self) -> bool {
        self.with(|request| self.program.is_listable(request))
    }

    fn scopes(&self) -> Vec<String> {
        let scopes = self.with(|request| self.program.scopes_to_permit(request));
        scopes.iter().map(ToString::to_string).collect()
    }

    fn scopes_to_list(&self) -> Vec<String> {
        let scopes = self.with(|request| self.program.scopes_to_list(request));
        scopes.iter().map(ToString::to_string).collect()
    }
}
