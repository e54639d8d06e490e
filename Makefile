# Everything that a newcomer needs, by name: `make` alone lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash

cargo_deny := 0.20.2
cargo_machete := 0.9.2

# A snapshot that differs fails its test and stays as it is. INSTA_UPDATE=always accepts the new one.
export INSTA_UPDATE ?= no
# More than there are cores, since many tests wait for leases to end and for processes to start.
export RUST_TEST_THREADS ?= 4

# Always with the versions of Cargo.lock, and never with other RUSTFLAGS than the step before: cargo
# would compile everything anew.

.PHONY: help
help: ## Lists all targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: $(if $(shell command -v npm),web) ## Builds and serves a demo; options: make run ARGS="--listen 127.0.0.1:9090"
	cargo run --release --locked -p daybook-api --bin daybook -- serve --demo $(ARGS)

.PHONY: build
build: ## Builds all crates for development
	cargo build --locked --workspace

.PHONY: web
web: api/web/dist/index.html ## Builds the dashboard and GraphiQL, which the binary embeds

api/web/dist/index.html: api/web/node_modules/.package-lock.json schema.graphql $(wildcard api/web/*.*) \
		$(shell find api/web/src api/web/public -type f -not -path '*/generated/*')
	npm run --prefix api/web build

.PHONY: test
test: build clients readers $(if $(ARGS),,browser) ## Runs all tests, with a PostgreSQL server of their own; one: make test ARGS=name
	tests/failures-last tests tests/with-postgres cargo test --locked --workspace $(ARGS)
	$(if $(ARGS),,$(MAKE) test-row-security ARGS="access:: flow:: tenancy::foreign tenancy::roles notes_pages:: quota:: feed_resume::")
	$(if $(ARGS),,tests/failures-last faults tests/with-postgres python3 tests/faults/run.py target/debug/daybook --minutes 1 --subscribers 50 --least 0.1)

.PHONY: test-row-security
test-row-security: build clients readers ## Runs the tests on PostgreSQL again, as a role that does not own the tables
	DAYBOOK_TEST_ROW_SECURITY=1 tests/failures-last row-security tests/with-postgres cargo test --locked -p daybook-tests --test it -- $(or $(ARGS),postgres) --skip sqlite

.PHONY: browser
browser: build web tests/browser/node_modules/.package-lock.json ## Runs only the browser tests
	@[ -n "$(CHROMIUM)" ] || [ -x /usr/bin/chromium ] || tests/tools/install-debian chromium
	tests/failures-last browser node --test --test-concurrency=3 tests/browser/

.PHONY: bench
bench: ## Measures exports of a million entries against psql and sqlite3, in pairs (about 20 minutes)
	@command -v sqlite3 >/dev/null || tests/tools/install-debian sqlite3
	cargo build --release --locked -p daybook-api --bin daybook
	tests/with-postgres python3 tests/bench/exports.py target/release/daybook $(ARGS)

.PHONY: bench-jobs
bench-jobs: ## Measures how jobs are dispatched, drained and canceled, and what an idle server costs
	cargo build --release --locked -p daybook-api --bin daybook
	tests/with-postgres python3 tests/bench/jobs.py target/release/daybook $(ARGS)

.PHONY: faults
faults: readers ## Breaks three nodes and all that they depend on for 15 minutes, and checks that nothing was lost; with a node of an earlier version: make faults OLD=path/to/daybook
	cargo build --release --locked -p daybook-api --bin daybook
	tests/with-postgres python3 tests/faults/run.py target/release/daybook $(if $(OLD),--old $(OLD)) $(ARGS)

.PHONY: bench-costs
bench-costs: ## Measures what an entry, a page and an exported row cost
	cargo build --release --locked -p daybook-api --bin daybook
	tests/with-postgres python3 tests/bench/costs.py target/release/daybook $(ARGS)

.PHONY: bench-subscribers
bench-subscribers: ## Measures the cost of 10,000 subscribers of one process, and the delivery delay
	cargo build --release --locked -p daybook-api --bin daybook
	tests/with-postgres python3 tests/bench/subscribers.py target/release/daybook $(ARGS)

.PHONY: bench-growth
bench-growth: ## Measures a log as it grows and as its start is removed; more: make bench-growth ARGS="--rows 5000000"
	cargo build --release --locked -p daybook-api --bin daybook
	tests/with-postgres python3 tests/bench/growth.py target/release/daybook --words $(ARGS)

.PHONY: bench-refusals
bench-refusals: ## Measures how fast query bombs are refused, and tries a hundred thousand forged links
	cargo build --release --locked -p daybook-api --bin daybook
	python3 tests/bench/refusals.py target/release/daybook $(ARGS)

.PHONY: fuzz
fuzz: fuzz-operations fuzz-subscriptions fuzz-units ## Runs all of the following

.PHONY: fuzz-operations
fuzz-operations: build target/schemathesis/installed ## Tries 2,000 generated operations on a running server (schemathesis)
	target/schemathesis/bin/python tests/fuzz/run.py target/debug/daybook $(ARGS)

target/schemathesis/installed: tests/fuzz/requirements.txt
	@python3 -c 'import ensurepip, venv' 2>/dev/null || tests/tools/install-debian python3-venv
	python3 -m venv target/schemathesis
	target/schemathesis/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

.PHONY: fuzz-subscriptions
fuzz-subscriptions: build ## Tries 2,000 generated subscriptions over WebSockets and server-sent events
	python3 tests/fuzz/subscriptions.py target/debug/daybook $(ARGS)

# The modules called `fuzz`: what reads cursors, IDs, tokens, links, lines of imports, backups and their
# manifests, and what writes cells of CSV. `make test` tries some hundred of each.
.PHONY: fuzz-units
fuzz-units: ## Tries a million of each value that comes from outside; fewer: make fuzz-units CASES=1000
	PROPTEST_CASES=$(or $(CASES),1000000) cargo test --profile fuzz --locked -p daybook-service -p daybook-api --lib -- fuzz::

.PHONY: check
check: format lints docs dependencies web-lints ## Runs all checks: format, lints, docs, dependencies

.PHONY: web-lints
web-lints: api/web/node_modules/.package-lock.json
	npm run --prefix api/web check

.PHONY: format
format:
	cargo fmt --all --check

.PHONY: lints
lints:
	cargo clippy --locked --workspace --all-targets -- -D warnings

.PHONY: docs
docs:
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps

.PHONY: dependencies
dependencies: tools
	cargo deny --locked check bans licenses sources
	cargo machete

# Apart from `check` because RustSec's database is fetched from the internet and changes by the day:
# the same commit would pass today and fail tomorrow.
.PHONY: advisories
advisories: tools ## Checks the dependencies against RustSec's database of vulnerabilities (needs the internet)
	cargo deny --locked check advisories

.PHONY: schema
schema: ## Writes schema.graphql from the code
	@mkdir -p target
	cargo run --locked -p daybook-api --bin daybook -- schema > target/schema.graphql
	mv target/schema.graphql schema.graphql

.PHONY: clean-data
clean-data: ## Deletes ./daybook-data: database, artifacts and secret of a local run
	rm -rf daybook-data

# Installed where this version is missing, about two minutes for both: unoptimized, which takes a third of
# the time, and running them takes seconds either way.
.PHONY: tools
tools: ## Installs cargo-deny and cargo-machete in the versions that the checks use
	@$(call install,cargo-deny,deny,$(cargo_deny))
	@$(call install,cargo-machete,machete,$(cargo_machete))

define install
cargo $(2) --version 2>/dev/null | grep -qwF '$(3)' || \
	CARGO_PROFILE_DEV_DEBUG=0 cargo install --debug --locked $(1)@$(3)
endef

.PHONY: clients
clients: tests/clients/relay/__generated__

# By Relay's compiler, without which its runtime has nothing to ask.
tests/clients/relay/__generated__: tests/clients/node_modules/.package-lock.json tests/clients/relay/documents.js \
		schema.graphql
	npm run --prefix tests/clients compile
	@touch $@

%/node_modules/.package-lock.json: %/package-lock.json
	@command -v npm >/dev/null || tests/tools/install-debian nodejs npm
	npm ci --prefix $*
	@touch $@

# Other programs that read Daybook's files: the tests compare what they find.
.PHONY: readers
readers: target/readers/installed

target/readers/installed: tests/tools/requirements.txt
	@command -v unzip >/dev/null || tests/tools/install-debian unzip
	@ls /usr/lib/*/faketime/libfaketime.so.1 >/dev/null 2>&1 || tests/tools/install-debian faketime
	@command -v pgbouncer >/dev/null || [ -x /usr/sbin/pgbouncer ] || tests/tools/install-debian pgbouncer
	@command -v promtool >/dev/null || tests/tools/install-debian prometheus
	@command -v soffice >/dev/null || tests/tools/install-debian libreoffice-calc
	@python3 -c 'import ensurepip, venv' 2>/dev/null || tests/tools/install-debian python3-venv
	python3 -m venv target/readers
	target/readers/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@
