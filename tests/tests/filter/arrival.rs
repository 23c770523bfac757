//! In which order things arrive: the body before the key or after it, in halves, not to its end.
//!
//! A request is held until token, body and exchanged token are in, whichever is last. What is forwarded
//! while one of them is out would be forwarded unread, or with the client's own token.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::ensure;
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::idp::{Behaviour, Key};
use tokio::task::JoinSet;

use crate::plans::plan_with_trailers;
use crate::story::{Decision, Story, check_exchanged, tool_call};
use crate::wire::{Answer, Framing, Request, http1, http2};

/// The same request in every framing, all at once.
async fn all_at_once(address: SocketAddr, request: &Request) -> Vec<Answer> {
    let mut sending = JoinSet::new();
    for framing in Framing::ALL {
        let request = request.clone();
        sending.spawn(async move { request.send_to(address, framing).await.unwrap() });
    }
    sending.join_all().await
}

#[tokio::test]
async fn a_body_that_is_there_before_the_key_is_read_when_the_key_comes() {
    let mut story = Story::with(plan_with_trailers().await).await;
    story.control("warm", Vec::new()).await;
    let address = story.bench.gateway.place.address();
    let first = story.bench.idp.key();
    let batch = format!("[{}]", tool_call("1", "pods_list"));
    for (kid, body, refusal) in [
        ("second", tool_call("1", "pods_list"), None),
        ("third", batch, Some((400, "batch_refused"))),
        ("fourth", String::new(), Some((400, "json_malformed"))),
        ("fifth", "x".repeat((1 << 20) + 1), Some((413, "body_too_large"))),
    ] {
        let key = Key::new("ES256", kid).unwrap();
        // The filter learns of it when the token comes.
        story.bench.idp.publish(vec![first.clone(), key.clone()]);
        let token = key.sign(&story.bench.claims("alice")).unwrap();
        let request = story.call().bearer(&token).body(body);
        story.remember_tokens(&request);
        let answers = all_at_once(address, &request).await;
        let Some((status, reason)) = refusal else {
            assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
            let arrived = story.arrived();
            assert_eq!(arrived.len(), Framing::ALL.len());
            for arrived in arrived {
                assert_eq!(arrived.body.as_ref(), Some(&request.body));
                check_exchanged(kid, &arrived);
            }
            let decisions = answers.iter().map(|_| Decision::Permit).collect();
            story.decided(kid, decisions).await;
            continue;
        };
        for answer in &answers {
            assert_eq!(answer.status, status, "{kid}: {answer:?}");
            assert_eq!(answer.json()["error"]["data"]["reason"], reason, "{kid}");
        }
        let decisions = answers.iter().map(|_| Decision::Deny(reason, status)).collect();
        story.control(kid, decisions).await;
    }
    story.ends().await;
}

#[tokio::test]
async fn a_request_that_is_complete_waits_for_its_exchange_and_others_pass_meanwhile() {
    let mut story = Story::with(plan_with_trailers().await).await;
    story.control("warm", Vec::new()).await;
    let address = story.bench.gateway.place.address();
    let before = story.bench.idp.exchanges();
    story.bench.idp.behave(Behaviour::Hold);
    let request = story.call().bearer(&story.bench.token("bob").unwrap());
    story.remember_tokens(&request);
    let sending = tokio::spawn({
        let request = request.clone();
        async move { all_at_once(address, &request).await }
    });
    eventually("the exchange", Duration::from_secs(10), || async {
        ensure!(story.bench.idp.exchanges() == before + 1);
        Ok(())
    })
    .await
    .unwrap();
    story.control("while they wait", Vec::new()).await;
    story.bench.idp.let_go(1);
    let answers = sending.await.unwrap();
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    let arrived = story.arrived();
    assert_eq!(arrived.len(), Framing::ALL.len());
    for arrived in arrived {
        assert_eq!(arrived.body.as_ref(), Some(&request.body));
        assert_eq!(check_exchanged("bob", &arrived)["sub"], "bob");
    }
    assert_eq!(story.bench.idp.exchanges(), before + 1);
    story.decided("bob", answers.iter().map(|_| Decision::Permit).collect()).await;
    story.ends().await;
}

/// A request on its way, in one of the two protocols.
enum Sending {
    Http1(http1::Connection, Framing),
    Http2(Box<http2::Stream>, Framing),
}

impl Sending {
    async fn begin(address: SocketAddr, request: &Request, framing: Framing) -> Self {
        if framing.is_http2() {
            let stream = http2::Stream::open(address, request, false).await.unwrap();
            return Self::Http2(Box::new(stream), framing);
        }
        let mut connection = http1::Connection::open(address).await.unwrap();
        connection.write(http1::head(request, framing)).await.unwrap();
        Self::Http1(connection, framing)
    }

    async fn write(&mut self, piece: &str) {
        match self {
            Self::Http1(connection, Framing::Length) => connection.write(piece).await.unwrap(),
            Self::Http1(connection, _) => {
                connection.write(http1::chunk(piece.as_bytes())).await.unwrap();
            }
            Self::Http2(stream, _) => stream.write(piece.to_owned()),
        }
    }

    async fn finish(self) -> Answer {
        match self {
            Self::Http1(mut connection, framing) => {
                let end = match framing {
                    Framing::Chunks => http1::LAST_CHUNK,
                    Framing::ChunksThenTrailers => http1::LAST_CHUNK_AND_TRAILERS,
                    _ => "",
                };
                connection.write(end).await.unwrap();
                connection.answer().await.unwrap()
            }
            Self::Http2(mut stream, framing) => {
                if framing.has_trailers() {
                    stream.finish_with_trailers();
                } else {
                    stream.finish();
                }
                stream.answer().await.unwrap()
            }
        }
    }

