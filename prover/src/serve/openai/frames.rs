//! How an answer is written: as one body, or as a stream of server-sent events.
//!
//! Nothing in it comes from a clock or from chance: equal answers are equal bytes. `created` is 0, since an
//! enclave has no clock that it could vouch for; the receipt has the attested time.

use assay_verifier::ids::OperationDigest;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    fault::Fault,
    logprobs::{ChatLogprobs, TextLogprobs, TokenView},
};
use crate::llm::generation::Finish;

/// Whose form an answer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `/v1/chat/completions`.
    Chat,
    /// `/v1/completions`.
    Text,
}

/// Writes one answer.
#[derive(Clone, Debug)]
pub(super) struct Frames {
    form: Form,
    id: String,
    model: String,
    /// Whether a stream tells the number of tokens.
    usage: bool,
    /// Characters so far, where the form counts them.
    offset: usize,
}

/// How many tokens an answer took.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(super) struct UsageView {
    completion_tokens: u32,
    prompt_tokens: u32,
    total_tokens: u32,
}

impl UsageView {
    pub(super) const fn new(prompt_tokens: u32, completion_tokens: u32) -> Self {
        let total_tokens = prompt_tokens.saturating_add(completion_tokens);
        Self { completion_tokens, prompt_tokens, total_tokens }
    }
}

/// An answer in one piece, or an event of a stream.
#[derive(Serialize, ToSchema)]
pub(super) struct AnswerView<'a> {
    id: &'a str,
    /// `chat.completion`, `chat.completion.chunk` or `text_completion`.
    object: &'static str,
    /// 0: no clock is vouched for.
    created: u32,
    /// The model's name.
    model: &'a str,
    /// One, or none where an event tells only what was used.
    choices: Vec<ChoiceView<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<UsageView>)]
    usage: Option<Option<UsageView>>,
    /// In the last event of a stream.
    #[serde(skip_serializing_if = "Option::is_none")]
    assay_receipt: Option<ReceiptView<'a>>,
}

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum ChoiceView<'a> {
    Delta {
        index: u32,
        delta: Delta<'a>,
        logprobs: Option<ChatLogprobs>,
        finish_reason: Option<&'static str>,
    },
    Message {
        index: u32,
        message: MessageView<'a>,
        logprobs: Option<ChatLogprobs>,
        finish_reason: Option<&'static str>,
    },
    Text {
        index: u32,
        text: &'a str,
        logprobs: Option<TextLogprobs>,
        finish_reason: Option<&'static str>,
    },
}

#[derive(Default, Serialize, ToSchema)]
struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
}

#[derive(Serialize, ToSchema)]
struct MessageView<'a> {
    role: &'static str,
    content: &'a str,
    /// Null: there is no such thing here.
    refusal: Option<&'static str>,
}

/// The receipt of a stream. FORMAT.md §11.4.
#[derive(Serialize, ToSchema)]
pub(super) struct ReceiptView<'a> {
    /// The operation's digest.
    id: String,
    /// CBOR in base64.
    receipt: &'a str,
}

impl Frames {
    pub(super) fn new(form: Form, id: &str, model: &str, usage: bool) -> Self {
        let id = match form {
            Form::Chat => format!("chatcmpl-{id}"),
            Form::Text => format!("cmpl-{id}"),
        };
        Self { form, id, model: model.to_owned(), usage, offset: 0 }
    }

    /// The whole answer.
    pub(super) fn body(
        &mut self,
        text: &str,
        tokens: Option<Vec<TokenView>>,
        finish: Finish,
        usage: UsageView,
    ) -> Vec<u8> {
        let finish_reason = Some(reason(finish));
        let (object, choice) = match self.form {
            Form::Chat => {
                let message = MessageView { role: "assistant", content: text, refusal: None };
                let logprobs = tokens.map(ChatLogprobs::new);
                let choice = ChoiceView::Message { index: 0, message, logprobs, finish_reason };
                ("chat.completion", choice)
            }
            Form::Text => {
                let logprobs = tokens.map(|tokens| TextLogprobs::new(tokens, &mut self.offset));
                ("text_completion", ChoiceView::Text { index: 0, text, logprobs, finish_reason })
            }
        };
        let view = AnswerView { usage: Some(Some(usage)), ..self.view(object, vec![choice]) };
        written(&view)
    }

    /// What a stream begins with.
    pub(super) fn opening(&self) -> Option<Vec<u8>> {
        let delta = Delta { role: Some("assistant"), content: Some("") };
        (self.form == Form::Chat).then(|| {
            let choice = ChoiceView::Delta { index: 0, delta, logprobs: None, finish_reason: None };
            self.event(&self.chunk(choice))
        })
    }

    /// More text, and the tokens that it is of, where they are told.
    pub(super) fn piece(&mut self, text: &str, tokens: Option<Vec<TokenView>>) -> Vec<u8> {
        let choice = match self.form {
            Form::Chat => {
                let delta = Delta { role: None, content: Some(text) };
                let logprobs = tokens.map(ChatLogprobs::new);
                ChoiceView::Delta { index: 0, delta, logprobs, finish_reason: None }
            }
            Form::Text => {
                let logprobs = tokens.map(|tokens| TextLogprobs::new(tokens, &mut self.offset));
                ChoiceView::Text { index: 0, text, logprobs, finish_reason: None }
            }
        };
        self.event(&self.chunk(choice))
    }

