# Assay. `make help` lists what there is; every target does its own set-up.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

# Downloads and tools, shared by every clone.
ifeq ($(ASSAY_CACHE),)
ASSAY_CACHE := $(HOME)/.cache/assay
endif
export ASSAY_CACHE

CARGO_DENY := 0.20.2
DENY := $(ASSAY_CACHE)/tools/cargo-deny-$(CARGO_DENY)
CARGO_FUZZ := 0.13.2
FUZZ := $(ASSAY_CACHE)/tools/cargo-fuzz-$(CARGO_FUZZ)
# What our measurements are held against.
PEERS := $(ASSAY_CACHE)/tools/peers
# What tokens and chat templates are held against.
REFERENCES := $(ASSAY_CACHE)/tools/llm-references
# OpenAI's client for Python, as its users have it.
OPENAI := $(ASSAY_CACHE)/tools/openai-python

## help: this list
.PHONY: help
help:
	@sed -n 's/^## \([a-z-]*\): /\1\t/p' Makefile | while IFS=$$'\t' read -r name does; do
		printf 'make %-12s %s\n' "$$name" "$$does"
	done

## build: assay and assay-engine, in target/release
.PHONY: build
build: libtorch
	@cargo build --release -p assay-prover --bins
	scripts/place.sh target/release assay assay-engine

## check: formatting, lints, documentation, licences and sources of dependencies, a clean tree
.PHONY: check
check: libtorch $(DENY)/bin/cargo-deny
	@before=$$(scripts/tree.sh)
	cargo fmt --all --check
	cargo fmt --manifest-path enclave-image/builder/Cargo.toml --check
	cargo clippy --release --workspace --all-targets -- -D warnings
	cargo clippy --release -p assay-prover --no-default-features -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --release --workspace --no-deps
	$(DENY)/bin/cargo-deny --log-level warn check bans licenses sources
	scripts/tree.sh "$$before"

# With a folder for its tools, it does not wait for other builds, nor they for it.
## wasm: the npm package of the verifier, in verifier-wasm/dist
.PHONY: wasm
wasm: node_modules/.package-lock.json
	@cargo run --release --target-dir "$${CARGO_TARGET_DIR:-target}/tools" -p xtask -- wasm

## page: the page that shows a receipt, in www/dist
.PHONY: page
page: wasm
	@npm run --silent page

## demo: a digit read, attested, proved and checked in Chromium with the network off; then tampered with
.PHONY: demo
demo: libtorch
	@$(MAKE) -j2 demo-programs page
	scripts/demo.sh

# The service, a third of all there is to build, has no part in the demo.
.PHONY: demo-programs
demo-programs: libtorch
	@cargo build --release -p assay-prover --bins --no-default-features --features libtorch
	scripts/place.sh target/demo-programs assay assay-engine

## test: check and build, then every test
.PHONY: test
test: check build page nitro openai
	@before=$$(scripts/tree.sh)
	cargo test --release --workspace
	npm test --silent
	scripts/tree.sh "$$before"

## openai: OpenAI's clients for Python and Node, for the tests
.PHONY: openai
openai: $(OPENAI)/ready node_modules/.package-lock.json

## soak: kills workers 50 times in the midst of their proofs, fills a small disk 3 times, and counts what is lost
.PHONY: soak
soak: build
	@ASSAY_KILLS=50 cargo test --release -p assay-tests --test service -- --nocapture workers_are_killed
	cargo test --release -p assay-tests --test store -- --ignored --nocapture disk_was_full

## jobs-test: three workers share 200 jobs on PostgreSQL while two of them are killed
.PHONY: jobs-test
jobs-test: build
	@scripts/prerequisites.sh postgres
	scripts/postgres.sh cargo test --release -p assay-prover --lib -- --ignored on_postgres
	scripts/postgres.sh cargo test --release -p assay-tests --test service -- --ignored --nocapture on_postgres

## api-test: schemathesis against the HTTP interface
.PHONY: api-test
api-test: build target/api-venv/ready
	@scripts/api.sh target/api-venv/bin/schemathesis

## eval: accuracy of the example models over their test splits, in floats and as it is proved
.PHONY: eval
eval: build
	@target/release/assay eval models/digits/operation.toml --data models/digits/data

## bench-zk: proving beside ezkl and plain inference; writes BENCHMARKS.md (BENCH='--models NAME --no-peer')
.PHONY: bench-zk
bench-zk: build $(PEERS)/ready
	@cargo build --release -p assay-prover --example time_inference
	scripts/place.sh target/release examples/time_inference
	$(PEERS)/bin/python bench/zk.py $(BENCH)

# What our language models are held against, outside of the workspace.
.PHONY: candle
candle:
	@cargo build --release --manifest-path tests/candle/Cargo.toml --target-dir $(ASSAY_CACHE)/target-candle

## candle-test: logits and tokens of every family of language models beside candle's
.PHONY: candle-test
candle-test: build
	@ASSAY=$$PWD/target/release/assay cargo test --release --manifest-path tests/candle/Cargo.toml --target-dir $(ASSAY_CACHE)/target-candle -- --nocapture

## llm-test: tokens and chat templates beside those of the libraries that models' makers use
.PHONY: llm-test
llm-test: build $(REFERENCES)/ready
	@$(REFERENCES)/bin/python tests/llm/reference.py target/release/assay

