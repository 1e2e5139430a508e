# demo · test · check · bench: all there is to remember. Each installs or names what it lacks.
SHELL := /bin/bash -euo pipefail
.PHONY: demo test check bench fuzz

# The whole product against a simulated plant, over loopback: `make demo`, Ctrl-C ends it, the next run continues.
# Ports and places: deploy/demo/run --help
demo:
	@deploy/demo/run

# Everything, from a clean clone. SEEDS=50 tries more random faults, SEED=7 repeats one.
test: fuzz
	cargo build --workspace --all-targets --locked
	@if cargo nextest --version >/dev/null 2>&1; \
		then cargo nextest run --workspace --locked && cargo test --workspace --doc --locked; \
		else cargo test --workspace --locked; fi

# Formatting, lints, documentation, licences and bans of dependencies. ADVISORIES=1 also asks the advisory database.
check:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps --locked --quiet
	@cargo deny --version >/dev/null 2>&1 || cargo install cargo-deny --locked --quiet
	cargo deny --log-level error check licenses bans sources $(if $(ADVISORIES),advisories)

# What the product costs and how fast it is, on this machine.
bench:
	cargo build --release --workspace --locked
	@target/release/bench

# Every decoder of foreign bytes, 10 s each; SECONDS_EACH=600 for longer.
fuzz:
	@SECONDS_EACH=$${SECONDS_EACH:-10} protocol/fuzz/run
