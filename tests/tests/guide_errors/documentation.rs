//! `docs/entra.md`: its configuration is good, and its parts fit each other.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use obolus_core::Reason;
use obolus_core::config::FilterConfig;
use obolus_tests::parts::products::workspace;
use obolus_tests::pki::Authority;
use serde_json::Value;

use crate::checked::check;
use crate::guide::text;
use crate::world::{files, private};

/// The fenced blocks of a language that hold this, in order.
fn blocks(language: &str, with: &str) -> Vec<String> {
    let page = text(&workspace().join("docs/entra.md"));
    let mut found = Vec::new();
    let mut inside: Option<(bool, String)> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), &mut inside) {
            (Some(_), Some(_)) => {
                if let Some((true, block)) = inside.take().filter(|(_, block)| block.contains(with))
                {
                    found.push(block);
                }
            }
            (Some(tag), None) => inside = Some((tag == language, String::new())),
            (None, Some((_, block))) => *block += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    assert!(inside.is_none(), "a block without an end");
    found
}

fn one(language: &str, with: &str) -> String {
    let mut found = blocks(language, with);
    assert_eq!(found.len(), 1, "one {language} with {with}");
    found.remove(0)
}

#[test]
fn the_sts_configuration_can_work_with_each_credential_and_at_aks() -> Result<()> {
    let whole = one("toml", "[server]");
    let authority = Authority::new("documentation")?;
    let folder = files(&authority)?;
    private(&folder.path().join("client-secret"), "a-secret~of.entra")?;
    // For api://AzureADTokenExchange until 2100, and with no signature of anybody.
    let token = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2NsdXN0ZXIiLCJhdWQiOiJhcGk6Ly9BenVyZUFEVG9rZW5FeGNoYW5nZSIsImV4cCI6NDEwMjQ0NDgwMH0.c2ln";
    private(&folder.path().join("token"), token)?;
    let (before, after) = whole.split_once("[targets.client]").context("a client")?;
    let (_, callers) = after.split_once("[[callers]]").context("callers")?;
    let credentials = blocks("toml", "[targets.client]");
    let others = credentials.iter().filter(|block| !block.contains("[server]"));
    let mut all: Vec<String> =
        others.map(|client| format!("{before}{client}\n[[callers]]{callers}")).collect();
    assert_eq!(all.len(), 2, "a federated credential and a secret");
    let aks = blocks("toml", "6dae42f8");
    let (server, _) = whole.split_once("[[targets]]").context("targets")?;
    all.push(format!("{server}{}[targets.client]{after}", aks[0]));
    all.push(whole);
    for configuration in all {
        let path = folder.path().join("sts.toml");
        let here =
            configuration.replace("/var/run/secrets/azure/tokens/azure-identity-token", "token");
        std::fs::write(&path, here)?;
        let (code, printed) = check(&path);
        assert_eq!(code, Some(0), "{printed}\n{configuration}");
        assert!(!printed.contains("note: "), "nothing to say of it: {printed}");
    }
    Ok(())
}

#[test]
fn filter_and_sts_and_api_server_speak_of_the_same_applications() -> Result<()> {
    let filter = FilterConfig::parse(one("json", "\"resources\"").as_bytes())
        .map_err(|problems| anyhow::anyhow!("{problems}"))?;
    let sts: toml::Table = one("toml", "[server]").parse()?;
    let cluster: Value = serde_yaml_ng::from_str(&one("yaml", "AuthenticationConfiguration"))?;
    let resource = &filter.resources[0];
    let asked = resource.targets.default_target();
    let target = &sts["targets"][0];
    let grant = &sts["callers"][0]["grants"][0];
    assert_eq!(target["audience"].as_str(), Some(&*asked.audience));
    assert_eq!(target["name"].as_str(), Some(&*asked.name));
    assert_eq!(grant["audiences"][0].as_str(), Some(&*resource.audiences[0]));
    assert_eq!(target["client"]["id"].as_str(), Some(&*resource.audiences[0]), "B is both");
    assert_eq!(sts["callers"][0]["id"].as_str(), Some(&*filter.sts.caller_id));
    let jwt = &cluster["jwt"][0];
    assert_eq!(jwt["issuer"]["audiences"], serde_json::json!([asked.audience]));
    let tenant = sts["issuers"][0]["tenants"][0].as_str().context("a tenant")?;
    let url = format!("https://login.microsoftonline.com/{tenant}/v2.0");
    assert_eq!(jwt["issuer"]["url"], url);
    // The file that the test cluster runs with maps claims in the same way.
    let deployed =
        text(&workspace().join("deploy/kubernetes/entra/authentication-configuration.yaml"));
    let deployed: Value = serde_yaml_ng::from_str(&deployed)?;
    for pointer in ["/claimMappings/username", "/claimMappings/groups"] {
        assert_eq!(jwt.pointer(pointer), deployed["jwt"][0].pointer(pointer), "{pointer}");
    }
    Ok(())
}

