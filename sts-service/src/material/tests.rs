use std::path::Path;

use super::*;

/// Text that is not "bad"; withdrawn when it is empty or missing.
fn open(path: &Path) -> Material<String, String> {
    let (read, shown) = (path.to_owned(), path.to_owned());
    let made = Material::open_withdrawable(
        "text",
        shown,
        move || {
            let bytes = std::fs::read(&read).map_err(|_| "withdrawn".to_owned())?;
            Ok(Content::new(vec![bytes.into()]))
        },
        |content| match str::from_utf8(content.file(0)) {
            Ok("") => Err("withdrawn".to_owned()),
            Ok("bad") | Err(_) => Err("bad".to_owned()),
            Ok(text) => Ok(text.to_owned()),
        },
        |error| error == "withdrawn",
    );
    made.unwrap().ending(|text| text.parse().ok())
}

fn at_once(material: &Material<String, String>) -> Option<String> {
    material.look_if_touched();
    value(material)
}

fn value(material: &Material<String, String>) -> Option<String> {
    material.current().map(|held| held.value.clone())
}

#[test]
fn good_is_taken_broken_is_not_and_the_next_good_one_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "first").unwrap();
    let material = open(&path);
    let by_rename = |content: &str| {
        std::fs::write(folder.path().join("new"), content).unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
    };
    let first = material.current().unwrap().generation;
    by_rename("1000");
    assert!(material.look());
    assert_eq!(value(&material).as_deref(), Some("1000"));
    assert_ne!(material.current().unwrap().generation, first);
    assert_eq!(material.standing().state, Use::Current);
    assert_eq!(material.standing().expires_at, Some(1000));
    by_rename("bad");
    for _ in 0..2 {
        assert!(!material.look());
        assert_eq!(value(&material).as_deref(), Some("1000"));
        assert_eq!(material.standing().state, Use::LastGood);
    }
    assert!(material.standing().wrong > Duration::ZERO);
    // What was in use is no news, but nothing is wrong any more.
    by_rename("1000");
    assert!(!material.look());
    assert_eq!(material.standing().state, Use::Current);
    by_rename("bad");
    material.look();
    by_rename("third");
    assert!(material.look());
    assert_eq!(value(&material).as_deref(), Some("third"));
    assert_eq!(
        (material.standing().state, material.standing().wrong),
        (Use::Current, Duration::ZERO)
    );
}

#[test]
fn a_swapped_link_is_noticed_as_a_rename_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    for (name, content) in [("..a", "first"), ("..b", "bad"), ("..c", "third")] {
        std::fs::create_dir(path(name)).unwrap();
        std::fs::write(path(name).join("file"), content).unwrap();
    }
    std::os::unix::fs::symlink("..a", path("..data")).unwrap();
    std::os::unix::fs::symlink("..data/file", path("file")).unwrap();
    let material = open(&path("file"));
    let swap = |to: &str| {
        std::os::unix::fs::symlink(to, path("..data_tmp")).unwrap();
        std::fs::rename(path("..data_tmp"), path("..data")).unwrap();
    };
    for (to, expected, state) in [
        ("..a", "first", Use::Current),
        ("..b", "first", Use::LastGood),
        ("..c", "third", Use::Current),
    ] {
        swap(to);
        assert_eq!(at_once(&material).unwrap(), expected);
        assert_eq!(material.standing().state, state);
    }
}

#[test]
fn what_is_withdrawn_is_of_no_use_at_once_and_may_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "first").unwrap();
    let material = open(&path);
    for withdraw in [true, false] {
        if withdraw {
            std::fs::write(&path, "").unwrap();
        } else {
            std::fs::remove_file(&path).unwrap();
        }
        assert!(at_once(&material).is_none());
        assert_eq!(material.standing().state, Use::Nothing);
        // A broken one after it brings nothing back.
        std::fs::write(&path, "bad").unwrap();
        assert!(at_once(&material).is_none());
        std::fs::write(&path, "first").unwrap();
        assert_eq!(at_once(&material).unwrap(), "first");
        assert_eq!(material.standing().state, Use::Current);
    }
}

/// As a mount may, whose server is gone.
#[tokio::test]
async fn a_look_that_does_not_come_back_holds_up_nobody_and_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "first").unwrap();
    let hang = Arc::new(AtomicBool::new(false));
    let (hangs, read) = (Arc::clone(&hang), path.clone());
    let material = Material::<String, String>::open(
        "text",
        path.clone(),
        move || {
            let begun = Instant::now();
            while hangs.load(Ordering::Relaxed) && begun.elapsed() < Duration::from_secs(120) {
                std::thread::park_timeout(Duration::from_millis(10));
            }
            Ok(Content::new(vec![std::fs::read(&read).unwrap().into()]))
        },
        |content| Ok(String::from_utf8(content.file(0).to_vec()).unwrap()),
    );
    let material = Arc::new(material.unwrap());
    let other = folder.path().join("other");
    std::fs::write(&other, "first").unwrap();
    let other_material = Arc::new(open(&other));
    let watch = Arc::new(Watch::new([
        material.watched("hangs", |_| {}),
        other_material.watched("other", |_| {}),
    ]));
    hang.store(true, Ordering::Relaxed);
    for file in [&path, &other] {
        std::fs::write(file, "second").unwrap();
    }
    // Each of these would wait for ever.
    let begun = Instant::now();
    watch.look().await;
    material.seen().await;
    material.seen().await;
    watch.look().await;
    assert_eq!(material.current().unwrap().value, "first");
    assert_eq!(other_material.current().unwrap().value, "second", "the other one is read");
    while material.standing().state != Use::LastGood {
        assert!(begun.elapsed() < Duration::from_secs(60));
        tokio::task::yield_now().await;
    }
    assert!(material.standing().wrong >= HANGS);
    assert_eq!(other_material.standing().state, Use::Current);
    hang.store(false, Ordering::Relaxed);
    while material.current().unwrap().value != "second" {
        assert!(begun.elapsed() < Duration::from_secs(60));
        watch.look().await;
    }
    assert_eq!(material.standing().state, Use::Current);
}
