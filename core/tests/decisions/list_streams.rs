//! Event streams that answer list requests: in whatever pieces they come, the same goes on, and no hidden name.
//!
//! Each stream is fed whole, in every pair of pieces, and byte by byte. Not proved here: how Envoy cuts them.

use obolus_core::Reason;
use obolus_core::mcp::answers::{AnswerStream, Expected, Outcome};

use crate::list_answers::{asked, asked_for_the_stream, asked_in_2026, permits};

const LIMIT: usize = 400;
const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"hidden","d":"é"},{"name":"open","d":"é😀"}]}}"#;
const CUT: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"open","d":"é😀"}]}}"#;
const PROGRESS: &str = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progress":1.0,"message":"é"}}"#;
const SENT: Option<Outcome> = Some(Outcome::Result { kept: 1, hidden: 1 });

/// What goes on of a stream that comes in these pieces, and what has become of its answer.
fn fed<'a>(
    expected: &Expected,
    limit: usize,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (String, Option<Outcome>) {
    let mut stream = AnswerStream::new(expected.clone(), limit);
    let mut out = String::new();
    for piece in pieces {
        out.push_str(&stream.push(piece, permits));
    }
    out.push_str(&stream.finish());
    (out, stream.outcome())
}

/// The same, having seen that it does not matter how the stream is cut into pieces.
pub(crate) fn sent(expected: &Expected, limit: usize, stream: &[u8]) -> (String, Option<Outcome>) {
    let whole = fed(expected, limit, [stream]);
    for at in 0..=stream.len() {
        let (front, back) = stream.split_at(at);
        let shown = String::from_utf8_lossy(front);
        assert_eq!(fed(expected, limit, [front, back]), whole, "cut behind {shown:?}");
    }
    assert_eq!(fed(expected, limit, stream.chunks(1)), whole);
    let with_nothing = stream.chunks(1).flat_map(|byte| [byte, b""]);
    assert_eq!(fed(expected, limit, with_nothing), whole);
    whole
}

fn list_stream(stream: &str) -> (String, Option<Outcome>) {
    sent(&asked("tools/list", "1"), LIMIT, stream.as_bytes())
}

/// The event that stands in place of what is not sent.
fn error(reason: Reason) -> String {
    let description = reason.description();
    format!(
        "data: {{\"error\":{{\"code\":-32603,\"data\":{{\"reason\":\"{reason}\"}},\"message\":\"{description}\"}},\"id\":1,\"jsonrpc\":\"2.0\"}}\n\n"
    )
}

#[test]
fn the_one_event_with_the_list_is_cut_and_its_neighbours_pass() {
    let stream = format!(
        ": connected\n\nid: p\nretry: 500\ndata:\n\nevent: message\nid: 1\ndata: {PROGRESS}\n\nevent: message\nid: 2\ndata: {LIST}\n\n"
    );
    let cut = format!(
        ":\nid: p\nretry: 500\ndata: \n\nevent: message\nid: 1\ndata: {PROGRESS}\n\nevent: message\nid: 2\ndata: {CUT}\n\n"
    );
    assert_eq!(list_stream(&stream), (cut, SENT));
}

#[test]
fn lines_end_as_they_like_and_a_byte_order_mark_may_stand_in_front() {
    let cut = (format!("data: {PROGRESS}\n\ndata: {CUT}\n\n"), SENT);
    for end in ["\n", "\r\n", "\r"] {
        for mark in ["", "\u{feff}"] {
            let stream = format!("{mark}data: {PROGRESS}{end}{end}data:{LIST}{end}{end}");
            assert_eq!(list_stream(&stream), cut, "{end:?}");
        }
    }
    let mixed = format!("data: {PROGRESS}\r\n\rdata: {LIST}\r\r\n");
    assert_eq!(list_stream(&mixed), cut);
    // A mark anywhere else is part of a field's name, and two are one and a name.
    for stream in [
        format!("data: {PROGRESS}\n\n\u{feff}data: {LIST}\n\n"),
        format!("\u{feff}\u{feff}data: {LIST}\n\ndata: {PROGRESS}\n\n"),
    ] {
        let (out, outcome) = list_stream(&stream);
        assert_eq!(out, format!("data: {PROGRESS}\n\n{}", error(Reason::AnswerMissing)));
        assert_eq!(outcome, Some(Outcome::Refused(Reason::AnswerMissing)));
    }
}

