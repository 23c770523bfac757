//! Policies as a person could have written them, and some that nobody should.

use crate::random::Random;
use crate::requests::{GROUPS, ROLES, SCOPES, TAGS, USERS};

pub(crate) struct Writer<'r> {
    pub(crate) random: &'r mut Random,
    /// One expression in so many is of a type that does not belong there; none for 0.
    pub(crate) slips: usize,
}

#[derive(Clone, Copy)]
enum Type {
    Bool,
    Long,
    Text,
    Set,
    Entity,
    Record,
}

const TYPES: [Type; 6] =
    [Type::Bool, Type::Long, Type::Text, Type::Set, Type::Entity, Type::Record];

impl Writer<'_> {
    pub(crate) fn policies(&mut self, count: usize) -> String {
        let written = (0..count).map(|number| self.policy(number));
        written.collect::<Vec<_>>().join("\n")
    }

    fn policy(&mut self, number: usize) -> String {
        let effect = *self.random.of(&["permit", "permit", "forbid"]);
        let principal = match self.random.below(9) {
            0 => format!("principal == User::\"{}\"", self.random.of(&USERS)),
            1 => format!("principal in Group::\"{}\"", self.random.of(&GROUPS)),
            2 => "principal is User".to_owned(),
            3 => format!("principal is User in Role::\"{}\"", self.random.of(&ROLES)),
            4 => format!("principal in Scope::\"{}\"", self.random.of(&SCOPES)),
            _ => "principal".to_owned(),
        };
        let action = *self.random.of(&[
            "action",
            "action == Action::\"tools/call\"",
            "action == Action::\"tools/call\"",
            "action == Action::\"tools/call\"",
            "action in Action::\"use\"",
            "action in [Action::\"tools/call\", Action::\"prompts/get\"]",
            "action in [Action::\"use\"]",
        ]);
        let resource = *self.random.of(&[
            "resource",
            "resource",
            "resource == Tool::\"kubernetes/pods_log\"",
            "resource in Server::\"kubernetes\"",
            "resource is Tool",
            "resource is Tool in Server::\"kubernetes\"",
            "resource in Tool::\"kubernetes/scale\"",
        ]);
        let mut conditions = String::new();
        for _ in 0..self.random.below(3) {
            let kind = *self.random.of(&["when", "when", "unless"]);
            let condition = self.of(Type::Bool, 4);
            conditions.push_str(&format!("\n  {kind} {{ {condition} }}"));
        }
        format!("@id(\"policy{number}\") {effect}({principal}, {action}, {resource}){conditions};")
    }

    fn of(&mut self, wanted: Type, depth: usize) -> String {
        let wanted = if self.slips > 0 && self.random.below(self.slips) == 0 {
            *self.random.of(&TYPES)
        } else {
            wanted
        };
        let depth = depth.saturating_sub(1);
        if depth > 0 && self.random.below(12) == 0 {
            let (test, then, otherwise) =
                (self.of(Type::Bool, depth), self.of(wanted, depth), self.of(wanted, depth));
            return format!("(if {test} then {then} else {otherwise})");
        }
        match wanted {
            Type::Bool => self.bool(depth),
            Type::Long => self.long(depth),
            Type::Text => self.text(),
            Type::Set => self.set(depth),
            Type::Entity => self.entity(),
            Type::Record => self.record(depth),
        }
    }

    fn bool(&mut self, depth: usize) -> String {
        if depth == 0 {
            return self.pick(&[
                "true",
                "false",
                "principal.appOnly",
                "resource.readOnlyHint",
                "(resource has readOnlyHint)",
                "(context.arguments has namespace)",
                "context.arguments.dryRun",
            ]);
        }
        match self.random.below(19) {
            0 => format!("(!({}))", self.of(Type::Bool, depth)),
            1 | 2 => format!("({} && {})", self.of(Type::Bool, depth), self.of(Type::Bool, depth)),
            3 | 4 => format!("({} || {})", self.of(Type::Bool, depth), self.of(Type::Bool, depth)),
            5 => {
                let of = *self.random.of(&TYPES);
                let operator = *self.random.of(&["==", "!="]);
                format!("({} {operator} {})", self.of(of, depth), self.of(of, depth))
            }
            6 => {
                let operator = *self.random.of(&["<", "<=", ">", ">="]);
                format!("({} {operator} {})", self.of(Type::Long, depth), self.of(Type::Long, depth))
            }
            7 => {
                let pattern = self.pick(&["*", "dev", "k*e-*", "*e*", "a\\*b", "a*b", ""]);
                format!("({} like \"{pattern}\")", self.of(Type::Text, depth))
            }
            8 => format!("{}.contains({})", self.of(Type::Set, depth), self.of(Type::Text, depth)),
            9 => {
                let method = *self.random.of(&["containsAll", "containsAny"]);
                format!("{}.{method}({})", self.of(Type::Set, depth), self.of(Type::Set, depth))
            }
            10 => format!("{}.isEmpty()", self.of(Type::Set, depth)),
            11 => format!("({} in {})", self.of(Type::Entity, depth), self.of(Type::Entity, depth)),
            12 => {
                let (group, role) = (self.random.of(&GROUPS), self.random.of(&ROLES));
                format!("(principal in [Group::\"{group}\", Role::\"{role}\"])")
            }
            13 => {
                let kind = *self.random.of(&["User", "Tool", "Group", "Action", "A::B", "Prompt"]);
                format!("({} is {kind})", self.of(Type::Entity, depth))
            }
            14 => self.pick(&[
                "(principal has client)",
                "(principal has groups)",
                "(principal has nothing)",
                "(resource has tags)",
                "(resource has uri)",
                "(context has arguments)",
                "(context has arguments.spec.kind)",
                "(context.arguments has spec.deep.port)",
                "(context.arguments has labels)",
                "(User::\"nobody\" has subject)",
            ]),
            // Asked for first, as the validator wants it.
            15 | 16 => self.pick(&[
                "(context has arguments && context.arguments has namespace && context.arguments.namespace == \"dev\")",
                "(context has arguments && context.arguments has replicas && context.arguments.replicas < 3)",
                "(context has arguments && context.arguments has dryRun && context.arguments.dryRun)",
                "(context has arguments.spec.deep.port && context.arguments.spec.deep.port + 1 > 2)",
                "(context has arguments.labels && context.arguments.labels.containsAny([\"dev\", \"x\"]))",
                "(resource is Tool && resource.tags.contains(\"view\"))",
                "(resource is Tool && resource.destructiveHint)",
                "(resource has name && resource.name like \"pods_*\")",
                "(principal.scopes.contains(\"mcp:read\"))",
                "(principal in Group::\"dev\")",
            ]),
            _ => self.bool(0),
        }
    }

    fn long(&mut self, depth: usize) -> String {
        if depth == 0 || self.random.below(2) == 0 {
            return self.pick(&[
                "0",
                "1",
                "(-1)",
                "5",
                "9223372036854775807",
                "context.arguments.replicas",
                "context.arguments.spec.deep.port",
            ]);
        }
        let operator = *self.random.of(&["+", "-", "*"]);
        match self.random.below(4) {
            0 => format!("(-({}))", self.of(Type::Long, depth)),
            _ => format!(
                "({} {operator} {})",
                self.of(Type::Long, depth),
                self.of(Type::Long, depth)
            ),
        }
    }

    fn text(&mut self) -> String {
        self.pick(&[
            "\"\"",
            "\"dev\"",
            "\"kube-system\"",
            "\"a*b\"",
            "\"mcp:read\"",
            "\"\\u{e4}\"",
            "principal.subject",
            "principal.issuer",
            "principal.client",
            "resource.server",
            "resource.name",
            "resource.uri",
            "context.target",
            "context.revision",
            "context.arguments.namespace",
            "context.arguments.spec.kind",
        ])
    }

    fn set(&mut self, depth: usize) -> String {
        match self.random.below(4) {
            0 => format!("[{}, {}]", self.of(Type::Text, depth), self.of(Type::Text, depth)),
            1 => format!("[{}]", self.of(Type::Long, depth)),
            2 => {
                let (tag, scope) = (self.random.of(&TAGS), self.random.of(&SCOPES));
                format!("[\"{tag}\", \"{scope}\", \"{tag}\"]")
            }
            _ => self.pick(&[
                "principal.scopes",
                "principal.roles",
                "principal.groups",
                "principal.authContexts",
                "principal.authMethods",
                "resource.tags",
                "context.arguments.labels",
                "[]",
            ]),
        }
    }

    fn entity(&mut self) -> String {
        self.pick(&[
            "principal",
            "principal",
            "resource",
            "action",
            "User::\"keycloak/alice\"",
            "User::\"nobody\"",
            "Group::\"dev\"",
            "Role::\"admin\"",
            "Scope::\"mcp:read\"",
            "Server::\"kubernetes\"",
            "Tool::\"kubernetes/scale\"",
            "Action::\"tools/call\"",
            "Action::\"use\"",
            "A::B::\"x\"",
        ])
    }

    fn record(&mut self, depth: usize) -> String {
        match self.random.below(4) {
            0 => self.pick(&["context", "context.arguments", "context.arguments.spec"]),
            _ => format!("{{a: {}, \"b c\": {}}}", self.of(Type::Long, depth), self.text()),
        }
    }

    fn pick(&mut self, choices: &[&str]) -> String {
        (*self.random.of(choices)).to_owned()
    }
}
