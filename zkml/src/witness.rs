//! Fills the wires of a circuit from the integers of its program.

use ark_bls12_381::Fr;
use ark_ff::{BigInteger as _, Field as _, PrimeField as _};
use assay_verifier::{ids::Salt, poseidon};

use crate::{
    Error, circuit,
    circuit::{assign_bits, assign_sponge},
    manifest::Visibility,
    program::{Interval, Node, Op, Program, Rescale, candidates, half, shift_bits, shift_right},
};

/// Values for every wire of a circuit, and the outputs they stand for.
#[derive(Clone)]
pub struct Witness {
    pub(crate) wires: Vec<Fr>,
    public_inputs: usize,
    outputs: Vec<Vec<i64>>,
}

impl Witness {
    /// The public inputs: `context`, then those of every input and output.
    pub fn public_inputs(&self) -> &[Fr] {
        &self.wires[1..=self.public_inputs]
    }

    /// All wires as iden3's `.wtns`, version 2: what `snarkjs wtns check` reads beside the circuit.
    /// It holds every secret of the witness.
    pub fn to_wtns(&self) -> Vec<u8> {
        let count = u32::try_from(self.wires.len()).expect("circuits have fewer than 2^32 wires");
        let mut bytes = b"wtns".to_vec();
        for number in [2u32, 2, 1] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.extend(40u64.to_le_bytes());
        bytes.extend(32u32.to_le_bytes());
        bytes.extend(Fr::MODULUS.to_bytes_le());
        bytes.extend(count.to_le_bytes());
        bytes.extend(2u32.to_le_bytes());
        bytes.extend((32 * u64::from(count)).to_le_bytes());
        for wire in &self.wires {
            bytes.extend(wire.into_bigint().to_bytes_le());
        }
        bytes
    }

    /// The integers of the outputs.
    pub fn outputs(&self) -> &[Vec<i64>] {
        &self.outputs
    }
}

/// Values are secret: only their number is shown.
impl core::fmt::Debug for Witness {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Witness").field("wires", &self.wires.len()).finish_non_exhaustive()
    }
}

/// Runs the program and fills the wires in the order of [`circuit`].
pub(crate) fn assign(
    program: &Program,
    context: Fr,
    inputs: &[(Salt, Vec<i64>)],
    output_salts: &[Salt],
) -> Result<Witness, Error> {
    let expected = program.outputs.len();
    if output_salts.len() != expected {
        return Err(Error::SaltCount { expected, found: output_salts.len() });
    }
    let salts: Vec<Salt> =
        inputs.iter().map(|(salt, _)| *salt).chain(output_salts.iter().copied()).collect();
    for (second, salt) in salts.iter().enumerate() {
        if let Some(first) = salts[..second].iter().position(|earlier| earlier == salt) {
            return Err(Error::SaltReused { first, second });
        }
    }
    let integers: Vec<Vec<i64>> = inputs.iter().map(|(_, integers)| integers.clone()).collect();
    let trace = program.trace(&integers)?;
    fill(program, context, &salts, &trace)
}

/// Fills the wires from the results of all nodes, believing them: the rows find what is false.
pub(crate) fn fill(
    program: &Program,
    context: Fr,
    salts: &[Salt],
    trace: &[Vec<i64>],
) -> Result<Witness, Error> {
    let public_inputs = program.public_inputs();
    let mut wires = vec![Fr::from(1u64), context];
    wires.resize(public_inputs + 1, Fr::from(0u64));
    wires.push(context * context);
    let mut public = Vec::with_capacity(public_inputs - 1);
    let (input_salts, output_salts) = salts.split_at(program.inputs.len());

    // Lowering puts the inputs first, in order.
    for ((input, salt), values) in program.inputs.iter().zip(input_salts).zip(trace) {
        if input.visibility == Visibility::Public {
            public.extend(values.iter().copied().map(Fr::from));
            wires.push(values.iter().copied().map(Fr::from).sum());
            continue;
        }
        let (bits, exact) = circuit::input_bits(input.range);
        wires.push(poseidon::salt_element(salt));
        for value in values {
            wires.push(Fr::from(*value));
            assign_bits(&mut wires, value - input.range.low(), bits);
            if !exact {
                assign_bits(&mut wires, input.range.high() - value, bits);
            }
        }
        public.push(commit(&mut wires, &input.kind, salt, values, false)?);
    }
    for (node, results) in program.nodes.iter().zip(trace) {
        gadgets(&mut wires, program, node, trace, results)?;
    }
    let mut outputs = Vec::with_capacity(program.outputs.len());
    for (output, salt) in program.outputs.iter().zip(output_salts) {
        if output.visibility == Visibility::Committed {
            wires.push(poseidon::salt_element(salt));
        }
        let sums = &trace[output.node];
        if output.shift > 0 {
            for (sum, bound) in sums.iter().zip(&program.nodes[output.node].bounds) {
                let (offset, bits) = circuit::output_bits(*bound, output.shift);
                assign_bits(&mut wires, sum + offset, bits);
            }
        }
        let values: Vec<i64> = sums.iter().map(|sum| shift_right(*sum, output.shift)).collect();
        match output.visibility {
            Visibility::Committed => {
                public.push(commit(&mut wires, &output.kind, salt, &values, output.shift == 0)?);
            }
            Visibility::Public => {
                public.extend(poseidon::pack(&output.kind, &output.kind.bytes_of(&values)?)?);
            }
        }
        outputs.push(values);
    }
    wires[circuit::CONTEXT + 1..=public_inputs].copy_from_slice(&public);
    Ok(Witness { wires, public_inputs, outputs })
}

