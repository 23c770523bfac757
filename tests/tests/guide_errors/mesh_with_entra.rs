//! `docs/istio.md`, "With Entra ID" and "Traces": the blocks in the files that they are for.
//!
//! Not shown: a mesh in which that runs, and kubelet's token.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use obolus_envoy::istio::Istio;
use obolus_tests::fixtures::cluster::{Cluster, ClusterOptions};
use obolus_tests::parts::products::workspace;
use obolus_tests::pki::Authority;
use obolus_tests::secret;
use serde::Deserialize as _;
use serde_json::Value;

use crate::checked::check;
use crate::guide::text;
use crate::world::files;

/// The blocks of a language below a headline of a page.
fn blocks(page: &str, headline: &str, language: &str) -> Vec<String> {
    let page = text(&workspace().join(page));
    let (_, rest) = page.split_once(&format!("\n## {headline}\n")).expect("the headline");
    let chapter = rest.split("\n## ").next().expect("a chapter");
    let fence = format!("```{language}\n");
    let parts = chapter.split(&fence).skip(1);
    parts.map(|part| part.split("```").next().expect("an end").to_owned()).collect()
}

fn one(page: &str, headline: &str, language: &str, with: &str) -> String {
    let mut found = blocks(page, headline, language);
    found.retain(|block| block.contains(with));
    assert_eq!(found.len(), 1, "{headline}: one {language} with {with}");
    found.remove(0)
}

/// The two credentials, each with its source of the volume and its client.
fn credentials() -> Result<Vec<(String, toml::Table)>> {
    let [sources, clients] =
        ["yaml", "toml"].map(|language| blocks("docs/istio.md", "With Entra ID", language));
    let sources = sources.into_iter().filter(|block| block.contains("volume files"));
    let pairs: Vec<_> = sources.zip(clients).collect();
    ensure!(pairs.len() == 2, "{pairs:?}");
    pairs.into_iter().map(|(source, client)| Ok((source, client.parse()?))).collect()
}

/// `deploy/istio/sts.yaml` with another source in place of the client's Secret.
fn sts_yaml(source: &str) -> Result<String> {
    let deployed = text(&workspace().join("deploy/istio/sts.yaml"));
    let mut replaced = 0;
    let lines = deployed.lines().map(|line| {
        if !line.contains("secret: {name: obolus-sts-client,") {
            return format!("{line}\n");
        }
        replaced += 1;
        let indent = line.len() - line.trim_start().len();
        let items = source.lines().filter(|line| line.starts_with("- "));
        items.map(|item| format!("{}{item}\n", " ".repeat(indent))).collect()
    });
    let written: String = lines.collect();
    ensure!(replaced == 1, "{replaced}");
    Ok(written)
}

fn deployment(yaml: &str) -> Result<Value> {
    let documents = serde_yaml_ng::Deserializer::from_str(yaml).map(Value::deserialize);
    let all = documents.collect::<Result<Vec<_>, _>>()?;
    all.into_iter().find(|object| object["kind"] == "Deployment").context("no Deployment")
}

/// Every file that the STS's Pod has, by its path beside the configuration.
fn mounted(deployment: &Value) -> BTreeSet<String> {
    let sources = deployment["spec"]["template"]["spec"]["volumes"][0]["projected"]["sources"]
        .as_array()
        .expect("sources");
    let items = sources.iter().filter_map(|source| source["secret"]["items"].as_array()).flatten();
    let paths = items.map(|item| &item["path"]);
    let tokens = sources.iter().map(|source| &source["serviceAccountToken"]["path"]);
    paths.chain(tokens).filter_map(Value::as_str).map(str::to_owned).collect()
}

/// `deploy/istio/sts.toml` with what `docs/entra.md` has for Entra, and this client.
fn sts_toml(client: &toml::Table) -> Result<toml::Table> {
    let mut own: toml::Table = text(&workspace().join("deploy/istio/sts.toml")).parse()?;
    let entra: toml::Table = one("docs/entra.md", "4. The STS", "toml", "[server]").parse()?;
    own.insert("issuers".to_owned(), entra["issuers"].clone());
    own.insert("targets".to_owned(), entra["targets"].clone());
    own["targets"][0]["client"] = client["targets"]["client"].clone();
    own["callers"][0]["grants"] = entra["callers"][0]["grants"].clone();
    Ok(own)
}

