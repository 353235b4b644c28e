//! Operations of one step: a model, proved.

use std::time::{Duration, Instant};

use assay_verifier::{
    Commitment, Error as Refusal, Expected, UnixMillis,
    card::Card,
    evidence::Evidence,
    groth16::context,
    ids::{ModelDigest, Name, Salt},
    operation::{Function, Method, Methods, NonceClaim, Operation, Settings, Step, ValueEntry},
    policy::Policy,
    receipt::{Opening, Receipt},
    value::{TensorType, Type},
};
use assay_zkml::{Compiled, OsRng, Timed, prove_timed};

use crate::{error::Error, keys::Keys, random};

/// A receipt that its own verification accepted.
pub struct Proved {
    /// The receipt.
    pub receipt: Receipt,
    /// Running the program, committing to values, and filling the wires.
    pub witness: Duration,
    /// Making the proof.
    pub proof: Duration,
    /// Verifying the receipt.
    pub verify: Duration,
}

struct Value {
    name: Name,
    kind: Type,
    integers: Vec<i64>,
    bytes: Vec<u8>,
    salt: Salt,
}

/// Runs a model on integers and proves it. All values are opened in the receipt. Errors: inputs that
/// the model does not take; a key of another circuit, or one that was changed; a receipt that its own
/// verification refuses.
pub fn prove(
    compiled: &Compiled,
    model: ModelDigest,
    keys: &Keys,
    inputs: Vec<Vec<i64>>,
    nonce: NonceClaim,
    now: UnixMillis,
) -> Result<Proved, Error> {
    let begun = Instant::now();
    let program = compiled.program();
    let outputs = program.run(&inputs)?;
    let mut values = salted("input", program.input_types(), inputs)?;
    let count = values.len();
    values.extend(salted("output", program.output_types(), outputs)?);
    let mut receipt = Receipt::new(operation(model, keys, nonce, &values, count)?)?;
    let digest = receipt.digest();
    let (taken, given) = values.split_at(count);
    let taken: Vec<_> = taken.iter().map(|value| (value.salt, value.integers.clone())).collect();
    let salts: Vec<_> = given.iter().map(|value| value.salt).collect();
    let witness = compiled.witness(context(&digest, 0), &taken, &salts)?;
    let filled = begun.elapsed();

    let Timed { proof, proving, verifying: _ } =
        prove_timed(&keys.proving, compiled, &witness, &mut OsRng)?;
    receipt.attach(Evidence::Zk { proof: Box::new(proof), step: 0 });
    receipt.add_card(keys.card.clone());
    for (index, value) in (0u32..).zip(&values) {
        let bytes = Some(value.bytes.clone());
        receipt.open(Opening { value: index, salt: value.salt, bytes });
    }

    // It must convince its own maker: under the policy that it teaches, with the inputs that were given.
    let policy = Policy::learn(&receipt)?.reviewed_by_its_owner();
    let inputs = values.iter().take(count).map(|value| (value.name.clone(), value.bytes.clone()));
    let expected = Expected { nonce: None, values: inputs.collect() };
    let bytes = receipt.to_bytes();
    let begun = Instant::now();
    assay_verifier::verify(&bytes, &policy, now, &expected)?;
    Ok(Proved { receipt, witness: filled, proof: proving, verify: begun.elapsed() })
}

/// Values named for their place: `input` where there is one, else `input-0`, `input-1`, ….
fn salted<'a>(
    called: &str,
    kinds: impl Iterator<Item = &'a TensorType>,
    integers: Vec<Vec<i64>>,
) -> Result<Vec<Value>, Error> {
    let one = integers.len() == 1;
    let named = |index: usize| if one { called.to_owned() } else { format!("{called}-{index}") };
    let values = kinds.zip(integers).enumerate().map(|(index, (kind, integers))| {
        Ok(Value {
            name: Name::new(&named(index))?,
            bytes: kind.bytes_of(&integers)?,
            kind: Type::Tensor(kind.clone()),
            integers,
            salt: random::salt()?,
        })
    });
    values.collect()
}

fn operation(
    model: ModelDigest,
    keys: &Keys,
    nonce: NonceClaim,
    values: &[Value],
    inputs: usize,
) -> Result<Operation, Error> {
    let indices: Vec<u32> = (0u32..).take(values.len()).collect();
    let (taken, given) = indices.split_at(inputs);
    let steps = vec![Step {
        name: Name::new("model")?,
        function: Function::Model(model),
        settings: Settings::new(),
        inputs: taken.to_vec(),
        outputs: given.to_vec(),
        methods: Methods::of(&[Method::Zk]),
        card: Some(Card::digest(&keys.card)),
    }];
    let entries = (0u32..).zip(values).map(|(index, value)| {
        let algorithm = Operation::algorithm_of(&steps, index);
        let commitment = Commitment::to(algorithm, &value.kind, &value.salt, &value.bytes)?;
        Ok(ValueEntry { name: value.name.clone(), kind: value.kind.clone(), commitment })
    });
    Ok(Operation {
        name: Name::new("model")?,
        run: random::run_id()?,
        nonce,
        outcome: Name::new("complete")?,
        values: entries.collect::<Result<_, Refusal>>()?,
        steps,
    })
}
