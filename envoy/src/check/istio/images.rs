//! Whether the module's image is named by what it is, or by a name that may be given to another one.

use super::super::finding::Findings;
use super::super::rule::Rule;
use super::Mesh;
use super::workloads::Workload;

/// Until a module is built, its digest is zeros, and its image is not there.
const PLACEHOLDER: &str = ":0000000000000000000000000000000000000000000000000000000000000000";

/// Checks the volumes that are images. The filter's `vm_id` names the module's digest, and no part of the mesh compares.
pub(super) fn check(mesh: &Mesh<'_>, findings: &mut Findings) {
    for workload in mesh.manifests.iter().filter_map(Workload::of) {
        for volume in workload.pod.list("volumes") {
            let Some(at) = volume.at("image/reference") else { continue };
            let reference = at.value.as_str().unwrap_or_default();
            let is_ours = reference.contains("obolus");
            if is_ours && !reference.contains("@sha256:") && !reference.ends_with(PLACEHOLDER) {
                let what = format!(
                    "{reference} is a name that the registry may give to another image, whose module then decides who passes: nothing compares its digest"
                );
                let write = "the image's digest: …/obolus-filter@sha256:<64 digits>";
                findings.add(Rule::ImageNotPinned, &at, what, write);
            }
        }
    }
}