#[test]
fn data_in_several_lines_is_one_message() {
    let stream = "data: {\"jsonrpc\":\"2.0\",\ndata:   \"id\":1,\ndata: \"result\":{\"tools\":[\nid: x\ndata\ndata: {\"name\":\n: in between\ndata: \"hidden\"},\ndata:{\"name\":\ndata:\t\"open\"}\ndata: ]}}\n\n";
    let cut = ":\nid: x\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[{\"name\":\ndata: \t\"open\"}]}}\n\n";
    assert_eq!(list_stream(stream), (cut.to_owned(), SENT));
    // A line ends a string nowhere: these are two halves of nothing.
    let (out, _) = list_stream(&format!("data: {}\n\n", LIST.replace("hidden", "hid\ndata: den")));
    assert_eq!(out, error(Reason::AnswerMalformed));
}

#[test]
fn comments_go_on_at_once_and_without_their_text() {
    let mut stream = AnswerStream::new(asked("tools/list", "1"), LIMIT);
    let mut push = |piece: &str| stream.push(piece.as_bytes(), permits);
    assert_eq!(push(": hidden"), "");
    assert_eq!(push("\n"), ":\n");
    assert_eq!(push(":\r"), ":\n");
    assert_eq!(push("\n"), "");
    // Longer than an event may be: nothing of it is kept.
    for _ in 0..100 {
        assert_eq!(push(": hidden and so on and on"), "");
    }
    assert_eq!(push("\n"), ":\n");
    assert_eq!(push(&format!("data: {LIST}\n")), "");
    assert_eq!(push(": hidden\n"), ":\n");
    assert_eq!(push("\r"), format!("data: {CUT}\n\n"));
    assert_eq!(push("\n"), "");
}

#[test]
fn an_event_goes_on_when_its_blank_line_is_there_and_not_before() {
    let mut stream = AnswerStream::new(asked("tools/list", "1"), LIMIT);
    let mut push = |piece: &str| stream.push(piece.as_bytes(), permits);
    let progress = format!("data: {PROGRESS}\n\n");
    assert_eq!(push(&progress), progress);
    assert_eq!(push(&format!("data: {LIST}")), "");
    assert_eq!(push("\r\n"), "");
    assert_eq!(push("\r"), format!("data: {CUT}\n\n"));
    assert_eq!(push(&format!("\n{progress}{progress}data: x")), format!("{progress}{progress}"));
}

#[test]
fn what_is_no_field_and_what_cannot_be_one_is_left_out() {
    let stream = format!(
        "hidden: hidden\nfield\nid: a\nid: hid\0den\nretry: 1s\nretry: 20\nretry:\nevent: hidden\nevent: e\ndatum: {LIST}\n data: hidden\nData: hidden\ndata: {PROGRESS}\n\nevent: hidden\n\nid\n\n"
    );
    let (out, _) = list_stream(&format!("{stream}data: {LIST}\n\n"));
    let kept = format!("event: e\nid: a\nretry: 20\ndata: {PROGRESS}\n\nid: \n\n");
    assert_eq!(out, format!("{kept}data: {CUT}\n\n"));
}

#[test]
fn every_event_with_data_is_a_message_whatever_it_is_called() {
    for name in ["message", "ping", "error", ""] {
        let (out, outcome) = list_stream(&format!("event: {name}\ndata: {LIST}\n\n"));
        assert_eq!((out, outcome), (format!("event: {name}\ndata: {CUT}\n\n"), SENT));
        let (out, outcome) = list_stream(&format!("event: {name}\ndata: hidden\n\n"));
        assert_eq!(out, error(Reason::AnswerMalformed));
        assert_eq!(outcome, Some(Outcome::Refused(Reason::AnswerMalformed)));
    }
}

#[test]
fn a_servers_request_passes_and_does_not_answer() {
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let stream = format!("data: {ping}\n\ndata: {LIST}\n\n");
    assert_eq!(list_stream(&stream), (format!("data: {ping}\n\ndata: {CUT}\n\n"), SENT));
}

