//! Expressions, and the form in which they travel.
//!
//! A Bool, a Long and a String are themselves; everything else is an array whose first item says what it is:
//! `["==", [".", ["context"], "target"], "prod"]`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value as Json;

use super::operators::Binary;
use super::value::{Uid, Value};
use crate::config::Section;

/// How deep expressions may be nested. The compiler keeps to it, and so the evaluator's stack is bounded.
pub const MAX_DEPTH: usize = 64;
/// How many expressions a program may consist of.
pub(super) const MAX_NODES: usize = 20_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variable {
    Principal,
    Action,
    Resource,
    Context,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Literal(Value),
    Variable(Variable),
    If(Box<(Node, Node, Node)>),
    /// From left to right, up to the first that is false.
    And(Vec<Node>),
    /// From left to right, up to the first that is true.
    Or(Vec<Node>),
    Not(Box<Node>),
    Negate(Box<Node>),
    IsEmpty(Box<Node>),
    Binary(Binary, Box<(Node, Node)>),
    Get(Box<Node>, Arc<str>),
    /// Several names are asked for one within the other.
    Has(Box<Node>, Vec<Arc<str>>),
    /// The texts between the wildcards.
    Like(Box<Node>, Vec<String>),
    Is(Box<Node>, Arc<str>),
    Set(Vec<Node>),
    Record(Vec<(Arc<str>, Node)>),
}

impl Node {
    /// The expressions that this one is made of.
    pub(super) fn parts(&self) -> Vec<&Self> {
        match self {
            Self::Literal(_) | Self::Variable(_) => Vec::new(),
            Self::If(parts) => vec![&parts.0, &parts.1, &parts.2],
            Self::Binary(_, parts) => vec![&parts.0, &parts.1],
            Self::And(parts) | Self::Or(parts) | Self::Set(parts) => parts.iter().collect(),
            Self::Record(members) => members.iter().map(|(_, part)| part).collect(),
            Self::Not(part)
            | Self::Negate(part)
            | Self::IsEmpty(part)
            | Self::Get(part, _)
            | Self::Has(part, _)
            | Self::Like(part, _)
            | Self::Is(part, _) => vec![part],
        }
    }
}

/// Where in an expression something stands: `when[1][2]`.
#[derive(Clone, Copy)]
struct Place<'p> {
    outer: Option<&'p Place<'p>>,
    index: usize,
    depth: usize,
}

impl Place<'_> {
    fn within(&self, index: usize) -> Place<'_> {
        Place { outer: Some(self), index, depth: self.depth + 1 }
    }

    fn key(&self, key: &str) -> String {
        match self.outer {
            None => key.to_owned(),
            Some(outer) => format!("{}[{}]", outer.key(key), self.index),
        }
    }
}

/// Reads the expression at a key of a policy, and counts what it consists of.
pub(super) struct Reader<'r, 'v> {
    pub(super) section: &'r Section<'v>,
    pub(super) key: &'r str,
    pub(super) nodes: &'r mut usize,
}

impl Reader<'_, '_> {
    /// Every fault is noted in the section; `None` if there is one.
    pub(super) fn read(&mut self, json: &Json) -> Option<Node> {
        self.node(json, &Place { outer: None, index: 0, depth: 0 })
    }

    fn problem<T>(&self, place: &Place<'_>, message: impl Into<String>) -> Option<T> {
        self.section.problem(&place.key(self.key), message);
        None
    }

    fn node(&mut self, json: &Json, place: &Place<'_>) -> Option<Node> {
        *self.nodes += 1;
        if *self.nodes > MAX_NODES {
            // Told once, not for each of the rest.
            return if *self.nodes == MAX_NODES + 1 {
                self.problem(place, format!("more than {MAX_NODES} expressions in one program"))
            } else {
                None
            };
        }
        if place.depth > MAX_DEPTH {
            return self.problem(place, format!("nested more than {MAX_DEPTH} deep"));
        }
        match json {
            Json::Bool(bool) => Some(Node::Literal(Value::Bool(*bool))),
            Json::String(text) => Some(Node::Literal(Value::text(text))),
            Json::Number(number) => match number.as_i64() {
                Some(long) => Some(Node::Literal(Value::Long(long))),
                None => self.problem(place, "must be a whole number of 64 bits"),
            },
            Json::Array(items) => match items.split_first() {
                Some((Json::String(name), operands)) => self.operation(name, operands, place),
                _ => self.problem(place, "must begin with the name of an operation"),
            },
            Json::Null | Json::Object(_) => self.problem(place, "is not an expression"),
        }
    }

