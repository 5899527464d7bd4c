# Two commands do everything: `make demo` and `make test`. Both set up what they need first.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint clean bench-controllers bench-distill bench-memory bench-overhead bench-start bench-table \
	bench-transforms bench-workers

BIN := .venv/bin
STAMP := .venv/.installed
PYTHONS := python3.11 python3.12 python3.13 python3
PYTHON ?= # what to build .venv with; by default the first of PYTHONS that is new enough

export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /make \1\t/' | expand -t 24

setup: $(STAMP) ## Create .venv and install everything into it; a second run does nothing

demo: setup ## Search structure and bits on Fashion-MNIST: some 15 minutes on two cores
	$(BIN)/bitwright data fetch fashion-mnist
	$(BIN)/bitwright search examples/fashion-mnist.yaml

# Two workers with one thread each do more than one worker with two.
test: setup ## Run the test suite
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

lint: setup ## Run the linters, the type checker and the import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench-controllers: setup ## Measure every controller on tables of trained networks (BITWRIGHT_DATA): some 20 minutes on one core
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/controllers.py run
	$(BIN)/python benchmarks/controllers.py report
	$(BIN)/python docs/results_controllers.py

bench-table: setup ## Evaluations that a predictor saves, on tables of trained networks (BITWRIGHT_DATA): 20 minutes on one core
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/table.py run
	$(BIN)/python benchmarks/table.py report
	$(BIN)/python docs/results_table.py

bench-distill: setup ## Measure what a teacher brings: half an hour on one core, goes on where it stopped
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/distill.py --data digits
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/distill.py --data fashion-mnist

bench-start: setup ## Measure how soon the program answers: two minutes, most of them to write the study
	$(BIN)/python benchmarks/start.py

bench-workers: setup ## Candidates an hour of one and two workers: some 5 minutes on two idle cores
	$(BIN)/bitwright data fetch fashion-mnist
	$(BIN)/python benchmarks/workers.py

bench-memory: setup ## Whether memory grows over 200 trials: a minute
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/memory.py

bench-overhead: setup ## What a trial costs besides training, up to 10,000 of them: some 5 minutes
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/overhead.py

bench-transforms: setup ## Measure every transform at every width: 20 minutes on one core, goes on where it stopped
	$(BIN)/python benchmarks/transforms.py

.PHONY: bench-rank
bench-rank: setup ## How well cheap scores order networks: two hours on one core, goes on where it stopped
	$(BIN)/bitwright data fetch fashion-mnist
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/rank.py
	$(BIN)/python docs/results_rank.py

.PHONY: bench-cost bench-latency bench-qat-accuracy bench-qat-step bench-runtimes
bench-cost: setup ## What inherited weights and a supernet save a search: more than two hours on one core, goes on where it stopped
	$(BIN)/bitwright data fetch fashion-mnist
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/cost.py

.PHONY: bench-final bench-joint
bench-final: setup ## From nothing to final CIFAR-10 and Fashion-MNIST networks: hours, each goes on where it stopped
	$(BIN)/bitwright data fetch cifar10
	$(BIN)/bitwright data fetch fashion-mnist
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/final.py cifar10
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/final.py cifar10-large
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/final.py cifar10-fast
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/final.py cifar10-small
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/final.py fashion
	$(BIN)/python docs/results_final.py

bench-joint: setup ## Joint search against structure first, bits afterwards: four hours on one core, goes on where it stopped
	$(BIN)/bitwright data fetch cifar10
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/joint.py
	$(BIN)/python docs/results_joint.py

.PHONY: bench-targets
bench-targets: setup ## Each target's winner, judged on all of them: an hour and a half on one core, goes on where it stopped
	$(BIN)/bitwright data fetch fashion-mnist
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/targets.py
	$(BIN)/python docs/results_targets.py

.PHONY: bench-beginning
bench-beginning: setup ## What first steps in full precision bring: 40 minutes on one core, goes on where it stopped
	$(BIN)/bitwright data fetch cifar10
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/beginning.py
	$(BIN)/python docs/results_beginning.py

