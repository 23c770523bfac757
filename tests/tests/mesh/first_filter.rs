//! A gateway that starts with a filter that Envoy does not take.

use anyhow::{Result, anyhow, ensure};
use obolus_envoy::Module;
use obolus_tests::fixtures::mesh::manifests::{documents_of, gateway_port};
use obolus_tests::fixtures::mesh::{GATEWAY, ISTIO_SYSTEM, Kind, Workload, WorkloadOptions};
use obolus_tests::fixtures::recorder::Recorder;
use serde_json::json;

use crate::installed::{CREDENTIAL, installed};
use crate::plugin::of;
use crate::world::get;

#[tokio::test]
async fn a_gateway_that_gets_no_good_filter_at_first_refuses_for_our_host_and_serves_the_others()
-> Result<()> {
    let mut world = installed().await?;
    let shop = Recorder::start().await?;
    let application = include_str!("shop.yaml")
        .replace("10000", &shop.port().to_string())
        .replace("ingressgateway", "second");
    let mut istio = world.istio.clone();
    istio.settings.gateway.labels = [("istio".to_owned(), "second".to_owned())].into();
    let good = istio.module.clone();
    istio.module =
        Module { path: "/nowhere/obolus_filter.wasm".to_owned(), sha256: Some("ab".repeat(32)) };
    let mut objects = istio.routes().map_err(|problems| anyhow!("{problems}"))?;
    objects.push(istio.envoy_filter().map_err(|problems| anyhow!("{problems}"))?);
    // Beside those of the first gateway; plain HTTP, since the certificate is not what is asked here.
    for object in &mut objects {
        object["metadata"]["name"] = "second".into();
    }
    objects[0]["spec"]["servers"] = json!([{
        "port": {"number": 81, "name": "http", "protocol": "HTTP"},
        "hosts": ["mcp.example.com"],
    }]);
    objects[1]["spec"]["gateways"] = json!(["istio-system/second"]);
    let ours = documents_of(&objects);

    let mut second = WorkloadOptions::new(Kind::Gateway, ISTIO_SYSTEM, GATEWAY);
    second.name = "second".to_owned();
    second.labels = [("istio".to_owned(), "second".to_owned())].into();
    second.environment = vec![(CREDENTIAL.to_owned(), "of two words, and long enough".to_owned())];
    let address = world.mesh.join(second).await?.ip();
    world.mesh.apply_only(&application).await?;
    world.mesh.apply_only(&ours).await?;
    let rejections = world.mesh.settle_with_rejections().await?;
    let refused = get((address, gateway_port(81)).into(), "mcp.example.com").await;
    let other = get((address, gateway_port(80)).into(), "shop.example.com").await;
    // The module is there, and does not take the credential.
    istio.module = good;
    let mut unfit = of(&istio)?;
    unfit["metadata"]["name"] = "second".into();
    world.mesh.apply_only(&unfit.to_string()).await?;
    let unfit = world.mesh.settle_with_rejections().await?;
    let still = get((address, gateway_port(81)).into(), "mcp.example.com").await;
    let log = world.mesh.other("second.istio-system").map(Workload::log).unwrap_or_default();
    world.mesh.delete(&ours).await?;
    world.mesh.delete(&application).await?;
    ensure!(!unfit.is_empty() && still?.status() == 403, "{unfit:?}");
    ensure!(log.contains("`OBOLUS_STS_CREDENTIAL` holds white space"), "the log does not say why");
    ensure!(!log.contains("two words"), "the credential stands in the log");
    let (refused, other) = (refused?, other?);
    ensure!(rejections.iter().any(|one| one.proxy == "second.istio-system"), "{rejections:?}");
    ensure!(refused.status() == 403, "{refused:?}");
    ensure!(other.status() == 200, "{other:?}");
    Ok(())
}
