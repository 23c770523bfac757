//! What each command does, once it is known what was asked for.

use std::io::Read as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use obolus_policy::claims::{Token, claims_in};
use obolus_policy::explained::Explained;
use obolus_policy::request::{Asked, revision};
use obolus_policy::setting::{Setting, Sources, put_compiled, resource_of};
use obolus_policy::suite::Suite;
use obolus_policy::{Problem, fit, tested};
use serde_json::Value;

use crate::Failed;
use crate::arguments::{By, Check, Compile, Explain, Test};

type Said = Result<String, Failed>;

/// Files, and what was wrong with reading them.
#[derive(Default)]
struct Files {
    problems: Vec<Problem>,
}

impl Files {
    fn text(&mut self, path: &Path) -> Option<(String, String)> {
        let file = path.display().to_string();
        let read = if file == "-" {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map(|_| text)
        } else {
            std::fs::read_to_string(path)
        };
        match read {
            Ok(text) => Some((file, text)),
            Err(error) => {
                self.problems.push(Problem::of_file(&file, format!("not read: {error}")));
                None
            }
        }
    }

    fn json(&mut self, path: Option<&Path>) -> Option<(String, Value)> {
        let (file, text) = self.text(path?)?;
        match obolus_core::json::parse(text.as_bytes()) {
            Ok(value) => Some((file, value)),
            Err(error) => {
                let message = format!("is not JSON that can be read: {error}");
                self.problems.push(Problem::of_file(&file, message));
                None
            }
        }
    }

    fn sources(
        &mut self,
        policies: &[std::path::PathBuf],
        tools: &[String],
        config: Option<&Path>,
    ) -> Sources {
        let mut sources = Sources::default();
        for named in tools {
            let (server, path) = match named.split_once('=') {
                Some((server, path)) => (Some(server.to_owned()), path),
                None => (None, named.as_str()),
            };
            let read = self.text(Path::new(path));
            sources.tools.extend(read.map(|(file, text)| (server, file, text)));
        }
        sources.policies = policies.iter().filter_map(|path| self.text(path)).collect();
        sources.config = self.json(config);
        sources
    }

    fn done<T>(self, read: T) -> Result<T, Failed> {
        if self.problems.is_empty() { Ok(read) } else { Err(self.problems.into()) }
    }
}

pub(crate) fn compile(told: &Compile) -> Said {
    let mut files = Files::default();
    let sources = files.sources(&told.policies, &told.tools.tools, told.into.as_deref());
    let mut sources = files.done(sources)?;
    let Some((file, mut config)) = sources.config.take() else {
        let compiled = obolus_policy::compile(&sources.policies, &sources.read_tools(None)?)?;
        return Ok(compiled.to_string());
    };
    let index = resource_of(&file, &config, told.resource.as_deref())?;
    let server = config.pointer(&format!("/resources/{index}/name")).and_then(Value::as_str);
    let compiled = obolus_policy::compile(&sources.policies, &sources.read_tools(server)?)?;
    put_compiled(&file, &mut config, index, compiled)?;
    // What the filter would refuse is told here.
    let whole = Sources {
        config: Some((file, config)),
        resource: told.resource.clone(),
        ..Sources::default()
    };
    Setting::of(&whole, &[])?;
    Ok(whole.config.map(|(_, config)| format!("{config:#}")).unwrap_or_default())
}

pub(crate) fn check(told: &Check) -> Said {
    let mut files = Files::default();
    let sources = files.sources(&told.policies, &told.tools.tools, told.config.as_deref());
    let mut sources = files.done(sources)?;
    let Some((file, _)) = &sources.config else {
        obolus_policy::compile(&sources.policies, &sources.read_tools(None)?)?;
        return Ok("good".to_owned());
    };
    let file = file.clone();
    sources.resource.clone_from(&told.resource);
    let policies = std::mem::take(&mut sources.policies);
    let setting = Setting::of(&sources, &[])?;
    let server = &setting.resource.name;
    let tools = sources.read_tools(Some(server))?;
    let mut problems = match setting.compiled() {
        Some(compiled) if !tools.is_empty() => fit(&file, compiled, server, &tools),
        _ => Vec::new(),
    };
    if !policies.is_empty() {
        let compiled = obolus_policy::compile(&policies, &tools)?;
        if problems.is_empty() && setting.compiled() != Some(&compiled) {
            problems.push(Problem::of_file(
                &file,
                format!(
                    "{server}: the policies in it are not those of the files: compile them into it"
                ),
            ));
        }
    }
    if problems.is_empty() { Ok("good".to_owned()) } else { Err(problems.into()) }
}

