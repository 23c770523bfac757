//! How long a body may be: to the byte, and in our words, however it is framed.

use serde_json::json;

use crate::golden::Golden;
use crate::plans::plan_with_trailers;
use crate::story::{Decision, Story};
use crate::wire::{Framing, http1};

/// A call whose body has exactly this many bytes.
fn body_of(bytes: usize) -> String {
    let call = |note: &str| {
        json!({
            "jsonrpc": "2.0",
            "id": "long",
            "method": "tools/call",
            "params": {"name": "pods_list", "arguments": {"note": note}},
        })
        .to_string()
    };
    call(&"x".repeat(bytes - call("").len()))
}

async fn begin(limit: Option<usize>) -> Story {
    let mut plan = plan_with_trailers().await;
    if let Some(limit) = limit {
        plan.configure(move |configuration| {
            configuration["resources"][0]["maxBodyBytes"] = json!(limit);
        });
    }
    Story::with(plan).await
}

/// Envoy's own buffer is twice the limit: what is longer and comes at once may be answered by Envoy, which is 413, too.
async fn the_limit_is_exact(mut story: Story, limit: usize, golden: &'static str) {
    story.control("warm", Vec::new()).await;
    let mut golden = Golden::new(golden, &story.bench.gateway);
    for framing in Framing::ALL {
        for bytes in [limit - 1, limit] {
            let request = story.good_call().body(body_of(bytes));
            story.lets_through(&format!("{bytes} bytes, {framing:?}"), &request, framing).await;
        }
        for bytes in [limit + 1, limit + 9, 2 * limit - 1, 2 * limit] {
            let request = story.good_call().body(body_of(bytes));
            let case = format!("{bytes} bytes, {framing:?}");
            let answer = story.refuses(&case, &request, framing, 413, "body_too_large").await;
            golden.add("body_too_large", &answer);
        }
        for bytes in [2 * limit + 1, 5 * limit] {
            let request = story.good_call().body(body_of(bytes));
            let case = format!("{bytes} bytes, {framing:?}");
            let answer = story.send(&request, framing).await;
            if answer.header("content-type") == Some("text/plain") {
                assert_eq!(answer.status, 413, "{case}: {answer:?}");
                let ours = Decision::Deny("body_too_large", 413);
                story.control_after_envoys_answer(&case, ours).await;
            } else {
                story.was_refused(&case, &answer, 413, "body_too_large").await;
            }
        }
    }
    // What is announced counts as what is there.
    let request = story.good_call();
    for announced in [(limit + 1).to_string(), u64::MAX.to_string()] {
        let mut connection =
            http1::Connection::open(story.bench.gateway.place.address()).await.unwrap();
        let head =
            http1::head(&request.clone().header("content-length", &announced), Framing::Frames);
        let head = String::from_utf8(head).unwrap().replace("transfer-encoding: chunked\r\n", "");
        connection.write(head).await.unwrap();
        let answer = connection.answer().await.unwrap();
        let case = format!("{announced} bytes announced");
        story.was_refused(&case, &answer, 413, "body_too_large").await;
        golden.add("body_too_large", &answer);
    }
    golden.check();
    story.ends().await;
}

#[tokio::test]
async fn the_smallest_limit_is_exact_and_refused_in_our_words() {
    the_limit_is_exact(begin(Some(1024)).await, 1024, "limits.txt").await;
}

#[tokio::test]
async fn the_usual_limit_is_exact_and_refused_in_our_words() {
    the_limit_is_exact(begin(None).await, 1 << 20, "limits.txt").await;
}
