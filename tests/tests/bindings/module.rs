//! Our module panicked, delivered fail-open, absent, broken, or not enabled: protected requests stay
//! out, the other application is served.
//!
//! The guard's own stories are told with stand-ins (`tests/guard`); here everything else is real,
//! and the same Envoy configuration without the fault lets the same person through.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use obolus_envoy::{Bootstrap, FILTER_NAME, Module, Scope, edit};
use obolus_tests::fixtures::envoy::Envoy;
use obolus_tests::fixtures::gateway::{Gateway, GatewayOptions, Place};
use obolus_tests::fixtures::workbench::{Workbench, issuers, local, tool_call};
use serde_json::{Value, json};

use crate::answer::{Answer, arrived};

/// Like our filter after a bug that panics: it is configured well and traps at every request.
const TRAPS: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "proxy_abi_version_0_2_1"))
    (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
    (func (export "proxy_on_context_create") (param i32 i32))
    (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 1))
    (func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const 1))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) unreachable))"#;

/// A gateway with a fault, beside the workbench's own that has none; both lead to the same upstreams.
struct Faulty {
    gateway: Gateway,
    token: String,
}

impl Faulty {
    fn prepare(
        bench: &Workbench,
        place: &Place,
        shape: impl FnOnce(&mut Bootstrap) + Send + 'static,
        edit: impl FnOnce(&mut Value, &str) + Send + 'static,
    ) -> Result<(String, obolus_tests::fixtures::envoy::EnvoyOptions)> {
        let upstream = local(&bench.upstream);
        let mut options = GatewayOptions::new(issuers(&bench.idp), upstream, bench.credential());
        options.other = Some(local(&bench.other));
        options.shape = Box::new(shape);
        let host = place.authority();
        options.edit = Box::new(move |bootstrap| edit(bootstrap, &host));
        Gateway::prepare(place, bench.sts.address(), bench.sts.ca_file(), options)
    }

    async fn start(
        bench: &Workbench,
        shape: impl FnOnce(&mut Bootstrap) + Send + 'static,
        edit: impl FnOnce(&mut Value, &str) + Send + 'static,
    ) -> Result<Self> {
        let place = Place::reserve()?;
        let (config, envoy) = Self::prepare(bench, &place, shape, edit)?;
        let token = bench.idp.mint(&bench.idp.claims("alice", &place.resource()))?;
        Ok(Self { gateway: Gateway { envoy: Envoy::start(&config, &envoy).await?, place }, token })
    }

    /// What the protected resource and the other application answer; nothing protected arrives,
    /// while the same request through the gateway without a fault does.
    async fn answers(&self, bench: &Workbench, protected: u16, other: u16) -> Result<()> {
        let (mut others, healthy) = (0, bench.token("alice")?);
        for _ in 0..3 {
            let url = format!("{}/other", self.gateway.url());
            let served = bench.http.get(url).send().await?.status().as_u16();
            ensure!(served == other, "the other application: {served}");
            others += usize::from(served == 200);
            for request in [
                bench.http.post(self.gateway.resource()).bearer_auth(&self.token),
                bench.http.post(self.gateway.resource()),
            ] {
                let request = request.header("content-type", "application/json");
                let answer = Answer::to(request.body(tool_call("pods_list"))).await?;
                ensure!(answer.status == protected, "protected: {answer:?}");
            }
            ensure!(arrived(&bench.upstream) == 0);
            ensure!(Answer::to(bench.call(&healthy)).await?.status == 200);
            ensure!(arrived(&bench.upstream) == 1);
        }
        ensure!(arrived(&bench.other) == others);
        Ok(())
    }
}

/// Writes a module into a folder.
fn module(folder: &Path, content: &[u8]) -> Result<Module> {
    let path = folder.join("module.wasm");
    std::fs::write(&path, content)?;
    Ok(Module::at(path.to_str().context("the folder's name is not UTF-8")?))
}

/// Lets requests pass when the module cannot run.
fn fail_open(bootstrap: &mut Value, how: (&str, Value)) {
    let ours = edit::named(edit::http_filters(bootstrap).unwrap(), FILTER_NAME).unwrap();
    let config = ours.pointer_mut("/typed_config/config").and_then(Value::as_object_mut).unwrap();
    config.remove("failure_policy");
    config.remove("reload_config");
    config.insert(how.0.to_owned(), how.1);
}

fn disabled() -> Value {
    json!({FILTER_NAME: {
        "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
        "disabled": true,
    }})
}

