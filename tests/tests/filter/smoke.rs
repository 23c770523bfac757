use obolus_tests::fixtures::idp::claims_of;
use obolus_tests::fixtures::workbench::Workbench;

#[tokio::test]
async fn a_good_token_is_exchanged_and_nothing_else_goes_on() {
    let bench = Workbench::start().await.unwrap();
    let token = bench.token("alice").unwrap();
    let answer = bench.call(&token).send().await.unwrap();
    assert_eq!(
        answer.status(),
        200,
        "{}\n{}",
        answer.text().await.unwrap(),
        bench.gateway.envoy.log()
    );
    let requests = bench.upstream.requests();
    assert_eq!(requests.len(), 1);
    let forwarded = requests[0].header("authorization").unwrap();
    let claims = claims_of(forwarded.strip_prefix("Bearer ").unwrap()).unwrap();
    assert_eq!((&claims["sub"], &claims["aud"]), (&"alice".into(), &"kubernetes".into()));

    let none = bench.post("{}").send().await.unwrap();
    assert_eq!(none.status(), 401);
    println!("{:?}", none.headers());
    println!("{:#?}", bench.gateway.audit());
    println!("{}", bench.gateway.envoy.log());
}