fn filter_json() -> Result<Value> {
    let mut own: Value =
        serde_json::from_str(&text(&workspace().join("deploy/istio/filter.json")))?;
    let entra: Value =
        serde_json::from_str(&one("docs/entra.md", "5. The filter", "json", "\"resources\""))?;
    own["issuers"] = entra["issuers"].clone();
    for key in ["issuers", "audiences", "requiredScopes", "target"] {
        own["resources"][0][key] = entra["resources"][0][key].clone();
    }
    Ok(own)
}

/// Every string of a setting whose name ends in `_file` or `_files`.
fn named_files(value: &toml::Value, into: &mut BTreeSet<String>) {
    match value {
        toml::Value::Table(table) => {
            for (key, value) in table {
                match value {
                    toml::Value::String(path) if key.ends_with("_file") => {
                        into.insert(path.clone());
                    }
                    toml::Value::Array(paths) if key.ends_with("_files") => {
                        into.extend(
                            paths.iter().filter_map(|path| path.as_str().map(str::to_owned)),
                        );
                    }
                    other => named_files(other, into),
                }
            }
        }
        toml::Value::Array(all) => all.iter().for_each(|value| named_files(value, into)),
        _ => {}
    }
}

#[test]
fn each_credential_s_files_are_mounted_and_the_configuration_can_work_with_them() -> Result<()> {
    let authority = Authority::new("istio-with-entra")?;
    for (source, client) in credentials()? {
        let configuration = sts_toml(&client)?;
        let mut named = BTreeSet::new();
        named_files(&toml::Value::Table(configuration.clone()), &mut named);
        let mounted = mounted(&deployment(&sts_yaml(&source)?)?);
        ensure!(named == mounted, "named {named:?}, mounted {mounted:?}");

        let folder = files(&authority)?;
        std::fs::create_dir(folder.path().join("callers"))?;
        for name in ["gateway", "gateway-next"] {
            std::fs::write(folder.path().join("callers").join(name), secret::random()?)?;
        }
        // For api://AzureADTokenExchange until 2100, and with no signature of anybody.
        let token = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2NsdXN0ZXIiLCJhdWQiOiJhcGk6Ly9BenVyZUFEVG9rZW5FeGNoYW5nZSIsImV4cCI6NDEwMjQ0NDgwMH0.c2ln";
        std::fs::write(folder.path().join("azure-identity-token"), token)?;
        let path = folder.path().join("sts.toml");
        std::fs::write(&path, configuration.to_string())?;
        let (code, printed) = check(&path);
        ensure!(code == Some(0), "{printed}\n{configuration}");
    }
    Ok(())
}

#[test]
fn the_generator_makes_manifests_of_it_in_which_nothing_is_open() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let copied =
        Command::new("cp").arg("-R").arg(workspace().join("deploy")).arg(folder.path()).status()?;
    ensure!(copied.success(), "deploy cannot be copied");
    let deploy = folder.path().join("deploy");
    let write = |name: &str, text: &str| std::fs::write(deploy.join("istio").join(name), text);
    let (source, client) = credentials()?.remove(0);
    let filter = serde_json::to_string_pretty(&filter_json()?)?;
    write("filter.json", &filter)?;
    write("sts.toml", &sts_toml(&client)?.to_string())?;
    write("sts.yaml", &sts_yaml(&source)?)?;
    write("egress.yaml", &one("docs/istio.md", "With Entra ID", "yaml", "kind: ServiceEntry"))?;
    let settings = std::fs::read(deploy.join("istio/settings.json"))?;
    let problems = |problems| anyhow::anyhow!("{problems}");
    let istio = Istio::read(filter.as_bytes(), &settings).map_err(problems)?;
    for (path, text) in istio.all_files().map_err(problems)? {
        std::fs::write(deploy.join(path), text)?;
    }
    let report = obolus_envoy::check::check(&deploy.join("istio"))?;
    ensure!(!report.has_errors(), "{:#?}", report.findings);
    // It is read: with the STS's configuration as it was, the two disagree.
    std::fs::copy(workspace().join("deploy/istio/sts.toml"), deploy.join("istio/sts.toml"))?;
    ensure!(obolus_envoy::check::check(&deploy.join("istio"))?.has_errors());
    Ok(())
}