/// What is decided by, from the command line.
fn by(files: &mut Files, told: &By) -> Sources {
    let mut sources = files.sources(&told.policies, &told.tools.tools, told.config.as_deref());
    sources.access = files.json(told.access.as_deref());
    sources.resource.clone_from(&told.resource);
    sources.profile = told.profile.into();
    if told.policies.is_empty() && told.config.is_none() && told.access.is_none() {
        let message = "nothing to decide by: give policies, --access or --config";
        files.problems.push(Problem::of_file("-", message));
    }
    sources
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

pub(crate) fn test(told: &Test) -> Said {
    let mut files = Files::default();
    let sources = by(&mut files, &told.by);
    let mut suites = Vec::new();
    for path in &told.tests {
        let Some((file, text)) = files.text(path) else { continue };
        match Suite::read(&file, &text) {
            Ok(suite) => suites.push(suite),
            Err(problems) => files.problems.extend(problems),
        }
    }
    let (sources, suites) = files.done((sources, suites))?;
    let tests = || suites.iter().flat_map(|suite| &suite.tests);
    let people: Vec<_> = tests().map(|test| &test.claims).collect();
    let setting = Setting::of(&sources, &people)?;
    let (mut failures, count) = (Vec::new(), tests().count());
    for suite in &suites {
        failures.extend(tested::run(&setting, suite, now())?);
    }
    let mut failed: Vec<_> = failures.iter().map(|one| (&one.file, &one.name)).collect();
    failed.dedup();
    let verdict = format!("{} passed, {} failed", count - failed.len(), failed.len());
    if failures.is_empty() {
        return Ok(verdict);
    }
    let lines: Vec<_> = failures.iter().map(ToString::to_string).collect();
    Err(Failed::Tests(format!("{}\n{verdict}", lines.join("\n"))))
}

pub(crate) fn explain(told: &Explain) -> Said {
    let mut files = Files::default();
    let sources = by(&mut files, &told.by);
    let token = files.text(&told.token);
    let request = files.json(told.request.as_deref());
    let problem = |message: &str| Problem::of_file("-", message);
    let arguments = told.arguments.as_ref().map(|text| obolus_core::json::parse(text.as_bytes()));
    let arguments = match &arguments {
        None => None,
        Some(Ok(Value::Object(arguments))) => Some(arguments),
        Some(_) => {
            files.problems.push(problem("--arguments must be a JSON object"));
            None
        }
    };
    let asked = match (&told.tool, &told.prompt, &told.uri, &request) {
        (Some(tool), ..) => Ok(Asked::named("tools/call", tool, arguments)),
        (_, Some(prompt), ..) => Ok(Asked::named("prompts/get", prompt, arguments)),
        (_, _, Some(uri), _) => Ok(Asked::read(uri)),
        (.., Some((file, request))) => {
            Asked::of_json(request).map_err(|message| Problem::of_file(file, message))
        }
        _ => Err(problem("nothing is asked for: give --tool, --prompt, --uri or --request")),
    };
    let mut asked = asked.map_err(|problem| files.problems.push(problem)).ok();
    if let (Some(name), Some(asked)) = (&told.revision, &mut asked) {
        asked.revision = revision(name);
        if asked.revision.is_none() {
            files.problems.push(problem("--revision is none that is served"));
        }
    }
    let (sources, token, asked) = files.done((sources, token, asked))?;
    let (Some((file, text)), Some(asked)) = (token, asked) else { return Ok(String::new()) };
    let claims = claims_in(&text);
    let people: Vec<_> = claims.iter().collect();
    let setting = Setting::of(&sources, &people)?;
    let resource = match &told.target {
        Some(target) => setting.with_target(target)?,
        None => setting.resource.clone(),
    };
    let token = Token::read(&file, &text, &resource, now())?;
    let explained = Explained::of(&token, &asked, &resource, &setting.places, now());
    Ok(if told.json { format!("{:#}", explained.to_json()) } else { explained.to_text() })
}
