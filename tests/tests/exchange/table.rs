//! The reason table: each row refused, and after its cause is mended, served.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Result, ensure};
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::idp::claims_of;
use serde_json::Value;

use crate::told::{self, Told};
use crate::world::World;

/// Refusals are remembered for a second, circuits open for up to five, files are looked at now and then.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the identity provider said, as the STS's log has it.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    /// `error`, and AADSTS's number.
    Code(&'static str, u32),
    /// `error`, and how the description goes.
    Words(&'static str, &'static str),
    /// Something that is no answer of OAuth's.
    Nothing,
    /// It was not asked: who looked at the token before knew enough.
    NotAsked,
}

/// One row, whose cause is there.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) door: &'static str,
    pub(crate) token: String,
    pub(crate) said: Said,
    pub(crate) told: Told,
    /// The token that is served afterwards, if it is another.
    pub(crate) afterwards: Option<String>,
}

/// What came of the rows.
pub(crate) struct Table {
    text: String,
    problems: Vec<String>,
    rows: usize,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self { text: String::new(), problems: Vec::new(), rows: 0 }
    }

    /// All rows at once: every one is refused as it should be, and nothing of them is forwarded.
    pub(crate) async fn refused(&mut self, world: &World, rows: &[Row]) -> Result<()> {
        world.recorder.take();
        let calls: Vec<_> =
            rows.iter().map(|row| tokio::spawn(world.call(row.door, &row.token))).collect();
        let mut answers = Vec::new();
        for call in calls {
            answers.push(call.await??);
        }
        for (row, answer) in rows.iter().zip(&answers) {
            let unsaid = || unsaid(world, row);
            let problem = told::problem(answer, row.told).or_else(unsaid);
            self.problems.extend(problem.map(|problem| format!("{}: {problem}", row.name)));
        }
        let forwarded = world.recorder.take().len();
        ensure!(
            forwarded == 0,
            "{forwarded} refused requests were forwarded: {:#?}",
            self.problems
        );
        Ok(())
    }

    /// All rows again, now that their causes are mended.
    pub(crate) async fn served(&mut self, world: &World, rows: &[Row]) -> Result<()> {
        for row in rows {
            let token = row.afterwards.as_ref().unwrap_or(&row.token);
            let what = format!("{} is over", row.name);
            let over = eventually(&what, PATIENCE, || async {
                let answer = world.call(row.door, token).await?;
                ensure!(answer.status == 200, "{} {}", answer.status, answer.body);
                Ok(())
            });
            if let Err(error) = over.await {
                self.problems.push(format!("{error:#}"));
            }
            self.rows += 1;
            let reason = row.told.reason();
            let said = match row.said {
                Said::Code(error, code) => format!("{error} {code}"),
                Said::Words(error, words) => format!("{error} {words}"),
                Said::Nothing => "no answer".to_owned(),
                Said::NotAsked => "(not asked)".to_owned(),
            };
            let _ = writeln!(
                self.text,
                "{:<58} {said:<72} {} {reason:<24} served",
                row.name,
                reason.status()
            );
        }
        let forwarded = world.recorder.take().len();
        ensure!(forwarded >= rows.len(), "only {forwarded} of {} were served", rows.len());
        Ok(())
    }

    /// Prints the table; fails with everything that was wrong.
    #[track_caller]
    pub(crate) fn end(self, least: usize) {
        println!("{}", self.text);
        let problems = self.problems.join("\n");
        assert!(problems.is_empty(), "{} problem(s)\n{problems}", self.problems.len());
        assert!(self.rows >= least, "only {} rows", self.rows);
    }
}

/// What is missing in the STS's log of what the identity provider said to this row's request.
fn unsaid(world: &World, row: &Row) -> Option<String> {
    let claims = claims_of(&row.token).unwrap_or_default();
    let id = [&claims["jti"], &claims["uti"]].into_iter().find_map(Value::as_str);
    let of_this = |line: &Value| line["token_id"].as_str() == id && id.is_some();
    let line = world.lines().into_iter().rfind(of_this);
    let Some(line) = line else {
        let wanted = !matches!(row.said, Said::NotAsked);
        return wanted.then(|| "the STS has no line of it".to_owned());
    };
    let (error, description) = (&line["upstream_error"], &line["upstream_description"]);
    let fits = line["outcome"] == row.told.reason().as_str()
        && match row.said {
            Said::Code(said, code) => {
                *error == said && line["upstream_codes"].as_str() == Some(&code.to_string())
            }
            Said::Words(said, words) => {
                *error == said && description.as_str().is_some_and(|text| text.contains(words))
            }
            Said::Nothing => description.is_null(),
            Said::NotAsked => false,
        };
    (!fits).then(|| format!("{:?} instead of {line:#}", row.said))
}