    fn operation(&mut self, name: &str, operands: &[Json], place: &Place<'_>) -> Option<Node> {
        if let Some(operator) = Binary::of(name) {
            let [left, right] = self.exactly(operands, place)?;
            return Some(Node::Binary(operator, Box::new((left, right))));
        }
        let one = |[part]: [Node; 1]| Box::new(part);
        Some(match name {
            "principal" | "action" | "resource" | "context" => {
                let []: [Node; 0] = self.exactly(operands, place)?;
                Node::Variable(match name {
                    "principal" => Variable::Principal,
                    "action" => Variable::Action,
                    "resource" => Variable::Resource,
                    _ => Variable::Context,
                })
            }
            "entity" => match self.names(operands, 0, place)?.as_slice() {
                [kind, id] => {
                    Node::Literal(Value::Entity(Uid { kind: Arc::clone(kind), id: Arc::clone(id) }))
                }
                _ => return self.problem(place, "must have a type and an id"),
            },
            "if" => {
                let [test, then, otherwise] = self.exactly(operands, place)?;
                Node::If(Box::new((test, then, otherwise)))
            }
            "&&" | "||" => {
                let parts = self.all(operands, place)?;
                if parts.len() < 2 {
                    return self.problem(place, "must have two operands or more");
                }
                if name == "&&" { Node::And(parts) } else { Node::Or(parts) }
            }
            "!" => Node::Not(one(self.exactly(operands, place)?)),
            "neg" => Node::Negate(one(self.exactly(operands, place)?)),
            "isEmpty" => Node::IsEmpty(one(self.exactly(operands, place)?)),
            "." | "has" | "like" | "is" => return self.named(name, operands, place),
            "set" => Self::set(self.all(operands, place)?),
            "record" => return self.record(operands, place),
            _ => return self.problem(place, format!("{name} is not an operation")),
        })
    }

    /// An operand, and then names.
    fn named(&mut self, name: &str, operands: &[Json], place: &Place<'_>) -> Option<Node> {
        let Some((first, names)) = operands.split_first() else {
            return self.problem(place, "must have an operand");
        };
        let part = self.node(first, &place.within(1)).map(Box::new);
        let names = self.names(names, 1, place)?;
        let part = part?;
        match (name, names.as_slice()) {
            (_, []) => self.problem(place, "must have a name behind its operand"),
            ("has", _) => Some(Node::Has(part, names)),
            ("like", _) => {
                Some(Node::Like(part, names.iter().map(|text| text.as_ref().to_owned()).collect()))
            }
            (".", [attribute]) => Some(Node::Get(part, Arc::clone(attribute))),
            ("is", [kind]) => Some(Node::Is(part, Arc::clone(kind))),
            _ => self.problem(place, "must have one name behind its operand"),
        }
    }

    /// A set of literals is made once.
    fn set(parts: Vec<Node>) -> Node {
        let literal = |part: &Node| match part {
            Node::Literal(value) => Some(value.clone()),
            _ => None,
        };
        match parts.iter().map(literal).collect::<Option<BTreeSet<_>>>() {
            Some(values) => Node::Literal(Value::Set(Arc::new(values))),
            None => Node::Set(parts),
        }
    }

    fn record(&mut self, operands: &[Json], place: &Place<'_>) -> Option<Node> {
        let mut members = BTreeMap::new();
        let mut is_good = true;
        for (index, pair) in operands.chunks(2).enumerate() {
            let at = place.within(2 * index + 1);
            let ([Json::String(name), _] | [Json::String(name)]) = pair else {
                is_good = false;
                self.problem::<()>(&at, "must be a name");
                continue;
            };
            let Some(value) = pair.get(1) else {
                return self.problem(&at, "must have a value behind it");
            };
            let value = self.node(value, &place.within(2 * index + 2));
            is_good &= value.is_some();
            if let Some(value) = value
                && members.insert(Arc::from(name.as_str()), value).is_some()
            {
                return self.problem(&at, "stands twice in one record");
            }
        }
        is_good.then(|| Node::Record(members.into_iter().collect()))
    }

    fn all(&mut self, operands: &[Json], place: &Place<'_>) -> Option<Vec<Node>> {
        let mut parts = Vec::with_capacity(operands.len());
        for (index, operand) in operands.iter().enumerate() {
            parts.push(self.node(operand, &place.within(index + 1)));
        }
        parts.into_iter().collect()
    }

    fn exactly<const N: usize>(
        &mut self,
        operands: &[Json],
        place: &Place<'_>,
    ) -> Option<[Node; N]> {
        if operands.len() != N {
            return self.problem(place, format!("must have {N} operand(s)"));
        }
        self.all(operands, place)?.try_into().ok()
    }

    fn names(&self, operands: &[Json], before: usize, place: &Place<'_>) -> Option<Vec<Arc<str>>> {
        let mut names = Vec::with_capacity(operands.len());
        for (index, operand) in operands.iter().enumerate() {
            match operand.as_str() {
                Some(name) => names.push(Arc::from(name)),
                None => {
                    self.problem::<()>(&place.within(before + index + 1), "must be a string");
                }
            }
        }
        (names.len() == operands.len()).then_some(names)
    }
}
