//! The official MCP SDK for Python, from PyPI.
//!
//! All that it depends on is pinned too, and nothing else is installed: what a test says about it is about exactly this.

use std::path::PathBuf;

use anyhow::Result;

use super::python;

/// The version that everything here is tested with.
pub const VERSION: &str = "2.3.0";

const DEPENDENCIES: &[&str] = &[
    "annotated-types==0.8.0",
    "anyio==4.16.0",
    "attrs==26.1.0",
    "cffi==2.1.1",
    "click==8.5.1",
    "cryptography==50.0.2",
    "h11==0.16.0",
    "httpcore2==2.16.2",
    "httpx2==2.16.2",
    "idna==3.20",
    "jsonschema==4.26.0",
    "jsonschema-specifications==2025.9.1",
    "mcp-types==2.3.0",
    "opentelemetry-api==1.45.2",
    "pycparser==3.12",
    "pydantic==2.14.3",
    "pydantic_core==2.50.4",
    "PyJWT==2.15.1",
    "python-multipart==0.0.34",
    "referencing==0.37.0",
    "rpds-py==2026.9.1",
    "sse-starlette==3.7.0",
    "starlette==1.10.0",
    "truststore==0.10.5",
    "typing-inspection==0.4.5",
    "typing_extensions==4.16.0",
    "uvicorn==0.54.0",
];

/// The folder of Python packages.
pub fn packages() -> Result<PathBuf> {
    python::packages("mcp", VERSION, DEPENDENCIES)
}