.PHONY: bench-common-seed
bench-common-seed: setup ## What chance in candidates is common to a seed: eight minutes on one core, goes on where it stopped
	$(BIN)/bitwright data fetch cifar10
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/common_seed.py
	$(BIN)/python docs/results_common_seed.py

.PHONY: bench-finalists
bench-finalists: setup ## What it brings to train several networks to the end: 20 minutes on one core, goes on where it stopped
	$(BIN)/bitwright data fetch fashion-mnist
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/finalists.py
	$(BIN)/python docs/results_finalists.py

.PHONY: bench-halving
bench-halving: setup ## What training candidates in stages saves: 45 minutes on one core, goes on where it stopped
	$(BIN)/bitwright data fetch fashion-mnist
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/halving.py

# BREVITAS=PYTHON: that of an environment with Brevitas and the same torch, to measure it too.
bench-qat-step: setup ## Time the quantization-aware step against the plain one: three minutes on two cores
	$(BIN)/python benchmarks/qat_step.py $(if $(BREVITAS),--brevitas $(BREVITAS))

bench-qat-accuracy: setup ## Measure the fast path's accuracy: half an hour on one core, goes on where it stopped
	$(BIN)/bitwright data fetch cifar10
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/qat_accuracy.py

.PHONY: bench-precision
bench-precision: setup ## Time training steps in bfloat16 against float32: two minutes on one core
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/precision.py

bench-latency: setup ## Time exported files against float32: a minute on one core
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/latency.py

bench-runtimes: setup ## Networks in ONNX Runtime, OpenVINO and LiteRT, in turns: five minutes on one core
	$(BIN)/bitwright data fetch fashion-mnist cifar10
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/runtimes.py
	$(BIN)/python docs/results_runtimes.py

.PHONY: bench-latency-predictor
bench-latency-predictor: setup ## How near a table of layers comes to the latency of whole networks: five minutes on one core
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/latency_predictor.py
	$(BIN)/python docs/results_latency_predictor.py

.PHONY: bench-mcu
bench-mcu: setup ## Instructions, flash and RAM of exported C under QEMU: a quarter of an hour on one core, goes on where it stopped
	$(BIN)/bitwright data fetch fashion-mnist cifar10
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/mcu.py
	$(BIN)/python docs/results_mcu.py

clean: ## Remove .venv, caches and build products; studies in runs/ stay
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests examples docs -name __pycache__ -prune -exec rm -rf {} +
	rm -rf src/*.egg-info

# torch goes first and alone. It is by far the largest part, so a full disk or a bad line shows before
# anything else is done; and the pin decides which build comes: asked for a mere range, pip takes the
# newest torch that its index offers, on most Linux indexes one that brings CUDA's libraries along,
# gigabytes that only a machine with an NVIDIA GPU has a use for. To get a build for the processor alone,
# point pip at an index that has one (PIP_INDEX_URL, or PIP_FIND_LINKS for a folder of wheels): its
# 2.13.0+cpu meets the pin as well, and what is installed then is left as it is by the second line.
$(STAMP): pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/python -m pip install --constraint constraints.txt torch
	$(BIN)/python -m pip install --constraint constraints.txt --editable '.[dev]'
	@touch $@

$(BIN)/pip:
	@for candidate in $(or $(PYTHON),$(PYTHONS)); do \
	    if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        found=$$candidate; break; \
	    fi; \
	done; \
	if [ -z "$${found:-}" ]; then \
	    echo "make setup: no Python of 3.11 or newer among: $(or $(PYTHON),$(PYTHONS))." >&2; \
	    echo "Install one (Debian and Ubuntu: apt install python3 python3-venv)," \
	        "or name it: make setup PYTHON=/path/to/python3.11" >&2; \
	    exit 1; \
	fi; \
	if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
	    echo "make setup: $$found has no working venv module." >&2; \
	    echo "Install it (Debian and Ubuntu: apt install python3-venv)," \
	        "or name another Python: make setup PYTHON=/path/to/python3.11" >&2; \
	    exit 1; \
	fi; \
	echo "$$found -m venv .venv"; \
	"$$found" -m venv .venv
