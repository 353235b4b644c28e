//! Fills the wires of a circuit from the integers of its program.

use ark_bls12_381::Fr;
use ark_ff::{BigInteger as _, PrimeField as _};
use assay_verifier::{ids::Salt, poseidon};

use crate::{
    Error, circuit,
    circuit::{assign_bits, assign_sponge},
    program::{Op, Program, half, shift_bits, shift_right},
};

/// Values for every wire of a circuit, and the outputs they stand for.
#[derive(Clone)]
pub struct Witness {
    pub(crate) wires: Vec<Fr>,
    public_inputs: usize,
    outputs: Vec<Vec<i64>>,
}

impl Witness {
    /// The public inputs: `context`, then a commitment per input and per output.
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
    let public_inputs = 1 + program.inputs.len() + program.outputs.len();
    let mut wires = vec![Fr::from(1u64), context];
    wires.resize(public_inputs + 1, Fr::from(0u64));
    wires.push(context * context);
    let mut commitments = Vec::with_capacity(public_inputs - 1);
    let (input_salts, output_salts) = salts.split_at(program.inputs.len());

    // Lowering puts the inputs first, in order.
    for ((input, salt), values) in program.inputs.iter().zip(input_salts).zip(trace) {
        let (bits, low) = circuit::slot(&input.kind);
        wires.push(poseidon::salt_element(salt));
        for value in values {
            wires.push(Fr::from(*value));
            assign_bits(&mut wires, value - low, bits);
            for (bits, difference) in circuit::range_checks(input) {
                assign_bits(&mut wires, difference.value(*value), bits);
            }
        }
        commitments.push(commit(&mut wires, &input.kind, salt, values)?);
    }
    for (node, results) in program.nodes.iter().zip(trace) {
        let Op::Requantize { input, shift, .. } = &node.op else { continue };
        let sums = trace[*input].iter().zip(&program.nodes[*input].bounds);
        for ((sum, bound), result) in sums.zip(results) {
            let bits = shift_bits(&node.name, *bound, *shift)?;
            assign_bits(&mut wires, sum + half(*shift) + (1 << (bits - 1)), bits);
            wires.push(Fr::from(*result));
        }
    }
    let mut outputs = Vec::with_capacity(program.outputs.len());
    for (output, salt) in program.outputs.iter().zip(output_salts) {
        let (bits, low) = circuit::slot(&output.kind);
        wires.push(poseidon::salt_element(salt));
        let sums = &trace[output.node];
        for sum in sums {
            let offset = sum + half(output.shift) - (low << output.shift);
            assign_bits(&mut wires, offset, output.shift + bits);
        }
        let values: Vec<i64> = sums.iter().map(|sum| shift_right(*sum, output.shift)).collect();
        commitments.push(commit(&mut wires, &output.kind, salt, &values)?);
        outputs.push(values);
    }
    wires[circuit::CONTEXT + 1..=public_inputs].copy_from_slice(&commitments);
    Ok(Witness { wires, public_inputs, outputs })
}

fn commit(
    wires: &mut Vec<Fr>,
    kind: &assay_verifier::value::TensorType,
    salt: &Salt,
    values: &[i64],
) -> Result<Fr, Error> {
    let mut absorbed = vec![poseidon::salt_element(salt)];
    absorbed.extend(poseidon::pack(kind, &kind.bytes_of(values)?)?);
    Ok(assign_sponge(wires, poseidon::domain(kind), &absorbed))
}
