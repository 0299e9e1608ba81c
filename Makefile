# docker2cri: what a person types. Everything is set up by these targets; `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# On every core, a file in one process: what shares a thing of the machine (a port, the user database) or is made once for a file stays together.
# Not by --dist loadgroup: with pytest 9.2 pytest-xdist 3.8 does not group and does not say so (pytest-xdist issue 1386).
SIDE_BY_SIDE := --numprocesses auto --maxprocesses 8 --dist loadfile

.PHONY: help demo test test-fast fuzz e2e-full check format docs bench clean
.DEFAULT_GOAL := help

help:  ## This list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed; $(PYTHON) is older"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed: on Debian and Ubuntu, apt-get install python3-venv"; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: $(READY)  ## The whole story on captured real nodes: no cluster, no root, a report at the end
	@sh tools/demo.sh

test: $(READY)  ## Everything that can run here; what is skipped is named with its reason
	@# those of the lab share one cluster: in one process, one after the other; they run whether the others pass or not
	@failed=0; set -x; \
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m 'not lab' || failed=$$?; \
	$(BIN)/python -m pytest -m lab || failed=$$?; \
	exit $$failed

test-fast: $(READY)  ## The tests that need neither the lab nor an sshd
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -m 'not lab and not ssh'

fuzz: $(READY)  ## Mutated inputs for every parser and decoder, for SECONDS=600 (a bounded run is among the tests)
	$(BIN)/python -m tests.fuzz --seconds $(or $(SECONDS),600) $(if $(SEED),--seed $(SEED))

e2e-full: $(READY)  ## Every fault on real nodes of the lab (needs make lab; an hour or so); writes docs/faults.md
	FULL=1 $(BIN)/python -m pytest -q -m full
	for version in 1.7 2.3 2.4; do $(BIN)/python -m tests.lab containerd --version $$version || exit 1; done
	$(BIN)/python -m pytest -q -m lab tests/e2e/test_containerd.py tests/targets/test_containerd_2.py tests/targets/test_containerd_files.py
	$(BIN)/python -m tests.e2e.faults
	[ -z "$$LAB_CRIO_DIR" ] || $(BIN)/python -m tests.e2e.faults --to crio

check: $(READY)  ## Format, lint, types, layers, generated docs in step
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/python -m tools.docs --check
	$(BIN)/python -m pytest -q tests/test_architecture.py tests/rules/test_meta.py

format: $(READY)  ## Put the code into form
	$(BIN)/ruff format --quiet .
	$(BIN)/ruff check --fix --quiet .

docs: $(READY)  ## Write the generated pages again
	$(BIN)/python -m tools.docs

bench: $(READY)  ## Measure against the alternatives, in one run each
	$(BIN)/python -m benchmarks.ssh
	$(BIN)/python -m benchmarks.cluster
	$(BIN)/python -m benchmarks.judge
	$(BIN)/python -m benchmarks.scan
	$(BIN)/python -m benchmarks.live
	$(BIN)/python -m benchmarks.drain
	$(BIN)/python -m benchmarks.switch

clean:  ## Remove what was built here (the lab has a target of its own)
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis

include tests/lab/lab.mk
