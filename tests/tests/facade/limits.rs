//! How often, and how much.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::world::{REDIRECT, World};

#[tokio::test]
async fn registrations_are_counted_and_logins_go_on() {
    let world = World::start_with(|options| options.per_minute = 3).await.unwrap();
    let body = json!({"redirect_uris": [REDIRECT]});
    let register = || world.http.post(world.facade.endpoint("register")).json(&body).send();
    let refused = json!({"redirect_uris": ["https://evil.example/callback"]});
    let refused = || world.http.post(world.facade.endpoint("register")).json(&refused).send();
    // Whoever is refused takes nobody's turn.
    for _ in 0..5 {
        assert_eq!(refused().await.unwrap().status(), 400);
    }
    for _ in 0..3 {
        assert_eq!(register().await.unwrap().status(), 201);
    }
    assert_eq!(refused().await.unwrap().status(), 400);
    let answer = register().await.unwrap();
    assert_eq!(answer.status(), 429);
    let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    let told: Value = answer.json().await.unwrap();
    assert_eq!(told["error"], "temporarily_unavailable");
    world.tokens(&world.exchange(&world.code().await)).await;
}

/// A connection with a request whose body does not come to its end.
async fn slow_body(world: &World) -> TcpStream {
    let mut stream = TcpStream::connect(world.facade.address()).await.unwrap();
    let head = "POST /oauth/token HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\
                content-type: application/x-www-form-urlencoded\r\n\r\ngrant_type=";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// All come from one address, as all that a gateway brings do.
#[tokio::test]
async fn many_bodies_that_do_not_come_leave_a_login_beside_them_alone() {
    let world = World::start_with(|options| {
        options.plain_http = true;
        options.more = "\n[limits]\nconnections = 100\n".to_owned();
    })
    .await
    .unwrap();
    let mut slow = Vec::new();
    for _ in 0..60 {
        slow.push(slow_body(&world).await);
    }
    world.tokens(&world.exchange(&world.code().await)).await;
    // They were there, and not turned away: each is told what it did.
    for mut stream in slow {
        let mut answer = [0; 12];
        let read = tokio::time::timeout(Duration::from_secs(30), stream.read_exact(&mut answer));
        read.await.unwrap().unwrap();
        assert_eq!(&answer, b"HTTP/1.1 400");
    }
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for_without_end() {
    let world = World::start_with(|options| options.plain_http = true).await.unwrap();
    let begun = Instant::now();
    let mut stream = slow_body(&world).await;
    let mut answer = vec![0; 1024];
    let read = tokio::time::timeout(Duration::from_secs(30), stream.read(&mut answer));
    let length = read.await.unwrap().unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(world.facade.login_lines()[0]["outcome"], "incomplete");
    let waited = begun.elapsed();
    assert!((Duration::from_millis(1900)..Duration::from_secs(8)).contains(&waited), "{waited:?}");
    // Meanwhile, and afterwards, others are served.
    world.tokens(&world.exchange(&world.code().await)).await;
}
