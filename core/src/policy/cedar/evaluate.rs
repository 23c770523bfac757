//! One expression, for one request.

use std::borrow::Cow;
use std::sync::Arc;

use super::entities::{Action, EVERY_ACTION, Object, User};
use super::expression::{Node, Variable};
use super::operators::{is_like, long};
use super::outcomes::{Fault, Open, Outcomes};
use super::value::{Hole, Uid, Value};

/// What the variables stand for.
#[derive(Clone, Copy)]
pub(super) struct Evaluation<'a> {
    pub(super) user: &'a User,
    pub(super) action: &'a Value,
    pub(super) object: &'a Object,
    pub(super) context: &'a Value,
}

type Got<'a> = Result<Cow<'a, Value>, Open>;

fn bool<'a>(bool: bool) -> Cow<'a, Value> {
    Cow::Owned(Value::Bool(bool))
}

/// One outcome is a value; several are none.
fn settled<'a>(open: Open) -> Got<'a> {
    match open.outcomes {
        Outcomes::TRUE => Ok(bool(true)),
        Outcomes::FALSE => Ok(bool(false)),
        _ => Err(open),
    }
}

/// The same operand within an operator that has to know its value: what comes of that may be anything.
fn within(open: Open) -> Open {
    if open.outcomes.may_be(Outcomes::EITHER) {
        Open { outcomes: open.outcomes.or(Outcomes::EITHER), ..open }
    } else {
        open
    }
}

fn outcomes(got: Got<'_>) -> Open {
    match got {
        Ok(value) => Open {
            outcomes: match *value {
                Value::Bool(bool) => Outcomes::of(bool),
                _ => Outcomes::EITHER,
            },
            fault: None,
        },
        Err(open) => open,
    }
}

impl<'a> Evaluation<'a> {
    /// What comes of a condition.
    pub(super) fn test(&self, node: &'a Node) -> Open {
        match self.run(node) {
            Ok(value) => match *value {
                Value::Bool(bool) => Outcomes::of(bool).into(),
                ref other => other.wanted("a Bool"),
            },
            Err(open) => open,
        }
    }

