//! Entra ID without a façade: it takes `resource` only where that is an App ID URI of the scope's application, so the
//! application that stands for the MCP server has to be named by the resource's own URL.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use obolus_envoy::DownstreamTls;
use obolus_tests::entra::directory::ResourceParameter;
use obolus_tests::fixtures::browser::Ended;
use obolus_tests::fixtures::entra::{SERVER, TARGET};
use obolus_tests::fixtures::gateway::{Gateway, GatewayOptions, PROTECTED, Place};
use obolus_tests::fixtures::stack::Provider;
use serde_json::json;

use crate::client::{Client, Era, Errand, Ran, run};
use crate::clients::{McpInspector, PythonSdk, RustSdk};
use crate::world::{World, world};

/// Applications are named by https URLs only.
fn url(place: &Place) -> String {
    format!("https://{}/mcp", place.authority())
}

/// A gateway to the same STS and MCP server, whose metadata name Entra ID itself.
async fn gateway(world: &World, place: Place, folder: &Path, scope: String) -> Result<Gateway> {
    let (stack, entra) = (&world.stack, world.stack.entra());
    let mut resource = entra.resource(&url(&place), PROTECTED, TARGET);
    resource["requiredScopes"] = json!([scope]);
    resource["audiences"] = json!([entra.id_of(SERVER), url(&place)]);
    let issuers = json!([entra.issuer_for_the_filter()]);
    let files = stack.authority.server()?.write(folder, "server")?;
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    let tls = DownstreamTls { chain_file: text(files.chain), key_file: text(files.key) };
    let mut options = GatewayOptions::new(issuers, stack.mcp_server.address(), stack.credential());
    options.configure_also(move |configuration| configuration["resources"] = json!([resource]));
    options.shape = Box::new(|bootstrap| bootstrap.listener.tls = Some(tls));
    Gateway::start(place, &stack.sts, options).await
}

async fn whoami(world: &World, gateway: &Gateway, client: &dyn Client, era: Era) -> Result<Ran> {
    let id = world.client_id(Provider::Entra);
    let errand = Errand::new(url(&gateway.place), era, Some(&id), world.trust.clone());
    run(world, client, &errand, |visit| visit, "bob").await
}

#[tokio::test]
async fn without_a_facade_entra_wants_the_resources_own_url_as_the_applications_name() {
    let world = world().await;
    let _turn = world.turn(Provider::Entra).await;
    let (stack, entra) = (&world.stack, world.stack.entra());
    let (place, other_place) = (Place::reserve().unwrap(), Place::reserve().unwrap());
    let url = url(&place);
    let named = url.clone();
    let folder = tempfile::tempdir().unwrap();
    entra.emulator.change(move |directory| {
        directory.settings.resource_parameter = ResourceParameter::Compared;
        directory.app_mut(SERVER).app_id_uris.push(named);
    });
    let direct =
        gateway(world, place, folder.path(), format!("{url}/access_as_user")).await.unwrap();
    let other = gateway(world, other_place, folder.path(), entra.scope()).await.unwrap();

    let mut table = String::new();
    for client in [&McpInspector as &dyn Client, &PythonSdk, &RustSdk] {
        for era in [Era::Legacy, Era::Modern] {
            let ran = whoami(world, &direct, client, era).await.unwrap();
            let username = stack.username(Provider::Entra, "bob");
            assert_eq!(ran.username(), username, "{}\n{:#?}", ran.output, ran.seen);
            table += &format!(
                "{:18} {:21} {:7} {:10} logs in, calls\n",
                client.name(),
                "Entra ID direct",
                era.name(),
                "given"
            );
        }
        // The same application by another name: AADSTS9010010, which the browser brings back to the client.
        let ran = whoami(world, &other, client, Era::Legacy).await.unwrap();
        let seen = ran.seen.as_ref().unwrap();
        assert_eq!(seen.ended, Ended::Callback, "{seen:#?}");
        assert!(seen.callback.as_ref().unwrap().error.is_some(), "{seen:#?}");
        assert_ne!(ran.exit_code, 0, "{}", ran.output);
    }
    entra.emulator.change(|directory| {
        directory.settings.resource_parameter = ResourceParameter::Unsupported;
    });
    std::io::stderr().write_all(table.as_bytes()).unwrap();
    assert!(other.audit().iter().all(|record| record["decision"] == "deny"));
}
