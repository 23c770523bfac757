//! Who is admitted to the STS and to the MCP server: the gateway's identity, proven by its certificate.

use anyhow::{Context as _, Result, ensure};
use obolus_tests::fixtures::mesh::Certificate;
use obolus_tests::https;
use obolus_tests::pki::{Authority, Subject};
use reqwest::StatusCode;

use crate::as_workload::client;
use crate::world::{PORT, world};

const FORWARDED: &str = "x-forwarded-client-cert";

#[tokio::test]
async fn the_gateway_is_admitted_and_a_stranger_of_the_same_mesh_is_not() -> Result<()> {
    let world = world().await?;
    let ours = [("mcp", &world.mcp, &world.mesh.mcp), ("sts", &world.sts, &world.mesh.sts)];
    for (name, recorder, sidecar) in ours {
        recorder.take();
        let (admitted, refused) =
            tokio::try_join!(world.through_the_gateway(name), world.as_the_stranger(name))?;
        ensure!(admitted.status() == StatusCode::OK, "{admitted:?}");
        ensure!(refused.status() == StatusCode::FORBIDDEN, "{refused:?}");
        let reason = refused.text().await?;
        ensure!(reason == "RBAC: access denied", "{reason}");

        let arrived = recorder.take();
        ensure!(arrived.len() == 1, "{arrived:?}");
        let proof = arrived[0].header(FORWARDED).context("nobody says who called")?;
        for identity in [
            format!("By={}", sidecar.spiffe_id()),
            format!("URI={}", world.mesh.gateway.spiffe_id()),
        ] {
            ensure!(proof.contains(&identity), "{proof} lacks {identity}");
        }
    }
    Ok(())
}

/// The stranger's way to the applications works, so it is the policy that refuses it elsewhere.
#[tokio::test]
async fn whom_the_policy_names_is_admitted_and_nobody_else() -> Result<()> {
    let world = world().await?;
    world.mesh.apply(include_str!("only-the-stranger.yaml")).await?;
    let swapped = tokio::try_join!(world.through_the_gateway("mcp"), world.as_the_stranger("mcp"));
    world.mesh.apply(include_str!("manifests/only-the-gateway.yaml")).await?;
    let (gateway, stranger) = swapped?;
    ensure!(gateway.status() == StatusCode::FORBIDDEN, "{gateway:?}");
    ensure!(stranger.status() == StatusCode::OK, "{stranger:?}");

    let (gateway, stranger) =
        tokio::try_join!(world.through_the_gateway("mcp"), world.as_the_stranger("mcp"))?;
    ensure!(gateway.status() == StatusCode::OK, "{gateway:?}");
    ensure!(stranger.status() == StatusCode::FORBIDDEN, "{stranger:?}");
    Ok(())
}

#[tokio::test]
async fn without_a_certificate_of_the_mesh_there_is_no_connection() -> Result<()> {
    let world = world().await?;
    let gateway = &world.mesh.gateway;
    let forged = Authority::new("Istio's CA, or so it says")?
        .issue(Subject::named("forged").uri(&gateway.spiffe_id()).client())?;
    let forged = Certificate { chain: forged.chain, key: forged.key };

    for sidecar in [&world.mesh.mcp, &world.mesh.sts] {
        world.mcp.take();
        world.sts.take();
        let (encrypted, plain) =
            (format!("https://{}/", sidecar.at(PORT)), format!("http://{}/", sidecar.at(PORT)));
        // The same client with the gateway's own certificate gets through.
        let admitted = client(Some(gateway.certificate().await?))?.get(&encrypted).send().await?;
        ensure!(admitted.status() == StatusCode::OK, "{admitted:?}");

        let refused = [
            ("plaintext", client(None)?.get(&plain).send().await),
            ("no certificate", client(None)?.get(&encrypted).send().await),
            ("another CA", client(Some(clone(&forged)))?.get(&encrypted).send().await),
        ];
        for (what, outcome) in refused {
            ensure!(outcome.is_err(), "{what} was answered: {outcome:?}");
        }
        let arrived = world.mcp.take().len() + world.sts.take().len();
        ensure!(arrived == 1, "{arrived} requests arrived, one was admitted");
    }
    Ok(())
}

/// What a client says about certificates is worth nothing behind the gateway.
#[tokio::test]
async fn a_client_of_the_gateway_cannot_say_who_it_is() -> Result<()> {
    let world = world().await?;
    world.mcp.take();
    let address = world.mesh.gateway.at(obolus_tests::fixtures::mesh::manifests::gateway_port(80));
    let claim =
        "By=spiffe://cluster.local/ns/obolus/sa/obolus-mcp;URI=spiffe://cluster.local/forged";
    let answer = https::plain_client()?
        .get(format!("http://{address}/"))
        .header("host", "mcp.example.test")
        .header(FORWARDED, claim)
        .send()
        .await?;
    ensure!(answer.status() == StatusCode::OK, "{answer:?}");
    let arrived = world.mcp.take();
    let proof = arrived[0].header(FORWARDED).context("nobody says who called")?;
    ensure!(!proof.contains("forged") && proof.contains("istio-ingressgateway"), "{proof}");
    Ok(())
}

fn clone(certificate: &Certificate) -> Certificate {
    Certificate { chain: certificate.chain.clone(), key: certificate.key.clone() }
}
