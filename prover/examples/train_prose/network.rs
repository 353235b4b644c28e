//! A Llama to learn with: the whole sequence at once, no cache.

use tch::{
    Device, Kind, Tensor,
    nn::{self, Init},
};

pub(crate) const EPSILON: f64 = 1e-5;
pub(crate) const THETA: f64 = 10_000.0;

/// The dimensions of a Llama.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) vocabulary: i64,
    pub(crate) hidden: i64,
    pub(crate) inner: i64,
    pub(crate) layers: i64,
    pub(crate) heads: i64,
    pub(crate) kv_heads: i64,
}

/// Weights, in their store by the names that Hugging Face gives them with `|` for each dot; the embedding is the head, too.
pub(crate) struct Network {
    shape: Shape,
    embedding: Tensor,
    layers: Vec<[Tensor; 9]>,
    norm: Tensor,
    cosines: Tensor,
    sines: Tensor,
}

impl Network {
    pub(crate) fn new(root: &nn::Path<'_>, shape: Shape, context: i64) -> Self {
        let Shape { vocabulary, hidden, inner, layers, heads, kv_heads } = shape;
        let dim = hidden / heads;
        let normal = |stdev| Init::Randn { mean: 0.0, stdev };
        let small = 0.02 / (2.0 * layers as f64).sqrt();
        let matrix = |name: &str, rows: i64, columns: i64, stdev: f64| {
            root.var(&name.replace('.', "|"), &[rows, columns], normal(stdev))
        };
        let ones = |name: &str| root.ones(&name.replace('.', "|"), &[hidden]);
        let layer = |layer: i64| {
            let named = |name: &str| format!("model.layers.{layer}.{name}.weight");
            [
                matrix(&named("self_attn.q_proj"), hidden, hidden, 0.02),
                matrix(&named("self_attn.k_proj"), kv_heads * dim, hidden, 0.02),
                matrix(&named("self_attn.v_proj"), kv_heads * dim, hidden, 0.02),
                matrix(&named("self_attn.o_proj"), hidden, hidden, small),
                matrix(&named("mlp.gate_proj"), inner, hidden, 0.02),
                matrix(&named("mlp.up_proj"), inner, hidden, 0.02),
                matrix(&named("mlp.down_proj"), hidden, inner, small),
                ones(&named("input_layernorm")),
                ones(&named("post_attention_layernorm")),
            ]
        };
        let options = (Kind::Float, Device::Cpu);
        let powers = Tensor::arange_start_step(0, dim, 2, options) / dim as f64;
        let frequencies = (powers * -THETA.ln()).exp();
        let angles = Tensor::arange(context, options).outer(&frequencies);
        let angles = Tensor::cat(&[&angles, &angles], 1);
        Self {
            shape,
            embedding: matrix("model.embed_tokens.weight", vocabulary, hidden, 0.02),
            layers: (0..layers).map(layer).collect(),
            norm: ones("model.norm.weight"),
            cosines: angles.cos(),
            sines: angles.sin(),
        }
    }

    /// `[batch, tokens]` to logits, `[batch, tokens, vocabulary]`.
    pub(crate) fn forward(&self, tokens: &Tensor) -> Tensor {
        let mut states = Tensor::embedding(&self.embedding, tokens, -1, false, false);
        for layer in &self.layers {
            states = self.layer(layer, &states);
        }
        self.normed(&states, &self.norm).matmul(&self.embedding.tr())
    }

    fn layer(&self, layer: &[Tensor; 9], states: &Tensor) -> Tensor {
        let [q, k, v, o, gate, up, down, first, second] = layer;
        let Shape { hidden, heads, kv_heads, .. } = self.shape;
        let (batch, length, _) = states.size3().expect("three dimensions");
        let dim = hidden / heads;
        let x = self.normed(states, first);
        let split = |matrix: &Tensor, heads: i64| {
            x.matmul(&matrix.tr()).view([batch, length, heads, dim]).transpose(1, 2)
        };
        let queries = self.turned(&split(q, heads));
        let repeat = |t: &Tensor| t.repeat_interleave_self_int(heads / kv_heads, 1, None);
        let keys = repeat(&self.turned(&split(k, kv_heads)));
        let values = repeat(&split(v, kv_heads));
        let none = None::<Tensor>;
        let taken = Tensor::scaled_dot_product_attention(
            &queries, &keys, &values, none, 0.0, true, None, false,
        );
        let taken = taken.transpose(1, 2).reshape([batch, length, hidden]);
        let states = states + taken.matmul(&o.tr());
        let x = self.normed(&states, second);
        let inner = x.matmul(&gate.tr()).silu() * x.matmul(&up.tr());
        states + inner.matmul(&down.tr())
    }

    fn normed(&self, states: &Tensor, weight: &Tensor) -> Tensor {
        states.rms_norm([self.shape.hidden], Some(weight), EPSILON)
    }

    /// Pairs of a head's numbers, a number and its like in the other half, turned by their position.
    fn turned(&self, heads: &Tensor) -> Tensor {
        let size = heads.size();
        let (length, half) = (size[2], size[3] / 2);
        let (low, high) = (heads.narrow(3, 0, half), heads.narrow(3, half, half));
        let others = Tensor::cat(&[-high, low], 3);
        heads * self.cosines.narrow(0, 0, length) + others * self.sines.narrow(0, 0, length)
    }
}
