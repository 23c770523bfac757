//! The prompts.

use rmcp::model::{
    CompleteRequestParams, CompleteResult, CompletionInfo, ContentBlock, ErrorData,
    GetPromptRequestParams, GetPromptResponse, GetPromptResult, Prompt, PromptArgument,
    PromptMessage, ResourceContents, Role,
};
use serde_json::{Value, json};

use crate::asking::{elicit, filled_in, wanted};
use crate::house::{Change, House};
use crate::samples::PIXEL;

fn prompt(name: &str, about: &str, arguments: &[&str]) -> Prompt {
    let arguments: Vec<_> = arguments
        .iter()
        .map(|name| PromptArgument::new(*name).with_description("A text").with_required(true))
        .collect();
    Prompt::new(name, Some(about), Some(arguments).filter(|arguments| !arguments.is_empty()))
}

/// All that are there now.
pub(crate) fn prompts(house: &House) -> Vec<Prompt> {
    let mut all = vec![
        prompt("test_simple_prompt", "One text", &[]),
        prompt("test_prompt_with_arguments", "A text with two others in it", &["arg1", "arg2"]),
        prompt("test_prompt_with_embedded_resource", "A resource", &["resourceUri"]),
        prompt("test_prompt_with_image", "An image", &[]),
        prompt("test_input_required_result_prompt", "Asks what it is about", &[]),
    ];
    if house.has_more(Change::Prompts) {
        all.push(prompt("test_added_prompt", "Is there at times", &[]));
    }
    all
}

fn text(text: impl Into<String>) -> PromptMessage {
    PromptMessage::new_text(Role::User, text)
}

/// One of them, filled in.
pub(crate) fn get(
    request: &GetPromptRequestParams,
    house: &House,
) -> Result<GetPromptResponse, ErrorData> {
    let argument = |name: &str| {
        let value = request.arguments.as_ref().and_then(|all| all.get(name)?.as_str());
        value.ok_or_else(|| ErrorData::invalid_params(format!("{name} is missing"), None))
    };
    let messages = match request.name.as_str() {
        "test_simple_prompt" => vec![text("This is a simple prompt for testing.")],
        "test_prompt_with_arguments" => vec![text(format!(
            "Prompt with arguments: arg1='{}', arg2='{}'",
            argument("arg1")?,
            argument("arg2")?
        ))],
        "test_prompt_with_embedded_resource" => {
            let content = "Embedded resource content for testing.";
            let resource = ResourceContents::text(content, argument("resourceUri")?);
            vec![
                PromptMessage::new(Role::User, ContentBlock::resource(resource)),
                text("Please process the embedded resource above."),
            ]
        }
        "test_prompt_with_image" => {
            let image = ContentBlock::image(PIXEL, "image/png");
            vec![PromptMessage::new(Role::User, image), text("Please analyze the image above.")]
        }
        "test_input_required_result_prompt" => {
            let inputs = request.input_responses.as_ref();
            let context = filled_in(inputs, "user_context", "context").and_then(Value::as_str);
            let Some(context) = context else {
                let field = json!({"context": {"type": "string"}});
                let question = elicit("What context should the prompt use?", &field)?;
                return Ok(wanted([("user_context", question)], None).into());
            };
            vec![text(format!("This is about {context}"))]
        }
        "test_added_prompt" if house.has_more(Change::Prompts) => vec![text("Here today")],
        _ => return Err(ErrorData::invalid_params("unknown prompt", None)),
    };
    Ok(GetPromptResult::new(messages).into())
}

/// What an argument of a prompt, or a part of a resource's URI, may be.
const WORDS: [&str; 6] = ["alpha", "beta", "paris", "park", "party", "test"];

/// Those words that begin as what was typed.
pub(crate) fn complete(request: &CompleteRequestParams) -> Result<CompleteResult, ErrorData> {
    let typed = request.argument.value.as_str();
    let fitting: Vec<_> = WORDS.into_iter().filter(|word| word.starts_with(typed)).collect();
    let fitting = fitting.into_iter().map(str::to_owned).collect();
    let completion = CompletionInfo::with_all_values(fitting);
    completion.map(CompleteResult::new).map_err(|error| ErrorData::internal_error(error, None))
}