#[test]
fn behind_what_does_not_fit_nothing_goes_on_but_one_error() {
    let other = LIST.replace("\"id\":1", "\"id\":2");
    let both =
        LIST.replace("\"result\"", "\"error\":{\"code\":1,\"message\":\"hidden\"},\"result\"");
    let long = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"x":"{}"}}}}"#, "x".repeat(LIMIT));
    for (event, reason) in [
        (format!("data: {other}"), Reason::AnswerMismatch),
        (format!("data: {both}"), Reason::AnswerMismatch),
        (format!("data: [{LIST}]"), Reason::AnswerMismatch),
        (format!("data: {LIST}{LIST}"), Reason::AnswerMalformed),
        (format!("data: {LIST}\ndata: {LIST}"), Reason::AnswerMalformed),
        (format!("data: {}", LIST.replace("\"tools\"", "\"Tools\"")), Reason::AnswerMalformed),
        (format!("data: {}", LIST.replace("\"tools\"", "\"prompts\"")), Reason::AnswerMalformed),
        (format!("data: {}", LIST.replace("\"name\"", "\"title\"")), Reason::AnswerNotAList),
        ("data: hidden".to_owned(), Reason::AnswerMalformed),
        ("data: ".to_owned() + "\ndata: ", Reason::AnswerMalformed),
        (format!("data: {long}"), Reason::AnswerTooLarge),
        (format!("id: {}", "i".repeat(LIMIT)), Reason::AnswerTooLarge),
        (format!("{}: x", "f".repeat(LIMIT)), Reason::AnswerTooLarge),
        (format!("data: {}", "\ndata: x".repeat(LIMIT)), Reason::AnswerTooLarge),
        (format!("data: {}", "x".repeat(LIMIT * 3)), Reason::AnswerTooLarge),
    ] {
        // What came before went on; what comes behind does not, were it the right answer.
        let stream = format!("data: {PROGRESS}\n\n{event}\n\ndata: {LIST}\n\n: x\n\n");
        let (out, outcome) = list_stream(&stream);
        assert_eq!(out, format!("data: {PROGRESS}\n\n{}", error(reason)), "{event}");
        assert_eq!(outcome, Some(Outcome::Refused(reason)), "{event}");
    }
    let twin = list_stream(&format!("data: {PROGRESS}\n\ndata: {LIST}\n\n: x\n\n"));
    assert_eq!(twin, (format!("data: {PROGRESS}\n\ndata: {CUT}\n\n:\n"), SENT));
}

#[test]
fn bytes_that_are_no_text_end_the_stream_wherever_they_stand() {
    let list = asked("tools/list", "1");
    for bad in [&b"data: \xff"[..], b"id: \xc3", b"\xe2\x82: x", b"event: \xed\xa0\x80"] {
        let stream = [bad, b"\n\ndata: ", LIST.as_bytes(), b"\n\n"].concat();
        let (out, outcome) = sent(&list, LIMIT, &stream);
        assert_eq!(out, error(Reason::AnswerMalformed));
        assert_eq!(outcome, Some(Outcome::Refused(Reason::AnswerMalformed)));
    }
    // Nobody reads a comment.
    let (out, _) = sent(&list, LIMIT, &[b": \xff\n\ndata: ", LIST.as_bytes(), b"\n\n"].concat());
    assert_eq!(out, format!(":\ndata: {CUT}\n\n"));
}

#[test]
fn a_second_response_does_not_go_on_and_the_first_stays_the_only_one() {
    let error_response = r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"hidden"}}"#;
    for second in [LIST, error_response, &LIST.replace("\"id\":1", "\"id\":2"), "hidden"] {
        let stream =
            format!("data: {LIST}\n\ndata: {PROGRESS}\n\ndata: {second}\n\ndata: {PROGRESS}\n\n");
        let (out, outcome) = list_stream(&stream);
        assert_eq!(out, format!("data: {CUT}\n\ndata: {PROGRESS}\n\n"), "{second}");
        // What was sent was sent, whatever came behind it.
        assert_eq!(outcome, SENT, "{second}");
    }
}

#[test]
fn an_event_without_its_blank_line_is_none_and_a_stream_without_an_answer_says_so() {
    for stream in [
        String::new(),
        "\u{feff}".to_owned(),
        format!("data: {LIST}"),
        format!("data: {LIST}\n"),
        format!("data: {LIST}\r\n"),
        "id: 7\n\n".to_owned(),
    ] {
        let (out, outcome) = list_stream(&stream);
        assert!(out.ends_with(&error(Reason::AnswerMissing)) && !out.contains("open"), "{out}");
        assert_eq!(outcome, Some(Outcome::Refused(Reason::AnswerMissing)));
    }
    // Behind the answer an end in the middle of an event is just an end.
    let stream = format!("data: {LIST}\n\ndata: hidden\n");
    assert_eq!(list_stream(&stream), (format!("data: {CUT}\n\n"), SENT));
}

#[test]
fn a_servers_error_in_a_stream_is_retold_like_one_in_a_body() {
    let error = r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32601,"message":"hidden"}}"#;
    let (out, outcome) = list_stream(&format!("data: {error}\n\n"));
    assert!(out.contains("-32601") && out.contains("\"id\":1") && !out.contains("hidden"));
    assert_eq!(outcome, Some(Outcome::Error(-32601)));
}

