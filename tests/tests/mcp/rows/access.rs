//! Who one is, what one may, and what there is: no RBAC refuses anybody that, so that it takes a token that is no good.

use serde_json::json;

use super::has;
use crate::case::Case;
use crate::table::Row;
use crate::world::Person::{Alice, Stranger};
use crate::world::SHOP;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            tool: "api_resources",
            allowed: Case::of(Alice, json!({"group": "apps"})).structured(has(
                "/kinds",
                "name",
                "deployments",
            )),
            refused: Case::of(Stranger, json!({})).not_accepted(),
        },
        Row {
            tool: "can_i",
            allowed: Case::of(
                Alice,
                json!({"verb": "delete", "resource": "pods", "namespace": SHOP}),
            )
            .holds("/allowed", json!(true)),
            refused: Case::of(Stranger, json!({})).not_accepted(),
        },
        Row {
            tool: "explain",
            allowed: Case::of(Alice, json!({"path": "Deployment.spec.replicas"}))
                .holds("/type", json!("integer")),
            refused: Case::of(Stranger, json!({"path": "Deployment.spec"})).not_accepted(),
        },
        Row {
            tool: "whoami",
            allowed: Case::of(Alice, json!({}))
                .holds("/groups", json!(["kc:developers", "system:authenticated"])),
            refused: Case::of(Stranger, json!({})).not_accepted(),
        },
    ]
}
