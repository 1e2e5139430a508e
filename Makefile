# demo · test · check · bench: all there is to remember. Each installs or names what it lacks.
SHELL := /bin/bash -euo pipefail
.PHONY: demo pages test check bench fuzz

# The whole product against a simulated plant, over loopback: `make demo`, Ctrl-C ends it, the next run continues.
# Ports and places: deploy/demo/run --help
demo:
	@deploy/demo/run

# The dashboard and the station page, which the programs carry inside them.
pages: node_modules/.package-lock.json
	npm run --silent build

node_modules/.package-lock.json: package-lock.json
	@command -v npm >/dev/null || { echo "the pages are built with Node.js 20.19 or newer and npm: install them first" >&2; exit 1; }
	PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --silent

# Everything, from a clean clone. SEEDS=50 tries more random faults, SEED=7 repeats one. TEST_SERVER=timescaledb
# runs central's tests on TimescaleDB, where it is installed.
test: pages fuzz target/tools/bin/schemathesis
	npm run --silent test
	cargo build --workspace --all-targets --locked
	@if cargo nextest --version >/dev/null 2>&1; \
		then cargo nextest run --workspace --locked && cargo test --workspace --doc --locked; \
		else cargo test --workspace --locked; fi
	npm run --silent browse --workspace tests/browser

# What asks the API for everything that its document describes and rules out.
target/tools/bin/schemathesis: Makefile
	@python3 -c 'import ensurepip' 2>/dev/null || { echo "python3-venv is needed: apt install python3-venv" >&2; exit 1; }
	python3 -m venv target/tools
	target/tools/bin/pip install --quiet --disable-pip-version-check schemathesis==4.32.5
	@touch $@

# Formatting, lints, documentation, licences and bans of dependencies. ADVISORIES=1 also asks the advisory database.
check: node_modules/.package-lock.json
	npm run --silent check
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS=-Dwarnings cargo doc --workspace --no-deps --locked --quiet
	@cargo deny --version >/dev/null 2>&1 || cargo install cargo-deny --locked --quiet
	cargo deny --log-level error check licenses bans sources $(if $(ADVISORIES),advisories)

# What the product costs and how fast it is, on this machine.
bench: pages
	cargo build --release --workspace --locked
	@target/release/bench

# Every decoder of foreign bytes, 10 s each; SECONDS_EACH=600 for longer.
fuzz:
	@SECONDS_EACH=$${SECONDS_EACH:-10} protocol/fuzz/run
