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
use std::process::Command;

use anyhow::{Result, anyhow, ensure};
use obolus_envoy::check::check;
use obolus_tests::parts::products::workspace;
use obolus_tests::parts::{cluster, mesh};

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
    /// The codes of `istioctl analyze`, without that of every EnvoyFilter.
    codes: BTreeSet<String>,
    ours: BTreeSet<&'static str>,
}

impl Said {
    fn of(folder: &Path) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let istioctl = |arguments: &[&str]| -> Result<_> {
            let mut command = Command::new(mesh::binaries()?.mesh);
            command.env("HOME", home.path()).env("KUBECONFIG", home.path().join("none"));
            Ok(command.arg("istioctl").args(arguments).arg(folder).output()?)
        };
        let validated = istioctl(&["validate", "--filename"])?;
        let arguments = ["analyze", "--use-kube=false", "--all-namespaces", "--output=json"];
        let analyzed = istioctl(&arguments)?;
        let findings = obolus_tests::fixtures::mesh::analyzed(&analyzed)?;
        let codes = findings.iter();
        let codes = codes.filter_map(|finding| finding["code"].as_str());
        Ok(Self {
            is_valid: validated.status.success(),
            codes: codes.filter(|code| *code != "IST0133").map(str::to_owned).collect(),
            ours: check(folder)?.findings.iter().map(|finding| finding.rule.id()).collect(),
        })
    }

    fn is(&self, expected: &Expected) -> bool {
        match expected {
            Expected::Clean => {
                // Which module runs is said by who installs it.
                let is_told = |rule: &&str| *rule == "placeholder-digest";
                self.is_valid && self.codes.is_empty() && self.ours.iter().all(is_told)
            }
            Expected::Found(lines) => {
                let is_named = |rule: &&str| lines.iter().any(|line| line.starts_with(*rule));
                !self.ours.is_empty() && self.ours.iter().all(is_named)
            }
            Expected::Refused => !self.is_valid,
            Expected::Analyzed => !self.codes.is_empty(),
        }
    }

    fn line(&self, name: &str) -> String {
        let list = |words: Vec<&str>| match words.as_slice() {
            [] => "nothing".to_owned(),
            words => words.join(" "),
        };
        format!(
            "{name:46} | {:8} | {:16} | {}",
            if self.is_valid { "exit 0" } else { "refused" },
            list(self.codes.iter().map(String::as_str).collect()),
            list(self.ours.iter().copied().collect()),
        )
    }
}

/// What both tools say to each folder, two at a time.
fn said(folders: &[&Path]) -> Result<Vec<Said>> {
    let half = folders.len().div_ceil(2).max(1);
    let parts = std::thread::scope(|scope| {
        let threads = folders.chunks(half).map(|part| {
            scope.spawn(|| part.iter().map(|folder| Said::of(folder)).collect::<Result<Vec<_>>>())
        });
        let threads: Vec<_> = threads.collect();
        let joined = threads.into_iter().map(|one| one.join());
        joined.map(|one| one.map_err(|_panic| anyhow!("a thread panicked"))?).collect::<Result<_>>()
    });
    parts.map(|parts: Vec<_>| parts.into_iter().flatten().collect())
}

/// What `kubectl apply -k` would apply.
fn kustomized(folder: &str) -> Result<String> {
    let mut kubectl = Command::new(cluster::binary()?);
    kubectl.args(["kubectl", "kustomize"]).arg(workspace().join(folder));
    let output = kubectl.output()?;
    ensure!(output.status.success(), "{output:?}");
    Ok(String::from_utf8(output.stdout)?)
}

#[test]
fn what_istioctl_passes_is_found_and_in_what_is_ours_both_find_nothing() -> Result<()> {
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
    let mut folders = vec![ours.as_path()];
    folders.extend(cases.iter().map(|(_, folder, _)| folder.path()));
    let all = said(&folders)?;

    println!("{:46} | validate | {:16} | check", "", "analyze");
    let (mut passed, mut refused_too, mut wrong) = (0, Vec::new(), Vec::new());
    let cases = cases.iter().map(|(name, _, expected)| (name.as_str(), expected));
    let cases = [("deploy/istio", &Expected::Clean)].into_iter().chain(cases);
    for ((name, expected), said) in cases.zip(&all) {
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
