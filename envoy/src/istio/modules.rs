//! How the filter's modules come into a proxy's Pod: each in a volume of its own, under its digest.
//!
//! So a new one stands there before a configuration names it, and an old one until none does any more.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::FOLDER;
use crate::module::Module;
use crate::problems::Problems;

/// So much of a digest tells volumes apart; their names have at most 63 characters.
const SHORT: usize = 12;

/// The modules of an installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Modules {
    /// What brings them.
    pub delivery: Delivery,
    /// The image with a module and nothing else, without its tag: that is the module's SHA-256.
    pub image: String,
    /// The image of `obolus-compose`, for [`Delivery::Init`]; its tag is the same.
    pub init_image: String,
    /// SHA-256 of those that are mounted; the first one runs.
    pub sha256: Vec<String>,
    /// SHA-256 of those whose volumes go away.
    pub retired: Vec<String>,
}

/// How a module gets into its volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Delivery {
    /// The volume is an image. Needs Kubernetes 1.35.
    Image,
    /// A container that runs before the proxy writes it.
    Init,
}

impl Modules {
    pub(super) fn none() -> Self {
        Self {
            delivery: Delivery::Image,
            image: String::new(),
            init_image: String::new(),
            sha256: Vec::new(),
            retired: Vec::new(),
        }
    }

    pub(super) fn use_module(&mut self, sha256: &str) -> Result<(), Problems> {
        let mut problems = Problems::none();
        let sha256 = sha256.trim().to_ascii_lowercase();
        check_digest("module", &sha256, &mut problems);
        problems.or(())?;
        self.sha256.retain(|one| *one != sha256 && !is_placeholder(one));
        self.retired.retain(|one| *one != sha256);
        self.sha256.insert(0, sha256);
        Ok(())
    }

    pub(super) fn back(&mut self) -> Result<(), Problems> {
        let mut problems = Problems::none();
        match self.sha256.get(1).cloned() {
            Some(before) => return self.use_module(&before),
            None => problems.add("modules.sha256", "names no module before the one that runs"),
        }
        problems.or(())
    }

    pub(super) fn retire_others(&mut self) {
        let others = self.sha256.split_off(self.sha256.len().min(1));
        self.retired.extend(others);
    }

    /// The module that runs.
    pub(super) fn in_use(&self) -> Module {
        let sha256 = self.sha256.first().cloned().unwrap_or_default();
        let path = format!("{}/{}", folder(&sha256), Module::file_name(&sha256));
        Module { path, sha256: Some(sha256) }
    }

    /// `volumeMounts` of the proxy's container.
    pub(super) fn mounts(&self) -> Vec<Value> {
        let mut mounts: Vec<_> = self
            .sha256
            .iter()
            .map(|sha256| json!({"name": volume(sha256), "mountPath": folder(sha256), "readOnly": true}))
            .collect();
        mounts.extend(self.retired.iter().map(|sha256| deleted("mountPath", &folder(sha256))));
        mounts
    }

    /// `volumes` of the Pod.
    pub(super) fn volumes(&self) -> Vec<Value> {
        let source = |sha256: &str| match self.delivery {
            Delivery::Image => json!({
                "name": volume(sha256),
                "image": {"reference": format!("{}:{sha256}", self.image)},
            }),
            Delivery::Init => json!({"name": volume(sha256), "emptyDir": {"sizeLimit": "16Mi"}}),
        };
        let mut volumes: Vec<_> = self.sha256.iter().map(|sha256| source(sha256)).collect();
        volumes.extend(self.retired.iter().map(|sha256| deleted("name", &volume(sha256))));
        volumes
    }

    /// `initContainers` of the Pod.
    pub(super) fn init_containers(&self) -> Vec<Value> {
        if self.delivery == Delivery::Image {
            return Vec::new();
        }
        let one = |sha256: &String| {
            json!({
                "name": volume(sha256),
                "image": format!("{}:{sha256}", self.init_image),
                "args": ["deliver", "--sha256", sha256, folder(sha256)],
                "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "64Mi"}},
                "securityContext": {
                    "runAsNonRoot": true,
                    "runAsUser": 65_532,
                    "allowPrivilegeEscalation": false,
                    "readOnlyRootFilesystem": true,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": [{"name": volume(sha256), "mountPath": folder(sha256)}],
            })
        };
        let mut containers: Vec<_> = self.sha256.iter().map(one).collect();
        containers.extend(self.retired.iter().map(|sha256| deleted("name", &volume(sha256))));
        containers
    }

    /// Those that are mounted, as what goes away.
    pub(super) fn all_retired(&self) -> Self {
        let mut retired = self.clone();
        retired.retired.append(&mut retired.sha256);
        retired
    }

    pub(super) fn check(&self, problems: &mut Problems) {
        for (key, image) in
            [("modules.image", &self.image), ("modules.initImage", &self.init_image)]
        {
            let name = image.rsplit('/').next().unwrap_or_default();
            let is_plain = image.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
            if name.is_empty() || !is_plain || name.contains([':', '@']) {
                problems.add(
                    key,
                    "must be an image without tag and digest: the module's SHA-256 is the tag",
                );
            }
        }
        if self.sha256.is_empty() {
            problems.add("modules.sha256", "must name the module that runs");
        }
        for (list, digests) in [("sha256", &self.sha256), ("retired", &self.retired)] {
            for (at, sha256) in digests.iter().enumerate() {
                check_digest(&format!("modules.{list}[{at}]"), sha256, problems);
            }
        }
        if let Some(both) = self.retired.iter().find(|one| self.sha256.contains(one)) {
            problems.add(
                "modules.retired",
                format!("{both} is mounted: take it out of one of the two"),
            );
        }
    }
}

/// What a strategic merge takes away.
pub(super) fn deleted(key: &str, value: &str) -> Value {
    json!({"$patch": "delete", key: value})
}

fn check_digest(key: &str, sha256: &str, problems: &mut Problems) {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if sha256.len() != 64 || !sha256.bytes().all(is_digit) {
        problems.add(key, "a SHA-256 has 64 hexadecimal digits in lower case");
    }
}

/// The committed one, which stands for none.
fn is_placeholder(sha256: &str) -> bool {
    sha256.bytes().all(|byte| byte == b'0')
}

fn volume(sha256: &str) -> String {
    format!("obolus-module-{}", sha256.get(..SHORT).unwrap_or(sha256))
}

fn folder(sha256: &str) -> String {
    format!("{FOLDER}/module/{sha256}")
}
