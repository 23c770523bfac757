//! `obolus-policy compile | check | test | explain`.

mod arguments;
mod commands;

use std::process::ExitCode;

use clap::Parser as _;
use obolus_policy::Problem;

use arguments::{Arguments, Command};

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Compile(told) => commands::compile(&told),
        Command::Check(told) => commands::check(&told),
        Command::Test(told) => commands::test(&told),
        Command::Explain(told) => commands::explain(&told),
    };
    match done {
        Ok(text) => {
            println!("{}", text.trim_end());
            ExitCode::SUCCESS
        }
        Err(Failed::Problems(problems)) => {
            for problem in &problems {
                eprintln!("{problem}");
            }
            eprintln!("{} problem(s)", problems.len());
            ExitCode::FAILURE
        }
        Err(Failed::Tests(told)) => {
            println!("{told}");
            ExitCode::FAILURE
        }
    }
}

/// Why there is nothing good to say.
enum Failed {
    /// Files have faults.
    Problems(Vec<Problem>),
    /// Tests failed: all that is to be said of it.
    Tests(String),
}

impl From<Vec<Problem>> for Failed {
    fn from(problems: Vec<Problem>) -> Self {
        Self::Problems(problems)
    }
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self::Problems(vec![problem])
    }
}
