//! What the server is configured with. It asks the API server nothing, so that only those without a token are refused.

use serde_json::json;

use crate::case::Case;
use crate::table::Row;
use crate::world::Person::{Alice, Nobody};

pub(super) fn rows() -> Vec<Row> {
    vec![Row {
        tool: "configuration_view",
        allowed: Case::of(Alice, json!({}))
            .holds("/kind", json!("Config"))
            .says("https://127.0.0.1:"),
        refused: Case::of(Nobody, json!({})).unknown(),
    }]
}
