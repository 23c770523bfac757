//! `docs/facade.md`: its configuration is good, and its tables are what the code says.

use std::process::Command;

use obolus_core::config::FilterConfig;
use obolus_core::login::Refusal;
use obolus_core::login::redirect_uri::{KNOWN_REDIRECTS, Place, to_register};
use obolus_core::metadata::protected_resource_metadata;
use obolus_tests::parts::products::{products, workspace};
use obolus_tests::pki::{Authority, Subject};
use serde_json::json;

fn page() -> String {
    std::fs::read_to_string(workspace().join("docs/facade.md")).unwrap()
}

/// The rows of the table below this headline.
fn rows(page: &str, headline: &str) -> Vec<String> {
    let (_, chapter) = page.split_once(&format!("\n## {headline}\n")).unwrap();
    let table = chapter.lines().skip_while(|line| !line.starts_with("|---"));
    table.skip(1).take_while(|line| line.starts_with('|')).map(str::to_owned).collect()
}

#[test]
fn the_table_of_redirect_uris_is_the_one_that_counts() {
    let written = KNOWN_REDIRECTS.iter().map(|known| {
        let uri = match known.place {
            Place::Exact(uri) => uri.to_owned(),
            Place::Loopback { usual, path } => format!("http://{usual}{path}"),
        };
        format!("| {} | `{uri}` | {} |", known.client, known.source)
    });
    let expected: Vec<_> = written.collect();
    assert_eq!(rows(&page(), "Redirect URIs"), expected, "write:\n{}", expected.join("\n"));
}

#[test]
fn the_table_of_refusals_is_the_one_that_counts() {
    let written = Refusal::ALL.iter().map(|refusal| {
        let (label, status) = (refusal.label(), refusal.status());
        format!("| `{label}` | {status} | `{}` | {} |", refusal.error(), refusal.description())
    });
    let expected: Vec<_> = written.collect();
    assert_eq!(rows(&page(), "Refusals"), expected, "write:\n{}", expected.join("\n"));
}

#[test]
fn the_public_client_is_given_all_redirect_uris_of_the_table() {
    let page = page();
    let (_, command) = page.split_once("--public-client-redirect-uris \\\n").unwrap();
    let (uris, _) = command.split_once("\naz ").unwrap();
    let uris: Vec<_> = uris.split_whitespace().filter(|word| *word != "\\").collect();
    assert_eq!(uris, to_register());
}

/// Nothing more than that Envoy takes it, before a route.
#[test]
fn the_limit_per_address_is_one_of_envoys() {
    let page = page();
    let (_, filter) = page.split_once("```yaml\n").unwrap();
    let (filter, _) = filter.split_once("```").unwrap();
    let indented =
        |text: &str| -> String { text.lines().map(|line| format!("          {line}\n")).collect() };
    let validated = |filter: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("envoy.yaml");
        std::fs::write(&path, BOOTSTRAP.replace("FILTER\n", &indented(filter))).unwrap();
        let envoy = obolus_tests::parts::envoy::executable().unwrap();
        Command::new(envoy).args(["--mode", "validate", "-c"]).arg(path).output().unwrap()
    };
    let good = validated(filter);
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));
    assert!(!validated(&filter.replace("max_dynamic_descriptors", "no_such")).status.success());
}

const BOOTSTRAP: &str = r#"
static_resources:
  listeners:
  - name: gateway
    address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
    filter_chains:
    - filters:
      - name: hcm
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: gateway
          route_config: {}
          http_filters:
FILTER
          - name: router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
"#;

#[test]
fn the_gateways_part_fits_the_facades() {
    let page = page();
    let block = |kind: &str| {
        let (_, rest) = page.split_once(&format!("```{kind}\n")).unwrap();
        rest.split("```").next().unwrap().to_owned()
    };
    let filter = FilterConfig::parse(block("json").as_bytes()).unwrap();
    let facade: toml::Table = block("toml").parse().unwrap();
    let metadata = protected_resource_metadata(&filter.resources[0]);
    assert_eq!(metadata["authorization_servers"], json!([facade["issuer"].as_str()]));
    let resource = &facade["resources"][0];
    assert_eq!(metadata["resource"].as_str(), resource["url"].as_str());
    assert_eq!(metadata["scopes_supported"][0].as_str(), resource["scopes"][0].as_str());
}

#[test]
fn the_configuration_is_good_and_every_setting_is_one() {
    let page = page();
    let blocks: Vec<_> = page.split("```toml\n").skip(1).collect();
    let [block] = blocks[..] else { panic!("{} configurations", blocks.len()) };
    let text = block.split("```").next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let leaf =
        Authority::new("docs").unwrap().issue(Subject::named("facade").server().dns("facade"));
    let leaf = leaf.unwrap();
    std::fs::write(folder.path().join("tls.crt"), &leaf.chain).unwrap();
    std::fs::write(folder.path().join("tls.key"), &leaf.key).unwrap();
    let check = |text: &str| {
        let path = folder.path().join("facade.toml");
        std::fs::write(&path, text).unwrap();
        let program = products().unwrap().facade;
        Command::new(program).arg("--config").arg(path).arg("--check").output().unwrap()
    };
    let good = check(text);
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stderr));

    // Every setting of the page is known: with a value that no setting takes, it is told for its value and not for its
    // name.
    let mut settings = Vec::new();
    for row in rows(&page, "Set up") {
        let names = row.split('|').nth(1).unwrap().to_owned();
        settings.extend(names.split(',').map(|name| name.trim().trim_matches('`').to_owned()));
    }
    assert!(settings.len() > 20, "{settings:?}");
    for setting in settings {
        let wrong = "{ no = \"value\" }";
        let plain = setting.replace("resources[].", "resources.");
        let text = match plain.split_once('.') {
            None => format!("{plain} = {wrong}"),
            Some(("resources", key)) => format!("[[resources]]\n{key} = {wrong}"),
            Some((table, key)) => format!("[{table}]\n{key} = {wrong}"),
        };
        let said = String::from_utf8(check(&text).stderr).unwrap();
        let told = format!("{}: must be", setting.replace("[]", "[0]"));
        assert!(said.contains(&told), "{setting}: {said}");
    }
}
