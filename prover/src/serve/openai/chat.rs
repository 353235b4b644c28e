//! What a request to `/v1/chat/completions` says.

use super::{
    fault::{Code, Fault},
    fields::Fields,
    json::Json,
    parameters::{Parameters, integer32},
};

/// A conversation that is to be gone on with.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chat {
    /// What was said so far; at least one message.
    pub(super) messages: Vec<Message>,
    /// How to go on.
    pub(super) parameters: Parameters,
    /// How many alternatives are to be told of each token.
    pub(super) logprobs: Option<u8>,
}

/// What somebody said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    /// `system`, `user` or `assistant`.
    pub(super) role: &'static str,
    /// What it said.
    pub(super) content: String,
}

impl Chat {
    /// Reads all fields but the model's and the nonce's.
    pub(super) fn read(mut fields: Fields) -> Result<Self, Fault> {
        let mut parameters = Parameters::take(&mut fields)?;
        if let Some(newer) = integer32(&mut fields, "max_completion_tokens", 1)? {
            if parameters.max_tokens.is_some_and(|older| older != newer) {
                let why = "max_tokens says something else";
                return Err(Code::InvalidValue.about("max_completion_tokens", why));
            }
            parameters.max_tokens = Some(newer);
        }
        let logprobs = logprobs(&mut fields)?;
        let messages = messages(fields.need("messages")?)?;
        let word = |word: &str| Json::Text(word.to_owned());
        fields.only("response_format", &[Json::Object([("type".into(), word("text"))].into())])?;
        fields.only("modalities", &[Json::List(vec![word("text")])])?;
        fields.only("service_tier", &[word("auto"), word("default")])?;
        fields.only("store", &[Json::Bool(false)])?;
        // For whoever reads statistics: they change nothing.
        for name in ["safety_identifier", "prompt_cache_key"] {
            fields.text(name)?;
        }
        metadata(&mut fields)?;
        no_tools(&mut fields)?;
        fields.finish(NOT_DONE)?;
        Ok(Self { messages, parameters, logprobs })
    }
}

/// What OpenAI's interface has and this one has not.
const NOT_DONE: &[&str] = &[
    "audio",
    "moderation",
    "prediction",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning_effort",
    "verbosity",
    "web_search_options",
];

/// There are none: whoever says so is understood.
fn no_tools(fields: &mut Fields) -> Result<(), Fault> {
    for name in ["tools", "functions"] {
        fields.only(name, &[Json::List(Vec::new())])?;
    }
    // Of none, the model can choose none.
    for name in ["tool_choice", "function_call"] {
        fields.only(name, &["auto", "none"].map(|word| Json::Text(word.to_owned())))?;
    }
    fields.flag("parallel_tool_calls")?;
    Ok(())
}

fn logprobs(fields: &mut Fields) -> Result<Option<u8>, Fault> {
    let told = fields.flag("logprobs")?;
    let alternatives = fields.integer("top_logprobs", 0..=20)?;
    match (told, alternatives) {
        (false, None) => Ok(None),
        (false, Some(_)) => {
            Err(Code::InvalidValue.about("top_logprobs", "it wants logprobs to be true"))
        }
        (true, alternatives) => Ok(u8::try_from(alternatives.unwrap_or(0)).ok()),
    }
}

fn messages(json: Json) -> Result<Vec<Message>, Fault> {
    let Json::List(items) = json else {
        let found = json.kind();
        return Err(Code::InvalidType.about("messages", format!("expected a list, found {found}")));
    };
    if items.is_empty() {
        return Err(Code::InvalidValue.about("messages", "expected at least one message"));
    }
    items.into_iter().enumerate().map(|(index, item)| message(index, item)).collect()
}

fn message(index: usize, item: Json) -> Result<Message, Fault> {
    let mut fields = Fields::of(item, format!("messages[{index}]"))?;
    let role = match fields.need("role")? {
        Json::Text(role) => match role.as_str() {
            // The newer word for the same.
            "system" | "developer" => "system",
            "user" => "user",
            "assistant" => "assistant",
            "tool" | "function" => {
                let why = format!("messages of role {role} are not supported: there are no tools");
                return Err(Code::UnsupportedValue.about(fields.place("role"), why));
            }
            other => {
                let shown: String = other.chars().take(64).collect();
                let why = format!("expected system, developer, user or assistant, found {shown:?}");
                return Err(Code::InvalidValue.about(fields.place("role"), why));
            }
        },
        other => return Err(fields.wrong("role", "text", &other)),
    };
    let content = content(&mut fields)?;
    // What answers of OpenAI's carry, empty, when they are sent back.
    fields.only("annotations", &[Json::List(Vec::new())])?;
    fields.only("tool_calls", &[Json::List(Vec::new())])?;
    fields.finish(&["audio", "function_call", "name", "refusal", "tool_call_id"])?;
    Ok(Message { role, content })
}

/// A text, or a list of parts that are texts, which are joined.
fn content(fields: &mut Fields) -> Result<String, Fault> {
    let parts = match fields.need("content")? {
        Json::Text(text) => return Ok(text),
        Json::List(parts) => parts,
        other => return Err(fields.wrong("content", "text, or a list of parts", &other)),
    };
    let mut whole = String::new();
    for (index, part) in parts.into_iter().enumerate() {
        let mut part = Fields::of(part, format!("{}[{index}]", fields.place("content")))?;
        match part.text("type")?.as_deref() {
            Some("text") => {}
            Some(other) => {
                let shown: String = other.chars().take(64).collect();
                let why = format!("parts of type {shown:?} are not supported, only text is");
                return Err(Code::UnsupportedValue.about(part.place("type"), why));
            }
            None => {
                let why = "a part has a type";
                return Err(Code::MissingRequiredParameter.about(part.place("type"), why));
            }
        }
        match part.need("text")? {
            Json::Text(text) => whole.push_str(&text),
            other => return Err(part.wrong("text", "text", &other)),
        }
        part.finish(&["prompt_cache_breakpoint"])?;
    }
    Ok(whole)
}

