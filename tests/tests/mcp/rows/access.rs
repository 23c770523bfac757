//! Who one is and what one may.

use serde_json::json;

use crate::case::Case;
use crate::table::Row;
use crate::world::Person::{Alice, Stranger};

pub(super) fn rows() -> Vec<Row> {
    vec![Row {
        tool: "whoami",
        allowed: Case::of(Alice, json!({}))
            .holds("/groups", json!(["kc:developers", "system:authenticated"])),
        refused: Case::of(Stranger, json!({})).not_accepted(),
    }]
}
