//! Requests that fit the schema, for both evaluators.

use std::collections::BTreeMap;

use cedar_policy::{Context, Entities, EntityUid, Request as CedarRequest, Schema};
use obolus_core::policy::cedar::{Decision, HINTS, Object, Program, Request, Told, User};
use obolus_core::token::Memberships;
use obolus_policy::{Tool, read_tools, schema_of_tool};
use serde_json::{Map, Value, json};

use crate::random::Random;

pub(crate) const GROUPS: [&str; 3] = ["dev", "platform", "a*b"];
pub(crate) const ROLES: [&str; 2] = ["admin", "viewer"];
const CONTEXTS: [&str; 2] = ["c1", "dev"];
const METHODS: [&str; 2] = ["pwd", "mfa"];
pub(crate) const SCOPES: [&str; 3] = ["mcp:read", "mcp:write", "admin"];
pub(crate) const USERS: [&str; 2] = ["keycloak/alice", "entra/t/bob"];
pub(crate) const TAGS: [&str; 2] = ["view", "production"];
const TOOLS: [&str; 3] = ["pods_list", "pods_log", "scale"];

pub(crate) struct World {
    pub(crate) tools: Vec<Tool>,
    listed: Value,
    schemas: BTreeMap<String, Schema>,
}

impl World {
    pub(crate) fn new() -> Self {
        let properties = json!({
            "namespace": {"type": "string"},
            "replicas": {"type": "integer"},
            "dryRun": {"type": "boolean"},
            "labels": {"type": "array", "items": {"type": "string"}},
            "spec": {"type": "object", "properties": {
                "kind": {"type": "string"},
                "deep": {"type": "object", "properties": {"port": {"type": "integer"}}},
            }},
        });
        let schema = |required: &[&str]| json!({"type": "object", "properties": properties, "required": required});
        let listed = json!({"tools": [
            {"name": TOOLS[0], "tags": ["view"], "inputSchema": schema(&[]),
             "annotations": {"readOnlyHint": true, "destructiveHint": false}},
            {"name": TOOLS[1], "inputSchema": schema(&["namespace", "spec"])},
            {"name": TOOLS[2], "tags": TAGS, "inputSchema": schema(&["replicas"]),
             "annotations": {"idempotentHint": true, "openWorldHint": false}},
        ]});
        let tools = read_tools(Some("kubernetes"), "tools.json", &listed.to_string()).unwrap();
        let parsed =
            |tool: Option<&Tool>| Schema::from_cedarschema_str(&schema_of_tool(tool)).unwrap().0;
        let mut schemas: BTreeMap<_, _> =
            tools.iter().map(|tool| (tool.id(), parsed(Some(tool)))).collect();
        schemas.insert(String::new(), parsed(None));
        Self { tools, listed, schemas }
    }

    pub(crate) fn request(&self, random: &mut Random) -> Asked {
        let kind = *random.of(&["Tool", "Tool", "Tool", "Tool", "Prompt", "Resource"]);
        let name = match kind {
            "Tool" => *random.of(&TOOLS),
            _ => *random.of(&["pods_list", "b"]),
        };
        let mut arguments = Map::new();
        let mut put = |name: &str, value: Value| arguments.insert(name.to_owned(), value);
        if name == "pods_log" || random.below(3) > 0 {
            put("namespace", json!(random.of(&["dev", "kube-system", "", "a*b"])));
        }
        if name == "scale" || random.below(2) > 0 {
            put("replicas", json!(random.of(&[0, 1, 5, -1, i64::MAX, i64::MIN])));
        }
        if random.below(2) > 0 {
            put("dryRun", json!(random.below(2) > 0));
        }
        if random.below(2) > 0 {
            put("labels", json!(random.some(&["dev", "view", "a*b"])));
        }
        if name == "pods_log" || random.below(2) > 0 {
            let deep = [
                json!({}),
                json!({"kind": "Pod"}),
                json!({"kind": "dev", "deep": {"port": 5}}),
                json!({"deep": {}}),
            ];
            put("spec", random.of(&deep).clone());
        }
        Asked {
            user: (*random.of(&USERS)).to_owned(),
            groups: random.some(&GROUPS),
            roles: random.some(&ROLES),
            scopes: random.some(&SCOPES),
            contexts: random.some(&CONTEXTS),
            methods: random.some(&METHODS),
            app_only: random.below(4) == 0,
            kind,
            name,
            arguments: if kind == "Tool" { arguments } else { Map::new() },
            target: ["prod", "dev"][random.below(2)],
        }
    }
}

