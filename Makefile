# The only definition of how attune is built, checked and run. Needs python3 (>= 3.11), pip and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check --quiet install
PROTOS := $(shell cd proto && find attune -name '*.proto' | sort)
SERVICES := $(filter %_service.proto,$(PROTOS))

.PHONY: help serve demo test test-long faults check format proto bench bench-memory bench-learning clean
help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

# --without-pip: Debian ships python3 without ensurepip; pip installs into the environment from outside.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "attune needs python3 >= 3.11, found " + sys.version)'
	$(PYTHON) -m venv --without-pip $(VENV)

$(VENV)/.run: pyproject.toml | $(BIN)/python
	$(PIP) -e .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(PIP) -e '.[dev]'
	@touch $@ $(VENV)/.run

serve: $(VENV)/.run  ## Serve decisions on 127.0.0.1:50051 with the example placement
	$(BIN)/attune serve --apply examples/shop.yaml

demo: $(VENV)/.run  ## Run the whole story in under a minute
	$(BIN)/attune demo

# Bytecode is kept while testing, also where the environment says not to: every test that starts the service would compile
# it again, three processes of it, and pytest all of the tests for each worker.
TEST := PYTHONDONTWRITEBYTECODE= OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest

# Three at a time on two cores: many tests wait for a process, a window or a lease; two took a minute longer. The tests of
# a file stay together; files go in order, so that those that wait come first and the many quick ones fill the end.
test: $(VENV)/.dev  ## Run every test
	$(TEST) --numprocesses 3 --dist loadfile --no-loadscope-reorder

test-long: $(VENV)/.dev  ## Run the longer versions of tests: a minute or two
	$(TEST) --numprocesses 2 -m long

faults: $(VENV)/.dev  ## Break it: more than 100 kills and freezes, and thousands of orders of calls; some ten minutes
	$(TEST) -m "" tests/faults

check: $(VENV)/.dev  ## Lint, types, contract, stale stubs
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/buf lint proto
	$(BIN)/buf format proto --diff --exit-code
	$(BIN)/python -m pytest -q tests/unit/test_architecture.py tests/unit/test_stubs.py

format: $(VENV)/.dev  ## Format the code and mend what can be mended
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/buf format proto --write

proto: $(VENV)/.dev  ## Make the stubs in service/ from proto/
	$(BIN)/python -m grpc_tools.protoc -I proto --python_out=service --pyi_out=service $(PROTOS)
	$(BIN)/python -m grpc_tools.protoc -I proto --grpc_python_out=service $(SERVICES)

bench: $(VENV)/.dev  ## Measure the decision path: some ten minutes
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks

bench-memory: $(VENV)/.dev  ## Measure whether the server grows: twelve minutes
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.memory

bench-learning: $(VENV)/.dev  ## Measure what each policy learns: a quarter of an hour
	OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.learning

clean:  ## Remove what make made
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
	find service models tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
