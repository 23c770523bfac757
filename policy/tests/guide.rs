//! `docs/policies.md`, as somebody would follow it: every file of it is written, every command run, and what it prints
//! is what the page says.
#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

use std::path::Path;
use std::process::Command;

const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/policies.md");

/// A fenced block: what stands behind the fence, and what is in it.
struct Block {
    language: String,
    file: Option<String>,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.trim_start().strip_prefix("```") else { continue };
        let indent = line.len() - line.trim_start().len();
        let mut words = info.split(' ').map(str::to_owned);
        let (language, file) = (words.next().unwrap(), words.next());
        let inside = lines.by_ref().take_while(|line| line.trim() != "```");
        let text = inside.map(|line| format!("{}\n", line.get(indent..).unwrap_or_default()));
        blocks.push(Block { language, file, text: text.collect() });
    }
    blocks
}

/// What the commands of a console print, each behind itself.
fn session(folder: &Path, console: &str) -> String {
    let bin = Path::new(env!("CARGO_BIN_EXE_obolus-policy")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut told = String::new();
    for line in console.lines().filter(|line| line.starts_with("$ ")) {
        let mut shell = Command::new("sh");
        shell.current_dir(folder).env("PATH", &path).args(["-c", line.trim_start_matches("$ ")]);
        let output = shell.output().unwrap();
        told += &format!("{line}\n");
        for bytes in [output.stdout, output.stderr] {
            told += &String::from_utf8(bytes).unwrap();
        }
    }
    told
}

#[test]
fn the_guide_is_what_happens() {
    let page = std::fs::read_to_string(GUIDE).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (mut told, mut commands) = (page.clone(), 0);
    for block in blocks(&page) {
        match (block.language.as_str(), block.file) {
            ("console", None) => {
                let printed = session(folder.path(), &block.text);
                commands += printed.lines().filter(|line| line.starts_with("$ ")).count();
                told = told.replace(&indented(&page, &block.text), &indented(&page, &printed));
                if std::env::var_os("OBOLUS_BLESS").is_none() {
                    assert_eq!(printed, block.text);
                }
            }
            (_, Some(file)) => std::fs::write(folder.path().join(file), block.text).unwrap(),
            (language, None) => panic!("a block of {language} without a file's name"),
        }
    }
    assert!(commands >= 9, "{commands}");
    if std::env::var_os("OBOLUS_BLESS").is_some() {
        std::fs::write(GUIDE, told).unwrap();
    }
}

/// As the page has its first line: blocks in lists are indented.
fn indented(page: &str, text: &str) -> String {
    let first = text.lines().next().unwrap();
    let line = page.lines().find(|line| line.trim_start() == first).unwrap();
    let indent = line.get(..line.len() - first.len()).unwrap();
    text.lines().map(|line| format!("{indent}{line}\n")).collect()
}

/// What is no configuration of its own is a resource's `access`, and good there.
#[test]
fn every_access_section_of_the_guide_is_taken() {
    let page = std::fs::read_to_string(GUIDE).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let text = |file: &str| {
        let mut blocks = blocks(&page).into_iter();
        blocks.find(|block| block.file.as_deref() == Some(file)).unwrap().text
    };
    for file in ["dry-run.json", "unknown-tool.json", "sam.json"] {
        std::fs::write(folder.path().join(file), text(file)).unwrap();
    }
    for (access, decision) in [("dry-run.json", "permit"), ("unknown-tool.json", "tool_hidden")] {
        let command = format!(
            "$ obolus-policy explain --profile keycloak --access {access} --token sam.json --tool pods_exec"
        );
        let told = session(folder.path(), &command);
        let line = format!("\n{:18} {decision}\n", "decision");
        assert!(told.contains(&line), "{access}: {told}");
        assert_eq!(told.contains("dry run"), access == "dry-run.json", "{told}");
    }
}
