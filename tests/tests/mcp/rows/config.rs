//! What the server is configured with.

use serde_json::json;

use crate::case::Case;
use crate::table::Row;
use crate::world::Person::{Alice, Stranger};

pub(super) fn rows() -> Vec<Row> {
    vec![Row {
        tool: "configuration_view",
        allowed: Case::of(Alice, json!({}))
            .holds("/users", json!([{"name": "caller", "user": {}}]))
            .says("current-context: default"),
        refused: Case::of(Stranger, json!({})).not_accepted(),
    }]
}
