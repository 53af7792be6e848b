# Everything here needs python3 and make alone: each target makes the environment it runs in.

PYTHON ?= python3
# The oldest Python that pyproject.toml allows: oldest requirements have no wheels for newer ones.
PYTHON_LOWEST ?= python3.11
VENV := .venv
DEMO := .venv-demo
LOWEST := .venv-lowest
DPNP := .venv-dpnp
BIN := $(VENV)/bin
# One thread in each of the processes: more would wait for one another.
PYTEST := -m pytest --numprocesses=auto --benchmark-disable
ONE_THREAD := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1
BENCH_JSON ?= bench/out/bench.json
GPU_BUNDLE ?= build/xpnet-gpu

.DEFAULT_GOAL := help
.PHONY: help demo test lowest dpnp sklearn stress format lint types imports bench peers gpu gpu-bundle check clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(DEMO)/.installed ## train on handwritten digits: a model, a plot, the accuracy
	$(DEMO)/bin/xpnet train digits

# In one session, as both import and compile the same.
test: $(VENV)/.installed ## run the tests, and each benchmark once, unmeasured
	$(ONE_THREAD) $(BIN)/python $(PYTEST) bench tests

# Old versions call what the newest of their own requirements have since deprecated.
lowest: $(LOWEST)/.installed ## run the tests with the lowest versions that pyproject.toml allows
	$(ONE_THREAD) $(LOWEST)/bin/python $(PYTEST) -W ignore::DeprecationWarning

# dpnp has wheels for no other system. Its environment has no numba, which some tests cannot do without.
ifeq ($(shell uname -sm),Linux x86_64)
# By this variable the OpenCL runtime that comes with dpnp finds the processor.
dpnp: export OCL_ICD_FILENAMES := $(abspath $(DPNP))/lib/libintelocl.so
dpnp: $(DPNP)/.installed ## run the tests on dpnp's arrays, on an Intel GPU or any x86-64 processor
	$(ONE_THREAD) $(DPNP)/bin/python $(PYTEST) -k dpnp --ignore=tests/fused/numba
else
dpnp:
	@echo "make dpnp: dpnp can be installed under Linux on x86_64 alone, not under $$(uname -sm)"
endif

# Without our settings, by which a warning fails. CuPy's tests need a GPU; by default, our bagging is
# of other estimators.
sklearn: $(VENV)/.installed ## run scikit-learn's own tests of searches and bagging on ours
	SCIPY_ARRAY_API=1 $(ONE_THREAD) $(BIN)/python $(PYTEST) -c /dev/null -p tests.in_sklearn \
	    -W ignore::pytest.PytestRemovedIn10Warning -k 'not cupy and (estimators or not test_estimator)' --pyargs \
	    sklearn.model_selection.tests.test_search sklearn.model_selection.tests.test_validation \
	    sklearn.ensemble.tests.test_bagging

# Ends with counts, and with the seed of each failure and how to repeat it.
stress: $(VENV)/.installed ## random trials for an hour, or STRESS_SECONDS
	STRESS_SECONDS=$${STRESS_SECONDS:-3600} $(ONE_THREAD) $(BIN)/python $(PYTEST) tests/stress

format: $(VENV)/.installed ## fix style and format automatically
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .

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

peers: $(VENV)/.peers ## xpnet beside scikit-learn, PyTorch, JAX, Keras and Thinc
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BIN)/python -m bench.peers
	$(BIN)/python -m bench.report bench/out/peers.json

gpu: ## on a machine with a CUDA device: tests, peers, benchmarks in 10 minutes; uses what is installed
	$(PYTHON) -m bench.gpu

gpu-bundle: $(VENV)/.installed ## a folder that runs `make gpu` where there is no network
	$(BIN)/python -m bench.gpu.bundle $(GPU_BUNDLE)

# Every part runs, whatever the others found.
check: ## all that CI checks but dpnp: test, lint, types, imports
	@failed=; \
	$(MAKE) --no-print-directory test || failed=" test"; \
	$(MAKE) --no-print-directory --keep-going --jobs lint types imports || failed="$$failed style"; \
	if [ -n "$$failed" ]; then echo "make check: failed:$$failed"; exit 1; fi

clean: ## remove all that the other targets made
	rm -rf $(VENV) $(DEMO) $(LOWEST) $(DPNP) build dist bench/out
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .jax_cache .hypothesis .benchmarks

# Editable, so that only a change of the requirements installs again.
$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[test,bench,dev]'
	touch $@

# Each requirement `name[extras] >= version` becomes the constraint `name==version`.
$(LOWEST)/.installed: pyproject.toml
	$(PYTHON_LOWEST) -m venv $(LOWEST)
	grep -oE '"[a-z0-9-]+(\[[a-z,]+\])? >= [0-9.]+' pyproject.toml \
	    | sed -E 's/"//; s/\[.*\]//; s/ >= /==/' | sort -u > $(LOWEST)/constraints.txt
	$(LOWEST)/bin/python -m pip install --quiet --editable '.[test,bench]' \
	    --constraint $(LOWEST)/constraints.txt
	touch $@

$(DPNP)/.installed: pyproject.toml
	$(PYTHON) -m venv $(DPNP)
	$(DPNP)/bin/python -m pip install --quiet --editable '.[cli,dpnp,sklearn,test-tools]'
	touch $@

$(VENV)/.peers: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --editable '.[peers]'
	touch $@

$(DEMO)/.installed: pyproject.toml
	$(PYTHON) -m venv $(DEMO)
	$(DEMO)/bin/python -m pip install --quiet --editable '.[cli,fast]'
	touch $@
