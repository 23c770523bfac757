//! Tools that may take long: tasks of the extension `io.modelcontextprotocol/tasks`, for whom the client knows them.

use std::time::Duration;

use rmcp::model::{
    CallToolResult, ClientCapabilities, ContentBlock, CreateTaskResult, ErrorData, JsonObject,
};
use rmcp::task_manager::{TaskContext, TaskExit, TaskFuture, TaskOptions};
use serde_json::{Value, json};

use super::content::said;
use crate::asking::{cannot, elicit, filled_in, wanted};
use crate::catalogue::{Answer, Call};

const POLL_MILLIS: u64 = 100;

impl Call {
    fn knows_tasks(&self) -> bool {
        self.context.client_capabilities().is_some_and(|can| can.supports_tasks())
    }

    /// Goes on as a task.
    fn task(&self, run: impl FnOnce(TaskContext) -> TaskFuture) -> Answer {
        if !self.knows_tasks() {
            return Err(cannot(ClientCapabilities::builder().enable_tasks().build()));
        }
        let options = TaskOptions::new().with_poll_interval_ms(POLL_MILLIS);
        Ok(CreateTaskResult::new(self.house.tasks.spawn(options, run)).into())
    }
}

pub(crate) fn seconds() -> Value {
    json!({
        "type": "object",
        "properties": {"seconds": {"type": "integer", "minimum": 0}, "label": {"type": "string"}},
        "required": ["seconds"],
    })
}

pub(crate) async fn greet(call: Call) -> Answer {
    Ok(said(format!("Hello, {}!", call.text("name"))).into())
}

pub(crate) async fn slow(call: Call) -> Answer {
    let seconds = call.arguments.get("seconds").and_then(Value::as_u64).unwrap_or_default();
    let (time, label) = (Duration::from_secs(seconds), call.text("label").to_owned());
    let result = said(format!("{label}: {seconds} s are over"));
    // What is done at once needs no task.
    if seconds == 0 || !call.knows_tasks() {
        tokio::time::sleep(time).await;
        return Ok(result.into());
    }
    call.task(|task| {
        Box::pin(async move {
            tokio::select! {
                () = task.cancelled() => Err(TaskExit::Cancelled),
                () = tokio::time::sleep(time) => Ok(result),
            }
        })
    })
}

/// For the two jobs that go wrong.
const SHORT: Duration = Duration::from_millis(500);

pub(crate) async fn failing(call: Call) -> Answer {
    call.task(|_| {
        Box::pin(async {
            tokio::time::sleep(SHORT).await;
            Ok(CallToolResult::error(vec![ContentBlock::text("the job failed")]))
        })
    })
}

pub(crate) async fn broken(call: Call) -> Answer {
    call.task(|_| {
        Box::pin(async {
            tokio::time::sleep(SHORT).await;
            Err(TaskExit::Error(ErrorData::internal_error("the job broke down", None)))
        })
    })
}

/// What somebody answered to a task under this key.
async fn asked(
    task: &TaskContext,
    key: &str,
    message: &str,
    properties: Value,
) -> Result<JsonObject, TaskExit> {
    let answer = task.request_input(key, elicit(message, &properties)?).await?;
    let content = answer.get("content").and_then(Value::as_object).cloned();
    Ok(content.filter(|_| answer.get("action") == Some(&json!("accept"))).unwrap_or_default())
}

pub(crate) async fn confirmed(call: Call) -> Answer {
    let file = call.text("filename").to_owned();
    call.task(|task| {
        Box::pin(async move {
            let fields = json!({"confirm": {"type": "boolean"}});
            let message = format!("Delete {file}?");
            let answer = asked(&task, "confirm", &message, fields).await?;
            let sure = answer.get("confirm").and_then(Value::as_bool).unwrap_or_default();
            Ok(said(if sure { format!("Deleted {file}") } else { format!("Kept {file}") }))
        })
    })
}

pub(crate) async fn two_inputs(call: Call) -> Answer {
    call.task(|task| {
        Box::pin(async move {
            let name = json!({"name": {"type": "string"}});
            let (first, second) = tokio::try_join!(
                asked(&task, "first", "Who is the first?", name.clone()),
                asked(&task, "second", "Who is the second?", name),
            )?;
            Ok(said(json!([first, second]).to_string()))
        })
    })
}

pub(crate) async fn after_a_question(call: Call) -> Answer {
    let name = filled_in(call.inputs.as_ref(), "user_name", "name").and_then(Value::as_str);
    let Some(name) = name.map(str::to_owned) else {
        let question = elicit("What is your name?", &json!({"name": {"type": "string"}}))?;
        return Ok(wanted([("user_name", question)], None).into());
    };
    call.task(|_| Box::pin(async move { Ok(said(format!("Worked for {name}"))) }))
}