#[derive(Debug)]
pub(crate) struct Asked {
    user: String,
    groups: Vec<String>,
    roles: Vec<String>,
    scopes: Vec<String>,
    contexts: Vec<String>,
    methods: Vec<String>,
    app_only: bool,
    kind: &'static str,
    name: &'static str,
    arguments: Map<String, Value>,
    target: &'static str,
}

const REVISION: &str = "2026-07-28";

impl Asked {
    /// Our decision, and whether a list shows what was asked for.
    pub(crate) fn decide(&self, program: &Program) -> (Decision, bool) {
        let names = |names: &[String]| Memberships::Present(names.iter().cloned().collect());
        let user = User::new(&Told {
            id: self.user.clone(),
            subject: "alice".to_owned(),
            issuer: "keycloak".to_owned(),
            tenant: Some("t".to_owned()),
            client: Some("agent".to_owned()),
            scopes: names(&self.scopes),
            roles: names(&self.roles),
            groups: names(&self.groups),
            auth_contexts: names(&self.contexts),
            auth_methods: names(&self.methods),
            is_app_only: self.app_only,
        });
        let object = match self.kind {
            "Tool" => program.tool("kubernetes", self.name).unwrap().into_owned(),
            "Prompt" => Object::prompt("kubernetes", self.name),
            _ => Object::resource("kubernetes", self.name),
        };
        let decision = program.decide(&Request {
            user: &user,
            object: &object,
            arguments: Some(&self.arguments),
            target: self.target,
            revision: REVISION,
        });
        (decision, program.listing(&user, self.target, REVISION).shows(&object))
    }

    fn id(&self) -> String {
        format!("kubernetes/{}", self.name)
    }

    fn schema<'w>(&self, world: &'w World) -> &'w Schema {
        let key = if self.kind == "Tool" { self.id() } else { String::new() };
        &world.schemas[&key]
    }

    pub(crate) fn cedar(&self, world: &World) -> CedarRequest {
        let uid =
            |kind: &str, id: &str| EntityUid::from_json(json!({"type": kind, "id": id})).unwrap();
        let mut context = json!({"target": self.target, "revision": REVISION});
        let action = match self.kind {
            "Tool" => {
                context["arguments"] = Value::Object(self.arguments.clone());
                "tools/call"
            }
            "Prompt" => "prompts/get",
            _ => "resources/read",
        };
        let (schema, action) = (self.schema(world), uid("Action", action));
        let context = Context::from_json_value(context, Some((schema, &action))).unwrap();
        let (principal, resource) = (uid("User", &self.user), uid(self.kind, &self.id()));
        CedarRequest::new(principal, action, resource, context, Some(schema)).unwrap()
    }

    pub(crate) fn entities(&self, world: &World) -> Entities {
        let parents = [("Group", &self.groups), ("Role", &self.roles), ("Scope", &self.scopes)];
        let parents: Vec<_> = parents
            .iter()
            .flat_map(|(kind, ids)| ids.iter().map(move |id| json!({"type": kind, "id": id})))
            .collect();
        let called = if self.kind == "Resource" { "uri" } else { "name" };
        let mut attributes = json!({"server": "kubernetes", called: self.name});
        if self.kind == "Tool" {
            let listed = self.listed(world);
            for (hint, default) in HINTS {
                let told = &listed["annotations"][hint];
                attributes[hint] = if told.is_null() { json!(default) } else { told.clone() };
            }
            let tags = &listed["tags"];
            attributes["tags"] = if tags.is_null() { json!([]) } else { tags.clone() };
        }
        let entities = json!([
            {"uid": {"type": "User", "id": self.user}, "parents": parents, "attrs": {
                "subject": "alice", "issuer": "keycloak", "tenant": "t", "client": "agent",
                "scopes": self.scopes, "roles": self.roles, "groups": self.groups,
                "authContexts": self.contexts, "authMethods": self.methods, "appOnly": self.app_only}},
            {"uid": {"type": self.kind, "id": self.id()}, "attrs": attributes,
             "parents": [{"type": "Server", "id": "kubernetes"}]},
        ]);
        Entities::from_json_value(entities, Some(self.schema(world))).unwrap()
    }

    fn listed<'w>(&self, world: &'w World) -> &'w Value {
        let tools = world.listed["tools"].as_array().unwrap();
        tools.iter().find(|tool| tool["name"] == self.name).unwrap()
    }
}
