//! Charts from a registry and from a web server, with the real helm: what they lead to is asked by nobody.

use std::path::Path;
use std::process::Command;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use obolus_tests::fixtures::mcp_client::McpClient;
use obolus_tests::fixtures::mcp_server::McpServer;
use obolus_tests::fixtures::recorder::{Recorded, Recorder};
use obolus_tests::pki::Authority;
use reqwest::StatusCode;
use reqwest::header::{LOCATION, WWW_AUTHENTICATE};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::world::Person::Alice;
use crate::world::{SHOP, World, options};

const LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/// A chart whose schema is elsewhere, as a folder and as an archive.
fn chart(folder: &Path, schema: &str, helm: &Path) -> Vec<u8> {
    let chart = folder.join("schemed");
    std::fs::create_dir_all(chart.join("templates")).unwrap();
    for (name, text) in [
        ("Chart.yaml", "apiVersion: v2\nname: schemed\nversion: 0.1.0\n".to_owned()),
        ("values.schema.json", json!({"$ref": schema}).to_string()),
        (
            "templates/notes.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"{{ .Release.Name }}\"}\n"
                .to_owned(),
        ),
    ] {
        std::fs::write(chart.join(name), text).unwrap();
    }
    let mut package = Command::new(helm);
    let package = package.arg("package").arg(&chart).arg("--destination").arg(folder);
    let packaged = package.env("HOME", folder).output().unwrap();
    assert!(packaged.status.success(), "{}", String::from_utf8_lossy(&packaged.stderr));
    std::fs::read(folder.join("schemed-0.1.0.tgz")).unwrap()
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// A registry that wants everybody to have a token, and a web server beside it.
fn answer(archive: &[u8], away: &str, request: &Recorded) -> Response {
    let path = request.uri.path();
    let realm = format!("https://{}/token", request.header("host").unwrap_or_default());
    let blob = format!("/v2/org/schemed/blobs/{}", digest(archive));
    match path {
        "/token" => axum::Json(json!({"token": "anybody"})).into_response(),
        _ if path.starts_with("/v2/")
            && request.header("authorization") != Some("Bearer anybody") =>
        {
            let realm = if path.starts_with("/v2/org/away/") { away } else { &realm };
            let challenge = format!("Bearer realm=\"{realm}\",service=\"charts\"");
            (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, challenge)]).into_response()
        }
        "/v2/org/schemed/tags/list" => {
            axum::Json(json!({"tags": ["0.0.9", "0.1.0"]})).into_response()
        }
        "/v2/org/schemed/manifests/0.1.0" => {
            axum::Json(json!({"layers": [{"mediaType": LAYER, "digest": digest(archive)}]}))
                .into_response()
        }
        "/charts/schemed-0.1.0.tgz" => Body::from(archive.to_vec()).into_response(),
        "/charts/away.tgz" => (StatusCode::FOUND, [(LOCATION, away)]).into_response(),
        _ if path == blob => Body::from(archive.to_vec()).into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

#[tokio::test]
async fn a_chart_of_elsewhere_is_installed_and_leads_nobody_into_the_network() {
    let world = World::get().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("charts").unwrap();
    let leaf = authority.server().unwrap();
    let inside =
        Recorder::answering(|_| async { axum::Json(json!({})).into_response() }).await.unwrap();
    let hidden =
        Recorder::answering_tls(&leaf, |_| async { "hidden".into_response() }).await.unwrap();
    let helm = world.cluster.programs().unwrap().join("helm");
    let archive = chart(folder.path(), &format!("{}/schema.json", inside.url()), &helm);
    let away = format!("https://127.0.0.1:{}/latest/meta-data.tgz", hidden.port());
    let registry = Recorder::answering_tls(&leaf, move |request| {
        let answer = answer(&archive, &away, &request);
        async move { answer }
    });
    let registry = registry.await.unwrap();
    let authority_file = folder.path().join("charts.crt");
    authority.write(&authority_file).unwrap();
    let host = format!("127.0.0.1:{}", registry.port());
    let mut options = options(&world.cluster).unwrap();
    options.more = format!(
        "[toolset_configs.helm]\ncharts_folder = {:?}\ncertificate_authority = {authority_file:?}\nallowed_registries = [\"oci://{host}/org\", \"https://{host}/charts\"]\n",
        folder.path()
    );
    let mcp = McpServer::start(&options).await.unwrap();
    let token = world.token(Alice, &world.unique("alice-elsewhere")).unwrap();
    let client = McpClient::new(&mcp.url(), Some(&token)).unwrap();
    let install = async |chart: &str| {
        let arguments =
            json!({"chart": chart, "name": world.unique("elsewhere"), "namespace": SHOP});
        client.call("helm_install", arguments).await.unwrap()
    };
    for chart in [
        format!("oci://{host}/org/schemed"),
        format!("oci://{host}/org/schemed:0.1.0"),
        format!("https://{host}/charts/schemed-0.1.0.tgz"),
    ] {
        let made = install(&chart).await;
        assert!(!made.is_tool_error(), "{chart}: {}", made.body);
        assert_eq!(made.body["result"]["structuredContent"]["status"], "deployed", "{}", made.body);
    }
    assert_eq!(inside.requests().len(), 0, "the schema is fetched by nobody");
    for chart in [format!("oci://{host}/org/away:0.1.0"), format!("https://{host}/charts/away.tgz")]
    {
        let refused = install(&chart).await;
        assert!(
            refused.is_tool_error() && refused.text().contains("inside of a network"),
            "{chart}: {}",
            refused.body
        );
    }
    assert_eq!(hidden.requests().len(), 0, "whom nobody lists is not asked");
    // The controls: both answer whoever asks, and of a chart of the operator's helm fetches the schema.
    let made = install("schemed").await;
    assert!(!made.is_tool_error(), "{}", made.body);
    assert_eq!(inside.requests().len(), 1);
    let asked = obolus_tests::https::client(&authority.pem()).unwrap();
    let told = asked.get(format!("https://127.0.0.1:{}/", hidden.port())).send().await.unwrap();
    assert_eq!((told.text().await.unwrap().as_str(), hidden.requests().len()), ("hidden", 1));
}
