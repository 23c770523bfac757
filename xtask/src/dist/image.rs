//! OCI image layouts (image-spec v1.1), written without an engine: `docker load`, `skopeo`, `crane`
//! and `podman` read them.
//!
//! One uncompressed layer, no times, everything root's and readable but what is named otherwise: the
//! same files give the same digest.

use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};

use obolus_envoy::Module;

/// Nobody in particular, as distroless images have it.
pub(crate) const USER: u64 = 65_532;

/// A file of an image.
pub(crate) struct File {
    path: String,
    content: Vec<u8>,
    mode: u32,
}

impl File {
    /// A program that anybody may start.
    pub(crate) fn program(path: &str, content: Vec<u8>) -> Self {
        Self { path: path.to_owned(), content, mode: 0o755 }
    }

    /// A file that anybody may read.
    pub(crate) fn data(path: &str, content: Vec<u8>) -> Self {
        Self { path: path.to_owned(), content, mode: 0o644 }
    }
}

/// An image for this machine's architecture.
pub(crate) struct Image {
    name: String,
    files: Vec<File>,
    own_folders: Vec<String>,
    entrypoint: Option<String>,
}

impl Image {
    /// An empty image.
    pub(crate) fn of(name: &str) -> Self {
        Self { name: name.to_owned(), files: Vec::new(), own_folders: Vec::new(), entrypoint: None }
    }

    /// Adds a file.
    pub(crate) fn with(mut self, file: File) -> Self {
        self.files.push(file);
        self
    }

    /// Adds empty folders under `/volumes` that belong to [`USER`]: a new volume takes the owner from
    /// where it is mounted.
    pub(crate) fn with_own_folders(mut self, names: &[&str]) -> Self {
        self.own_folders.extend(names.iter().map(|name| format!("volumes/{name}")));
        self
    }

    /// Says what is started.
    pub(crate) fn starting(mut self, program: &str) -> Self {
        self.entrypoint = Some(program.to_owned());
        self
    }

    /// Writes the layout into a folder of the image's name.
    pub(crate) fn write(&self, images: &Path) -> Result<()> {
        let folder = images.join(&self.name);
        let blobs = folder.join("blobs/sha256");
        std::fs::create_dir_all(&blobs)?;
        let blob = |media_type: &str, content: &[u8]| -> Result<Value> {
            let digest = Module::digest(content);
            std::fs::write(blobs.join(&digest), content)?;
            Ok(json!({
                "mediaType": format!("application/vnd.oci.image.{media_type}"),
                "digest": format!("sha256:{digest}"),
                "size": content.len(),
            }))
        };
        let layer = blob("layer.v1.tar", &self.layer()?)?;
        let config = blob("config.v1+json", self.config(&layer).to_string().as_bytes())?;
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config,
            "layers": [layer],
        });
        let mut manifest = blob("manifest.v1+json", manifest.to_string().as_bytes())?;
        let version = env!("CARGO_PKG_VERSION");
        manifest["annotations"] = json!({
            "org.opencontainers.image.ref.name": version,
            "io.containerd.image.name": format!("{}:{version}", self.name),
        });
        let index = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [manifest],
        });
        std::fs::write(folder.join("index.json"), index.to_string())?;
        Ok(std::fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?)
    }

    fn config(&self, layer: &Value) -> Value {
        let mut run = json!({"User": format!("{USER}:{USER}")});
        if let Some(program) = &self.entrypoint {
            run["Entrypoint"] = json!([program]);
        }
        json!({
            "architecture": architecture(),
            "os": "linux",
            "config": run,
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
        })
    }

    fn layer(&self) -> Result<Vec<u8>> {
        let mut archive = Builder::new(Vec::new());
        for folder in &self.own_folders {
            let mut header = header(EntryType::Directory, 0o700, 0);
            header.set_uid(USER);
            header.set_gid(USER);
            archive.append_data(&mut header, format!("{folder}/"), std::io::empty())?;
        }
        for file in &self.files {
            let mut header = header(EntryType::Regular, file.mode, file.content.len() as u64);
            archive.append_data(&mut header, &file.path, file.content.as_slice())?;
        }
        Ok(archive.into_inner()?)
    }
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// As Go, and so OCI, calls it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn image() -> Image {
        Image::of("one")
            .with(File::program("one", b"program".to_vec()))
            .with(File::data("etc/ssl/certs/ca-certificates.crt", b"authorities".to_vec()))
            .with_own_folders(&["sts"])
            .starting("/one")
    }

    fn read(path: &Path) -> Value {
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    #[test]
    fn every_digest_leads_to_a_blob_and_the_user_is_not_root() {
        let folder = tempfile::tempdir().unwrap();
        image().write(folder.path()).unwrap();
        let layout = folder.path().join("one");
        assert_eq!(read(&layout.join("oci-layout"))["imageLayoutVersion"], "1.0.0");
        let blob = |descriptor: &Value| {
            let digest = descriptor["digest"].as_str().unwrap().replace("sha256:", "");
            let content = std::fs::read(layout.join("blobs/sha256").join(&digest)).unwrap();
            assert_eq!(Module::digest(&content), digest);
            assert_eq!(descriptor["size"], content.len());
            content
        };
        let json = |bytes: Vec<u8>| serde_json::from_slice::<Value>(&bytes).unwrap();
        let manifest = json(blob(&read(&layout.join("index.json"))["manifests"][0]));
        let config = json(blob(&manifest["config"]));
        assert_eq!(config["config"]["User"], "65532:65532");
        assert_eq!(config["config"]["Entrypoint"], json!(["/one"]));
        assert_eq!(config["rootfs"]["diff_ids"][0], manifest["layers"][0]["digest"]);

        let layer = blob(&manifest["layers"][0]);
        let mut archive = tar::Archive::new(layer.as_slice());
        let entries: BTreeMap<_, _> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                let (mode, user) = (header.mode().unwrap(), header.uid().unwrap());
                (entry.path().unwrap().display().to_string(), (mode, user))
            })
            .collect();
        assert_eq!(entries["one"], (0o755, 0));
        assert_eq!(entries["volumes/sts/"], (0o700, USER));
    }

    #[test]
    fn the_same_files_give_the_same_image() {
        let written = || {
            let folder = tempfile::tempdir().unwrap();
            image().write(folder.path()).unwrap();
            std::fs::read(folder.path().join("one/index.json")).unwrap()
        };
        assert_eq!(written(), written());
    }
}
