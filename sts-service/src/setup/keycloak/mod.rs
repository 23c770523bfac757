//! `obolus-sts setup keycloak`: a realm gets what Obolus needs, or what of it is missing or broken.
//!
//! Everything is read first and decided then ([`plan`](self), without a network); nothing is changed before all of that has
//! worked. A second run finds nothing to do. What is somebody else's is left as it is, and told.

mod administrator;
mod api;
mod apply;
mod asked;
mod configuration;
mod found;
mod options;
mod plan;
mod realm;
mod redirect_uris;
mod representation;
mod secret_file;
mod step;
mod trouble;
mod wanted;

use std::fmt::Write as _;

pub use options::{Environment, Options};
pub use trouble::Trouble;

use api::Api;
use apply::Hand;
use asked::Asked;
use found::Found;
use step::{Line, Step, Tense, Verdict};

/// What a run has done, or would do.
#[derive(Debug)]
pub struct Outcome {
    /// A line for each thing, and what should be known besides.
    pub text: String,
    /// How many things were made or changed, or would be.
    pub changes: usize,
    /// Why it did not come to its end, if it did not; what stands in the text was done.
    pub trouble: Option<Trouble>,
    /// Whether it is to be told by the exit code that there was something to do.
    pub told_by_exit_code: bool,
}

/// Runs it.
///
/// # Errors
/// Whatever kept it from starting: then nothing was changed.
pub async fn run(options: &Options, environment: &Environment) -> Result<Outcome, Trouble> {
    let Asked { realm, administrator, trust, wanted, notes } = Asked::read(options, environment)?;
    let issuer = realm.issuer.clone();
    let api = Api::new(realm, administrator, &trust)?;
    api.check_realm().await?;
    let found = Found::read(&api).await?;
    let steps = plan::plan(&wanted, &found)?;
    let trouble = match options.dry_run {
        true => None,
        false => act(&api, &found, &steps).await.err(),
    };
    let (mut text, mut changes) = (format!("{issuer}\n"), 0);
    let tense = if options.dry_run { Tense::WouldBe } else { Tense::Done };
    let told = match &trouble {
        Some((done, _)) => steps.get(..*done).unwrap_or_default(),
        None => &steps,
    };
    for step in told {
        changes += usize::from(matches!(step.verdict, Verdict::Create | Verdict::Change));
        let _ = writeln!(text, "{}", Line(step, tense));
    }
    for note in notes {
        let _ = writeln!(text, "note: {note}");
    }
    let _ = match (options.dry_run, changes) {
        (true, 0) => writeln!(text, "nothing to do"),
        (true, _) => writeln!(text, "{changes} to do; nothing was done (--dry-run)"),
        (false, 0) => writeln!(text, "nothing was to do"),
        (false, _) => writeln!(text, "{changes} done"),
    };
    Ok(Outcome {
        text,
        changes,
        trouble: trouble.map(|(_, trouble)| trouble),
        told_by_exit_code: options.exit_code,
    })
}

/// Does all of it, or says how many steps were done and why it ended there.
async fn act(api: &Api, found: &Found, steps: &[Step]) -> Result<(), (usize, Trouble)> {
    let mut hand = Hand::new(api, found);
    for (place, step) in steps.iter().enumerate() {
        for action in &step.actions {
            hand.act(action, &step.what).await.map_err(|trouble| (place, trouble))?;
        }
    }
    Ok(())
}
