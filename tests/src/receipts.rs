//! A whole receipt of an operation with one attested, one proved and one recomputed step, whose
//! every secret is known: the session key, the attester's root, the proving key's trapdoor.
//!
//! So a test can play the liar who holds a genuine enclave and prover as well as the one who only
//! changes bytes.

pub mod cases;
pub mod exchange;
pub mod hostile;
pub mod raw;
pub mod vector;

use ark_bls12_381::Fr;
use assay_verifier::{
    Commitment, Expected,
    card::{Card, Port, Setup, Visibility},
    evidence::{Evidence, session_user_data, tee_message, tee_statement},
    groth16::context,
    ids::{CircuitDigest, ManifestDigest, ModelDigest, Name, Nonce, OperationDigest, RunId, Salt},
    operation::{Function, Method, Methods, NonceClaim, Operation, Setting, Step, ValueEntry},
    policy::Policy,
    receipt::{Opening, Receipt},
    value::{Dtype, TensorType, Type},
};
use p384::ecdsa::{Signature, SigningKey, signature::Signer as _};

use crate::{
    nitro::{TIMESTAMP, World, key},
    trapdoor::Trapdoor,
};

/// Everything that goes into a receipt.
pub struct Fixture {
    /// The operation's name.
    pub name: Name,
    /// Its run id.
    pub run: RunId,
    /// Its nonce.
    pub nonce: NonceClaim,
    /// Its outcome.
    pub outcome: Name,
    /// Its steps.
    pub steps: Vec<Step>,
    /// Its values.
    pub values: Vec<Value>,
    /// The values that are disclosed.
    pub disclosed: Vec<u32>,
    /// The card of step 1; its digest is put into every step that promises `zk`.
    pub card: Card,
    /// The secrets of the card's key.
    pub trapdoor: Trapdoor,
    /// The attestation document in the making.
    pub world: World,
    /// The session's key.
    pub session: SigningKey,
    /// The steps that the enclave signs for.
    pub attested: Vec<u32>,
    /// The steps that a second enclave, of other code, signs for.
    pub attested_by_another: Vec<u32>,
    /// Whether the operation has a document of its own in place of a session.
    pub own_document: bool,
}

/// A value with its salt.
#[derive(Clone)]
pub struct Value {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub kind: Type,
    /// Its salt.
    pub salt: Salt,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// The verifier's clock: two seconds after the document.
pub const NOW: u64 = TIMESTAMP + 2000;

/// Index of the attested step.
pub const FEATURES: u32 = 0;
/// Index of the proved step.
pub const HEAD: u32 = 1;
/// Index of the recomputed step.
pub const DIGIT: u32 = 2;

impl Default for Fixture {
    fn default() -> Self {
        let values = vec![
            value("image", Dtype::U8, &[1, 1, 2, 2], -4, &[0, 16, 7, 3]),
            value("features", Dtype::I8, &[1, 4], -4, &[-3, 0, 77, 5]),
            value("logits", Dtype::I32, &[1, 3], -11, &[-70_000, 42, 1_234_567]),
            value("digit", Dtype::I32, &[1], 0, &[2]),
        ];
        let (features, head) = (ModelDigest::new([0xf0; 32]), ModelDigest::new([0x4e; 32]));
        let trapdoor = Trapdoor::new(3, 1);
        let card = Card {
            key: trapdoor.key_bytes(),
            circuit: CircuitDigest::new([0xc1; 32]),
            model: head,
            manifest: ManifestDigest::new([0x3a; 32]),
            compiler: "assay-zkml/0".to_owned(),
            inputs: vec![port(&values[1], Visibility::Committed)],
            outputs: vec![port(&values[2], Visibility::Committed)],
            setup: Setup::SingleParty,
        };
        let threads = (name("threads"), Setting::Int(1));
        let steps = vec![
            Step {
                settings: [threads].into(),
                ..step("features", Function::Model(features), 0, 1, &[Method::Tee])
            },
            step("head", Function::Model(head), 1, 2, &[Method::Zk]),
            step("digit", Function::Glue(name("argmax")), 2, 3, &[Method::Recompute]),
        ];
        Self {
            name: name("digits"),
            run: RunId::new([7; 16]),
            nonce: NonceClaim::Client(nonce(0xaa)),
            outcome: name("complete"),
            steps,
            values,
            disclosed: vec![0, 2, 3],
            card,
            trapdoor,
            world: World::default(),
            session: key("session"),
            attested: vec![FEATURES],
            attested_by_another: Vec::new(),
            own_document: false,
        }
    }
}

impl Fixture {
    /// The operation, with commitments as the format demands. Panics on one that breaks an
    /// invariant: such are made from bytes, see [`raw`].
    pub fn operation(&self) -> Operation {
        let mut steps = self.steps.clone();
        for step in &mut steps {
            let zk = step.methods.contains(Method::Zk);
            step.card = zk.then(|| Card::digest(&self.card.to_bytes()));
        }
        let values = (0u32..).zip(&self.values).map(|(index, value)| {
            let algorithm = Operation::algorithm_of(&steps, index);
            let commitment = Commitment::to(algorithm, &value.kind, &value.salt, &value.bytes);
            ValueEntry {
                name: value.name.clone(),
                kind: value.kind.clone(),
                commitment: commitment.expect("a value of its type"),
            }
        });
        Operation {
            name: self.name.clone(),
            run: self.run,
            nonce: self.nonce.clone(),
            outcome: self.outcome.clone(),
            values: values.collect(),
            steps: steps.clone(),
        }
    }