#[tokio::test]
async fn a_panicked_module_lets_nothing_protected_through_whatever_its_policy() -> Result<()> {
    let bench = Workbench::start().await?;
    let folder = tempfile::tempdir()?;
    let traps = module(folder.path(), &wat::parse_str(TRAPS)?)?;
    let open = [("fail_open", json!(true)), ("failure_policy", json!("FAIL_OPEN"))];
    for how in open {
        let (module, what) = (traps.clone(), how.1.to_string());
        let shape = |bootstrap: &mut Bootstrap| bootstrap.module = module;
        let faulty = Faulty::start(&bench, shape, |bootstrap, _| fail_open(bootstrap, how)).await?;
        // The request in which it panics is lost under one of the two policies.
        let url = format!("{}/other", faulty.gateway.url());
        let first = bench.http.get(url).send().await?.status();
        println!("{what}: {first} to the request in which it panics");
        arrived(&bench.other);
        faulty.answers(&bench, 403, 200).await.context(what)?;
    }
    for (scope, other) in [
        // As generated. Where the module sees every request, all of them share its fate;
        // that is what the other scope is for.
        (Scope::EveryRequest, 503),
        (Scope::OwnRoutes, 200),
    ] {
        let module = traps.clone();
        let shape = move |bootstrap: &mut Bootstrap| {
            bootstrap.module = module;
            bootstrap.scope = scope;
        };
        let faulty = Faulty::start(&bench, shape, |_, _| {}).await?;
        faulty.answers(&bench, 503, other).await.with_context(|| format!("{scope:?}"))?;
    }
    Ok(())
}

#[tokio::test]
async fn an_absent_or_disabled_module_lets_nothing_protected_through() -> Result<()> {
    type Edit = fn(&mut Value, &str);
    let bench = Workbench::start().await?;
    let taken_out: Edit = |bootstrap, _| {
        edit::remove(edit::http_filters(bootstrap).unwrap(), FILTER_NAME).unwrap();
    };
    let disabled_in_the_chain: Edit = |bootstrap, _| {
        let filters = edit::http_filters(bootstrap).unwrap();
        edit::named(filters, FILTER_NAME).unwrap()["disabled"] = json!(true);
    };
    let disabled_on_the_route: Edit = |bootstrap, host| {
        let route = edit::route(bootstrap, host, "kubernetes").unwrap();
        route["typed_per_filter_config"] = disabled();
    };
    let disabled_on_the_host: Edit = |bootstrap, host| {
        let hosts = edit::virtual_hosts(bootstrap).unwrap();
        edit::named(hosts, host).unwrap()["typed_per_filter_config"] = disabled();
    };
    for (what, edit) in [
        ("taken out", taken_out),
        ("disabled in the chain", disabled_in_the_chain),
        ("disabled on the route", disabled_on_the_route),
        ("disabled on the host", disabled_on_the_host),
    ] {
        let faulty = Faulty::start(&bench, |_| {}, edit).await?;
        // The request in which it panics is lost under one of the two policies.
        let url = format!("{}/other", faulty.gateway.url());
        let first = bench.http.get(url).send().await?.status();
        println!("{what}: {first} to the request in which it panics");
        arrived(&bench.other);
        faulty.answers(&bench, 403, 200).await.context(what)?;
    }
    Ok(())
}

#[tokio::test]
async fn envoy_does_not_start_with_a_module_that_cannot_be_loaded() -> Result<()> {
    let bench = Workbench::start().await?;
    let folder = tempfile::tempdir()?;
    let broken = module(folder.path(), b"\0asm, and then nothing of the kind")?;
    for open in [false, true] {
        let (place, module) = (Place::reserve()?, broken.clone());
        let edit = move |bootstrap: &mut Value, _: &str| {
            if open {
                fail_open(bootstrap, ("fail_open", json!(true)));
            }
        };
        let shape = |bootstrap: &mut Bootstrap| bootstrap.module = module;
        let (config, envoy) = Faulty::prepare(&bench, &place, shape, edit)?;
        let (_, log) = Envoy::expect_refusal(&config, &envoy).await?;
        assert!(log.contains("Unable to create Wasm plugin"), "{log}");
    }
    Ok(())
}

#[tokio::test]
async fn where_the_module_runs_on_its_own_routes_only_the_others_do_without_it() -> Result<()> {
    for forgets in [false, true] {
        let bench = Workbench::start_with(|options| {
            options.shape = Box::new(|bootstrap| bootstrap.scope = Scope::OwnRoutes);
            options.edit = Box::new(move |bootstrap| {
                for host in edit::virtual_hosts(bootstrap).unwrap() {
                    for route in host["routes"].as_array_mut().unwrap() {
                        if forgets && route["name"] == "kubernetes" {
                            route.as_object_mut().unwrap().remove("typed_per_filter_config");
                        }
                    }
                }
            });
        })
        .await?;
        let (with, without) = if forgets { (403, 403) } else { (200, 401) };
        for _ in 0..2 {
            assert_eq!(Answer::to(bench.call(&bench.token("alice")?)).await?.status, with);
            assert_eq!(bench.post(tool_call("pods_list")).send().await?.status(), without);
            let other = bench.http.get(format!("{}/other", bench.gateway.url()));
            assert_eq!(other.send().await?.status(), 200);
        }
        let expected = if forgets { 0 } else { 2 };
        assert_eq!((arrived(&bench.upstream), arrived(&bench.other)), (expected, 2));
    }
    Ok(())
}