#[test]
fn for_several_tenants_the_names_say_which_in_the_guide_and_in_the_deployed_file() {
    let deployed =
        text(&workspace().join("deploy/kubernetes/entra/authentication-configuration.yaml"));
    let expressions = one("cel", "claims.tid");
    assert_eq!(expressions.lines().count(), 2, "of a person and of groups");
    for expression in expressions.lines() {
        let commented = deployed
            .lines()
            .any(|line| line.trim_start().starts_with('#') && line.ends_with(expression));
        assert!(commented, "{expression}");
        // As for one tenant, with the tenant before what is named.
        let of_one = expression.replace("claims.tid + ':' + ", "");
        assert!(deployed.contains(&format!("expression: \"{of_one}\"")), "{of_one}");
    }
}

#[test]
fn an_app_id_uri_of_other_words_stands_in_the_audiences() -> Result<()> {
    let mut filter: Value = serde_json::from_str(&one("json", "\"resources\""))?;
    let by_uri: Value = serde_json::from_str(&one("json", "https://mcp.contoso.com"))?;
    for key in ["audiences", "requiredScopes"] {
        filter["resources"][0][key] = by_uri[key].clone();
    }
    assert!(FilterConfig::from_json(&filter).is_ok());
    filter["resources"][0]["audiences"] = serde_json::json!([by_uri["audiences"][0]]);
    assert!(FilterConfig::from_json(&filter).is_err());
    Ok(())
}

#[test]
fn what_the_cluster_reads_names_people_by_their_object_id() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("cluster.yaml");
    let yaml = blocks("yaml", "");
    assert_eq!(yaml.len(), 2);
    for block in yaml {
        std::fs::write(&path, &block)?;
        let (code, printed) = check(&path);
        assert_eq!(code, Some(0), "{printed}\n{block}");
        let by_address =
            block.replace("entra:a11ce000-0000-4000-8000-000000000001", "alice@example.com");
        let by_address = by_address.replace("'entra:' + claims.oid", "claims.preferred_username");
        std::fs::write(&path, by_address)?;
        assert_eq!(check(&path).0, Some(1), "{block}");
    }
    Ok(())
}

#[test]
fn the_table_of_refusals_has_every_reason_of_entra_with_its_own_status() {
    let page = text(&workspace().join("docs/entra.md"));
    let rows = page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|').map(str::trim);
        let label = cells.next()?.trim_end_matches('`').to_owned();
        let status: u16 = cells.next()?.parse().ok()?;
        Some((label, status))
    });
    let mut told = BTreeSet::new();
    for (label, status) in rows {
        let reason = Reason::ALL.iter().find(|reason| reason.as_str() == label);
        assert_eq!(reason.map(|reason| reason.status()), Some(status), "{label}");
        told.insert(label);
    }
    for reason in [
        Reason::IdToken,
        Reason::GraphToken,
        Reason::B2cToken,
        Reason::TenantRefused,
        Reason::AppOnly,
        Reason::ConsentRequired,
        Reason::BlockedByPolicy,
        Reason::InteractionRequired,
        Reason::SubjectTokenRefused,
        Reason::ExchangeDenied,
        Reason::ExchangeMisconfigured,
        Reason::IdpUnavailable,
    ] {
        assert!(told.contains(reason.as_str()), "{}", reason.as_str());
    }
}
