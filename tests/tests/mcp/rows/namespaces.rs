//! Namespaces.

use serde_json::json;

use super::lists;
use crate::case::Case;
use crate::table::Row;
use crate::world::Person::{Alice, Bob};

pub(super) fn rows() -> Vec<Row> {
    vec![Row {
        tool: "namespaces_list",
        allowed: Case::of(Alice, json!({})).structured(lists("warehouse")).says("warehouse"),
        refused: Case::of(Bob, json!({})).refused("list", "namespaces", None),
    }]
}
