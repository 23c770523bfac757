//! Who one is and what one may.

use serde_json::json;

use crate::case::Case;
use crate::table::Row;
use crate::world::Person::{Alice, Stranger};
use crate::world::SHOP;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            tool: "can_i",
            allowed: Case::of(
                Alice,
                json!({"verb": "list", "resource": "deployments", "namespace": SHOP}),
            )
            .holds("/allowed", json!(true))
            .says("yes: you may list deployments.apps in namespace \"shop\""),
            refused: Case::of(Stranger, json!({"verb": "list", "resource": "pods"})).not_accepted(),
        },
        Row {
            tool: "whoami",
            allowed: Case::of(Alice, json!({}))
                .holds("/groups", json!(["kc:developers", "system:authenticated"])),
            refused: Case::of(Stranger, json!({})).not_accepted(),
        },
    ]
}