/// At most 16 short texts by short names, as OpenAI has them; they change nothing.
fn metadata(fields: &mut Fields) -> Result<(), Fault> {
    let Some(json) = fields.take("metadata") else { return Ok(()) };
    let refuse = |why: &str| Err(Code::InvalidValue.about("metadata", why));
    match json {
        Json::Object(pairs) if pairs.len() > 16 => refuse("expected at most 16 texts"),
        Json::Object(pairs) => match pairs.values().all(|json| matches!(json, Json::Text(_))) {
            true => Ok(()),
            false => refuse("expected texts"),
        },
        other => Err(fields.wrong("metadata", "an object", &other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(text: &str) -> Result<Chat, Fault> {
        Chat::read(Fields::of(Json::read(text.as_bytes())?, "")?)
    }

    fn one(more: &str) -> Result<Chat, Fault> {
        chat(&format!(r#"{{"messages": [{{"role": "user", "content": "Hi"}}]{more}}}"#))
    }

    #[test]
    fn what_clients_send_by_default_is_accepted() {
        let found = one(r#", "stream": false, "store": false, "metadata": {"a": "b"},
            "response_format": {"type": "text"}, "tools": [], "functions": null,
            "tool_choice": "none", "function_call": "auto", "parallel_tool_calls": true, "top_p": 0, "logprobs": true, "top_logprobs": 2,
            "max_tokens": 5, "max_completion_tokens": 5, "service_tier": "auto", "user": "me""#);
        let found = found.unwrap();
        assert_eq!((found.logprobs, found.parameters.max_tokens), (Some(2), Some(5)));
        let parts = r#"{"messages": [{"role": "developer", "content":
            [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
            {"role": "assistant", "content": "", "refusal": null, "annotations": []}]}"#;
        let message = |role, content: &str| Message { role, content: content.to_owned() };
        assert_eq!(
            chat(parts).unwrap().messages,
            [message("system", "ab"), message("assistant", "")]
        );
    }

    #[test]
    fn what_is_not_done_is_refused_by_name() {
        use Code::*;
        for (more, code, param) in [
            (r#""tools": [{}]"#, UnsupportedParameter, "tools"),
            (r#""tools": {}"#, UnsupportedParameter, "tools"),
            (r#""functions": [{}]"#, UnsupportedParameter, "functions"),
            (r#""tool_choice": "required""#, UnsupportedParameter, "tool_choice"),
            (r#""tool_choice": {"type": "function"}"#, UnsupportedParameter, "tool_choice"),
            (r#""parallel_tool_calls": 1"#, InvalidType, "parallel_tool_calls"),
            (r#""audio": {}"#, UnsupportedParameter, "audio"),
            (r#""store": true"#, UnsupportedParameter, "store"),
            (
                r#""response_format": {"type": "json_object"}"#,
                UnsupportedParameter,
                "response_format",
            ),
            (r#""modalities": ["audio"]"#, UnsupportedParameter, "modalities"),
            (r#""top_logprobs": 1"#, InvalidValue, "top_logprobs"),
            (r#""logprobs": true, "top_logprobs": 21"#, InvalidValue, "top_logprobs"),
            (
                r#""max_tokens": 4, "max_completion_tokens": 5"#,
                InvalidValue,
                "max_completion_tokens",
            ),
            (r#""metadata": {"a": 1}"#, InvalidValue, "metadata"),
            (r#""temprature": 1"#, UnknownParameter, "temprature"),
        ] {
            let fault = one(&format!(", {more}")).unwrap_err();
            assert_eq!((fault.code, fault.param.as_deref()), (code, Some(param)), "{more}");
        }
        for (messages, code, param) in [
            ("1", InvalidType, "messages"),
            ("[]", InvalidValue, "messages"),
            ("[1]", InvalidType, "messages[0]"),
            (r#"[{"content": "a"}]"#, MissingRequiredParameter, "messages[0].role"),
            (r#"[{"role": "user"}]"#, MissingRequiredParameter, "messages[0].content"),
            (r#"[{"role": "root", "content": "a"}]"#, InvalidValue, "messages[0].role"),
            (r#"[{"role": "tool", "content": "a"}]"#, UnsupportedValue, "messages[0].role"),
            (r#"[{"role": 1, "content": "a"}]"#, InvalidType, "messages[0].role"),
            (r#"[{"role": "user", "content": 1}]"#, InvalidType, "messages[0].content"),
            (
                r#"[{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]"#,
                UnsupportedValue,
                "messages[0].content[0].type",
            ),
            (
                r#"[{"role": "user", "content": "a", "name": "b"}]"#,
                UnsupportedParameter,
                "messages[0].name",
            ),
        ] {
            let fault = chat(&format!(r#"{{"messages": {messages}}}"#)).unwrap_err();
            assert_eq!((fault.code, fault.param.as_deref()), (code, Some(param)), "{messages}");
        }
    }
}