    /// The receipt, with all evidence made for its operation.
    pub fn receipt(&self) -> Receipt {
        let mut receipt = Receipt::new(self.operation()).expect("an operation in the format");
        let digest = receipt.digest();
        if !self.attested.is_empty() {
            receipt.attach(self.attest(&digest));
        }
        if !self.attested_by_another.is_empty() {
            receipt.attach(self.other_enclave().attest(&digest));
        }
        for (index, step) in (0u32..).zip(&self.steps) {
            if step.methods.contains(Method::Zk) {
                receipt.attach(self.prove(&digest, index));
                receipt.add_card(self.card.to_bytes());
            }
        }
        for index in &self.disclosed {
            receipt.open(self.opening(*index));
        }
        receipt
    }

    /// The receipt's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.receipt().to_bytes()
    }

    /// The enclave's evidence for an operation.
    pub fn attest(&self, operation: &OperationDigest) -> Evidence {
        let mut world = World {
            chain: self.world.chain.clone(),
            pcrs: self.world.pcrs.clone(),
            timestamp: self.world.timestamp,
            ..World::default()
        };
        let steps = self.attested.clone();
        if self.own_document {
            world.public_key = None;
            world.user_data = Some(tee_statement(operation, &steps).to_vec());
            world.nonce = self.nonce.nonce().map(|nonce| nonce.as_bytes().to_vec());
            return Evidence::TeeDocument { document: world.document(), steps };
        }
        let public_key = self.session.verifying_key().to_sec1_point(false);
        world.user_data = Some(session_user_data(public_key.as_bytes()).to_vec());
        world.public_key = Some(public_key.as_bytes().to_vec());
        world.nonce = None;
        let signature: Signature = self.session.sign(&tee_message(operation, &steps));
        let signature = Box::new(signature.to_bytes().into());
        Evidence::TeeSession { document: world.document(), signature, steps }
    }

    /// The second enclave: other registers, another session, its own steps.
    pub fn other_enclave(&self) -> Self {
        let mut other = Self {
            session: key("other session"),
            attested: self.attested_by_another.clone(),
            own_document: self.own_document,
            nonce: self.nonce.clone(),
            ..Self::default()
        };
        for (_, register) in &mut other.world.pcrs {
            register[47] ^= 0xff;
        }
        other
    }

    /// An operation that is no chain: `logits` feeds two steps, `summary` is of two values, and the
    /// last step is attested by another enclave than the first.
    pub fn branched() -> Self {
        let mut fixture = Self::default();
        let (ranking, summary, note) = (4, 5, 6);
        fixture.values.extend([
            value("ranking", Dtype::I32, &[2], 0, &[2, 1]),
            value("summary", Dtype::I32, &[3], 0, &[2, 2, 1]),
            value("note", Dtype::I8, &[1, 2], -3, &[7, -7]),
        ]);
        let glue = |text| Function::Glue(name(text));
        let one = |called, text, output| step(called, glue(text), 2, output, &[Method::Recompute]);
        let audit = Function::Model(ModelDigest::new([0xad; 32]));
        fixture.steps.extend([
            Step {
                settings: [(name("k"), Setting::Int(2))].into(),
                ..one("ranking", "top-k", ranking)
            },
            Step {
                settings: [(name("axis"), Setting::Int(0))].into(),
                inputs: vec![3, ranking],
                ..one("summary", "concat", summary)
            },
            Step { inputs: vec![0, summary], ..step("audit", audit, 0, note, &[Method::Tee]) },
        ]);
        fixture.disclosed = vec![0, 2, 3, ranking, summary, note];
        fixture.attested_by_another = vec![5];
        fixture
    }

    /// The head's features listed among the public inputs, its logits packed, both disclosed.
    pub fn public() -> Self {
        let mut fixture = Self::default();
        let [features, logits] = [&fixture.values[1], &fixture.values[2]];
        fixture.card.inputs = vec![port(features, Visibility::Listed { low: -3, high: 77 })];
        fixture.card.outputs = vec![port(logits, Visibility::Packed)];
        fixture.disclosed = vec![0, 1, 2, 3];
        fixture.trapdoor = Trapdoor::new(fixture.card.public_inputs(), 1);
        fixture.card.key = fixture.trapdoor.key_bytes();
        fixture
    }