/// The wires of a node's gadgets.
fn gadgets(
    wires: &mut Vec<Fr>,
    program: &Program,
    node: &Node,
    trace: &[Vec<i64>],
    results: &[i64],
) -> Result<(), Error> {
    match &node.op {
        Op::ArgMax { input, size, inner } => {
            for at in 0..results.len() {
                let operands: Vec<_> = candidates(at, *size, *inner).collect();
                let mut index = 0;
                if operands.len() == 1 {
                    wires.push(Fr::from(0u64));
                }
                compare(
                    wires,
                    node,
                    program,
                    *input,
                    &trace[*input],
                    &operands,
                    |wires, at, above| {
                        index = if above { index } else { at };
                        wires.push(Fr::from(index));
                    },
                )?;
            }
        }
        Op::Input { .. } | Op::Linear { .. } | Op::Select { .. } | Op::Sum { .. } => {}
        Op::Materialize { .. } | Op::Product { .. } => {
            wires.extend(results.iter().copied().map(Fr::from));
        }
        Op::Max { input, window } => {
            for at in 0..results.len() {
                let operands = window.operands(at);
                compare(wires, node, program, *input, &trace[*input], &operands, |_, _, _| {})?;
            }
        }
        Op::Requantize { input, rescale } => {
            let sums = trace[*input].iter().zip(&program.nodes[*input].bounds);
            for (at, ((sum, bound), result)) in sums.zip(results).enumerate() {
                let bits = shift_bits(&node.name, *bound, rescale.shift)?;
                let zeros = program.zeros(*input, at, rescale.shift);
                let offset = sum + half(rescale.shift) + (1 << (bits - 1));
                assign_bits(wires, offset >> zeros, bits - zeros);
                if rescale.relu {
                    clamp(wires, offset, bits, *bound, *rescale);
                }
                wires.push(Fr::from(*result));
            }
        }
    }
    Ok(())
}

/// The wires of a clamp, for a number whose offset has `bits` bits.
fn clamp(wires: &mut Vec<Fr>, offset: i64, bits: u32, bound: Interval, rescale: Rescale) {
    let kept = bits - 1 - rescale.shift;
    let excess = circuit::excess_bits(kept, bound, rescale);
    if excess == 0 {
        return;
    }
    let kept = (offset >> rescale.shift) & ((1 << kept) - 1);
    let low = kept & rescale.ceiling();
    let ones = (kept ^ low).count_ones();
    // Nothing to invert: any number will do, and this one is sent by every honest prover.
    wires.push(Fr::from(ones).inverse().unwrap_or_default());
    wires.push(Fr::from(ones > 0));
    wires.push(Fr::from(if ones > 0 { rescale.ceiling() } else { low }));
}

/// The wires of comparing numbers one after the other; `then` is told the index of each but the
/// first, and whether those before it are as large.
fn compare(
    wires: &mut Vec<Fr>,
    node: &Node,
    program: &Program,
    input: usize,
    values: &[i64],
    operands: &[usize],
    mut then: impl FnMut(&mut Vec<Fr>, u64, bool),
) -> Result<(), Error> {
    let bounds = &program.nodes[input].bounds;
    let (mut largest, mut bound) = (values[operands[0]], bounds[operands[0]]);
    for (at, operand) in (1..).zip(&operands[1..]) {
        let (low, high) = bound.minus(bounds[*operand]);
        let bits = shift_bits(&node.name, Interval::new(&node.name, low, high)?, 0)?;
        let difference = largest - values[*operand];
        assign_bits(wires, difference + (1 << (bits - 1)), bits);
        wires.push(Fr::from(difference.max(0)));
        then(wires, at, difference >= 0);
        bound = bound.larger(bounds[*operand]);
        largest = largest.max(values[*operand]);
    }
    Ok(())
}

fn commit(
    wires: &mut Vec<Fr>,
    kind: &assay_verifier::value::TensorType,
    salt: &Salt,
    values: &[i64],
    packed_are_wires: bool,
) -> Result<Fr, Error> {
    let packed = poseidon::pack(kind, &kind.bytes_of(values)?)?;
    if packed_are_wires {
        wires.extend(&packed);
    }
    let mut absorbed = vec![poseidon::salt_element(salt)];
    absorbed.extend(packed);
    Ok(assign_sponge(wires, poseidon::domain(kind), &absorbed))
}
