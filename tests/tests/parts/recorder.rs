//! The recorder records, over TLS too.

use axum::response::IntoResponse as _;
use obolus_tests::fixtures::recorder::{Recorded, Recorder};
use obolus_tests::https;
use obolus_tests::pki::Authority;

#[tokio::test(flavor = "multi_thread")]
async fn the_recorder_speaks_tls_and_both_versions_of_http() {
    let authority = Authority::new("test").unwrap();
    let answer = |request: Recorded| async move { request.text().to_uppercase().into_response() };
    let tls = Recorder::answering_tls(&authority.server().unwrap(), answer).await.unwrap();
    let client = https::client(&authority.pem()).unwrap();
    let text = client.post(tls.url()).body("abc").send().await.unwrap().text().await.unwrap();
    assert_eq!(text, "ABC");
    let stranger = Authority::new("stranger").unwrap();
    let refused = https::client(&stranger.pem()).unwrap().get(tls.url()).send().await;
    assert!(refused.unwrap_err().is_connect());

    let plain = Recorder::start().await.unwrap();
    let h2c = https::builder().tls_certs_only([]).http2_prior_knowledge().build().unwrap();
    h2c.get(plain.url()).send().await.unwrap();
    https::plain_client().unwrap().get(plain.url()).send().await.unwrap();
    let versions: Vec<_> =
        plain.take().iter().map(|request| format!("{:?}", request.version)).collect();
    assert_eq!(versions, ["HTTP/2.0", "HTTP/1.1"]);
    assert!(plain.requests().is_empty());
}