    fn run(&self, node: &'a Node) -> Got<'a> {
        match node {
            Node::Literal(value) => Ok(Cow::Borrowed(value)),
            Node::Variable(variable) => Ok(Cow::Borrowed(match variable {
                Variable::Principal => &self.user.value,
                Variable::Action => self.action,
                Variable::Resource => &self.object.value,
                Variable::Context => self.context,
            })),
            Node::If(parts) => self.choose(parts),
            Node::And(parts) => self.chain(parts, Outcomes::TRUE),
            Node::Or(parts) => self.chain(parts, Outcomes::FALSE),
            Node::Not(part) => {
                let open = self.test(part);
                settled(Open { outcomes: open.outcomes.not(), ..open })
            }
            Node::Negate(part) => long(self.operand(part)?.long()?.checked_neg()).map(Cow::Owned),
            Node::IsEmpty(part) => Ok(bool(self.operand(part)?.set()?.is_empty())),
            Node::Binary(operator, parts) => {
                let (left, right) = match (self.operand(&parts.0), self.operand(&parts.1)) {
                    (Ok(left), Ok(right)) => (left, right),
                    (Err(left), Err(right)) => return Err(left.and_then(right)),
                    (Err(open), Ok(_)) | (Ok(_), Err(open)) => return Err(open),
                };
                operator.apply(&left, &right, |uid, of| self.is_in(uid, of)).map(Cow::Owned)
            }
            Node::Get(part, name) => self.get(self.operand(part)?, name),
            Node::Has(part, names) => {
                let mut value = self.operand(part)?;
                for (index, name) in names.iter().enumerate() {
                    let member = self.member(value, name)?;
                    let is_last = index + 1 == names.len();
                    value = match member {
                        None => return Ok(bool(false)),
                        Some(member) => match *member {
                            Value::Hole(Hole::Absent) => return Ok(bool(false)),
                            Value::Hole(Hole::Unresolved) => return Err(Outcomes::UNTOLD.into()),
                            Value::Hole(hole) if !is_last => return Err(hole.read().into()),
                            _ => member,
                        },
                    };
                }
                Ok(bool(true))
            }
            Node::Like(part, parts) => Ok(bool(is_like(self.operand(part)?.string()?, parts))),
            Node::Is(part, kind) => Ok(bool(self.operand(part)?.entity()?.kind == *kind)),
            Node::Set(parts) => {
                let values = self.each(parts.iter())?;
                Ok(Cow::Owned(Value::Set(Arc::new(values.into_iter().collect()))))
            }
            Node::Record(members) => {
                let values = self.each(members.iter().map(|(_, part)| part))?;
                let names = members.iter().map(|(name, _)| Arc::clone(name));
                Ok(Cow::Owned(Value::Record(Arc::new(names.zip(values).collect()))))
            }
        }
    }

    /// An operand whose value has to be known.
    fn operand(&self, node: &'a Node) -> Got<'a> {
        self.run(node).map_err(within)
    }

    /// `&&` goes on after true, `||` after false; what stands behind the end of the chain is not read.
    fn chain(&self, parts: &'a [Node], goes_on: Outcomes) -> Got<'a> {
        let mut open: Option<Open> = None;
        for part in parts {
            let next = self.test(part);
            let is_last = !next.outcomes.may_be(goes_on);
            open = match open {
                // As it is wherever everything is known.
                None if next.outcomes == goes_on => continue,
                None => Some(next),
                Some(open) => Some(Open {
                    outcomes: open.outcomes.without(goes_on).or(next.outcomes),
                    fault: open.fault.or(next.fault),
                }),
            };
            if is_last {
                break;
            }
        }
        settled(open.unwrap_or_else(|| goes_on.into()))
    }

    fn choose(&self, (test, then, otherwise): &'a (Node, Node, Node)) -> Got<'a> {
        let tested = self.test(test);
        match tested.outcomes {
            Outcomes::TRUE => return self.run(then),
            Outcomes::FALSE => return self.run(otherwise),
            _ => {}
        }
        let mut open =
            Open { outcomes: tested.outcomes.without(Outcomes::EITHER), ..tested.clone() };
        for (when, part) in [(Outcomes::TRUE, then), (Outcomes::FALSE, otherwise)] {
            if tested.outcomes.may_be(when) {
                let branch = outcomes(self.run(part));
                open.outcomes = open.outcomes.or(branch.outcomes);
                open.fault = open.fault.or(branch.fault);
            }
        }
        settled(open)
    }

    /// The values of parts that are all evaluated.
    fn each(&self, parts: impl Iterator<Item = &'a Node>) -> Result<Vec<Value>, Open> {
        let mut values = Vec::new();
        let mut open: Option<Open> = None;
        for part in parts {
            let next = match self.operand(part) {
                Ok(value) => match value.holes() {
                    None => {
                        values.push(value.into_owned());
                        continue;
                    }
                    Some(holes) => holes.into(),
                },
                Err(next) => next,
            };
            open = Some(match open {
                Some(open) => open.and_then(next),
                None => next,
            });
        }
        open.map_or(Ok(values), Err)
    }

    fn get(&self, of: Cow<'a, Value>, name: &Arc<str>) -> Got<'a> {
        let unknown = match &*of {
            Value::Entity(uid) if !self.is_known(uid) => Some(Arc::clone(&uid.kind)),
            _ => None,
        };
        match self.member(of, name)? {
            None => Err(match unknown {
                Some(kind) => Fault::NoEntity(kind),
                None => Fault::NoAttribute(Arc::clone(name)),
            }
            .into()),
            Some(member) => match *member {
                Value::Hole(hole) => Err(hole.read().into()),
                _ => Ok(member),
            },
        }
    }

    /// What stands in a place, as it stands there.
    fn member(&self, of: Cow<'a, Value>, name: &str) -> Result<Option<Cow<'a, Value>>, Open> {
        let of_entity = |uid: &Uid| -> Option<Cow<'a, Value>> {
            let (user, object) = (self.user, self.object);
            let value = if is_named(&user.value, uid) {
                user.attribute(name)
            } else if is_named(&object.value, uid) {
                object.attribute(name)
            } else {
                None
            };
            value.map(Cow::Borrowed)
        };
        Ok(match of {
            Cow::Borrowed(Value::Record(members)) => members.get(name).map(Cow::Borrowed),
            Cow::Owned(Value::Record(members)) => members.get(name).cloned().map(Cow::Owned),
            Cow::Borrowed(Value::Entity(uid)) => of_entity(uid),
            Cow::Owned(Value::Entity(ref uid)) => of_entity(uid),
            other => return Err(other.wanted("a record or an entity")),
        })
    }

    fn is_known(&self, uid: &Uid) -> bool {
        is_named(&self.user.value, uid) || is_named(&self.object.value, uid) || is_action(uid)
    }

    /// In one of several is as good as in one.
    fn is_in(&self, uid: &Uid, of: &Value) -> Result<Value, Open> {
        let outcomes = match of {
            Value::Entity(group) => self.is_in_one(uid, group),
            Value::Set(groups) => {
                let mut all = Outcomes::FALSE;
                for group in groups.iter() {
                    let outcome = self.is_in_one(uid, group.entity()?);
                    if outcome == Outcomes::TRUE || all == Outcomes::FALSE {
                        all = outcome;
                    }
                }
                all
            }
            other => return Err(other.wanted("an entity or a Set of them")),
        };
        settled(outcomes.into()).map(Cow::into_owned)
    }

    fn is_in_one(&self, uid: &Uid, group: &Uid) -> Outcomes {
        if uid == group {
            return Outcomes::TRUE;
        }
        if is_named(&self.user.value, uid) {
            return match self.user.parents(&group.kind) {
                Some(Value::Set(names)) => {
                    Outcomes::of(names.contains(&Value::Text(Arc::clone(&group.id))))
                }
                Some(Value::Hole(hole)) => hole.read(),
                _ => Outcomes::FALSE,
            };
        }
        let is_its_server = is_named(&self.object.value, uid) && self.object.server == *group;
        let is_its_group = is_action(uid) && *group.kind == *ACTION && *group.id == *EVERY_ACTION;
        Outcomes::of(is_its_server || is_its_group)
    }
}

/// The entity type of actions.
pub(super) const ACTION: &str = "Action";

fn is_action(uid: &Uid) -> bool {
    *uid.kind == *ACTION && Action::ALL.iter().any(|action| *uid.id == *action.name())
}

fn is_named(value: &Value, uid: &Uid) -> bool {
    // The variables stand for the very same names.
    let is_same = |own: &Uid| Arc::ptr_eq(&own.id, &uid.id) && Arc::ptr_eq(&own.kind, &uid.kind);
    matches!(value, Value::Entity(own) if is_same(own) || own == uid)
}
