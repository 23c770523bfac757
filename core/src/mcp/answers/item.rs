//! One entry of a list, as a decision sees it.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::cut::Unfit;
use crate::Reason;
use crate::json::{self, JsonError, Scanner};
use crate::mcp::List;
use crate::mcp::lookalike::is_lookalike;

/// An entry: what it is called by, and what the server says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item<'a> {
    list: List,
    name: Cow<'a, str>,
    annotations: Option<&'a str>,
    meta: Map<String, Value>,
}

/// What a server says that a tool does (MCP 2026-07-28, Tools), with the defaults of the specification, which
/// expect the worst. A hint of another type than boolean is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToolHints {
    /// `readOnlyHint`
    pub read_only: bool,
    /// `destructiveHint`
    pub destructive: bool,
    /// `idempotentHint`
    pub idempotent: bool,
    /// `openWorldHint`
    pub open_world: bool,
}

impl<'a> Item<'a> {
    /// Reads the entry that comes next.
    pub(super) fn read(scanner: &mut Scanner<'a>, list: List) -> Result<Self, Unfit> {
        let known = [list.key(), "annotations", "_meta"];
        let (mut name, mut annotations, mut meta) = (None, None, Map::new());
        if scanner.peek() != Some(b'{') {
            return Err(Unfit(Reason::AnswerNotAList));
        }
        scanner.object(|scanner, key| {
            match key {
                key if key == list.key() => {
                    if scanner.peek() != Some(b'"') {
                        return Err(Unfit(Reason::AnswerNotAList));
                    }
                    name = Some(scanner.string()?);
                }
                "annotations" => annotations = Some(scanner.value()?),
                // What is too much to be decided on is not sent: an entry without its tags would be another one.
                "_meta" => meta = object(scanner.value()?)?,
                key if is_lookalike(key, &known) => return Err(Unfit(Reason::AnswerMalformed)),
                _ => drop(scanner.value()?),
            }
            Ok(())
        })?;
        let name = name.ok_or(Unfit(Reason::AnswerNotAList))?;
        Ok(Self { list, name, annotations, meta })
    }

    /// The list that it stands in.
    #[must_use]
    pub fn list(&self) -> List {
        self.list
    }

    /// What a client calls, gets or reads it by: the name of a tool or prompt, the URI of a resource, the URI
    /// template of a template.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `_meta`, where servers put their tags; empty where it is absent or no object.
    #[must_use]
    pub fn meta(&self) -> &Map<String, Value> {
        &self.meta
    }

    /// What `annotations` say of a tool.
    #[must_use]
    pub fn hints(&self) -> ToolHints {
        let mut hints =
            ToolHints { read_only: false, destructive: true, idempotent: false, open_world: true };
        // Was read before, so that nothing can be wrong with it but its type.
        if let Some(Ok(mut annotations)) =
            self.annotations.map(|text| Scanner::new(text.as_bytes()))
        {
            let _ = annotations.object(|annotations, key| {
                let hint = match key {
                    "readOnlyHint" => &mut hints.read_only,
                    "destructiveHint" => &mut hints.destructive,
                    "idempotentHint" => &mut hints.idempotent,
                    "openWorldHint" => &mut hints.open_world,
                    _ => return annotations.value().map(drop),
                };
                match annotations.value()? {
                    "true" => *hint = true,
                    "false" => *hint = false,
                    _ => {}
                }
                Ok::<_, JsonError>(())
            });
        }
        hints
    }
}

fn object(text: &str) -> Result<Map<String, Value>, JsonError> {
    match json::parse(text.as_bytes())? {
        Value::Object(object) => Ok(object),
        _ => Ok(Map::new()),
    }
}
