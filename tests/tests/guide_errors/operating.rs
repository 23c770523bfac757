//! `docs/operating.md`: its tables say what the code says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use obolus_core::Reason;
use obolus_core::config::{
    DEFAULT_IDP_TIMEOUT_MS, DEFAULT_MAX_BODY_BYTES, DEFAULT_MAX_LIST_BYTES, DEFAULT_STS_TIMEOUT_MS,
};
use obolus_tests::parts::products::workspace;

use crate::guide::text;
use crate::metrics::{metrics, names};

fn page() -> String {
    text(&workspace().join("docs/operating.md"))
}

/// The rows of the table with this head, by cells.
fn table(head: &str) -> Vec<Vec<String>> {
    let page = page();
    let mut lines = page.lines().skip_while(|line| !line.starts_with(head));
    assert!(lines.next().is_some(), "no table {head}");
    let rows = lines.skip(1).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

/// What stands in backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Every source file of what is shipped, as one text.
fn sources() -> String {
    fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                collect(&path, into);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                into.push(path);
            }
        }
    }
    let mut files = Vec::new();
    for part in ["core/src", "filter/src", "sts-service/src", "mcp-server/src"] {
        collect(&workspace().join(part), &mut files);
    }
    files.iter().map(|path| text(path)).collect()
}

/// A number as the page has it: `4,096`, `64 MiB`, `10 s`.
fn number(cell: &str) -> Option<u64> {
    let mut words = cell.split(' ');
    let digits: String = words.next()?.chars().filter(|char| *char != ',').collect();
    let unit: u32 = match words.next() {
        Some("KiB") => 10,
        Some("MiB") => 20,
        Some("GiB") => 30,
        _ => 0,
    };
    Some(digits.parse::<u64>().ok()? << unit)
}

/// A number as the code has it: `4_096`, `64 << 20`, `32 * 1024`, `Duration::from_secs(10)`.
fn value(code: &str) -> Option<u64> {
    let code = code.trim();
    let code =
        code.strip_prefix("Duration::from_secs(").map_or(code, |rest| rest.trim_end_matches(')'));
    let plain = |word: &str| word.trim().replace('_', "").parse::<u64>().ok();
    if let Some((left, right)) = code.split_once("<<") {
        return Some(plain(left)? << plain(right)?);
    }
    code.split('*').map(plain).product()
}

#[test]
fn each_setting_has_the_default_and_the_range_of_the_code() -> Result<()> {
    let sources = sources();
    // A call of several lines as one of one.
    let flat = sources.split_whitespace().collect::<Vec<_>>().join(" ").replace("( ", "(");
    let rows = table("| setting | default |");
    ensure!(rows.len() > 15, "{rows:?}");
    for row in rows {
        let [setting, default, range, ..] = &row[..] else { anyhow::bail!("{row:?}") };
        let key = quoted(setting)[0];
        let call = flat
            .split(&format!("(\"{key}\", "))
            .skip(1)
            .filter_map(|rest| rest.split_once(')'))
            .map(|(arguments, _)| arguments.trim_end_matches([',', ' ']))
            .find(|arguments| arguments.contains("..="))
            .with_context(|| format!("{key} is read nowhere"))?;
        let (own_default, own_range) = call.split_once(", ").with_context(|| call.to_owned())?;
        let (least, most) = own_range.split_once("..=").with_context(|| call.to_owned())?;
        let own = [least, most.trim_start_matches('(')].map(value);
        let (first, last) = range.split_once(" – ").with_context(|| range.clone())?;
        ensure!(
            [first, last].map(number) == own && own[0].is_some(),
            "{key}: {range} is {own_range}"
        );
        match own_default {
            "per_peer" => ensure!(flat.contains("let per_peer = (connections / 4).max(8);")),
            name if name.starts_with("DEFAULT_") => {
                let own = match name {
                    "DEFAULT_MAX_BODY_BYTES" => DEFAULT_MAX_BODY_BYTES,
                    "DEFAULT_MAX_LIST_BYTES" => DEFAULT_MAX_LIST_BYTES,
                    "DEFAULT_STS_TIMEOUT_MS" => DEFAULT_STS_TIMEOUT_MS,
                    "DEFAULT_IDP_TIMEOUT_MS" => DEFAULT_IDP_TIMEOUT_MS,
                    _ => anyhow::bail!("{key}: {name} is to be added here"),
                };
                ensure!(number(default) == Some(own), "{key}: {default} is {own}");
            }
            other => ensure!(number(default) == value(other), "{key}: {default} is {other}"),
        }
    }
    Ok(())
}