#[test]
fn a_list_of_2026_is_private_in_a_stream_as_well() {
    let list = asked_in_2026("tools/list", "1");
    let (out, _) = sent(&list, LIMIT, format!("data: {LIST}\n\n").as_bytes());
    assert_eq!(
        out,
        format!("data: {},\"cacheScope\":\"private\"}}}}\n\n", CUT.trim_end_matches("}}"))
    );
}

#[test]
fn a_stream_that_answers_anything_else_keeps_its_result_and_takes_no_other_requests_answer() {
    let call = asked("tools/call", "1");
    let stream = format!("data: {PROGRESS}\n\ndata: {LIST}\n\n");
    let outcome = Some(Outcome::Result { kept: 0, hidden: 0 });
    assert_eq!(sent(&call, LIMIT, stream.as_bytes()), (stream, outcome));
    let other = format!("data: {}\n\n", LIST.replace("\"id\":1", "\"id\":2"));
    let (out, outcome) = sent(&call, LIMIT, other.as_bytes());
    assert_eq!(out, error(Reason::AnswerMismatch));
    assert_eq!(outcome, Some(Outcome::Refused(Reason::AnswerMismatch)));
}

#[test]
fn an_event_of_exactly_the_limit_passes() {
    let stream = format!("data: {LIST}\n\n");
    let length = stream.trim_end().len();
    assert_eq!(sent(&asked("tools/list", "1"), length, stream.as_bytes()).1, SENT);
    let over = sent(&asked("tools/list", "1"), length - 1, stream.as_bytes());
    assert_eq!(over.0, error(Reason::AnswerTooLarge));
}

/// What a session's stream is there for passes, without what a client could ask again by; and nothing that answers.
#[test]
fn on_a_sessions_stream_everything_passes_but_answers() {
    let stream = asked_for_the_stream();
    let ask = r#"{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{"tools":[]}}"#;
    let come = format!(
        ": here\n\nid: 0\nretry: 3000\ndata:\n\nid: 1\ndata: {PROGRESS}\n\nevent: message\nid: 2\ndata: {ask}\n\n"
    );
    let gone = format!(":\nretry: 3000\n\ndata: {PROGRESS}\n\nevent: message\ndata: {ask}\n\n");
    assert_eq!(sent(&stream, LIMIT, come.as_bytes()), (gone.clone(), None));
    let long = "x".repeat(LIMIT);
    for (event, reason) in [
        (LIST, Reason::AnswerMismatch),
        (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#, Reason::AnswerMismatch),
        (r#"{"jsonrpc":"2.0","id":null,"result":{"tools":[]}}"#, Reason::AnswerMismatch),
        (r#"{"jsonrpc":"2.0","result":{"tools":[]}}"#, Reason::AnswerMismatch),
        (r#"{"jsonrpc":"2.0","error":{"code":1,"message":"hidden"}}"#, Reason::AnswerMismatch),
        (
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"hidden"}}"#,
            Reason::AnswerMismatch,
        ),
        (r#"{"jsonrpc":"2.0","method":"a","result":{"tools":[]}}"#, Reason::AnswerMismatch),
        (r#"{"jsonrpc":"2.0","method":"a","Result":{"tools":[]}}"#, Reason::AnswerMalformed),
        (r#"[{"jsonrpc":"2.0","id":1,"result":{}}]"#, Reason::AnswerMismatch),
        ("hidden", Reason::AnswerMalformed),
        (&long, Reason::AnswerTooLarge),
    ] {
        let broken = format!("{come}data: {event}\n\ndata: {PROGRESS}\n\n");
        let expected = (gone.clone(), Some(Outcome::Refused(reason)));
        assert_eq!(sent(&stream, LIMIT, broken.as_bytes()), expected, "{event}");
        let mut broken_off = AnswerStream::new(stream.clone(), LIMIT);
        broken_off.push(come.as_bytes(), permits);
        assert!(!broken_off.is_broken());
        broken_off.push(format!("data: {event}\n\n").as_bytes(), permits);
        assert!(broken_off.is_broken(), "{event}");
    }
    // Of a list's stream, the client is told instead.
    let mut told = AnswerStream::new(asked("tools/list", "1"), LIMIT);
    assert!(told.push(b"data: hidden\n\n", permits).contains("error"));
    assert!(!told.is_broken());
}
