//! `obolus-sts check` on each pair.

use std::path::Path;
use std::process::Command;

use obolus_tests::parts::products::products;
use obolus_tests::pki::Authority;

use crate::guide::{GUIDES, Guide, at, file, line_of, text};
use crate::world::files;

/// The exit code and everything that is printed.
pub(crate) fn check(path: &Path) -> (Option<i32>, String) {
    let program = products().expect("obolus-sts").sts;
    let output = Command::new(program).arg("check").arg(path).output().expect("it runs");
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(printed).expect("text"))
}

/// The paragraph of one line: what is wrong, what happens, what to write.
fn paragraph<'a>(printed: &'a str, path: &Path, line: usize) -> Vec<&'a str> {
    let start = format!("{}:{line}: ", path.display());
    let mut lines = printed.lines().skip_while(|line| !line.starts_with(&start));
    let first = lines.next().into_iter();
    first.chain(lines.take_while(|line| line.starts_with("    "))).collect()
}

#[test]
fn the_printed_form_cannot_work_and_its_line_is_named_with_what_happens_and_what_to_write() {
    for guide in GUIDES {
        let path = guide.printed();
        let (code, printed) = check(&path);
        assert_eq!(code, Some(1), "{printed}");
        for (key, word) in guide.faults {
            let line = line_of(&text(&path), key);
            let said = paragraph(&printed, &path, line);
            assert_eq!(said.len(), 3, "{key} in {printed}");
            assert!(said[0].contains(key) && said[1].contains(word), "{key} in {printed}");
            assert!(said[2].contains("instead: "), "{key} in {printed}");
        }
    }
}

#[test]
fn the_corrected_form_can_work_once_its_files_are_there() {
    let authority = Authority::new("guides").expect("an authority");
    for guide in GUIDES {
        let folder = files(&authority).expect("files");
        let path = folder.path().join("sts.toml");
        std::fs::write(&path, text(&guide.corrected())).expect("written");
        let (code, printed) = check(&path);
        assert_eq!(code, Some(0), "{}: {printed}", guide.name);
        assert!(printed.ends_with(": can work\n"), "{printed}");
        // Nothing of it is needed to see what is wrong with the other.
        drop(folder);
        let (code, printed) = check(&guide.printed());
        assert_eq!(code, Some(1), "{}: {printed}", guide.name);
    }
}

#[test]
fn people_named_by_an_address_are_found_in_what_the_cluster_reads() {
    let path = file("mutable-names", "printed.yaml");
    let (code, printed) = check(&path);
    assert_eq!(code, Some(1), "{printed}");
    let text = text(&path);
    for (part, word) in
        [("--oidc-username-claim=", "claims.oid"), ("  name: alice@", "entra:<object id>")]
    {
        let line = text.lines().position(|line| line.contains(part)).expect(part) + 1;
        let said = paragraph(&printed, &path, line);
        assert!(said.len() == 3 && said[2].contains(word), "{part} in {printed}");
    }
    let (code, printed) = check(&file("mutable-names", "corrected.yaml"));
    assert_eq!(code, Some(0), "{printed}");
}

#[test]
fn wrong_use_is_neither_good_nor_bad() {
    let (code, printed) = check(Path::new("/nowhere/at/all.toml"));
    assert_eq!(code, Some(2), "{printed}");
    let program = products().expect("obolus-sts").sts;
    for arguments in [&[][..], &["check"], &["check", "a", "b"], &["--check"]] {
        let output = Command::new(&program).args(arguments).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

/// A file in the other form that the program reads: `at` an emulator a start finds the same faults as `check`.
#[test]
fn a_start_refuses_what_check_calls_impossible() {
    let authority = Authority::new("guides").expect("an authority");
    let program = products().expect("obolus-sts").sts;
    for Guide { name, faults } in GUIDES {
        let folder = files(&authority).expect("files");
        let printed = at(&text(&file(name, "printed.toml")), "https://localhost:1");
        let printed =
            if name == "account-audience" { text(&file(name, "printed.toml")) } else { printed };
        let (_, ours) = text(&file(name, "corrected.toml"))
            .split_once("# ---")
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .expect("a line");
        let path = folder.path().join("sts.toml");
        std::fs::write(&path, format!("{printed}\n# ---{ours}")).expect("written");
        let output = Command::new(&program).arg("--config").arg(&path).output().expect("it runs");
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!(output.status.code(), Some(2), "{name}: {said}");
        for (key, word) in faults {
            let line = said.lines().find(|line| line.trim_start().starts_with(key));
            assert!(line.is_some_and(|line| line.contains(word)), "{name} {key}: {said}");
        }
    }
}