## bench-llm: a language model beside candle and plain libtorch, and the share of receipts in a request; to BENCHMARKS.md
.PHONY: bench-llm
bench-llm: build candle
	@cargo build --release -p assay-prover --example time_llama
	scripts/place.sh target/release examples/time_llama
	node scripts/bench-llm.mjs $(ASSAY_CACHE)/target-candle/release/candle-peer

## train-prose: makes models/prose again, from this repository's documents and a grammar (ten minutes)
.PHONY: train-prose
train-prose: build
	@models/prose/train.sh

## train: makes models/digits again, from the data that scikit-learn bundles
.PHONY: train
train: build target/train-venv/ready
	@models/digits/train.sh target/train-venv/bin/python

## removals: takes rules of the verifier and rows of the circuit away, one by one: a test must notice (an hour)
.PHONY: removals
removals: libtorch
	@scripts/removals.py

## nitro: attestation documents of our own making, good and bad, in target/nitro: for the tests in Node
.PHONY: nitro
nitro: libtorch
	@cargo run --release --quiet -p assay-tests --example nitro -- write target/nitro

## bench-attest: time per attestation document, native, in Node and in Chromium, beside JavaScript; to BENCHMARKS.md
.PHONY: bench-attest
bench-attest: nitro wasm
	@node scripts/bench-attest.mjs target/nitro --write

## bench-worst: the receipts that are slowest to refuse, in WebAssembly: milliseconds, as JSON
.PHONY: bench-worst
bench-worst: libtorch wasm
	@cargo run --release --quiet -p assay-tests --example worst target/worst
	node scripts/bench-worst.mjs target/worst

## fuzz: each fuzz target for FUZZ_SECONDS (60), from the committed seeds; with the nightly compiler
FUZZ_SECONDS ?= 60
.PHONY: fuzz
fuzz: $(FUZZ)/bin/cargo-fuzz
	@PATH="$(FUZZ)/bin:$$PATH" scripts/fuzz.sh $(FUZZ_SECONDS)

## enclave: the enclave image and its measurements, in target/enclave
.PHONY: enclave
enclave: libtorch
	@enclave-image/image.sh

## enclave-verify: builds the image and compares it with the published measurements
.PHONY: enclave-verify
enclave-verify: libtorch
	@enclave-image/verify.sh

## enclave-test: builds the image twice, compares, boots it under QEMU and runs an operation in it
.PHONY: enclave-test
enclave-test: libtorch
	@enclave-image/test.sh

## bench-vsock: HTTP into the booted image, emulated; to BENCHMARKS.md
.PHONY: bench-vsock
bench-vsock: libtorch
	@scripts/prerequisites.sh node
	enclave-image/image.sh
	enclave-image/boot.sh cargo run --release --quiet -p assay-tests --example bench_vsock target/enclave/vsock.json
	node scripts/bench-vsock.mjs target/enclave/vsock.json

## clean: removes what the build made; the cache stays
.PHONY: clean
clean:
	@cargo clean
	rm -rf target

# libtorch, unless LIBTORCH says that there is one already.
.PHONY: libtorch
libtorch: prerequisites
ifeq ($(LIBTORCH),)
	@folder=$$(python3 scripts/libtorch.py)
	mkdir -p target
	if [ "$$(readlink target/libtorch)" != "$$folder" ]; then
		ln -sfn "$$folder" target/libtorch
	fi
endif

.PHONY: prerequisites
prerequisites:
	@scripts/prerequisites.sh cargo c python

node_modules/.package-lock.json: package.json package-lock.json
	@scripts/prerequisites.sh node
	# Not `npm ci`: it wants every platform's optional packages in the lock, and not every mirror has them.
	npm install --no-save --no-audit --no-fund --loglevel error
	touch $@

# A build that was interrupted goes on where it was: it has a target folder of its own until it is done.
$(DENY)/bin/cargo-deny:
	@scripts/prerequisites.sh cargo c
	echo 'assay: building cargo-deny $(CARGO_DENY), once for this cache'
	# It runs for seconds: built to be ready soon, not to be fast.
	export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_OPT_LEVEL=1
	install='cargo install cargo-deny --version $(CARGO_DENY) --root $(DENY).part --target-dir $(ASSAY_CACHE)/tools/target'
	$$install --locked || $$install  # a registry mirror that lags may lack a locked version
	rm -rf $(DENY)
	mv $(DENY).part $(DENY)
	rm -rf $(ASSAY_CACHE)/tools/target

$(FUZZ)/bin/cargo-fuzz:
	@scripts/prerequisites.sh cargo c
	echo 'assay: building cargo-fuzz $(CARGO_FUZZ), once for this cache'
	install='cargo install cargo-fuzz --version $(CARGO_FUZZ) --root $(FUZZ).part --target-dir $(ASSAY_CACHE)/tools/target'
	$$install --locked || $$install  # a registry mirror that lags may lack a locked version
	rm -rf $(FUZZ)
	mv $(FUZZ).part $(FUZZ)
	rm -rf $(ASSAY_CACHE)/tools/target

# Python packages, each list in an environment of its own.
target/api-venv/ready: scripts/api-requirements.txt
$(PEERS)/ready: bench/requirements.txt
$(OPENAI)/ready: tests/clients/requirements.txt
$(REFERENCES)/ready: tests/llm/requirements.txt
target/train-venv/ready: models/digits/requirements.txt
$(PEERS)/ready $(OPENAI)/ready $(REFERENCES)/ready target/api-venv/ready target/train-venv/ready:
	@scripts/prerequisites.sh python
	rm -rf $(@D)
	mkdir -p $(@D)
	python3 -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --requirement $<
	touch $@
