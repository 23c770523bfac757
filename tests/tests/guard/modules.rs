//! Wasm modules in the place of our filter.

use std::path::Path;

use anyhow::{Context as _, Result};

/// What a module does with the headers of every request; it lets all of them pass.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Behaviour {
    /// Leaves nothing.
    LetsPass,
    /// Leaves the permit for `obolus-mcp`.
    Permits,
    /// Leaves it, then adds the header `x-moved`, which leads to another cluster.
    PermitsAndMoves,
    /// Traps, as a panic does.
    Panics,
}

/// Writes the module and returns its path.
pub(crate) fn write(behaviour: Behaviour, folder: &Path) -> Result<String> {
    let permit = "(drop (call $set_property
        (i32.const 16) (i32.const 13) (i32.const 64) (i32.const 10)))";
    let mv = "(drop (call $add_header
        (i32.const 0) (i32.const 96) (i32.const 7) (i32.const 112) (i32.const 1)))";
    let body = match behaviour {
        Behaviour::LetsPass => String::new(),
        Behaviour::Permits => permit.to_owned(),
        Behaviour::PermitsAndMoves => format!("{permit} {mv}"),
        Behaviour::Panics => "unreachable".to_owned(),
    };
    let text = format!(
        r#"(module
          (import "env" "proxy_set_property"
            (func $set_property (param i32 i32 i32 i32) (result i32)))
          (import "env" "proxy_add_header_map_value"
            (func $add_header (param i32 i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 1)
          (data (i32.const 16) "{property}")
          (data (i32.const 64) "obolus-mcp")
          (data (i32.const 96) "x-moved")
          (data (i32.const 112) "1")
          (func (export "proxy_abi_version_0_2_1"))
          (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
          (func (export "proxy_on_context_create") (param i32 i32))
          (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 1))
          (func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const 1))
          (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            {body}
            (i32.const 0)))"#,
        property = obolus_envoy::guard::PERMIT_PROPERTY,
    );
    let path = folder.join(format!("{behaviour:?}.wasm"));
    std::fs::write(&path, wat::parse_str(text)?)?;
    Ok(path.to_str().context("the temporary folder's name is not UTF-8")?.to_owned())
}
