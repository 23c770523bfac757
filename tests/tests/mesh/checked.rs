//! What `cargo xtask check` finds in manifests with which `istioctl` is content.
//!
//! The faults are those of `envoy/tests/check`, which holds each to its exact findings. Needs no mesh: both tools read
//! files.

#[expect(clippy::unwrap_used, clippy::panic, reason = "a base that cannot be made fails loudly")]
#[path = "../../../envoy/tests/check/bases.rs"]
mod bases;
#[expect(clippy::unwrap_used, clippy::panic, reason = "a fault that cannot be read fails loudly")]
#[path = "../../../envoy/tests/check/fault.rs"]
mod fault;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Result, ensure};
use obolus_envoy::check::check;
use obolus_tests::fixtures::mesh::{ANALYZE, analyzed};
use obolus_tests::parts::products::workspace;
use obolus_tests::parts::{cluster, mesh};

use crate::heavy::after_the_installation;
use bases::Base;
use fault::Fault;

/// Something for `istioctl validate` to refuse.
const REFUSED: &str = "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: control, namespace: obolus}
spec: {rules: [{from: [{source: {principals: ['']}}]}]}
";

/// Something for `istioctl analyze` to find.
const ANALYZED: &str = "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: control, namespace: shop}
spec:
  hosts: [shop.example.com]
  gateways: [nowhere]
  http: [{route: [{destination: {host: nobody.shop.svc.cluster.local}}]}]
";

/// The faults that `istioctl validate` refuses as well.
const REFUSED_TOO: [&str; 1] = ["istio-sidecar-port-named-for-people"];

/// What is expected of a folder.
enum Expected {
    /// Neither tool finds anything.
    Clean,
    /// Ours finds something, and only what these lines begin with.
    Found(Vec<String>),
    /// `istioctl validate` refuses it.
    Refused,
    /// `istioctl analyze` finds something.
    Analyzed,
}

/// What the two tools say to the files in a folder.
struct Said {
    is_valid: bool,
    /// The codes of `istioctl analyze`, where it was asked.
    codes: Option<BTreeSet<String>>,
    ours: BTreeSet<&'static str>,
}

impl Said {
    fn of(folder: &Path, expected: &Expected, is_valid: bool) -> Result<Self> {
        // Half a second each, and of the faults nothing is expected of it.
        let codes = match expected {
            Expected::Found(_) => None,
            _ => Some(codes(folder)?),
        };
        let ours = check(folder)?.findings.iter().map(|finding| finding.rule.id()).collect();
        Ok(Self { is_valid, codes, ours })
    }

    fn is(&self, expected: &Expected) -> bool {
        let found_by_analyze = self.codes.as_ref().is_some_and(|codes| !codes.is_empty());
        match expected {
            Expected::Clean => {
                // Which module runs is said by who installs it.
                let is_told = |rule: &&str| *rule == "placeholder-digest";
                self.is_valid && !found_by_analyze && self.ours.iter().all(is_told)
            }
            Expected::Found(lines) => {
                let is_named = |rule: &&str| lines.iter().any(|line| line.starts_with(*rule));
                !self.ours.is_empty() && self.ours.iter().all(is_named)
            }
            Expected::Refused => !self.is_valid,
            Expected::Analyzed => found_by_analyze,
        }
    }

    fn line(&self, name: &str) -> String {
        let list = |words: Vec<&str>| match words.as_slice() {
            [] => "nothing".to_owned(),
            words => words.join(" "),
        };
        let codes = self.codes.as_ref();
        let codes = codes.map(|codes| list(codes.iter().map(String::as_str).collect()));
        format!(
            "{name:46} | {:8} | {:16} | {}",
            if self.is_valid { "exit 0" } else { "refused" },
            codes.as_deref().unwrap_or_default(),
            list(self.ours.iter().copied().collect()),
        )
    }
}

/// `istioctl` without a cluster.
fn istioctl(arguments: &[&str], files: &[&Path]) -> Result<Output> {
    let home = tempfile::tempdir()?;
    let mut command = Command::new(mesh::binaries()?.mesh);
    command.env("HOME", home.path()).env("KUBECONFIG", home.path().join("none"));
    Ok(command.arg("istioctl").args(arguments).args(files).output()?)
}

