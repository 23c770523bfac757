//! What a policy reads, and what our evaluator does not have.

use std::collections::BTreeSet;

use cedar_policy_core::ast::{BinaryOp, Expr, ExprKind, Literal, Var};

use crate::policies::Written;
use crate::problem::{Problem, offset};
use crate::schema::CLAIMS;

/// What the conditions of one policy read.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// Paths below `context.arguments`, with their places.
    pub(crate) arguments: Vec<(Vec<String>, Option<usize>)>,
    /// Those of them whose values it compares, and does not only ask for with `has`.
    pub(crate) compared: BTreeSet<Vec<String>>,
    /// Claims that it asks for with `has`.
    pub(crate) asked: BTreeSet<&'static str>,
    pub(crate) problems: Vec<Problem>,
}

/// Reads a policy's `when` and `unless`. Its head can hold none of this.
pub(crate) fn read(written: &Written<'_>) -> Reading {
    let mut reading = Reading::default();
    if let Some(expression) = written.policy.non_scope_constraints() {
        reading.visit(written, expression);
    }
    reading
}

/// What is read: a path from a variable, through attributes.
fn path(expression: &Expr) -> Option<(Var, Vec<String>)> {
    match expression.expr_kind() {
        ExprKind::Var(var) => Some((*var, Vec::new())),
        ExprKind::GetAttr { expr, attr } => {
            let (var, mut names) = path(expr)?;
            names.push(attr.to_string());
            Some((var, names))
        }
        _ => None,
    }
}

impl Reading {
    fn visit(&mut self, written: &Written<'_>, expression: &Expr) {
        let at = offset(expression.source_loc());
        let mut refuse = |message: &str, help: &str| {
            self.problems.push(written.problem(at, message).with_help(help));
        };
        match expression.expr_kind() {
            ExprKind::ExtensionFunctionApp { fn_name, .. } => refuse(
                &format!(
                    "{fn_name} is not evaluated here: ip, decimal, datetime and duration are not taken"
                ),
                "compare strings and whole numbers",
            ),
            ExprKind::BinaryApp { op: BinaryOp::GetTag | BinaryOp::HasTag, .. } => refuse(
                "getTag and hasTag are not evaluated here",
                "write resource.tags.contains(\"…\")",
            ),
            ExprKind::GetAttr { expr, .. } | ExprKind::HasAttr { expr, .. }
                if may_be_named(expr) =>
            {
                refuse(
                    "nothing is known of an entity that is named here",
                    "read attributes of principal and resource",
                );
            }
            ExprKind::GetAttr { .. } => {
                if let Some((var, names)) = path(expression) {
                    if let (Var::Context, [first, rest @ ..]) = (var, names.as_slice())
                        && first == "arguments"
                    {
                        self.compared.insert(rest.to_vec());
                    }
                    self.reads(written, var, names, at);
                    return;
                }
            }
            ExprKind::HasAttr { expr, attr } => {
                if let Some((var, mut names)) = path(expr) {
                    names.push(attr.to_string());
                    self.asks(written, var, names, at);
                    return;
                }
            }
            ExprKind::ExtHasAttr { expr, attrs } => {
                if let Some((var, mut names)) = path(expr) {
                    names.extend(attrs.iter().map(ToString::to_string));
                    self.asks(written, var, names, at);
                    return;
                }
            }
            ExprKind::Var(Var::Context) => refuse(
                "context is not read whole",
                "write what of it is meant, such as context.target",
            ),
            _ => {}
        }
        for part in parts(expression) {
            self.visit(written, part);
        }
    }

    fn asks(&mut self, written: &Written<'_>, var: Var, names: Vec<String>, at: Option<usize>) {
        if let (Var::Principal, [name]) = (var, names.as_slice()) {
            let claim = CLAIMS.iter().find(|(claim, _)| claim == name);
            self.asked.extend(claim.map(|(claim, _)| *claim));
        }
        // It is fair to ask whether there are arguments.
        if !(var == Var::Context && names.len() < 2) {
            self.reads(written, var, names, at);
        }
    }

    fn reads(&mut self, written: &Written<'_>, var: Var, names: Vec<String>, at: Option<usize>) {
        if var != Var::Context || names.first().is_none_or(|name| name != "arguments") {
            return;
        }
        let path: Vec<_> = names.into_iter().skip(1).collect();
        if path.is_empty() {
            self.problems.push(
                written.problem(at, "context.arguments is not read whole").with_help(
                    "write which argument is meant, such as context.arguments.namespace",
                ),
            );
        } else {
            self.arguments.push((path, at));
        }
    }
}

/// Whether an expression may come to an entity that stands in the policy.
fn may_be_named(expression: &Expr) -> bool {
    match expression.expr_kind() {
        ExprKind::Lit(Literal::EntityUID(_)) => true,
        ExprKind::If { then_expr, else_expr, .. } => {
            may_be_named(then_expr) || may_be_named(else_expr)
        }
        ExprKind::GetAttr { expr, .. } => may_be_named(expr),
        ExprKind::Record(members) => members.values().any(may_be_named),
        _ => false,
    }
}

/// The expressions that one is made of.
fn parts(expression: &Expr) -> Vec<&Expr> {
    match expression.expr_kind() {
        ExprKind::If { test_expr, then_expr, else_expr } => vec![test_expr, then_expr, else_expr],
        ExprKind::And { left, right } | ExprKind::Or { left, right } => vec![left, right],
        ExprKind::BinaryApp { arg1, arg2, .. } => vec![arg1, arg2],
        ExprKind::UnaryApp { arg, .. } => vec![arg],
        ExprKind::GetAttr { expr, .. }
        | ExprKind::HasAttr { expr, .. }
        | ExprKind::ExtHasAttr { expr, .. }
        | ExprKind::Like { expr, .. }
        | ExprKind::Is { expr, .. } => vec![expr],
        ExprKind::ExtensionFunctionApp { args, .. } => args.iter().collect(),
        ExprKind::Set(items) => items.iter().collect(),
        ExprKind::Record(members) => members.values().collect(),
        _ => Vec::new(),
    }
}
