# One way to run everything. `make help` lists the targets.
MONIPY_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/monipy
export MONIPY_CACHE
CARGO ?= cargo

.DEFAULT_GOAL := help

.PHONY: help
help: ## Lists the targets.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## A supervisor is barged into a live call and heard: contact centre, call and listener in one go.
	$(CARGO) run --locked -p contact-center --bin demo

.PHONY: test
test: ## Everything: Rust, C, C++, Python, Node, real servers, fuzzing; ends with a summary line.
	python3 tests/tools/run_all.py

.PHONY: check
check: ## The quick part of the tests: formatting, lints, the Rust suites.
	python3 tests/tools/run_all.py --only format lint rust

.PHONY: interop
interop: ## Tries monipy with servers and browsers that others wrote; writes docs/interop.md.
	python3 tests/tools/run_all.py --only interop
	python3 tests/tools/interop_table.py

.PHONY: bench
bench: ## Prints what things cost: a table and a JSON line a figure.
	python3 tests/tools/bench.py

.PHONY: generate
generate: ## Writes the header, the types and the reference pages from the vocabulary.
	$(CARGO) run --locked -p monipy-generate
	$(CARGO) run --locked -q -p contact-center --bin contact-center -- --print-page scenarios > docs/contact-center-scenarios.md
	$(CARGO) run --locked -q -p contact-center --bin contact-center -- --print-page openapi > docs/contact-center-openapi.json

.PHONY: fuzz
fuzz: ## Fuzzes every parser, SECONDS each (default 300).
	python3 tests/tools/fuzz.py --seconds $(or $(SECONDS),300)

.PHONY: faults
faults: ## The network's faults against a real client in network namespaces (root, Linux).
	python3 tests/faults/run.py

.PHONY: asan
asan: ## The core's and the hostile peers' tests under AddressSanitizer (a build of its own).
	CARGO_PROFILE_DEV_DEBUG=0 CARGO_INCREMENTAL=0 RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address CARGO_TARGET_DIR=$(MONIPY_CACHE)/target-asan $(CARGO) test --locked --target x86_64-unknown-linux-gnu -p monipy-core -p monipy-tests --lib --test audio --test media --test sip_message --test sip_ua --test hostile

.PHONY: quality
quality: ## Scores the receive path (PESQ and delay) over network traces and draws a picture.
	tests/quality/run.sh

.PHONY: fmt
fmt: ## Formats the Rust code.
	$(CARGO) fmt --all

-include monipy-ffi/install.mk