/// The `Sidecar`'s hosts of a block.
fn hosts_of(block: &str) -> Result<BTreeSet<String>> {
    let documents = serde_yaml_ng::Deserializer::from_str(block).map(Value::deserialize);
    let all = documents.collect::<Result<Vec<_>, _>>()?;
    let sidecar = all.iter().find_map(|object| {
        let spec = if object["kind"] == "Sidecar" { &object["spec"] } else { object };
        spec["egress"][0]["hosts"].as_array()
    });
    let hosts = sidecar.context("no Sidecar")?.iter().filter_map(Value::as_str);
    Ok(hosts.map(str::to_owned).collect())
}

#[test]
fn what_leaves_the_namespace_is_what_the_sts_asks() -> Result<()> {
    let block = one("docs/istio.md", "With Entra ID", "yaml", "kind: ServiceEntry");
    let entry: Value = Value::deserialize(
        serde_yaml_ng::Deserializer::from_str(&block).next().context("a document")?,
    )?;
    let outside = ["login.microsoftonline.com", "graph.microsoft.com"];
    ensure!(entry["spec"]["hosts"] == serde_json::json!(outside), "{entry}");
    let hosts = hosts_of(&block)?;
    ensure!(outside.iter().all(|host| hosts.contains(&format!("./{host}"))), "{hosts:?}");
    // In everything else it is the deployed one.
    let deployed = text(&workspace().join("deploy/istio/egress.yaml"));
    let as_deployed = block.replace(&outside.join(", "), "keycloak.example.com").replace(
        "\"./login.microsoftonline.com\", \"./graph.microsoft.com\"",
        "\"./keycloak.example.com\"",
    );
    let lines = |text: &str| {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    ensure!(lines(&as_deployed) == lines(&deployed), "{as_deployed}\n{deployed}");

    let traces: toml::Table = one("docs/istio.md", "Traces", "toml", "[traces]").parse()?;
    let endpoint = traces["traces"]["otlp_endpoint"].as_str().context("an endpoint")?;
    let host = endpoint.strip_prefix("http://").and_then(|rest| rest.split(':').next());
    let hosts = hosts_of(&one("docs/istio.md", "Traces", "yaml", "egress"))?;
    let collector = hosts.iter().next().and_then(|host| host.split_once('/'));
    ensure!(collector.map(|(_, host)| host) == host, "{hosts:?} {endpoint}");
    ensure!(
        host.zip(collector)
            .is_some_and(|(host, (space, _))| host.contains(&format!(".{space}.svc.")))
    );
    Ok(())
}

#[tokio::test]
async fn the_api_server_takes_the_deployment_with_either_credential() -> Result<()> {
    let cluster = Cluster::start(ClusterOptions::default()).await?;
    let namespace = serde_json::json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "obolus"},
    });
    cluster.admin_apply(&namespace).await?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("sts.yaml");
    let apply = |path: &Path| {
        let mut kubectl = cluster.kubectl();
        kubectl.args(["apply", "--dry-run=server", "--validate=strict", "-f"]).arg(path);
        kubectl.stdin(Stdio::null());
        tokio::task::spawn_blocking(move || kubectl.output())
    };
    for (source, _) in credentials()? {
        std::fs::write(&path, sts_yaml(&source)?)?;
        let output = apply(&path).await??;
        ensure!(output.status.success(), "{output:?}");
        // It is looked at: what is no source of a volume is refused.
        std::fs::write(&path, sts_yaml(&source)?.replace("path: ", "pfad: "))?;
        let output = apply(&path).await??;
        ensure!(!output.status.success(), "{output:?}");
    }
    Ok(())
}
