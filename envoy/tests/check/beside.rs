//! Files that say the same thing twice, one of which was changed.

use std::path::Path;

use obolus_envoy::check::{Report, check, check_text};
use tempfile::TempDir;

use super::{copy, findings};

/// `deploy/istio`, in one file of which a text is replaced wherever it stands.
fn changed(file: &str, from: &str, to: &str) -> (TempDir, Report) {
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    copy(&root.join("deploy/istio"), folder.path());
    let path = folder.path().join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{file} has no {from}");
    std::fs::write(path, text.replace(from, to)).unwrap();
    let report = check(folder.path()).unwrap();
    (folder, report)
}

#[test]
fn what_was_changed_and_not_generated_anew_and_what_does_not_fit_the_sts_or_the_mcp_server_is_named()
 {
    let value = "spec.configPatches[0].patch.value.typed_config.xds_matcher.matcher_list.matchers[0]\
                 .on_match.action.typed_config.typed_config.typed_config.config.configuration.value";
    let generated = format!("disagrees EnvoyFilter istio-system/obolus {value}");
    let issuer = "\"https://keycloak.example.com/realms/obolus\"";
    for (file, from, to, expected) in [
        ("filter.json", "\"timeoutMs\": 5000", "\"timeoutMs\": 4500", generated.as_str()),
        ("filter.json", "mcp:tools", "mcp:all", generated.as_str()),
        ("sts.toml", issuer, "\"https://elsewhere.example.com\"", "disagrees issuers[0].issuer"),
        ("sts.toml", "id = \"gateway\"", "id = \"envoy\"", "disagrees callers"),
        ("sts.toml", "name = \"kubernetes\"", "name = \"cluster\"", "disagrees targets"),
        (
            "sts.toml",
            "audience = \"kubernetes\"",
            "audience = \"k8s\"",
            "disagrees targets[0].audience",
        ),
        (
            "sts.toml",
            "audiences = [\"https://mcp",
            "audiences = [\"https://other",
            "disagrees callers[0].grants",
        ),
        ("sts.toml", "name = \"keycloak\"", "name = \"login\"", "disagrees issuers"),
        (
            "sts.toml",
            "[limits]",
            "[limits]\nidp_timeout_ms = 5000",
            "disagrees limits.idp_timeout_ms",
        ),
        ("mcp.toml", "mcp.example.com", "other.example.com", "disagrees allowed_hosts"),
    ] {
        let (_folder, report) = changed(file, from, to);
        assert_eq!(findings(&report), [expected], "{from} in {file}");
    }
}

#[test]
fn each_of_several_targets_is_held_against_the_sts() {
    let target = r#""target": {"name": "kubernetes", "audience": "kubernetes"}"#;
    let with = |prod: &str| {
        let targets = format!(
            r#""targets": {{"byValue": {{"prod": {prod}}}, "default": {{"name": "kubernetes", "audience": "kubernetes"}}}}"#
        );
        let (_folder, report) = changed("filter.json", target, &targets);
        let mut found = findings(&report);
        // The EnvoyFilter was not generated anew.
        assert!(found[0].starts_with("disagrees EnvoyFilter"), "{found:?}");
        found.remove(0);
        found
    };
    assert_eq!(with(r#"{"name": "kubernetes", "audience": "kubernetes"}"#), [""; 0]);
    assert_eq!(with(r#"{"name": "prod", "audience": "kubernetes-prod"}"#), ["disagrees targets"]);
    // The filter would not take that either.
    assert_eq!(
        with(r#"{"name": "kubernetes", "audience": "other"}"#),
        [
            "disagrees targets[0].audience",
            "filter-configuration  → resources[0].targets.byValue.prod.audience"
        ]
    );
}

#[test]
fn another_installation_s_files_are_not_compared() {
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    copy(&root.join("deploy/istio"), &folder.path().join("one"));
    let two = folder.path().join("two");
    std::fs::create_dir(&two).unwrap();
    for file in ["filter.json", "sts.toml", "mcp.toml"] {
        let text = std::fs::read_to_string(root.join("deploy/istio").join(file)).unwrap();
        std::fs::write(two.join(file), text.replace("mcp.example.com", "two.example.com")).unwrap();
    }
    assert_eq!(findings(&check(folder.path()).unwrap()), [""; 0]);
}

/// Of two installations below one folder, each is looked at by itself, and the overlay's changes are not followed.
#[test]
fn both_forms_below_one_folder_are_no_errors() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let report = check(&root.join("deploy")).unwrap();
    assert!(!report.has_errors(), "{:#?}", report.findings);
}

#[test]
fn a_template_is_sent_to_helm_and_a_broken_file_is_to_be_mended() {
    let instead = |text: &str| {
        let report = check_text("a.yaml", text).unwrap();
        report.findings.first().unwrap().instead.clone()
    };
    let template = "kind: Service\nmetadata:\n{{- if .Values.on }}\n  name: a\n{{- end }}\n";
    assert!(instead(template).contains("helm template"));
    assert_eq!(instead("kind: Service\n  name: a\n"), "mend the file");
}

#[test]
fn a_service_may_have_another_port_than_its_pods() {
    use super::bases::Base;
    use super::fault::Change;

    let to_named = |text: &str| serde_yaml_ng::from_str::<Vec<Change>>(text).unwrap();
    for target in ["8080", "mcp"] {
        let changes = to_named(&format!(
            "
- {{in: Service obolus/obolus-mcp, at: /spec/ports/0, set: {{name: http, port: 80, targetPort: {target}}}}}
- in: Deployment obolus/obolus-mcp
  at: /spec/template/spec/containers/0/ports
  set: [{{name: mcp, containerPort: 8080}}]
- {{in: VirtualService obolus/mcp, at: /spec/http/0/route/0/destination/port/number, set: 80}}
"
        ));
        let folder = Base::IstioSidecar.written(&changes);
        assert_eq!(findings(&check(folder.path()).unwrap()), [""; 0], "{target}");
    }
}
