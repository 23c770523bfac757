//! `obolus-policy compile|check POLICIES… --tools [SERVER=]FILE…`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use obolus_policy::{Problem, compile, read_tools};

/// Checks Cedar policies against the tools that they speak of, and compiles them for the filter.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the compiled form, which the filter's configuration takes
    Compile(Files),
    /// The same without printing it
    Check(Files),
}

#[derive(Debug, Args)]
struct Files {
    /// Policies, in Cedar
    #[arg(required = true, value_name = "POLICIES")]
    policies: Vec<PathBuf>,
    /// What a server answers to tools/list, and the server's name in the configuration. Without a name it is the
    /// file's "server", or the file's name
    #[arg(long, required = true, value_name = "[SERVER=]FILE")]
    tools: Vec<String>,
}

fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    let (files, prints) = match command {
        Command::Compile(files) => (files, true),
        Command::Check(files) => (files, false),
    };
    match run(&files) {
        Ok(compiled) if prints => println!("{compiled}"),
        Ok(_) => println!("good"),
        Err(problems) => {
            for problem in &problems {
                eprintln!("{problem}");
            }
            eprintln!("{} problem(s)", problems.len());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn run(files: &Files) -> Result<serde_json::Value, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut read = |path: &str| {
        std::fs::read_to_string(path)
            .map_err(|error| problems.push(Problem::of_file(path, format!("not read: {error}"))))
            .ok()
    };
    let mut tools_files = Vec::new();
    for named in &files.tools {
        let (server, path) = match named.split_once('=') {
            Some((server, path)) => (Some(server), path),
            None => (None, named.as_str()),
        };
        tools_files.extend(read(path).map(|text| (server, path, text)));
    }
    let mut policies = Vec::new();
    for path in &files.policies {
        let path = path.display().to_string();
        policies.extend(read(&path).map(|text| (path, text)));
    }
    let mut tools = Vec::new();
    for (server, path, text) in &tools_files {
        match read_tools(*server, path, text) {
            Ok(read) => tools.extend(read),
            Err(found) => problems.extend(found),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    compile(&policies, &tools)
}
