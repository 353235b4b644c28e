//! Small networks of all ops, at random.

use super::{
    ModelProto, NodeProto, TensorProto, floats, int64s, model, node, raw_floats, with_float,
    with_int, with_ints,
};

/// A network from a seed, with the shape of its input.
pub(crate) fn network_of_all_ops(seed: u64) -> (ModelProto, [usize; 4]) {
    let mut dice = Dice(seed);
    let shape = [1, 1 + dice.below(3), 2 + dice.below(4), 2 + dice.below(4)];
    let mut writer = Writer { dice, nodes: vec![], tensors: vec![], multiplied: false };
    let mut value = Value { name: "x".into(), shape };
    let mut earlier = vec![];
    for _ in 0..2 + writer.dice.below(5) {
        let next = writer.step(&value, &earlier);
        earlier.push(core::mem::replace(&mut value, next));
    }
    let count: usize = value.shape.iter().product();
    writer.nodes.push(node("Flatten", &[&value.name], "flat"));
    let weights = writer.numbers("wy", &[count, 2]);
    let bias = writer.numbers("by", &[2]);
    writer.nodes.push(node("Gemm", &["flat", &weights, &bias], "y"));
    let dims = shape.map(|dim| dim as i64);
    (model(&dims, writer.nodes, writer.tensors), shape)
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

#[derive(Clone)]
struct Value {
    name: String,
    shape: [usize; 4],
}

struct Writer {
    dice: Dice,
    nodes: Vec<NodeProto>,
    tensors: Vec<TensorProto>,
    /// Products double the bits: one is enough.
    multiplied: bool,
}

impl Writer {
    /// A constant of numbers in [-1, 1).
    fn numbers(&mut self, name: &str, dims: &[usize]) -> String {
        let count = dims.iter().product();
        let values: Vec<f32> =
            (0..count).map(|_| self.dice.below(256) as f32 / 128.0 - 1.0).collect();
        let dims: Vec<i64> = dims.iter().map(|dim| *dim as i64).collect();
        let name = format!("{name}{}", self.tensors.len());
        self.tensors.push(raw_floats(&name, &dims, &values));
        name
    }

    fn add(&mut self, node: NodeProto, shape: [usize; 4]) -> Value {
        let name = node.output[0].clone();
        self.nodes.push(node);
        Value { name, shape }
    }

    fn step(&mut self, x: &Value, earlier: &[Value]) -> Value {
        let out = format!("out{}", self.nodes.len());
        let simple = |op: &str| node(op, &[&x.name], &out);
        let [_, channels, height, width] = x.shape;
        let same = earlier.iter().rev().find(|value| value.shape == x.shape).unwrap_or(x).clone();
        match self.dice.below(14) {
            0..=2 => self.conv(x, &out),
            3 => self.add(simple("Relu"), x.shape),
            4 => self.add(with_float(simple("LeakyRelu"), "alpha", 0.125), x.shape),
            5 => {
                let bounds = [("lo", [-0.5, 0.0][self.dice.below(2)]), ("hi", 1.5)];
                let names = bounds.map(|(name, bound)| {
                    let name = format!("{name}{}", self.tensors.len());
                    self.tensors.push(floats(&name, &[], &[bound]));
                    name
                });
                self.add(node("Clip", &[&x.name, &names[0], &names[1]], &out), x.shape)
            }
            6 | 7 => {
                let op = ["MaxPool", "AveragePool"][self.dice.below(2)];
                let kernel =
                    [1 + self.dice.below(2.min(height)), 1 + self.dice.below(2.min(width))];
                let pads = kernel.map(|size| self.dice.below(size));
                let strides = [1 + self.dice.below(2), 1 + self.dice.below(2)];
                let list = |list: &[usize]| list.iter().map(|x| *x as i64).collect::<Vec<_>>();
                let pool = with_ints(simple(op), "kernel_shape", &list(&kernel));
                let pool = with_ints(pool, "pads", &list(&[pads[0], pads[1], 0, 0]));
                let pool = with_ints(pool, "strides", &list(&strides));
                let pool = match op {
                    "AveragePool" => with_int(pool, "count_include_pad", self.dice.below(2) as i64),
                    _ => pool,
                };
                let side =
                    |size: usize, at: usize| (size + pads[at] - kernel[at]) / strides[at] + 1;
                self.add(pool, [1, channels, side(height, 0), side(width, 1)])
            }
            8 => self.add(node("Add", &[&x.name, &same.name], &out), x.shape),
            9 => self.add(node("Sub", &[&same.name, &x.name], &out), x.shape),
            10 if !self.multiplied => {
                self.multiplied = true;
                self.add(node("Mul", &[&x.name, &same.name], &out), x.shape)
            }
            10 | 11 => {
                let names = ["s", "b", "m", "v"].map(|name| self.numbers(name, &[channels]));
                let variance = self.tensors.last_mut().unwrap();
                variance.raw_data =
                    (0..channels).flat_map(|at| (0.5 + at as f32).to_le_bytes()).collect();
                let [s, b, m, v] = &names;
                self.add(node("BatchNormalization", &[&x.name, s, b, m, v], &out), x.shape)
            }
            12 => {
                let turned = with_ints(simple("Transpose"), "perm", &[0, 1, 3, 2]);
                self.add(turned, [1, channels, width, height])
            }
            _ => {
                let pads = format!("pads{}", self.tensors.len());
                self.tensors.push(int64s(&pads, &[8], &[0, 0, 1, 0, 0, 0, 0, 0]));
                self.add(node("Pad", &[&x.name, &pads], &out), [1, channels, height + 1, width])
            }
        }
    }

    fn conv(&mut self, x: &Value, out: &str) -> Value {
        let [_, channels, height, width] = x.shape;
        let grouped = self.dice.below(2) == 0;
        let (groups, outputs) =
            if grouped { (channels, channels) } else { (1, 1 + self.dice.below(3)) };
        let kernel = [1 + self.dice.below(3.min(height)), 1 + self.dice.below(3.min(width))];
        let pads = [self.dice.below(2), self.dice.below(2)];
        let stride = 1 + self.dice.below(2);
        let weights = self.numbers("k", &[outputs, channels / groups, kernel[0], kernel[1]]);
        let bias = self.numbers("c", &[outputs]);
        let conv = with_int(node("Conv", &[&x.name, &weights, &bias], out), "group", groups as i64);
        let pad = [pads[0] as i64, 0, 0, pads[1] as i64];
        let conv = with_ints(with_ints(conv, "pads", &pad), "strides", &[stride as i64; 2]);
        let side = |size: usize, at: usize| (size + pads[at] - kernel[at]) / stride + 1;
        self.add(conv, [1, outputs, side(height, 0), side(width, 1)])
    }
}
