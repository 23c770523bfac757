//! The bill of materials: CycloneDX 1.6 in JSON, one component for each package that is shipped.
//!
//! `cargo metadata` knows which packages reach a program or the module on their targets, which a list
//! of all of `Cargo.lock` would not: most of what stands there is for tests and other systems.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use obolus_tests::parts::prerequisites::WASM_TARGET;
use obolus_tests::parts::products::workspace;
use serde_json::{Value, json};

use super::{POLICY_PROGRAM, PROGRAMS, build};
use crate::test::cargo;

/// The document.
pub(crate) fn of_workspace() -> Result<String> {
    let lock = std::fs::read_to_string(workspace().join("Cargo.lock"))?;
    let mut components = BTreeMap::new();
    let native = build::target();
    let programs: BTreeSet<_> = PROGRAMS.iter().map(|name| build::package_of(name)).collect();
    let programs: Vec<_> = programs.into_iter().collect();
    for (target, roots) in [
        (native.as_str(), &programs[..]),
        (native.as_str(), &POLICY_PROGRAM),
        (WASM_TARGET, &["obolus-filter"]),
    ] {
        let metadata = metadata(target)?;
        let reached = reached(&metadata, roots)?;
        for package in list(&metadata, "/packages")? {
            if reached.contains(text(package, "id")) {
                let key = (text(package, "name").to_owned(), text(package, "version").to_owned());
                components.insert(key, component(package, &lock));
            }
        }
    }
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {
            "type": "application",
            "name": "obolus",
            "version": env!("CARGO_PKG_VERSION"),
            "licenses": [{"expression": "Apache-2.0"}],
        }},
        "components": components.into_values().collect::<Vec<_>>(),
    });
    Ok(format!("{document:#}\n"))
}

fn metadata(target: &str) -> Result<Value> {
    let mut command = cargo();
    command.args(["metadata", "--locked", "--format-version", "1", "--filter-platform", target]);
    let output = command.output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The ids of everything that these packages need to run or be built.
fn reached<'m>(metadata: &'m Value, roots: &[&str]) -> Result<BTreeSet<&'m str>> {
    let nodes = list(metadata, "/resolve/nodes")?;
    let mut waiting: Vec<&str> = list(metadata, "/packages")?
        .iter()
        .filter(|package| roots.contains(&text(package, "name")))
        .map(|package| text(package, "id"))
        .collect();
    ensure!(waiting.len() == roots.len(), "cargo metadata: a shipped package is missing");
    let mut reached = BTreeSet::new();
    while let Some(id) = waiting.pop() {
        if !reached.insert(id) {
            continue;
        }
        let node = nodes.iter().find(|node| text(node, "id") == id);
        let deps = node.and_then(|node| node["deps"].as_array()).into_iter().flatten();
        for dependency in deps {
            let mut kinds = dependency["dep_kinds"].as_array().into_iter().flatten();
            if kinds.any(|kind| kind["kind"] != "dev") {
                waiting.push(text(dependency, "pkg"));
            }
        }
    }
    Ok(reached)
}

fn component(package: &Value, lock: &str) -> Value {
    let (name, version) = (text(package, "name"), text(package, "version"));
    let ours = package["source"].is_null();
    let purl = format!("pkg:cargo/{name}@{version}");
    let mut component = json!({
        "type": if ours { "application" } else { "library" },
        "bom-ref": purl,
        "name": name,
        "version": version,
    });
    if !ours {
        component["purl"] = purl.into();
    }
    if let Some(license) = package["license"].as_str() {
        // Old manifests write a slash for "or".
        component["licenses"] = json!([{"expression": license.replace('/', " OR ")}]);
    }
    if let Some(sum) = checksum(lock, name, version) {
        component["hashes"] = json!([{"alg": "SHA-256", "content": sum}]);
    }
    component
}

/// The package's archive, as Cargo.lock pins it.
fn checksum<'l>(lock: &'l str, name: &str, version: &str) -> Option<&'l str> {
    let head = format!("name = \"{name}\"\nversion = \"{version}\"\n");
    let entry = lock.split("[[package]]\n").find(|entry| entry.starts_with(&head))?;
    let line = entry.lines().find_map(|line| line.strip_prefix("checksum = "))?;
    Some(line.trim_matches('"'))
}

fn list<'m>(metadata: &'m Value, pointer: &str) -> Result<&'m Vec<Value>> {
    let list = metadata.pointer(pointer).and_then(Value::as_array);
    list.with_context(|| format!("cargo metadata: no {pointer}"))
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shipped_is_listed_with_its_checksum_and_what_only_tests_need_is_not() {
        let document: Value = serde_json::from_str(&of_workspace().unwrap()).unwrap();
        let components = document["components"].as_array().unwrap();
        let named = |name: &str| components.iter().find(|component| component["name"] == name);
        for name in [
            "obolus-sts",
            "obolus-core",
            "obolus-policy",
            "cedar-policy-core",
            "proxy-wasm",
            "kube",
            "rustls",
        ] {
            assert!(named(name).is_some(), "{name} is shipped");
        }
        for name in ["obolus-tests", "xtask", "wat", "windows-sys", "cedar-policy"] {
            assert!(named(name).is_none(), "{name} is not shipped");
        }
        let rustls = named("rustls").unwrap();
        assert_eq!(rustls["hashes"][0]["content"].as_str().unwrap().len(), 64);
        assert_eq!(rustls["purl"], format!("pkg:cargo/rustls@{}", text(rustls, "version")));
        for component in components {
            assert!(component["licenses"][0]["expression"].is_string(), "{component}");
        }
    }
}
