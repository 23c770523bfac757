//! What policies read, by the look of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::entities::{GROUPS, PARENTS, SCOPES, UNTOLD};
use super::expression::{Node, Variable};
use super::operators::Binary;
use super::value::{Uid, Value};

/// The arguments that policies read, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reads {
    names: BTreeSet<Arc<str>>,
    /// A policy reads the arguments whole.
    all: bool,
}

impl Reads {
    pub(super) fn includes(&self, name: &str) -> bool {
        self.all || self.names.contains(name)
    }

    pub(super) fn names(&self) -> Option<&BTreeSet<Arc<str>>> {
        (!self.all).then_some(&self.names)
    }

    pub(super) fn add(&mut self, node: &Node) {
        match node {
            Node::Get(of, name) if is_arguments(of) => {
                self.names.insert(Arc::clone(name));
            }
            Node::Has(of, names) if is_arguments(of) => self.names.extend(names.first().cloned()),
            Node::Has(of, names) if is_context(of) => {
                if names.first().is_some_and(|name| **name == *ARGUMENTS) {
                    self.names.extend(names.get(1).cloned());
                }
            }
            Node::Get(of, name) if is_context(of) => self.all |= **name == *ARGUMENTS,
            Node::Variable(Variable::Context) => self.all = true,
            _ => node.parts().into_iter().for_each(|part| self.add(part)),
        }
    }
}

const ARGUMENTS: &str = "arguments";

fn is_context(node: &Node) -> bool {
    matches!(node, Node::Variable(Variable::Context))
}

fn is_arguments(node: &Node) -> bool {
    matches!(node, Node::Get(of, name) if is_context(of) && **name == *ARGUMENTS)
}

fn is_claim(node: &Node, claim: &str) -> bool {
    matches!(node, Node::Get(of, name)
        if matches!(**of, Node::Variable(Variable::Principal)) && **name == *claim)
}

/// Whether it matters which groups the principal is in.
pub(super) fn reads_groups(node: &Node) -> bool {
    let is_group =
        |uid: &Uid| PARENTS.iter().any(|(kind, of)| **kind == *uid.kind && *of == GROUPS);
    let here = match node {
        Node::Literal(Value::Entity(uid)) => is_group(uid),
        Node::Literal(Value::Set(values)) => {
            values.iter().any(|value| matches!(value, Value::Entity(uid) if is_group(uid)))
        }
        Node::Get(..) => is_claim(node, GROUPS),
        Node::Has(_, names) => names.iter().any(|name| **name == *GROUPS),
        _ => false,
    };
    here || node.parts().into_iter().any(reads_groups)
}

/// The claims that an expression reads, also those that it reads by the group, role or scope that a user is in.
pub(super) fn claims(node: &Node, found: &mut BTreeSet<&'static str>) {
    let of_entity = |uid: &Uid| PARENTS.iter().find(|(kind, _)| **kind == *uid.kind);
    let mut named = |value: &Value| {
        if let Value::Entity(uid) = value {
            found.extend(of_entity(uid).map(|(_, claim)| claim));
        }
    };
    match node {
        Node::Literal(Value::Set(values)) => values.iter().for_each(named),
        Node::Literal(value) => named(value),
        Node::Get(of, name) if is_principal(of) => {
            found.extend(UNTOLD.iter().find(|claim| ***claim == **name));
        }
        Node::Has(of, names) if is_principal(of) => {
            let first = names.first();
            found.extend(UNTOLD.iter().find(|claim| first.is_some_and(|name| ***claim == **name)));
        }
        _ => {}
    }
    node.parts().into_iter().for_each(|part| claims(part, found));
}

fn is_principal(node: &Node) -> bool {
    matches!(node, Node::Variable(Variable::Principal))
}

/// Whether an expression has the same value whatever is asked for, and by which method.
pub(super) fn is_of_principal(node: &Node) -> bool {
    let here = match node {
        Node::Variable(variable) => *variable == Variable::Principal,
        Node::Literal(value) => names_no_object(value),
        _ => true,
    };
    here && node.parts().into_iter().all(is_of_principal)
}

/// Entities that are asked for, or by which, have attributes and parents of their own.
fn names_no_object(value: &Value) -> bool {
    match value {
        Value::Entity(uid) => PARENTS.iter().any(|(kind, _)| **kind == *uid.kind),
        Value::Set(values) => values.iter().all(names_no_object),
        _ => true,
    }
}

/// The scopes that an expression speaks of: `Scope::"…"`, and texts that are held against `principal.scopes`.
pub(super) fn scopes(node: &Node, found: &mut BTreeSet<Arc<str>>) {
    match node {
        Node::Literal(value) => named(value, found),
        Node::Binary(
            Binary::Contains | Binary::ContainsAll | Binary::ContainsAny | Binary::Equal,
            sides,
        ) => {
            for (side, other) in [(&sides.0, &sides.1), (&sides.1, &sides.0)] {
                if is_claim(side, SCOPES) {
                    texts(other, found);
                }
            }
        }
        _ => {}
    }
    node.parts().into_iter().for_each(|part| scopes(part, found));
}

fn named(value: &Value, found: &mut BTreeSet<Arc<str>>) {
    match value {
        Value::Entity(uid) if *uid.kind == *"Scope" => {
            found.insert(Arc::clone(&uid.id));
        }
        Value::Set(values) => values.iter().for_each(|value| named(value, found)),
        _ => {}
    }
}

fn texts(node: &Node, found: &mut BTreeSet<Arc<str>>) {
    let mut add = |value: &Value| {
        if let Value::Text(text) = value {
            found.insert(Arc::clone(text));
        }
    };
    match node {
        Node::Literal(Value::Set(values)) => values.iter().for_each(add),
        Node::Literal(value) => add(value),
        _ => node.parts().into_iter().for_each(|part| texts(part, found)),
    }
}