fn codes(folder: &Path) -> Result<BTreeSet<String>> {
    let arguments = [&ANALYZE[..], &["--use-kube=false"]].concat();
    let findings = analyzed(&istioctl(&arguments, &[folder])?)?;
    let codes = findings.iter().filter_map(|finding| finding["code"].as_str());
    Ok(codes.map(str::to_owned).collect())
}

/// Which of these folders `istioctl validate` takes. It takes all of them at once, or else each half is asked about.
fn valid(folders: &[&Path]) -> Result<Vec<bool>> {
    let flags = folders.iter().flat_map(|folder| [Path::new("--filename"), folder]);
    let taken = istioctl(&["validate"], &flags.collect::<Vec<_>>())?.status.success();
    if taken || folders.len() < 2 {
        return Ok(vec![taken; folders.len()]);
    }
    let (one, other) = folders.split_at(folders.len() / 2);
    Ok([valid(one)?, valid(other)?].concat())
}

/// What `kubectl apply -k` would apply.
fn kustomized(folder: &str) -> Result<String> {
    let mut kubectl = Command::new(cluster::binary()?);
    kubectl.args(["kubectl", "kustomize"]).arg(workspace().join(folder));
    let output = kubectl.output()?;
    ensure!(output.status.success(), "{output:?}");
    Ok(String::from_utf8(output.stdout)?)
}

#[tokio::test]
async fn what_istioctl_passes_is_found_and_in_what_is_ours_both_find_nothing() -> Result<()> {
    after_the_installation().await;
    let in_istio = |base: Base| format!("{base:?}").starts_with("Istio");
    let control = |text: &str| -> Result<_> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("control.yaml"), text)?;
        Ok(folder)
    };
    let mut cases = vec![
        ("(istioctl refuses this)".to_owned(), control(REFUSED)?, Expected::Refused),
        ("(istioctl has words for this)".to_owned(), control(ANALYZED)?, Expected::Analyzed),
    ];
    for overlay in ["deploy/istio", "deploy/istio-sidecar"] {
        let name = format!("kubectl kustomize {overlay}");
        cases.push((name, control(&kustomized(overlay)?)?, Expected::Clean));
    }
    for base in Base::ALL.into_iter().filter(|base| in_istio(*base)) {
        cases.push((format!("{base:?}, as it is"), base.written(&[]), Expected::Clean));
    }
    for fault in Fault::all().into_iter().filter(|fault| in_istio(fault.base)) {
        let folder = fault.base.written(&fault.change);
        cases.push((fault.name, folder, Expected::Found(fault.finds)));
    }
    let ours = workspace().join("deploy/istio");
    let cases =
        cases.iter().map(|(name, folder, expected)| (name.as_str(), folder.path(), expected));
    let cases: Vec<_> =
        [("deploy/istio", ours.as_path(), &Expected::Clean)].into_iter().chain(cases).collect();
    let valid = valid(&cases.iter().map(|(_, folder, _)| *folder).collect::<Vec<_>>())?;

    println!("{:46} | validate | {:16} | check", "", "analyze");
    let (mut passed, mut refused_too, mut wrong) = (0, Vec::new(), Vec::new());
    for ((name, folder, expected), is_valid) in cases.into_iter().zip(valid) {
        let said = Said::of(folder, expected, is_valid)?;
        println!("{}", said.line(name));
        if !said.is(expected) {
            wrong.push(said.line(name));
        } else if matches!(expected, Expected::Found(_)) {
            if said.is_valid {
                passed += 1;
            } else {
                refused_too.push(name);
            }
        }
    }
    println!("{passed} faults that `istioctl validate` passes are found");
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    ensure!(passed >= 12, "`istioctl validate` passes only {passed}");
    ensure!(refused_too == REFUSED_TOO, "`istioctl validate` refuses {refused_too:?}");
    Ok(())
}
