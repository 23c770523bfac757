//! A directory out of its file.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize as _, Deserializer};

use super::{Certificate, Directory};

impl Directory {
    /// The directory of `tests/entra/example.toml`.
    ///
    /// # Panics
    /// When that file is wrong.
    #[expect(clippy::expect_used, reason = "the file is part of this crate")]
    pub fn example() -> Self {
        Self::parse(include_str!("../../../entra/example.toml")).expect("tests/entra/example.toml")
    }

    /// Reads a file; files that it names are relative to it.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Self::within(&text, path.parent().unwrap_or(Path::new("")))
            .with_context(|| path.display().to_string())
    }

    /// Reads a text; files that it names are relative to the current folder.
    pub fn parse(text: &str) -> Result<Self> {
        Self::within(text, Path::new(""))
    }

    fn within(text: &str, folder: &Path) -> Result<Self> {
        let mut directory: Self = toml::from_str(text)?;
        let mut problems = directory.problems();
        for app in &mut directory.apps {
            for file in &app.certificate_files {
                match read(folder, file).and_then(|text| Certificate::from_pem(&text)) {
                    Ok(certificate) => app.certificates.push(certificate),
                    Err(error) => problems.push(format!("app {}: {error:#}", app.name)),
                }
            }
            for credential in &mut app.federated_credentials {
                let Some(file) = &credential.ca_file else { continue };
                match read(folder, file) {
                    Ok(text) => credential.ca = Some(text),
                    Err(error) => problems.push(format!("app {}: {error:#}", app.name)),
                }
            }
        }
        if problems.is_empty() {
            return Ok(directory);
        }
        bail!("{} problems:\n- {}", problems.len(), problems.join("\n- "))
    }
}

fn read(folder: &Path, file: &Path) -> Result<String> {
    let path = folder.join(file);
    std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// Seconds since the epoch out of an RFC 3339 date and time.
pub(super) fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let written = toml::value::Datetime::deserialize(deserializer)?.to_string();
    let moment: jiff::Timestamp = written.parse().map_err(|_| {
        serde::de::Error::custom(format!("{written} is no date and time with an offset"))
    })?;
    Ok(Some(moment.as_second()))
}
