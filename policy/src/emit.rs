//! Cedar's expressions in the form that core reads.

use cedar_policy_core::ast::{
    BinaryOp, EntityUID, Expr, ExprKind, Literal, Pattern, PatternElem, UnaryOp, Var,
};
use serde_json::{Value, json};

use crate::policies::parts;

/// The compiled expression; `None` for what [`reading`](crate::reading) refuses.
pub(crate) fn expression(of: &Expr) -> Option<Value> {
    Some(match of.expr_kind() {
        ExprKind::Lit(literal) => match literal {
            Literal::Bool(bool) => json!(bool),
            Literal::Long(long) => json!(long),
            Literal::String(text) => json!(text.as_str()),
            Literal::EntityUID(uid) => entity(uid),
        },
        ExprKind::Var(var) => json!([match var {
            Var::Principal => "principal",
            Var::Action => "action",
            Var::Resource => "resource",
            Var::Context => "context",
        }]),
        ExprKind::If { test_expr, then_expr, else_expr } => {
            json!(["if", expression(test_expr)?, expression(then_expr)?, expression(else_expr)?])
        }
        ExprKind::And { .. } => chain("&&", of)?,
        ExprKind::Or { .. } => chain("||", of)?,
        ExprKind::UnaryApp { op, arg } => {
            let name = match op {
                UnaryOp::Not => "!",
                UnaryOp::Neg => "neg",
                UnaryOp::IsEmpty => "isEmpty",
            };
            json!([name, expression(arg)?])
        }
        ExprKind::BinaryApp { op, arg1, arg2 } => {
            json!([binary(*op)?, expression(arg1)?, expression(arg2)?])
        }
        ExprKind::GetAttr { expr, attr } => json!([".", expression(expr)?, attr.as_str()]),
        ExprKind::HasAttr { expr, attr } => json!(["has", expression(expr)?, attr.as_str()]),
        ExprKind::ExtHasAttr { expr, attrs } => {
            let names = attrs.iter().map(|attr| json!(attr.as_str()));
            array("has", std::iter::once(expression(expr)?).chain(names))
        }
        ExprKind::Like { expr, pattern } => {
            array("like", std::iter::once(expression(expr)?).chain(texts(pattern)))
        }
        ExprKind::Is { expr, entity_type } => {
            json!(["is", expression(expr)?, entity_type.to_string()])
        }
        ExprKind::Set(items) => {
            array("set", items.iter().map(expression).collect::<Option<Vec<_>>>()?)
        }
        ExprKind::Record(members) => {
            let mut pairs = Vec::new();
            for (name, value) in members.iter() {
                pairs.extend([json!(name.as_str()), expression(value)?]);
            }
            array("record", pairs)
        }
        _ => return None,
    })
}

pub(crate) fn entity(uid: &EntityUID) -> Value {
    let (kind, id) = parts(uid);
    json!(["entity", kind, id])
}

/// All operands of a chain in one array: chains are long, and nesting is bounded.
fn chain(name: &str, of: &Expr) -> Option<Value> {
    let mut operands = Vec::new();
    let mut waiting = vec![of];
    while let Some(next) = waiting.pop() {
        match next.expr_kind() {
            ExprKind::And { left, right } if name == "&&" => waiting.extend([&**right, &**left]),
            ExprKind::Or { left, right } if name == "||" => waiting.extend([&**right, &**left]),
            _ => operands.push(expression(next)?),
        }
    }
    Some(array(name, operands))
}

pub(crate) fn array(name: &str, operands: impl IntoIterator<Item = Value>) -> Value {
    Value::Array(std::iter::once(json!(name)).chain(operands).collect())
}

fn binary(operator: BinaryOp) -> Option<&'static str> {
    Some(match operator {
        BinaryOp::Eq => "==",
        BinaryOp::Less => "<",
        BinaryOp::LessEq => "<=",
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::In => "in",
        BinaryOp::Contains => "contains",
        BinaryOp::ContainsAll => "containsAll",
        BinaryOp::ContainsAny => "containsAny",
        BinaryOp::GetTag | BinaryOp::HasTag => return None,
    })
}

/// The texts between the wildcards.
fn texts(pattern: &Pattern) -> Vec<Value> {
    let mut texts = vec![String::new()];
    for element in pattern.iter() {
        match (element, texts.last_mut()) {
            (PatternElem::Char(char), Some(text)) => text.push(*char),
            _ => texts.push(String::new()),
        }
    }
    texts.into_iter().map(Value::from).collect()
}

/// How deep a compiled expression is nested.
pub(crate) fn depth(of: &Value) -> usize {
    match of {
        Value::Array(parts) => 1 + parts.iter().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}
