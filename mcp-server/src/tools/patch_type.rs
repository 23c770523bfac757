//! Patches, as tools are given them.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::cluster::{PatchKind, Resource};
use crate::failure::Failure;
use crate::manifest;
use crate::names::ObjectName;

/// `patchType`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub(super) enum PatchType {
    #[default]
    Strategic,
    Merge,
    Json,
    Apply,
}

impl PatchType {
    /// Reads a patch of this type for an object.
    pub(super) fn read(
        self,
        text: &str,
        resource: &Resource,
        name: &ObjectName,
    ) -> Result<(PatchKind, Value), Failure> {
        let wrong = |reason: &str| Failure::InvalidArguments(format!("patch: {reason}"));
        let mut patch = manifest::read_value(text).map_err(|reason| wrong(&reason))?;
        match (self, &mut patch) {
            (Self::Json, Value::Array(_)) => Ok((PatchKind::Json, patch)),
            (Self::Json, _) => Err(wrong(
                "patchType json takes a list of operations with op and path; an object with the fields to change goes with strategic or merge",
            )),
            (Self::Strategic, Value::Object(_)) => Ok((PatchKind::Strategic, patch)),
            (Self::Merge, Value::Object(_)) => Ok((PatchKind::Merge, patch)),
            (Self::Apply, Value::Object(object)) => {
                // They are known already, and the API server insists on them.
                object.entry("apiVersion").or_insert_with(|| resource.api_version().into());
                object.entry("kind").or_insert_with(|| resource.kind().into());
                let metadata =
                    object.entry("metadata").or_insert_with(|| Value::Object(<_>::default()));
                if let Value::Object(metadata) = metadata {
                    metadata.entry("name").or_insert_with(|| name.as_str().into());
                }
                Ok((PatchKind::Apply, patch))
            }
            (_, Value::Array(_)) => Err(wrong(
                "is a list of operations, which goes with patchType json; the other types take an object with the fields to change",
            )),
            _ => Err(wrong("must be an object with the fields to change")),
        }
    }
}

/// What to do about a kind that does not know a type of patch.
pub(super) fn advised(failure: Failure, patch_type: PatchType, resource: &Resource) -> Failure {
    match failure {
        Failure::Rejected { status: 415, .. } if patch_type == PatchType::Strategic => {
            Failure::InvalidArguments(format!(
                "patchType: {} takes no strategic patches, as custom kinds do not: use merge",
                resource.kind()
            ))
        }
        failure => failure,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_has_the_shape_of_its_type() {
        let pods = Resource::core("Pod", "pods", true);
        let web = ObjectName::try_from("web".to_owned()).unwrap();
        let read = |patch_type: PatchType, text: &str| patch_type.read(text, &pods, &web);
        let operations = r#"[{"op": "remove", "path": "/spec/x"}]"#;
        assert_eq!(read(PatchType::Json, operations).unwrap().0, PatchKind::Json);
        for patch_type in [PatchType::Strategic, PatchType::Merge, PatchType::Apply] {
            assert!(read(patch_type, operations).is_err(), "{patch_type:?}");
            assert!(read(patch_type, "spec: {x: 1}").is_ok(), "{patch_type:?}");
        }
        assert!(read(PatchType::Json, "spec: {x: 1}").is_err());
        assert_eq!(
            read(PatchType::Apply, "spec: {x: 1}").unwrap().1,
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {"x": 1}})
        );
    }
}
