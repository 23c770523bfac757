//! Whom the gateway believes to be the STS, and TLS towards clients.

use anyhow::Result;
use axum::response::Response;
use obolus_envoy::{ClientCertificate, DownstreamTls, Endpoint};
use obolus_tests::fixtures::recorder::Recorder;
use obolus_tests::https;
use obolus_tests::pki::{Authority, Leaf, Subject};
use serde_json::json;

use crate::gateway::{Lines, Plan};
use crate::modules::Behaviour;

const NAME: &str = "sts.obolus.internal";

/// No generated route leads to the STS; here one does, so that the cluster can be tried.
async fn status_through_the_sts_cluster(mut plan: Plan, sts: &Recorder) -> Result<u16> {
    plan.bootstrap.sts.endpoint = Endpoint::new("127.0.0.1", sts.port());
    let mut bootstrap = plan.bootstrap(Lines::Both)?;
    let route = json!({"match": {"path": "/sts"}, "route": {"cluster": "obolus-sts"}});
    plan.add_route_first(&mut bootstrap, route)?;
    plan.start(&bootstrap).await?.get("/sts", &[]).await
}

async fn sts_with(leaf: &Leaf) -> Result<Recorder> {
    Recorder::answering_tls(leaf, |_| async { Response::default() }).await
}

#[tokio::test]
async fn the_sts_is_who_has_the_name_from_the_pinned_authority() -> Result<()> {
    let stranger = Authority::new("another authority")?;
    let server = |name: &str| Subject::named(name).server();
    for (who, subject, by_the_pinned, status) in [
        ("the STS", server("a").dns(NAME), true, 200),
        ("another name", server("a").dns("mcp.obolus.internal"), true, 503),
        ("a name below", server("a").dns(&format!("x.{NAME}")), true, 503),
        // As for every TLS client: who may have a wildcard may have the name.
        ("a wildcard", server("a").dns("*.obolus.internal"), true, 200),
        ("a wildcard elsewhere", server("a").dns("*.internal"), true, 503),
        ("the name in the subject only", server(NAME), true, 503),
        ("the name as a URI", server("a").uri(NAME), true, 503),
        ("another authority", server("a").dns(NAME), false, 503),
        ("a certificate that ran out", server("a").dns(NAME).expired(), true, 503),
    ] {
        let plan = Plan::new(Behaviour::LetsPass).await?;
        let authority = if by_the_pinned { &plan.sts_authority } else { &stranger };
        let sts = sts_with(&authority.issue(subject)?).await?;
        assert_eq!(status_through_the_sts_cluster(plan, &sts).await?, status, "{who}");
        assert_eq!(sts.take().len(), usize::from(status == 200), "{who}");
    }
    Ok(())
}

#[tokio::test]
async fn the_sts_is_never_spoken_to_in_plain_http() -> Result<()> {
    let plan = Plan::new(Behaviour::LetsPass).await?;
    let sts = Recorder::start().await?;
    assert_eq!(status_through_the_sts_cluster(plan, &sts).await?, 503);
    assert!(sts.take().is_empty());
    Ok(())
}

#[tokio::test]
async fn clients_are_served_over_tls_and_the_gateway_may_have_a_certificate_for_the_sts()
-> Result<()> {
    let mut plan = Plan::new(Behaviour::Permits).await?;
    let authority = Authority::new("the gateway's authority")?;
    let server = authority.server()?.write(plan.folder.path(), "server")?;
    let client = authority.client("gateway")?.write(plan.folder.path(), "client")?;
    let text = |path: &std::path::Path| path.to_string_lossy().into_owned();
    plan.bootstrap.listener.tls =
        Some(DownstreamTls { chain_file: text(&server.chain), key_file: text(&server.key) });
    plan.bootstrap.sts.client_certificate =
        Some(ClientCertificate { chain_file: text(&client.chain), key_file: text(&client.key) });

    let gateway = plan.start_with(Lines::Both).await?;
    let url = format!("https://localhost:{}/mcp", gateway.port);
    let answer = https::client(&authority.pem())?.get(url).send().await?;
    assert_eq!((answer.status().as_u16(), answer.version()), (200, axum::http::Version::HTTP_2));
    assert_eq!(gateway.arrived(), [1, 0, 0]);
    Ok(())
}
