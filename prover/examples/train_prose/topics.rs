//! What the documents of this project say, topic by topic.

/// What can be asked about: its names, and what is said of it, the most important first.
pub(crate) struct Topic {
    pub(crate) names: &'static [&'static str],
    pub(crate) says: &'static [&'static str],
}

const fn topic(names: &'static [&'static str], says: &'static [&'static str]) -> Topic {
    Topic { names, says }
}

pub(crate) const TOPICS: &[Topic] = &[
    topic(
        &["Assay", "this project"],
        &[
            "Assay turns every answer of an AI service into a receipt that anyone checks without trusting a server.",
            "Each step of an operation gets as much proof as is at stake in it.",
        ],
    ),
    topic(
        &["a receipt", "the receipt"],
        &[
            "A receipt says which model ran, on what, under which proof, and what is still taken on trust.",
            "It is checked in a browser tab, in Node or on the command line.",
        ],
    ),
    topic(
        &["a policy", "the policy"],
        &[
            "A policy says what you accept: which models, which measurements, which outcomes.",
            "A receipt is accepted under your policy or refused with a code.",
        ],
    ),
    topic(
        &["the trust bill", "a trust bill"],
        &[
            "The trust bill lists what remains to be believed after every check.",
            "Hardware, an image that was pinned and the setup of a key are on it.",
        ],
    ),
    topic(
        &["a commitment", "commitments"],
        &[
            "A commitment binds a value without showing it.",
            "The commitment to one step's output is the one that the next step consumes.",
        ],
    ),
    topic(
        &["an opening", "openings"],
        &[
            "An opening shows the value of a commitment, with its salt.",
            "A detached opening has the salt alone, and the caller brings the bytes.",
        ],
    ),
    topic(
        &["a nonce", "the nonce"],
        &[
            "A nonce is a number that nobody has seen before; it makes a receipt fresh.",
            "Make your own, and keep it until you verify.",
        ],
    ),
    topic(
        &["tee", "the method tee"],
        &[
            "The method tee shows that an attested enclave image executed the step.",
            "What you still trust is the root of the hardware, and the image that you pinned.",
        ],
    ),
    topic(
        &["zk", "the method zk"],
        &[
            "The method zk shows that the output is the function of this model on this input.",
            "No hardware has to be trusted for it.",
        ],
    ),
    topic(
        &["recompute", "the method recompute"],
        &[
            "With the method recompute the verifier does the step itself.",
            "Nothing has to be trusted for it.",
        ],
    ),
    topic(
        &["an attestation document", "attestation"],
        &[
            "An attestation document is signed by the hardware and says which image runs in the enclave.",
            "It carries the measurements, a nonce and a public key.",
        ],
    ),
    topic(
        &["an enclave", "the enclave"],
        &[
            "An enclave is a machine of its own, with no disk, no network and nobody who can log in.",
            "Its image is measured when it starts.",
        ],
    ),
    topic(
        &["a PCR", "the measurements"],
        &[
            "A PCR is a register that holds a measurement; it can be extended and never set back.",
            "PCR0 to PCR2 are of the image, PCR16 is of the configuration.",
        ],
    ),
    topic(
        &["Groth16", "the proof system"],
        &[
            "Groth16 is a proof system with short proofs and quick verification; here it runs over BLS12-381.",
            "It needs a setup for each circuit.",
        ],
    ),
    topic(
        &["a circuit", "the circuit"],
        &[
            "A circuit is the program of a model, written as constraints over a field.",
            "An integer program says what it means, and both agree on good and bad inputs.",
        ],
    ),
    topic(
        &["a witness", "the witness"],
        &[
            "A witness is the list of values that satisfy a circuit.",
            "Whoever sees it sees the inputs.",
        ],
    ),
    topic(
        &["a proving key", "the setup"],
        &[
            "A proving key is made once for each circuit, by a setup.",
            "Whoever made it alone could make false proofs, so a policy has to accept that in so many words.",
        ],
    ),
    topic(
        &["quantization", "a manifest"],
        &[
            "Quantization turns the numbers of a model into integers, and a manifest says how.",
            "It keeps the fidelity that was asked for.",
        ],
    ),
    topic(
        &["an operation", "the operation"],
        &[
            "An operation is a list of steps that turn inputs into results.",
            "Each step says which model it runs and how it is shown.",
        ],
    ),
    topic(
        &["an outcome", "the outcome"],
        &[
            "An outcome says how an answer ended: stop, length, refused, cancelled or error.",
            "A policy accepts only the outcomes that it lists.",
        ],
    ),
    topic(
        &["the verifier", "verification"],
        &[
            "The verifier takes bytes and gives a report; it has no clock, no file and no network.",
            "It runs as WebAssembly in a page.",
        ],
    ),
    topic(
        &["the prover", "assay serve"],
        &[
            "The prover runs operations and writes their receipts.",
            "It answers over HTTP at once, and attaches proofs when they are ready.",
        ],
    ),
    topic(
        &["a worker", "assay worker"],
        &[
            "A worker makes proofs for the service, here or on another machine.",
            "It is not believed: each proof is verified before it is attached.",
        ],
    ),
    topic(
        &["the development attester", "a development attester"],
        &[
            "The development attester stands in where there is no Nitro hardware.",
            "It has a root of its own, and every report says so.",
        ],
    ),
    topic(
        &["a seed", "the seed"],
        &[
            "A seed settles what is drawn. Unless the client sends one, it follows from nonce and request.",
            "So nobody who relays a request can ask again until the answer pleases.",
        ],
    ),
    topic(
        &["a stream", "streaming"],
        &[
            "A stream sends an answer as it is made, and its receipt as the last event.",
            "A stream that ends without its receipt is an error, not a short answer.",
        ],
    ),
    topic(
        &["the page", "the web page"],
        &[
            "The page shows a receipt: the verdict, the steps, every check and the trust bill.",
            "It works with the network off.",
        ],
    ),
    topic(
        &["tampering", "a changed byte"],
        &[
            "If one byte of a receipt is changed, it is refused with a reason.",
            "Try it on the page, with the button that changes a byte.",
        ],
    ),
    topic(
        &["a model digest", "the digest of a model"],
        &[
            "The digest of a model covers every file that is opened.",
            "A policy names the models that it accepts by their digests.",
        ],
    ),
    topic(
        &["the digits example", "the example"],
        &[
            "The example reads a handwritten digit: libtorch computes features, a proof shows the decision.",
            "The verifier itself picks the greatest.",
        ],
    ),
];