    /// The end of the text, and the number of tokens, where it is told.
    pub(super) fn end(&self, finish: Finish, usage: UsageView) -> Vec<u8> {
        let mut bytes = self.event(&self.chunk(self.nothing(Some(reason(finish)))));
        if self.usage {
            let view =
                AnswerView { usage: Some(Some(usage)), ..self.view(self.chunks(), Vec::new()) };
            bytes.extend(self.event(&view));
        }
        bytes
    }

    /// Something failed on the way.
    pub(super) fn fault(&self, fault: &Fault) -> Vec<u8> {
        event(&fault.body())
    }

    /// The receipt, and the end of the stream. No part of what the receipt covers.
    pub(super) fn receipt(&self, id: OperationDigest, base64: &str) -> Vec<u8> {
        let receipt = ReceiptView { id: id.to_string(), receipt: base64 };
        // Clients look at the first choice without asking whether there is one: there is, and it says nothing.
        let view = AnswerView { assay_receipt: Some(receipt), ..self.chunk(self.nothing(None)) };
        [&b"event: assay.receipt\n"[..], &self.event(&view), b"data: [DONE]\n\n"].concat()
    }

    fn nothing(&self, finish_reason: Option<&'static str>) -> ChoiceView<'_> {
        match self.form {
            Form::Chat => ChoiceView::Delta {
                index: 0,
                delta: Delta::default(),
                logprobs: None,
                finish_reason,
            },
            Form::Text => ChoiceView::Text { index: 0, text: "", logprobs: None, finish_reason },
        }
    }

    const fn chunks(&self) -> &'static str {
        match self.form {
            Form::Chat => "chat.completion.chunk",
            Form::Text => "text_completion",
        }
    }

    fn chunk<'a>(&'a self, choice: ChoiceView<'a>) -> AnswerView<'a> {
        AnswerView { usage: self.usage.then_some(None), ..self.view(self.chunks(), vec![choice]) }
    }

    fn view<'a>(&'a self, object: &'static str, choices: Vec<ChoiceView<'a>>) -> AnswerView<'a> {
        let (id, model) = (&*self.id, &*self.model);
        AnswerView { id, object, created: 0, model, choices, usage: None, assay_receipt: None }
    }

    fn event(&self, view: &AnswerView<'_>) -> Vec<u8> {
        event(&written(view))
    }
}

/// An event without a name. JSON as we write it has no line breaks.
fn event(data: &[u8]) -> Vec<u8> {
    [&b"data: "[..], data, b"\n\n"].concat()
}

fn written(view: &AnswerView<'_>) -> Vec<u8> {
    serde_json::to_vec(view).unwrap_or_default() // text keys only, and memory does not fail
}

/// OpenAI's word.
const fn reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Length => "length",
        Finish::Stop => "stop",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_ends_with_its_receipt() {
        let mut frames = Frames::new(Form::Chat, "7", "prose", true);
        let id = OperationDigest::new([0xab; 32]);
        let whole = [
            frames.opening().unwrap(),
            frames.piece("event: assay.receipt\n", None),
            frames.end(Finish::Stop, UsageView::new(3, 2)),
            frames.receipt(id, "AAAA"),
        ];
        let text = String::from_utf8(whole.concat()).unwrap();
        let events: Vec<_> = text.split_terminator("\n\n").collect();
        assert_eq!(events.len(), 6, "{text}");
        // What the model says cannot look like the receipt's line.
        let marks = text.lines().filter(|line| *line == "event: assay.receipt").count();
        assert_eq!(marks, 1, "{text}");
        assert!(events[4].starts_with("event: assay.receipt\ndata: {"), "{text}");
        assert_eq!(events[5], "data: [DONE]");
        let data = events[4].lines().nth(1).unwrap().strip_prefix("data: ").unwrap();
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["assay_receipt"]["id"], "ab".repeat(32));
        assert_eq!(data["choices"][0]["delta"], serde_json::json!({}));
        assert!(events[3].contains(r#""choices":[],"usage":{"completion_tokens":2"#), "{text}");
        assert!(events[2].contains(r#""finish_reason":"stop""#), "{text}");
    }

    #[test]
    fn a_body_is_what_clients_expect() {
        let mut frames = Frames::new(Form::Text, "7", "prose", false);
        let body = frames.body("a", None, Finish::Length, UsageView::new(3, 1));
        assert_eq!(
            String::from_utf8(body).unwrap(),
            r#"{"id":"cmpl-7","object":"text_completion","created":0,"model":"prose","choices":[{"index":0,"text":"a","logprobs":null,"finish_reason":"length"}],"usage":{"completion_tokens":1,"prompt_tokens":3,"total_tokens":4}}"#
        );
    }
}
