//! The clients that are run, each as its makers mean it to be.

use std::path::{Path, PathBuf};

use anyhow::Result;
use obolus_tests::parts::node::Inspector;
use obolus_tests::parts::products::{rmcp_client, workspace};
use obolus_tests::parts::python_sdk;
use obolus_tests::process::Program;
use serde_json::json;

use crate::client::{Client, Errand};

/// MCP Inspector, the official client.
pub(crate) struct McpInspector;

/// The official SDK for Python.
pub(crate) struct PythonSdk;

/// The official SDK for Rust.
pub(crate) struct RustSdk;

impl Client for McpInspector {
    fn name(&self) -> &'static str {
        "MCP Inspector CLI"
    }

    fn callback_path(&self) -> &'static str {
        "/oauth/callback"
    }

    fn program(&self, errand: &Errand, folder: &Path, callback: &str) -> Result<Program> {
        let mut program = Inspector::find()?
            .cli(folder)
            // What it keeps, it keeps to itself; and it may log in although nobody sits before its terminal. The window
            // that it then wants to open as well is nobody's: there is neither a display nor a browser to be found.
            .env("MCP_INSPECTOR_SECRET_STORE", "memory")
            .env("MCP_AUTO_OPEN_ENABLED", "true")
            .env("DISPLAY", "")
            .env("WAYLAND_DISPLAY", "")
            .env("BROWSER", "true")
            .env("NODE_EXTRA_CA_CERTS", &errand.trust)
            .arg(&errand.resource)
            .args(["--transport", "http", "--protocol-era", errand.era.name()])
            .args(["--relogin", "--no-revoke", "--callback-url", callback, "--format", "json"])
            .args(["--method", "tools/call", "--tool-name", errand.tool])
            .args(["--tool-args-json", &errand.arguments.to_string()]);
        if let Some(id) = &errand.client_id {
            program = program.args(["--client-id", id]);
        }
        Ok(program)
    }
}

impl Client for PythonSdk {
    fn name(&self) -> &'static str {
        "Python SDK"
    }

    fn program(&self, errand: &Errand, folder: &Path, callback: &str) -> Result<Program> {
        Ok(Program::new("the Python SDK", "python3", folder.join("output"))
            .env_clear()
            .env("PYTHONPATH", python_sdk::packages()?)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("OBOLUS_CLIENT_JOB", job(errand, callback))
            .arg("-s")
            .arg(workspace().join("tests/login/python_client.py")))
    }
}

impl Client for RustSdk {
    fn name(&self) -> &'static str {
        "Rust SDK (rmcp)"
    }

    fn program(&self, errand: &Errand, folder: &Path, callback: &str) -> Result<Program> {
        let program: PathBuf = rmcp_client()?;
        Ok(Program::new("the Rust SDK", program, folder.join("output"))
            .env_clear()
            .env("OBOLUS_CLIENT_JOB", job(errand, callback)))
    }
}

/// What our own programs around the SDKs read; there is no secret in it.
fn job(errand: &Errand, callback: &str) -> String {
    json!({
        "resource": errand.resource,
        "era": errand.era.name(),
        "client_id": errand.client_id,
        "callback": callback,
        "tool": errand.tool,
        "arguments": errand.arguments,
        "trust": errand.trust,
    })
    .to_string()
}