    /// Twenty more steps under the head's card, which has 200 listed elements among its public inputs.
    pub fn many_of_one_card() -> Self {
        let mut fixture = Self::default();
        let features: Vec<i64> = (0..200).map(|x| x % 80 - 3).collect();
        fixture.values[1] = value("features", Dtype::I8, &[200], -4, &features);
        fixture.card.inputs =
            vec![port(&fixture.values[1], Visibility::Listed { low: -3, high: 77 })];
        fixture.disclosed = vec![0, 1, 2, 3];
        fixture.trapdoor = Trapdoor::new(fixture.card.public_inputs(), 1);
        fixture.card.key = fixture.trapdoor.key_bytes();
        for number in 0..20 {
            let mut more = fixture.steps[HEAD as usize].clone();
            let mut logits = fixture.values[2].clone();
            more.name = name(&format!("more-{number}"));
            logits.name = more.name.clone();
            more.outputs = vec![fixture.values.len() as u32];
            fixture.disclosed.push(fixture.values.len() as u32);
            fixture.values.push(logits);
            fixture.steps.push(more);
        }
        fixture
    }

    /// A proof for a step of an operation.
    pub fn prove(&self, operation: &OperationDigest, index: u32) -> Evidence {
        let claims = self.operation();
        let step = &claims.steps[index as usize];
        let mut statement = vec![context(operation, index)];
        let ports = self.card.inputs.iter().chain(&self.card.outputs);
        for (value, port) in step.inputs.iter().chain(&step.outputs).zip(ports) {
            let commitment = claims.value(*value).expect("a value of the table").commitment;
            let Value { kind, bytes, .. } = &self.values[*value as usize];
            let integers = kind.tensor().and_then(|tensor| tensor.integers(bytes).ok());
            let integers = integers.unwrap_or_default();
            match port.visibility {
                Visibility::Committed => {
                    statement.push(commitment.element().expect("a Poseidon commitment"));
                }
                Visibility::Listed { .. } => statement.extend(integers.into_iter().map(Fr::from)),
                // As FORMAT.md §2.5 says of i32: 7 slots of 32 bits, the first lowest.
                Visibility::Packed => statement.extend(integers.chunks(7).map(|slots| {
                    slots.iter().rev().fold(Fr::from(0u64), |packed, integer| {
                        packed * Fr::from(1u64 << 32) + Fr::from(integer + (1 << 31))
                    })
                })),
            }
        }
        Evidence::Zk { proof: Box::new(self.trapdoor.prove(&statement, 3)), step: index }
    }

    /// The opening of a value.
    pub fn opening(&self, index: u32) -> Opening {
        let value = &self.values[index as usize];
        Opening { value: index, salt: value.salt, bytes: Some(value.bytes.clone()) }
    }

    /// The policy that its owner would write after reading what the receipt teaches.
    pub fn policy(&self) -> serde_json::Value {
        let learned = Policy::learn(&self.receipt()).expect("a receipt in order");
        let text = learned.reviewed_by_its_owner().to_json();
        serde_json::from_str(&text).expect("a policy is JSON")
    }

    /// What the caller sent: the image.
    pub fn expected(&self) -> Expected {
        let image = &self.values[0];
        Expected { nonce: None, values: [(image.name.clone(), image.bytes.clone())].into() }
    }
}

/// A name.
pub fn name(text: &str) -> Name {
    Name::new(text).expect("a name inside the grammar")
}

/// A port for this value.
pub fn port(value: &Value, visibility: Visibility) -> Port {
    Port { kind: value.kind.clone(), visibility }
}

/// A nonce of 32 equal bytes.
pub fn nonce(byte: u8) -> Nonce {
    Nonce::new(&[byte; 32]).expect("32 bytes")
}

/// A tensor value with a salt of its own.
pub fn value(called: &str, dtype: Dtype, shape: &[u32], scale: i8, integers: &[i64]) -> Value {
    let tensor = TensorType::new(dtype, shape, scale).expect("a type in bounds");
    let bytes = tensor.bytes_of(integers).expect("integers of the type");
    let mut salt = [0x5a; 31];
    salt[..called.len()].copy_from_slice(called.as_bytes());
    Value { name: name(called), kind: Type::Tensor(tensor), salt: Salt::new(salt), bytes }
}

fn step(called: &str, function: Function, input: u32, output: u32, methods: &[Method]) -> Step {
    Step {
        name: name(called),
        function,
        settings: Default::default(),
        inputs: vec![input],
        outputs: vec![output],
        methods: Methods::of(methods),
        card: None,
    }
}