    /// Goes away in the middle.
    fn give_up(self) {
        if let Self::Http2(mut stream, _) = self {
            stream.reset();
        }
    }
}

#[tokio::test]
async fn a_body_that_comes_in_halves_is_judged_whole() {
    let mut story = Story::with(plan_with_trailers().await).await;
    story.control("warm", Vec::new()).await;
    let address = story.bench.gateway.place.address();
    let good = tool_call("1", "pods_list");
    let (begin, end) = good.split_at(good.len() / 2);
    let cases: [(&str, &str, &str, Option<&str>); 5] = [
        ("cut in the middle", begin, end, None),
        ("a good message, then white space", &good, " \r\n", None),
        ("a good message, then another", &good, &good, Some("json_malformed")),
        ("a good message, then a brace", &good, "}", Some("json_malformed")),
        ("half, then nothing more", begin, " ", Some("json_malformed")),
    ];
    for (case, first, rest, refusal) in cases {
        for framing in Framing::ALL {
            let case = format!("{case}, {framing:?}");
            let request = story.good_call().body(format!("{first}{rest}"));
            let mut sending = Sending::begin(address, &request, framing).await;
            story.control(&format!("{case}: after the head"), Vec::new()).await;
            sending.write(first).await;
            // A good request goes through meanwhile, and nothing of this one.
            story.control(&format!("{case}: after the first half"), Vec::new()).await;
            sending.write(rest).await;
            let answer = sending.finish().await;
            match refusal {
                Some(reason) => story.was_refused(&case, &answer, 400, reason).await,
                None => drop(story.was_let_through(&case, &request, &answer).await),
            }
        }
    }
    story.ends().await;
}

#[tokio::test]
async fn a_body_that_does_not_end_is_not_forwarded() {
    let mut story = Story::with(plan_with_trailers().await).await;
    story.control("warm", Vec::new()).await;
    let address = story.bench.gateway.place.address();
    let good = tool_call("1", "pods_list");
    for framing in Framing::ALL {
        let request = story.good_call().body(format!("{good} "));
        let mut sending = Sending::begin(address, &request, framing).await;
        sending.write(&good).await;
        story.control(&format!("{framing:?}: all but the end"), Vec::new()).await;
        sending.give_up();
        story.control(&format!("{framing:?}: given up"), vec![Decision::None]).await;
    }
    // The filter keeps nothing of them.
    let waiting = story.bench.gateway.counted("waiting").await.unwrap();
    assert_eq!(waiting, 0);
    story.ends().await;
}

#[tokio::test]
async fn a_client_that_asks_before_it_sends_is_told_to_go_on_and_judged_all_the_same() {
    let mut story = Story::begin().await;
    story.control("warm", Vec::new()).await;
    let address = story.bench.gateway.place.address();
    let good = tool_call("1", "pods_list");
    let batch = format!("[{good}]");
    for (case, authorized, body, refusal) in [
        ("a good body", true, &good, None),
        ("a batch", true, &batch, Some((400, "batch_refused"))),
        ("no token", false, &good, Some((401, "token_missing"))),
    ] {
        let request = if authorized { story.good_call() } else { story.call() };
        let request = request.header("expect", "100-continue").body(body.clone());
        let mut connection = http1::Connection::open(address).await.unwrap();
        connection.write(http1::head(&request, Framing::Length)).await.unwrap();
        assert_eq!(connection.interim().await.unwrap().status, 100, "{case}");
        connection.write(body).await.unwrap();
        let answer = connection.answer().await.unwrap();
        match refusal {
            Some((status, reason)) => story.was_refused(case, &answer, status, reason).await,
            None => drop(story.was_let_through(case, &request, &answer).await),
        }
    }
    story.ends().await;
}

/// Anybody can write a token that only a key is missing for: what is held for such is bounded.
#[tokio::test]
async fn bodies_of_strangers_take_sixteen_megabytes_and_no_more() {
    const STRANGERS: usize = 30;
    const PLACES: usize = 16;
    let mut story = Story::begin().await;
    story.control("warm", Vec::new()).await;
    let forged = Key::new("EdDSA", "forged").unwrap();
    let token = forged.sign(&story.bench.claims("alice")).unwrap();
    let request = story.call().bearer(&token).body("x".repeat(1 << 20));
    story.remember_tokens(&request);
    // No key comes, and nobody says that there is none.
    story.bench.sts.pause().unwrap();
    let address = story.bench.gateway.place.address();
    let mut sending = JoinSet::new();
    for _ in 0..STRANGERS {
        let request = request.clone();
        sending.spawn(async move { request.send_to(address, Framing::Length).await.unwrap() });
    }
    let mut answers = Vec::new();
    while answers.len() < STRANGERS - PLACES {
        let answer = sending.join_next().await.unwrap().unwrap();
        assert_eq!((answer.status, &answer.json()["reason"]), (503, &"overloaded".into()));
        answers.push(answer);
    }
    // People who are known are not concerned.
    story.nothing_arrived("while strangers wait").await;
    story.bench.sts.resume().unwrap();
    let mut waited = 0;
    while let Some(answer) = sending.join_next().await {
        let answer = answer.unwrap();
        match answer.json()["reason"].as_str() {
            Some("key_unknown" | "keys_unavailable") => waited += 1,
            Some("overloaded") => {}
            _ => panic!("{answer:?}"),
        }
    }
    assert!((1..=PLACES).contains(&waited), "{waited}");
    // Their places are free again.
    let request = request.body("x".repeat(1 << 19));
    let answer = story.send(&request, Framing::Length).await;
    assert_eq!((answer.status, &answer.json()["reason"]), (401, &"key_unknown".into()));
    story.nothing_arrived("afterwards").await;
    story.ends().await;
}
