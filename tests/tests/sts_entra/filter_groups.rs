//! The real filter in front of it: who is in more groups than a token holds is permitted by them all the same, and by none
//! while Graph does not tell.

use obolus_tests::entra::{Endpoint, Fault, What};
use obolus_tests::fixtures::gateway::{Gateway, GatewayOptions, PROTECTED, Place};
use obolus_tests::fixtures::recorder::Recorder;
use obolus_tests::fixtures::workbench::{local, mcp_recorder, tool_call};
use obolus_tests::https;
use serde_json::{Value, json};

use crate::groups::{TARGET, ask, groups, overage, pages, start};
use crate::world::{CREDENTIAL, World, granted};

struct Door {
    gateway: Gateway,
    upstream: Recorder,
}

impl Door {
    /// `pods_list` is this group's, `pods_get` another one's.
    async fn open(world: &World, group: &str) -> Self {
        let upstream = mcp_recorder().await.unwrap();
        let place = Place::reserve().unwrap();
        let mut resource = world.entra.resource(&place.resource(), PROTECTED, TARGET);
        resource["access"] = json!({"groups": {group: ["pods_list"], "nobodys": ["pods_get"]}});
        let issuers = json!([world.entra.issuer_for_the_filter()]);
        let mut options = GatewayOptions::new(issuers, local(&upstream), CREDENTIAL);
        options.configure =
            Box::new(move |configuration| configuration["resources"] = json!([resource]));
        let gateway = Gateway::start(place, &world.sts, options).await.unwrap();
        Self { gateway, upstream }
    }

    /// Whether a call passes. One that does not is answered as if there were no such tool.
    async fn passes(&self, token: &str, tool: &str) -> bool {
        let http = https::plain_client().unwrap();
        let request = http.post(self.gateway.resource()).bearer_auth(token).body(tool_call(tool));
        let answer = request.header("content-type", "application/json").send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", self.gateway.envoy.log());
        let body: Value = answer.json().await.unwrap();
        let passed = body.get("result").is_some();
        assert_eq!(self.upstream.take().len(), usize::from(passed), "{body}");
        assert_eq!(body["error"]["code"] == -32602, !passed, "{body}");
        passed
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_in_250_groups_is_permitted_by_each_while_graph_tells_and_by_none_else() {
    let world = start().await;
    let (came, told) = ask(&world, &overage(&world, "carol")).await;
    assert_eq!(came, granted());
    let all = groups(&told);
    assert_eq!(all.len(), 250);
    let door = Door::open(&world, all.last().unwrap()).await;

    let carol = overage(&world, "carol");
    let before = pages(&world);
    for _ in 0..3 {
        assert!(door.passes(&carol, "pods_list").await);
        assert!(!door.passes(&carol, "pods_get").await);
    }
    assert_eq!(pages(&world), before + 1, "asked once");
    assert!(!door.passes(&overage(&world, "bob"), "pods_list").await, "bob is not in it");

    world.entra.emulator.faults().add(Fault::new(What::Reset).at(Endpoint::Graph));
    let later = overage(&world, "carol");
    assert!(!door.passes(&later, "pods_list").await, "{}", world.sts.log());
    assert!(door.passes(&carol, "pods_list").await, "what is remembered is still good");
}
