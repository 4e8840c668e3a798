# make run | test | check | protos : each creates the environment it needs.
PYTHON ?= python3
TORCH  ?= torch==2.13.0
PEERS  ?= stable-baselines3==2.9.2
CONFIG ?= configs/L1_full.yaml
BIN    := .venv/bin
TEST   := $(BIN)/pytest --quiet --numprocesses 2 --dist worksteal

.PHONY: help run test test-slow test-gpu check format protos bench bench-peers clean

help:
	@echo 'make run         train a Hamlet agent (CONFIG=$(CONFIG)) and watch it learn'
	@echo 'make test        every test that takes seconds'
	@echo 'make check       format, lint, types, import rules, protos fresh, tests'
	@echo 'make test-slow   the learning proofs (minutes each)'
	@echo 'make test-gpu    the tests that need a CUDA device'
	@echo 'make bench       every benchmark'
	@echo 'make bench-peers whom the benchmarks race against, in .venv-peers'
	@echo 'make protos      regenerate the code beside the protos'

.venv/ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Townlet needs Python 3.11 or newer; set PYTHON=python3.x")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check '$(TORCH)'
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

run: .venv/ready
	$(BIN)/townlet up $(CONFIG)

test: .venv/ready
	$(TEST)

test-slow: .venv/ready
	$(BIN)/pytest -m slow --timeout 3600

test-gpu: .venv/ready
	$(BIN)/pytest -m gpu

check: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/buf lint
	$(TEST)

format: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

protos: .venv/ready
	$(BIN)/python -m grpc_tools.protoc -I . \
	    --plugin=protoc-gen-mypy=$(BIN)/protoc-gen-mypy --plugin=protoc-gen-mypy_grpc=$(BIN)/protoc-gen-mypy_grpc \
	    --python_out=. --grpc_python_out=. --mypy_out=quiet:. --mypy_grpc_out=quiet:. protos/*.proto

bench: .venv/ready
	$(BIN)/python -m bench

.venv-peers/ready: Makefile
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/pip install --quiet --disable-pip-version-check '$(TORCH)'
	.venv-peers/bin/pip install --quiet --disable-pip-version-check '$(PEERS)'
	@touch $@

bench-peers: .venv-peers/ready

clean:
	rm -rf .venv .venv-peers .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
