//! The tools of a server, as it lists them.

use std::path::Path;

use obolus_core::policy::cedar::HINTS;
use serde_json::Value;

use crate::json_schema::{Members, arguments};
use crate::problem::Problem;

/// A tool that policies are validated against.
#[derive(Debug, Clone)]
pub struct Tool {
    pub(crate) server: String,
    pub(crate) name: String,
    pub(crate) hints: [bool; 4],
    pub(crate) tags: Vec<String>,
    pub(crate) arguments: Members,
}

impl Tool {
    /// `Tool::"server/name"`, the part in quotes.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}/{}", self.server, self.name)
    }
}

/// Reads what a server answers to `tools/list`: the result, or the whole message. A tool may have been given `tags`
/// by hand, and the file the name of its `server`.
///
/// # Errors
/// Every fault of the file.
pub fn read_tools(server: Option<&str>, file: &str, text: &str) -> Result<Vec<Tool>, Vec<Problem>> {
    let problem = |message: String| Problem::of_file(file, message);
    let told = obolus_core::json::parse(text.as_bytes())
        .map_err(|error| vec![problem(format!("is not JSON that can be read: {error}"))])?;
    let result = told.get("result").unwrap_or(&told);
    let listed = result.get("tools").and_then(Value::as_array).ok_or_else(|| {
        vec![problem("has no \"tools\": write what the server answers to tools/list".to_owned())]
    })?;
    let stem = Path::new(file).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let server = server.or_else(|| told.get("server").and_then(Value::as_str));
    let server = server.map(str::to_owned).or(stem).unwrap_or_default();
    let (mut tools, mut problems) = (Vec::<Tool>::new(), Vec::new());
    if server.is_empty() || server.contains('/') {
        problems.push(problem(format!("{server:?} is no name of a server")));
    }
    for (index, tool) in listed.iter().enumerate() {
        let Some(name) = tool.get("name").and_then(Value::as_str) else {
            problems.push(problem(format!("tools[{index}] has no name")));
            continue;
        };
        if tools.iter().any(|known| known.name == name) {
            problems.push(problem(format!("tools[{index}]: {name} stands there twice")));
        }
        let hints = HINTS.map(|(hint, default)| {
            let told = tool.get("annotations").and_then(|annotations| annotations.get(hint));
            told.and_then(Value::as_bool).unwrap_or(default)
        });
        let tags = tool.get("tags").and_then(Value::as_array).into_iter().flatten();
        tools.push(Tool {
            server: server.clone(),
            name: name.to_owned(),
            hints,
            tags: tags.filter_map(Value::as_str).map(str::to_owned).collect(),
            arguments: tool.get("inputSchema").map(arguments).unwrap_or_default(),
        });
    }
    if problems.is_empty() { Ok(tools) } else { Err(problems) }
}
