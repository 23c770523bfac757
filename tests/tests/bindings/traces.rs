//! The trace of a client's request goes along to the STS, and what is no trace does not.

use anyhow::Result;
use obolus_tests::fixtures::recorder::Recorded;

use crate::answer::Answer;
use crate::sts_stand_in::StandIn;

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const OTHER: &str = "00-5bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn trace(request: &Recorded) -> Option<&str> {
    let mut values = request.headers.get_all("traceparent").iter();
    let value = values.next().and_then(|value| value.to_str().ok());
    assert!(values.next().is_none(), "one at most");
    value
}

#[tokio::test]
async fn a_well_formed_parent_is_passed_on_and_none_is_invented() -> Result<()> {
    let stand_in = StandIn::start().await?;
    let upper = TRACE.to_uppercase();
    for (sent, expected) in [
        (&[TRACE][..], Some(TRACE)),
        (&[OTHER], Some(OTHER)),
        (&[], None),
        (&[TRACE, OTHER], None),
        (&[TRACE, TRACE], None),
        (&["00-00000000000000000000000000000000-00f067aa0ba902b7-01"], None),
        (&[upper.as_str()], None),
        (&["x"], None),
        (&[TRACE], Some(TRACE)),
    ] {
        let mut request = stand_in.request(&stand_in.token("alice")?);
        for value in sent {
            request = request.header("traceparent", *value);
        }
        assert_eq!(Answer::to(request).await?.status, 200);
        let asked = stand_in.asked();
        assert_eq!(asked.iter().map(trace).collect::<Vec<_>>(), [expected], "{sent:?}");
    }
    Ok(())
}
