//! A tokenizer of pairs of bytes, learnt from the same texts, and the marks of a conversation.

use std::path::Path;

use anyhow::{Result, anyhow};
use tokenizers::{
    AddedToken, DecoderWrapper, ModelWrapper, NormalizerWrapper, PostProcessorWrapper,
    PreTokenizerWrapper, TokenizerImpl,
    models::bpe::{BPE, BpeTrainerBuilder},
    pre_tokenizers::byte_level::ByteLevel,
};

pub(crate) const SYSTEM: &str = "<|system|>";
pub(crate) const USER: &str = "<|user|>";
pub(crate) const ASSISTANT: &str = "<|assistant|>";
pub(crate) const END: &str = "<|end|>";
/// What a conversation is for the model, in Jinja.
pub(crate) const TEMPLATE: &str = "{% for message in messages %}<|{{ message.role }}|>{{ message.content | trim }}<|end|>{% endfor %}\
    {% if add_generation_prompt %}<|assistant|>{% endif %}";

type Inner = TokenizerImpl<
    BPE,
    NormalizerWrapper,
    PreTokenizerWrapper,
    PostProcessorWrapper,
    DecoderWrapper,
>;

pub(crate) struct Tokens(Inner);

impl Tokens {
    pub(crate) fn train<'a>(
        size: i64,
        texts: impl Iterator<Item = &'a String> + Send,
    ) -> Result<Self> {
        let marks = [END, SYSTEM, USER, ASSISTANT];
        let mut trainer = BpeTrainerBuilder::new()
            .show_progress(false)
            .vocab_size(usize::try_from(size)?)
            .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
            .special_tokens(marks.map(|mark| AddedToken::from(mark, true)).to_vec())
            .build();
        let mut inner = Inner::new(BPE::default());
        inner.with_pre_tokenizer(Some(ByteLevel::new(false, true, true)));
        inner.with_decoder(Some(ByteLevel::default()));
        // The marks of a conversation are tokens from the start; pairs are counted in what lies between.
        let pieces = texts.flat_map(|text| {
            marks.iter().fold(vec![text.as_str()], |pieces, mark| {
                pieces.into_iter().flat_map(|piece| piece.split(mark)).collect()
            })
        });
        inner.train(&mut trainer, pieces).map_err(|error| anyhow!(error))?;
        Ok(Self(inner))
    }

    pub(crate) fn encode(&self, text: &str) -> Result<Vec<i64>> {
        let encoded = self.0.encode_fast(text, false).map_err(|error| anyhow!(error))?;
        Ok(encoded.get_ids().iter().copied().map(i64::from).collect())
    }

    /// Texts one after another, each with its end.
    pub(crate) fn stream(&self, texts: &[String]) -> Result<Vec<i64>> {
        let mut stream = Vec::new();
        for text in texts {
            stream.extend(self.encode(text)?);
            stream.extend(self.id(END).map(i64::from));
        }
        Ok(stream)
    }

    pub(crate) fn id(&self, text: &str) -> Option<u32> {
        self.0.token_to_id(text)
    }

    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        let whole: TokenizerImpl<
            ModelWrapper,
            NormalizerWrapper,
            PreTokenizerWrapper,
            PostProcessorWrapper,
            DecoderWrapper,
        > = serde_json::from_str(&serde_json::to_string(&self.0)?)?;
        whole.save(path, false).map_err(|error| anyhow!(error))
    }
}
