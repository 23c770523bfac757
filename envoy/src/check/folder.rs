//! What becomes of a folder's objects before they are applied.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::document::{Document, Kind};
use super::finding::Findings;
use super::node::Node;
use super::rule::Rule;

/// What Kustomize changes besides names of images and generated maps.
const CHANGES: [&str; 15] = [
    "bases",
    "commonLabels",
    "components",
    "configurations",
    "helmCharts",
    "labels",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "patches",
    "patchesJson6902",
    "patchesStrategicMerge",
    "replacements",
    "transformers",
    "vars",
];

/// Names what is checked here and is not what will stand in the cluster.
pub(super) fn check(documents: &[Document], findings: &mut Findings) {
    let manifests: Vec<_> =
        documents.iter().filter(|document| document.kind == Kind::Manifest).collect();
    let (kustomizations, objects): (Vec<_>, Vec<_>) =
        manifests.into_iter().partition(|document| is_kustomization(document));
    let patches: Vec<_> = kustomizations.iter().flat_map(|one| patch_files(one)).collect();
    // A component that nobody takes changes nothing.
    let is_applied = |document: &Document| {
        Node::top(document).text("kind") != "Component"
            || kustomizations.iter().any(|one| has_component(one, document))
    };
    for document in kustomizations.iter().filter(|document| is_applied(document)) {
        kustomize(&Node::top(document), documents, findings);
    }
    let mut known: BTreeMap<_, &Document> = BTreeMap::new();
    for document in objects {
        let top = Node::top(document);
        let is_patch = std::fs::canonicalize(&document.file).is_ok_and(|at| patches.contains(&at));
        if is_patch {
            continue;
        }
        if let (key, false) = (key(&top), top.text("metadata/name").is_empty()) {
            match known.insert(key, document) {
                Some(other) if other.value != document.value => {
                    let what = format!(
                        "says something else than in {}: whichever is applied last is what stands",
                        other.file
                    );
                    let write = "one of the two; another installation has another folder";
                    findings.add(Rule::DefinedTwice, &top, what, write);
                }
                _ => {}
            }
        }
    }
}

/// The files that a kustomization applies to other objects.
fn patch_files(kustomization: &Document) -> Vec<PathBuf> {
    let top = Node::top(kustomization);
    let listed = top.list("patches");
    let paths = listed.iter().map(|patch| patch.text("path"));
    let merged = top.texts("patchesStrategicMerge");
    let paths = paths.chain(merged).filter(|path| !path.is_empty());
    paths.filter_map(|path| beside(kustomization, path)).collect()
}

fn has_component(kustomization: &Document, component: &Document) -> bool {
    let folder = beside(component, ".");
    let components = Node::top(kustomization).texts("components");
    folder.is_some() && components.iter().any(|path| beside(kustomization, path) == folder)
}

/// What a file calls by a path from its own folder.
fn beside(document: &Document, path: &str) -> Option<PathBuf> {
    let folder = Path::new(&document.file).parent().unwrap_or(Path::new(""));
    std::fs::canonicalize(folder.join(path)).ok()
}

/// Group, kind, namespace and name.
fn key<'a>(top: &Node<'a>) -> [&'a str; 4] {
    let group = top.text("apiVersion").rsplit_once('/').map_or("", |(group, _)| group);
    [group, top.text("kind"), top.text("metadata/namespace"), top.text("metadata/name")]
}

/// By its file's name: `kind` may be left out there.
pub(super) fn is_kustomization_file(file: &str) -> bool {
    Path::new(file).file_stem().is_some_and(|stem| stem.eq_ignore_ascii_case("kustomization"))
}

fn is_kustomization(document: &Document) -> bool {
    let api = Node::top(document).text("apiVersion");
    api.starts_with("kustomize.config.k8s.io/")
        || api.is_empty() && is_kustomization_file(&document.file)
}

fn kustomize(top: &Node<'_>, documents: &[Document], findings: &mut Findings) {
    let write = "check what it makes: kubectl kustomize FOLDER | cargo xtask check -";
    for key in CHANGES {
        if let Some(place) = top.get(key) {
            let what = format!("{key} changes what stands here, and was not followed");
            findings.add(Rule::Unseen, &place, what, write);
        }
    }
    for resource in top.list("resources") {
        let name = resource.value.as_str().unwrap_or_default();
        let is_among = |path: &Path| {
            let files = documents.iter().filter_map(|one| std::fs::canonicalize(&one.file).ok());
            files.into_iter().any(|file| file.starts_with(path))
        };
        if !beside(top.document, name).is_some_and(|path| is_among(&path)) {
            let what = format!("{name} is not among what was checked");
            findings.add(Rule::Unseen, &resource, what, write);
        }
    }
}
