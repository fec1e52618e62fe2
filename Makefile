# The commands of this project. `make demo` and `make test` do their own set-up on a fresh machine with Rust and a C compiler.

CARGO ?= cargo

.PHONY: demo test check fmt lint peers setup build man pages deb package bench instructions cost soak fuzz deny

## the main job, on the embedded broker and publisher
demo: setup
	$(CARGO) run --locked -- demo

## build everything and pass the tests
test: setup
	$(CARGO) test --locked --no-fail-fast
	$(CARGO) test --locked --no-fail-fast --features otlp,parquet --lib --test otlp --test archive

## exactly what CI runs
check: fmt lint deny peers test instructions package

fmt:
	$(CARGO) fmt --check

lint: setup
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) clippy --locked --no-default-features -- -D warnings
	$(CARGO) clippy --locked --features otlp,parquet --lib --bins --test otlp --test archive -- -D warnings

## the real programs that tests hold iotcap against; with CI=true a missing one fails the tests that need it
peers: target/paho/.installed target/node/.installed target/spark/.installed target/junit/junit-10.xsd
	./scripts/install-system.sh peers

target/paho/.installed:
	./scripts/install-system.sh peers
	python3 -m venv target/paho
	target/paho/bin/python -m pip install --quiet --disable-pip-version-check paho-mqtt awsiotsdk
	touch $@

target/spark/.installed:
	./scripts/install-system.sh peers
	python3 -m venv target/spark
	target/spark/bin/python -m pip install --quiet --disable-pip-version-check 'pyspark>=4,<5' duckdb pyarrow
	touch $@

target/node/.installed:
	./scripts/install-system.sh peers
	mkdir -p target/node
	npm install --silent --no-fund --no-audit --prefix target/node mqtt@5
	touch $@

# The form of JUnit reports as Jenkins' xUnit plugin publishes it (MIT licence); pytest's source package has a copy.
target/junit/junit-10.xsd: target/paho/.installed
	target/paho/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --no-binary :all: --dest target/junit pytest==8.3.4
	tar -xzf target/junit/pytest-8.3.4.tar.gz -C target/junit --strip-components 3 pytest-8.3.4/testing/example_scripts/junit-10.xsd
	touch $@

setup:
	@./scripts/install-system.sh build

build: setup
	$(CARGO) build --locked --release

PROGRAM ?= target/debug/iotcap

## the manual pages and the completions of shells, for packages
man: setup
	$(CARGO) build --locked
	$(MAKE) --no-print-directory pages

pages:
	mkdir -p target/completions
	$(PROGRAM) man --to target/man
	for shell in bash zsh fish; do $(PROGRAM) completions $$shell > target/completions/iotcap.$$shell || exit 1; done

## a package for Debian, in target/debian
deb: build target/tools/bin/cargo-deb
	$(MAKE) --no-print-directory pages PROGRAM=target/release/iotcap
	target/tools/bin/cargo-deb --locked --no-build --no-dbgsym --strip

## the same with the program as tests have it, looked at by lintian, installed, run, removed and purged in a copy of this system
package: man target/tools/bin/cargo-deb
	mkdir -p target/package
	target/tools/bin/cargo-deb --locked --no-build --no-dbgsym --strip --fast --profile dev --output target/package/iotcap.deb
	./scripts/check-package.sh target/package/iotcap.deb

## instructions a frame, held to benches/instructions.toml: fails above 5 %
instructions: setup
	$(CARGO) bench --locked --bench instructions

## frames per second of the analysis, and the whole program beside a loop over libpcap that does nothing
bench: setup
	$(CARGO) bench --locked --bench pipeline
	$(CARGO) bench --locked --bench endtoend

## processor time of a live capture beside tcpdump's, as root
cost: setup
	$(CARGO) test --locked --release --test live -- --ignored --nocapture cost

## floods at their full size, captures damaged by the thousand (IOTCAP_DAMAGES copies of each), the daemon for ten minutes under
## load and through a million SYNs (as root), and each property of tests/invariance.rs ten thousand times: about an hour
soak: setup
	$(CARGO) test --locked --release --test floods -- --ignored --nocapture --test-threads 1
	$(CARGO) test --locked --release --test daemon -- --ignored --nocapture soak
	$(CARGO) test --locked --release --test damaged -- --ignored --nocapture
	IOTCAP_FLOOD=1000000 $(CARGO) test --locked --release --test daemon -- --nocapture --test-threads 1 flood
	PROPTEST_CASES=10000 $(CARGO) test --locked --release --test invariance

FUZZ_SECONDS ?= 900
FUZZ_TARGETS ?= reader decode capture tls certificate keylog decrypt mqtt scenario config report

## each fuzz target for FUZZ_SECONDS, one after the other; needs a nightly compiler and cargo-fuzz
fuzz: setup
	IOTCAP_FUZZ_SEEDS=$(CURDIR)/fuzz/seeds $(CARGO) test --locked --test fuzz_corpus
	set -e; for target in $(FUZZ_TARGETS); do \
	  mkdir -p fuzz/seeds/$$target; \
	  (cd fuzz && $(CARGO) +nightly fuzz run $$target corpus/$$target seeds/$$target -- \
	    -max_total_time=$(FUZZ_SECONDS) -max_len=65536 -timeout=20 -print_final_stats=1); \
	done

## licences, sources and unused dependencies, by the tools that are made for it; tests/supply.rs holds most of it without them.
## Not what is known of weaknesses (cargo-deny's advisories): that asks the network
deny: target/tools/bin/cargo-deny target/tools/bin/cargo-machete
	target/tools/bin/cargo-deny check licenses bans sources
	target/tools/bin/cargo-machete --skip-target-dir

target/tools/bin/%:
	$(CARGO) install --locked --quiet --debug --root target/tools $*
