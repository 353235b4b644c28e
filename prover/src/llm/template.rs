//! Chat templates, in Jinja as `transformers` runs it: its settings, its filters, its functions, Python's methods.
//!
//! A template is the model's, its messages are the client's: neither may take the service with it. So its
//! instructions are counted, its output is bounded, and it sees no clock.

mod python;

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, Write},
};

use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value, syntax::SyntaxConfig};

use super::Error;

/// A template that parses.
pub(super) struct Template(Environment<'static>);

/// What a template is filled with.
pub(super) struct Filling<'a> {
    pub(super) messages: &'a Value,
    pub(super) tools: Option<&'a Value>,
    /// Whether the answer is to begin.
    pub(super) begin: bool,
    /// `bos_token` and its like.
    pub(super) tokens: &'a [(String, String)],
}

impl Template {
    /// Parses. Errors: no template, or one too long.
    pub(super) fn read(source: &str) -> Result<Self, Error> {
        let invalid = |why: String| Error::TemplateInvalid { why };
        if source.len() > MOST_SOURCE {
            return Err(invalid(format!("{} bytes, {MOST_SOURCE} may be", source.len())));
        }
        let mut environment = Environment::new();
        environment.set_syntax(
            SyntaxConfig::builder()
                .trim_blocks(true)
                .lstrip_blocks(true)
                .build()
                .map_err(|error| invalid(error.to_string()))?,
        );
        environment.set_undefined_behavior(UndefinedBehavior::Lenient);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_recursion_limit(64);
        environment.set_fuel(Some(FUEL));
        environment.set_formatter(python::print);
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_filter("tojson", python::tojson);
        environment.add_function(
            "raise_exception",
            |why: String| -> Result<Value, minijinja::Error> {
                let raised = Raised(why);
                Err(minijinja::Error::new(ErrorKind::InvalidOperation, "raised")
                    .with_source(raised))
            },
        );
        environment
            .add_template_owned(NAME, source.to_owned())
            .map_err(|error| invalid(error.to_string()))?;
        Ok(Self(environment))
    }

    /// The text that a conversation is for the model. Errors: what the template itself refuses, in its
    /// words; too many instructions; too much output.
    pub(super) fn fill(&self, filling: &Filling<'_>) -> Result<String, Error> {
        let failed = |error: minijinja::Error| match raised(&error) {
            Some(why) => Error::TemplateRefuses { why },
            None => Error::TemplateFailed { why: why(&error) },
        };
        let template = self.0.get_template(NAME).map_err(failed)?;
        let texts =
            filling.tokens.iter().map(|(name, text)| (name.as_str(), Value::from(text.as_str())));
        let mut context: BTreeMap<&str, Value> = texts.collect();
        context.extend([
            ("messages", filling.messages.clone()),
            ("tools", filling.tools.cloned().unwrap_or(Value::from(()))),
            ("documents", Value::from(())),
            ("add_generation_prompt", filling.begin.into()),
        ]);
        let mut output = Bounded(Vec::new());
        template.render_captured_to(Value::from(context), &mut output).map_err(failed)?;
        String::from_utf8(output.0)
            .map_err(|error| Error::TemplateFailed { why: error.to_string() })
    }
}

/// Output that ends.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MOST_OUTPUT {
            return Err(io::Error::other(format!("more than {MOST_OUTPUT} bytes come out")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What a template says where it refuses.
#[derive(Debug)]
struct Raised(String);

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Raised {}

fn raised(error: &minijinja::Error) -> Option<String> {
    causes(error).find_map(|cause| cause.downcast_ref::<Raised>().map(|raised| raised.0.clone()))
}

fn why(error: &minijinja::Error) -> String {
    let deepest = causes(error).last().map(ToString::to_string);
    match deepest {
        Some(deepest) => format!("{error}: {deepest}"),
        None => error.to_string(),
    }
}

fn causes(error: &minijinja::Error) -> impl Iterator<Item = &(dyn std::error::Error + 'static)> {
    std::iter::successors(std::error::Error::source(error), |cause| cause.source())
}

const NAME: &str = "chat";
/// Vendors' templates have up to some 10,000 bytes.
const MOST_SOURCE: usize = 1 << 18;
/// More bytes than the longest contexts have room for.
const MOST_OUTPUT: usize = 1 << 24;
/// Instructions: a message takes some tens, so that thousands of messages pass.
const FUEL: u64 = 2_000_000;

#[cfg(test)]
mod tests;
