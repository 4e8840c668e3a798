# make run | test | check | protos : each creates the environment it needs.
PYTHON ?= python3
TORCH  ?= torch==2.13.0
CONFIG ?= configs/L1_full.yaml
BIN    := .venv/bin
CHAOS  ?= --seed 1 --rounds 12
SOAK   ?= --minutes 120
FUZZ   ?= --messages 1000000
UV     ?= uv==0.13.9
COMPILE := $(BIN)/uv pip compile --quiet --no-annotate --python-version 3.11 --custom-compile-command 'make locks' $(UPGRADE)
LOCK   := $(COMPILE) --generate-hashes --python-platform linux
TEST   := $(BIN)/pytest --quiet --numprocesses 2 --dist worksteal

.PHONY: help run test test-slow test-gpu test-faults test-compose locks chaos soak fuzz check format protos bench bench-peers clean

help:
	@echo 'make run         train a Hamlet agent (CONFIG=$(CONFIG)) and watch it learn'
	@echo 'make test        every test that takes seconds'
	@echo 'make check       format, lint, types, import rules, protos fresh, tests'
	@echo 'make test-slow   the learning proofs (minutes each)'
	@echo 'make test-gpu    the tests that need a CUDA device'
	@echo 'make test-faults cut, slow and tear every edge of a run, a minute each'
	@echo 'make test-compose kill, cut off and freeze the containers of deploy/compose.yaml (half an hour; needs Docker)'
	@echo 'make chaos       kill every part of runs under load and check every promise (CHAOS=$(CHAOS))'
	@echo 'make soak        run for hours while actors come and go, and see whether anything grows (SOAK=$(SOAK))'
	@echo 'make fuzz        send every RPC a million hostile messages (FUZZ=$(FUZZ))'
	@echo 'make bench       every benchmark, and docs/benchmarks.md from what it found'
	@echo 'make bench-peers whom the benchmarks race against, each in an environment of its own'
	@echo 'make locks       pin what the images and .venv are made of (UPGRADE=--upgrade for newer packages)'
	@echo 'make protos      regenerate the code beside the protos'

.venv/ready: pyproject.toml setup.py townlet/kernels.c townlet/worlds/hamlet/kernels.c deploy/locks/development.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Townlet needs Python 3.11 or newer; set PYTHON=python3.x")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check '$(TORCH)'
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint deploy/locks/development.txt '$(TORCH)' --editable '.[dev]'
	@touch $@

run: .venv/ready
	$(BIN)/townlet up $(CONFIG)

test: .venv/ready
	$(TEST)

test-slow: .venv/ready
	$(BIN)/pytest -m slow --timeout 3600

test-gpu: .venv/ready
	$(BIN)/pytest -m gpu

test-faults: .venv/ready
	$(BIN)/pytest -m slow --timeout 900 tests/system/test_faults.py

test-compose: .venv/ready
	$(BIN)/pytest -m compose tests/compose

chaos: .venv/ready
	$(BIN)/python -m chaos $(CHAOS)

soak: .venv/ready
	$(BIN)/python -m chaos.soak $(SOAK)

fuzz: .venv/ready
	$(BIN)/python -m chaos.hostile $(FUZZ)

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

# Pins stay as they are where they still fit.
locks: .venv/ready
	$(BIN)/pip install --quiet --disable-pip-version-check '$(UV)'
	$(COMPILE) --universal pyproject.toml --extra dev --excludes deploy/locks/left-out.txt -o deploy/locks/development.txt
	$(LOCK) pyproject.toml deploy/locks/torch.in --extra s3 --excludes deploy/locks/left-out.txt -o deploy/locks/learner.txt
	$(LOCK) deploy/locks/replay.in --constraints deploy/locks/learner.txt -o deploy/locks/replay.txt
	$(LOCK) deploy/locks/build.in --constraints deploy/locks/learner.txt -o deploy/locks/build.txt

bench: .venv/ready
	$(BIN)/python -m bench

# Whom the benchmarks race against; an environment for each where they cannot share one.
peers                := stable-baselines3==2.9.2 dm-reverb[tensorflow]==0.14.0 portpicker
peers-torchrl        := torchrl==0.14.1 gymnasium==1.4.0
peers-rllib          := ray[rllib]==2.60.0
PEERS                := $(patsubst %,.venv-%/ready,peers peers-torchrl peers-rllib)

$(PEERS): .venv-%/ready: Makefile
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/pip install --quiet --disable-pip-version-check '$(TORCH)'
	.venv-$*/bin/pip install --quiet --disable-pip-version-check '$(TORCH)' $(foreach peer,$($*),'$(peer)')
	@touch $@

bench-peers: $(PEERS)

clean:
	rm -rf .venv .venv-peers* .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info build townlet/*.so townlet/worlds/hamlet/*.so