#[test]
fn what_is_fixed_is_as_the_constant_has_it() -> Result<()> {
    let rows = table("| what | how much |");
    ensure!(rows.len() > 20, "{rows:?}");
    for row in rows {
        let [_, much, place, ..] = &row[..] else { anyhow::bail!("{row:?}") };
        let [file, name] = quoted(place)[..] else { anyhow::bail!("{place}") };
        let source = text(&workspace().join(file));
        let (_, rest) = source
            .split_once(&format!("const {name}: "))
            .with_context(|| format!("no {name} in {file}"))?;
        let (_, code) = rest.split_once(" = ").context("no value")?;
        let (code, _) = code.split_once(';').context("no end")?;
        ensure!(number(much) == value(code) && value(code).is_some(), "{file} {name}: {code}");
    }
    Ok(())
}

#[test]
fn every_503_has_its_row_and_every_metric_and_log_line_of_a_row_is_there() -> Result<()> {
    let rows = table("| reason | metric |");
    let mut told = BTreeSet::new();
    let (sources, metrics) = (sources(), metrics());
    for row in &rows {
        let [reason, metric, log, ..] = &row[..] else { anyhow::bail!("{row:?}") };
        told.extend(quoted(reason).first().map(|reason| (*reason).to_owned()));
        for name in names(metric) {
            ensure!(metrics.contains(&name), "{name} of {reason} is no metric");
        }
        for line in quoted(log) {
            ensure!(
                line == "Critical"
                    || sources.contains(line)
                    || Reason::ALL.iter().any(|reason| reason.as_str() == line),
                "`{line}` of {reason} is said nowhere"
            );
        }
    }
    for reason in Reason::ALL.iter().filter(|reason| reason.status() == 503) {
        ensure!(told.contains(reason.as_str()), "{reason} has no row");
    }
    ensure!(rows.len() > told.len(), "some have several causes");
    Ok(())
}

#[test]
fn the_fields_of_a_log_line_are_those_that_are_written() -> Result<()> {
    let record = text(&workspace().join("sts-service/src/record.rs"));
    let (_, line) = record.split_once("macro_rules! line {").context("no line")?;
    let (line, _) = line.split_once("$message\n").context("no end")?;
    let written: BTreeSet<_> = line
        .lines()
        .skip_while(|line| !line.contains("tracing::"))
        .skip(1)
        .filter_map(|line| {
            let name = line.trim().split([' ', ',']).next()?;
            let is_name = name.chars().all(|char| char.is_ascii_lowercase() || char == '_');
            (is_name && !name.is_empty()).then(|| name.to_owned())
        })
        .collect();
    let rows = table("| field | what |");
    let told: BTreeSet<_> =
        rows.iter().flat_map(|row| quoted(&row[0])).map(str::to_owned).collect();
    ensure!(written == told, "written {written:?}\ntold {told:?}");
    Ok(())
}

#[test]
fn every_kind_of_file_has_its_row_and_every_command_makes_what_the_sts_mounts() -> Result<()> {
    let rows = table("| file | order |");
    let told: BTreeSet<_> =
        rows.iter().filter_map(|row| quoted(&row[0]).first().copied()).map(str::to_owned).collect();
    let table = text(&workspace().join("sts-service/src/metrics/table.rs"));
    let (_, kinds) = table.split_once("const KINDS").context("no kinds")?;
    let (kinds, _) = kinds.split_once("];").context("no end")?;
    let kinds: BTreeSet<_> = kinds.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    ensure!(kinds == told, "{kinds:?}\n{told:?}");

    let deployed = text(&workspace().join("deploy/istio/sts.yaml"));
    let page = page();
    let commands = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut made = 0;
    for command in commands.flat_map(str::lines) {
        let words: Vec<_> = command.split_whitespace().collect();
        let ["kubectl", "-n", "obolus", "create", "secret", kind, name, ..] = &words[..] else {
            anyhow::bail!("{command}")
        };
        let source = deployed
            .lines()
            .find(|line| line.contains(&format!("secret: {{name: {name}, ")))
            .with_context(|| format!("{name} is not mounted"))?;
        let keys: Vec<_> = match *kind {
            "tls" => vec!["tls.crt", "tls.key"],
            _ => {
                let files = words.iter().filter_map(|word| word.strip_prefix("--from-file="));
                files.map(|file| file.split('=').next().unwrap_or_default()).collect()
            }
        };
        ensure!(source.matches("{key: ").count() == keys.len(), "{command}\n{source}");
        for key in keys {
            ensure!(source.contains(&format!("{{key: {key}, ")), "{key} in {source}");
        }
        made += 1;
    }
    ensure!(made == 3, "{made}");
    Ok(())
}
