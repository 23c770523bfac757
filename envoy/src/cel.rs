//! CEL expressions in their typed form.
//!
//! Envoy's RBAC filter takes a condition as a syntax tree; there is no text form in its YAML.

use serde_json::{Value, json};

/// `name`
pub(crate) fn ident(name: &str) -> Value {
    json!({"ident_expr": {"name": name}})
}

/// `"text"`
pub(crate) fn string(text: &str) -> Value {
    json!({"const_expr": {"string_value": text}})
}

/// `["a", "b"]`
pub(crate) fn strings<S: AsRef<str>>(texts: &[S]) -> Value {
    let elements: Vec<Value> = texts.iter().map(|text| string(text.as_ref())).collect();
    json!({"list_expr": {"elements": elements}})
}

/// `operand.field`
pub(crate) fn select(operand: Value, field: &str) -> Value {
    json!({"select_expr": {"operand": operand, "field": field}})
}

/// `has(operand.field)`
pub(crate) fn has(operand: Value, field: &str) -> Value {
    json!({"select_expr": {"operand": operand, "field": field, "test_only": true}})
}

/// `container[key]`
pub(crate) fn index(container: Value, key: Value) -> Value {
    call("_[_]", [container, key])
}

/// `!operand`
pub(crate) fn not(operand: Value) -> Value {
    call("!_", [operand])
}

/// `left || right`
pub(crate) fn or(left: Value, right: Value) -> Value {
    call("_||_", [left, right])
}

/// `left && right`
pub(crate) fn and(left: Value, right: Value) -> Value {
    call("_&&_", [left, right])
}

/// `left == right`
pub(crate) fn equal(left: Value, right: Value) -> Value {
    call("_==_", [left, right])
}

/// `element in container`: an item of a list, or a key of a map
pub(crate) fn is_in(element: Value, container: Value) -> Value {
    call("@in", [element, container])
}

/// `bytes(operand)`
pub(crate) fn bytes(operand: Value) -> Value {
    call("bytes", [operand])
}

fn call<const N: usize>(function: &str, arguments: [Value; N]) -> Value {
    json!({"call_expr": {"function": function, "args": arguments.to_vec()}})
}
