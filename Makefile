# Everything here needs python3 and make alone: each target makes the environment it runs in.

PYTHON ?= python3
VENV := .venv
DEMO := .venv-demo
BIN := $(VENV)/bin
BENCH_JSON ?= bench/out/bench.json

.DEFAULT_GOAL := help
.PHONY: help demo test stress lint types imports bench bench-check peers gpu check clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(DEMO)/.installed ## train on handwritten digits: a model, a plot, the accuracy
	$(DEMO)/bin/xpnet train digits

# A process a core, with one thread each: more would wait for one another.
test: $(VENV)/.installed ## run the tests
	OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 \
	    $(BIN)/python -m pytest --numprocesses=auto --benchmark-disable

# Ends with counts, and with the seed of each failure and how to repeat it.
stress: $(VENV)/.installed ## random trials for an hour, or STRESS_SECONDS
	STRESS_SECONDS=$${STRESS_SECONDS:-3600} OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 \
	    $(BIN)/python -m pytest tests/stress --numprocesses=auto --benchmark-disable

lint: $(VENV)/.installed ## check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed ## check the types
	$(BIN)/mypy

imports: $(VENV)/.installed ## check who imports what
	$(BIN)/lint-imports

# A forced core type or cache size makes OpenBLAS slower than the machine is.
bench: $(VENV)/.installed ## measure, then draw the table and the chart
	mkdir -p $(dir $(BENCH_JSON))
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE \
	    $(BIN)/python -m pytest bench --benchmark-json=$(BENCH_JSON)
	$(BIN)/python -m bench.report $(BENCH_JSON)

bench-check: $(VENV)/.installed ## run each benchmark once, unmeasured
	$(BIN)/python -m pytest bench --benchmark-disable

peers: $(VENV)/.peers ## xpnet beside scikit-learn, PyTorch, JAX, Keras and Thinc
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BIN)/python -m bench.peers
	$(BIN)/python -m bench.report bench/out/peers.json

gpu: ## on a machine with a CUDA device: tests, benchmarks, peers, one JSON; uses what is installed
	$(PYTHON) -m bench.gpu

check: test lint types imports bench-check ## all that CI checks

clean: ## remove all that the other targets made
	rm -rf $(VENV) $(DEMO) build dist bench/out
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .benchmarks

# Editable, so that only a change of the requirements installs again.
$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[test,bench,dev]'
	touch $@

$(VENV)/.peers: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[peers]'
	touch $@

$(DEMO)/.installed: pyproject.toml
	$(PYTHON) -m venv $(DEMO)
	$(DEMO)/bin/python -m pip install --quiet --editable '.[cli,fast]'
	touch $@
