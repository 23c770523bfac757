//! Where a request is decided on: a resource of the filter's configuration, with its policies as they are or compiled
//! anew; or one that is made up around policies alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use obolus_core::config::{FilterConfig, Resource};
use serde_json::{Map, Value, json};

use crate::compile::compile;
use crate::made_up::{Profile, made_up};
use crate::policies::places;
use crate::problem::Problem;
use crate::tools::{Tool, read_tools};

/// What there is, read from files, each by its name.
#[derive(Debug, Default)]
pub struct Sources {
    /// Policies, in Cedar.
    pub policies: Vec<(String, String)>,
    /// What servers answer to `tools/list`: the server's name, if it was told.
    pub tools: Vec<(Option<String>, String, String)>,
    /// An `access` section: tables.
    pub access: Option<(String, Value)>,
    /// The filter's configuration.
    pub config: Option<(String, Value)>,
    /// Which resource of it; where there is none, the server's name in policies.
    pub resource: Option<String>,
    /// Whose tokens are made up, where there is no configuration.
    pub profile: Profile,
}

/// A resource, and where its policies stand.
#[derive(Debug)]
pub struct Setting {
    file: String,
    config: Value,
    index: usize,
    is_made_up: bool,
    /// What is decided by.
    pub resource: Arc<Resource>,
    /// File, line and column of the policies that were compiled here, by their ids.
    pub places: BTreeMap<String, String>,
}

impl Setting {
    /// Compiles and reads all of it. `people` are claims of tokens that will be asked about.
    ///
    /// # Errors
    /// Every fault of every file.
    pub fn of(sources: &Sources, people: &[&Map<String, Value>]) -> Result<Self, Vec<Problem>> {
        let wanted = sources.resource.as_deref();
        let (file, mut config, index) = if let Some((file, config)) = &sources.config {
            let index = resource_of(file, config, wanted).map_err(|problem| vec![problem])?;
            (file.clone(), config.clone(), index)
        } else {
            let tools = sources.read_tools(wanted)?;
            let server = server(&tools, wanted).map_err(|problem| vec![problem])?;
            ("-".to_owned(), made_up(sources.profile, &server, people), 0)
        };
        let server = name_of(&config, index).to_owned();
        if let Some((from, access)) = &sources.access {
            set(&mut config, index, from, |own| match access {
                Value::Object(access) => {
                    own.extend(access.clone());
                    Ok(())
                }
                _ => Err("must be an object, as `access` of a resource is"),
            })?;
        }
        if !sources.policies.is_empty() {
            let tools = sources.read_tools(Some(&server))?;
            put_compiled(&file, &mut config, index, compile(&sources.policies, &tools)?)?;
        }
        let resource = read(&file, &config, index)?;
        let is_made_up = sources.config.is_none();
        let places = places(&sources.policies);
        Ok(Self { file, config, index, is_made_up, resource, places })
    }

    /// The same, where a token is exchanged for this target: what a configuration says cannot be said otherwise.
    ///
    /// # Errors
    /// A name that is none.
    pub fn with_target(&self, target: &str) -> Result<Arc<Resource>, Vec<Problem>> {
        let mut config = self.config.clone();
        if let Some(name) = config.pointer_mut("/resources/0/target/name")
            && self.is_made_up
        {
            *name = json!(target);
            return read(&self.file, &config, self.index);
        }
        Ok(Arc::clone(&self.resource))
    }

    /// The compiled policies in the configuration, if there are any.
    #[must_use]
    pub fn compiled(&self) -> Option<&Value> {
        self.config.get("resources")?.get(self.index)?.pointer("/access/policies")
    }
}

impl Sources {
    /// The tools of all files. `server` is whose they are where a file has no name of one.
    ///
    /// # Errors
    /// Every fault of them.
    pub fn read_tools(&self, server: Option<&str>) -> Result<Vec<Tool>, Vec<Problem>> {
        let (mut tools, mut problems) = (Vec::new(), Vec::new());
        for (named, file, text) in &self.tools {
            match read_tools(named.as_deref().or(server), file, text) {
                Ok(read) => tools.extend(read),
                Err(found) => problems.extend(found),
            }
        }
        if problems.is_empty() { Ok(tools) } else { Err(problems) }
    }
}

/// The place of a resource in a configuration.
///
/// # Errors
/// No name where there are several, or one that is not there.
pub fn resource_of(file: &str, config: &Value, name: Option<&str>) -> Result<usize, Problem> {
    let resources =
        config.get("resources").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let names: Vec<_> =
        resources.iter().map(|one| one.get("name").and_then(Value::as_str).unwrap_or("")).collect();
    let said = || names.join(", ");
    let problem = |message: String| Problem::of_file(file, message);
    match (name, names.len()) {
        (None, 1) => Ok(0),
        (None, 0) => Err(problem("has no resources: is it the filter's configuration?".to_owned())),
        (None, _) => {
            Err(problem(format!("has several resources: name one, --resource: {}", said())))
        }
        (Some(name), _) => names
            .iter()
            .position(|own| *own == name)
            .ok_or_else(|| problem(format!("has no resource {name}; there are: {}", said()))),
    }
}

/// Puts compiled policies into a resource of a configuration.
///
/// # Errors
/// An `access` that is none.
pub fn put_compiled(
    file: &str,
    config: &mut Value,
    index: usize,
    compiled: Value,
) -> Result<(), Vec<Problem>> {
    set(config, index, file, |access| {
        access.insert("policies".to_owned(), compiled);
        Ok(())
    })
}

fn set(
    config: &mut Value,
    index: usize,
    file: &str,
    change: impl FnOnce(&mut Map<String, Value>) -> Result<(), &'static str>,
) -> Result<(), Vec<Problem>> {
    let resource = config.get_mut("resources").and_then(|all| all.get_mut(index));
    let access = resource
        .and_then(Value::as_object_mut)
        .and_then(|resource| resource.entry("access").or_insert_with(|| json!({})).as_object_mut());
    let changed = access.ok_or("access must be an object").and_then(change);
    changed.map_err(|message| vec![Problem::of_file(file, message)])
}

/// Reads the configuration as the filter does.
fn read(file: &str, config: &Value, index: usize) -> Result<Arc<Resource>, Vec<Problem>> {
    let read = FilterConfig::from_json(config).map_err(|problems| {
        let told = problems.list().iter();
        let all = told.map(|one| Problem::of_file(file, format!("{}: {}", one.path, one.message)));
        all.collect::<Vec<_>>()
    })?;
    let named = read.resources.iter().find(|resource| resource.name == name_of(config, index));
    named.cloned().ok_or_else(|| vec![Problem::of_file(file, "has no such resource")])
}

fn name_of(config: &Value, index: usize) -> &str {
    let resource = config.get("resources").and_then(|all| all.get(index));
    resource.and_then(|one| one.get("name")?.as_str()).unwrap_or_default()
}

/// The one server that is asked, where there is no configuration to say so.
fn server(tools: &[Tool], wanted: Option<&str>) -> Result<String, Problem> {
    let mut servers: Vec<_> = tools.iter().map(|tool| tool.server.as_str()).collect();
    servers.dedup();
    match (wanted, servers.as_slice()) {
        (Some(wanted), _) => Ok(wanted.to_owned()),
        (None, [one]) => Ok((*one).to_owned()),
        (None, []) => Ok("server".to_owned()),
        (None, several) => {
            let message = format!(
                "tools of several servers: say which is asked, --resource: {}",
                several.join(", ")
            );
            Err(Problem::of_file("-", message))
        }
    }
}
