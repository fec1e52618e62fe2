# The commands of this project. `make demo` and `make test` do their own set-up on a fresh machine with Rust and a C compiler.

CARGO ?= cargo

.PHONY: demo test check fmt lint peers setup build man bench

## the main job, on the embedded broker and publisher
demo: setup
	$(CARGO) run --locked -- demo

## build everything and pass the tests
test: setup
	$(CARGO) test --locked --no-fail-fast

## exactly what CI runs
check: fmt lint peers test

fmt:
	$(CARGO) fmt --check

lint: setup
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --no-default-features -- -D warnings

## the real programs that tests hold iotcap against; with CI=true a missing one fails the tests that need it
peers: target/paho/bin/python
	./scripts/install-system.sh peers

target/paho/bin/python:
	./scripts/install-system.sh peers
	python3 -m venv target/paho
	target/paho/bin/pip install --quiet --disable-pip-version-check paho-mqtt

setup:
	@./scripts/install-system.sh build

build: setup
	$(CARGO) build --locked --release

## the manual pages and the completions of shells, for packages
man: setup
	$(CARGO) run --locked -- man --to target/man
	mkdir -p target/completions
	for shell in bash zsh fish; do $(CARGO) run --locked --quiet -- completions $$shell > target/completions/iotcap.$$shell || exit 1; done

## frames per second, as ratios to a loop over libpcap that does nothing
bench: setup
	$(CARGO) bench --locked --bench pipeline
