# SPDX-License-Identifier: Apache-2.0
# The few commands. Each makes what it needs: a virtual environment in .venv with the exact versions of constraints.txt, and
# npuc itself installed into it, again whenever its sources change. `make PYTHON=python3.12 test` picks another interpreter.
#
#   make demo     EfficientNet-Lite0 on photos: compile, run on the simulator, compare, profile
#   make test     lit and pytest, all of it
#   make sanitize the kernels under the address and undefined-behaviour sanitizers
#   make check    ruff, pyright, import-linter, house tests
#   make golden   writes the golden files anew: look at the diff before committing it
#   make bench    the figures of the notes: compile time, cycles, accuracy
#   make performance   docs/performance.md, measured anew
#   make fuzz     10,000 random networks through every level and engine; FUZZ="--graphs 500 --seed 7" chooses
#   make hostile  20,000 damaged files before every front door
#   make tosa     TOSA's own test cases, a random sample, against its reference model
#   make docs     generated reference pages
#   make wheel    builds a wheel and tries it in an empty environment
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:
SHELL := /bin/bash

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# On more than one thread the numeric libraries spin against the parallel test processes: far slower, not faster.
export OMP_NUM_THREADS := 1
TEST_PROCESSES ?= 2

# Folders too: a file that goes away changes its folder's time.
SOURCES := pyproject.toml CMakeLists.txt $(wildcard README.md) LICENSE THIRD_PARTY.md \
  $(shell find python dialects lib \( -name __pycache__ -o -name '_native*' -o -path python/npuc/dialects \) -prune -o \( -type d -o -type f \) -print)

.PHONY: help demo test sanitize check golden bench performance fuzz hostile tosa docs wheel clean
help:
	@sed -n 's/^#   //p' Makefile

# Dependencies are installed once, npuc without them whenever a source changes: a plain installation, because an editable one
# keeps a list of the files it knew and misses new ones.
$(VENV)/python.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: $(PYTHON) is $$($(PYTHON) -V 2>&1), wanted Python 3.11 or newer: make PYTHON=... $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/demo.stamp: $(VENV)/python.stamp pyproject.toml constraints.txt tools/requirements.py
	$(BIN)/python tools/requirements.py demo > $(VENV)/demo.txt
	$(PIP) install --quiet -c constraints.txt -r $(VENV)/demo.txt cmake ninja
	@touch $@

$(VENV)/dev.stamp: $(VENV)/demo.stamp
	$(BIN)/python tools/requirements.py dev tflite onnx schedule litert > $(VENV)/dev.txt
	$(PIP) install --quiet -c constraints.txt -r $(VENV)/dev.txt
	@touch $@

# The package builds without a C++ compiler too, but what is tested here is all of it.
$(VENV)/npuc.stamp: $(VENV)/demo.stamp $(SOURCES)
	$(PIP) install --quiet --no-deps --no-build-isolation --force-reinstall -C cmake.define.NPUC_REQUIRE_NATIVE=ON .
	@touch $@

DEMO := $(VENV)/demo.stamp $(VENV)/npuc.stamp
DEV := $(VENV)/dev.stamp $(VENV)/npuc.stamp

demo: $(DEMO)
	$(BIN)/python examples/demo_efficientnet_lite0.py

# Both run, whatever the first says; pytest's closing line is the last one.
test: $(DEV)
	@$(BIN)/lit -sv -j$(TEST_PROCESSES) --allow-empty-runs test; lit_status=$$?; \
	 $(BIN)/python -m pytest -q -n $(TEST_PROCESSES) && exit $$lit_status

# The sanitizers' libraries must be there before Python is. What Python itself leaks is not looked at.
SANITIZED := build/sanitize/npuc
sanitize: $(DEV)
	mkdir -p $(SANITIZED)
	find python/npuc -mindepth 1 -maxdepth 1 ! -name '_native*' ! -name __pycache__ -exec ln -sfn $(CURDIR)/{} $(SANITIZED) \;
	ln -sfn $(CURDIR)/dialects $(SANITIZED)/dialects
	$(BIN)/cmake -S . -B build/sanitize/cmake -G Ninja -DNPUC_SANITIZE=ON -DNPUC_REQUIRE_NATIVE=ON \
	  -DNPUC_MODULE_DIR=$(CURDIR)/$(SANITIZED) -DPython_EXECUTABLE=$(CURDIR)/$(BIN)/python
	$(BIN)/cmake --build build/sanitize/cmake
	ASAN_OPTIONS=detect_leaks=0 PYTHONPATH=$(CURDIR)/build/sanitize \
	  LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libubsan.so) $$($(CXX) -print-file-name=libstdc++.so)" \
	  $(BIN)/python -m pytest -q -p no:cacheprovider test/unit/test_native_engine.py test/unit/test_native_kernels.py test/unit/test_native_timing.py \
	  test/unit/test_plan_pack.py test/unit/test_plan_price.py test/unit/test_weight_codec.py test/unit/test_hazards.py test/unit/test_isa_blocks.py \
	  test/unit/test_bricks.py::test_the_commands_of_an_op_in_bricks_equal_its_reference \
	  test/unit/test_bricks.py::test_the_native_race_proof_proves_nothing_that_python_does_not

check: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q test/house

golden: $(DEV)
	$(BIN)/python -m pytest -q test/golden --update-golden

bench: $(DEV)
	$(BIN)/python bench/networks.py
	$(BIN)/python bench/kernels.py --json out/kernels.json
	$(BIN)/python bench/speed.py --json out/speed.json
	$(BIN)/python bench/mutation.py
	-$(BIN)/python bench/placement.py
	$(BIN)/python bench/accuracy.py resnet20
	$(BIN)/python bench/accuracy.py efficientnet_lite0

# tosa-tools pins other versions of numpy and flatbuffers than ours, so it has an environment of its own; only its programs are run.
$(VENV)-tosa/tosa.stamp: constraints.txt
	$(PYTHON) -m venv $(VENV)-tosa
	$(VENV)-tosa/bin/python -m pip --disable-pip-version-check install --quiet "$$(grep '^tosa-tools==' constraints.txt)"
	@touch $@

# Beside what Vela reported when bench/vela_outcomes.csv was written: `$(BIN)/python bench/performance.py --vela PATH` runs it anew.
performance: $(DEV)
	$(BIN)/python bench/performance.py

FUZZ ?= --graphs 10000
fuzz: $(DEV)
	$(BIN)/npuc fuzz $(FUZZ) --workers $(TEST_PROCESSES) --output-dir out/fuzz

hostile: $(DEV)
	$(BIN)/python bench/hostile.py --workers $(TEST_PROCESSES)

tosa: $(DEV) $(VENV)-tosa/tosa.stamp
	$(BIN)/python bench/tosa_conformance.py --sample 200 --workers $(TEST_PROCESSES)

docs: $(DEV)
	$(BIN)/python tools/gen_docs.py

# The environment that tries the wheel gets numpy and rich, and nothing of MLIR and torch.
wheel: $(DEV)
	rm -rf dist $(VENV)-wheel
	$(PIP) wheel --quiet --no-deps --no-build-isolation -C cmake.define.NPUC_REQUIRE_NATIVE=ON -w dist .
	$(PYTHON) -m venv $(VENV)-wheel
	$(VENV)-wheel/bin/python -m pip --disable-pip-version-check install --quiet -c constraints.txt numpy rich
	$(VENV)-wheel/bin/python -m pip --disable-pip-version-check install --quiet --no-deps dist/npuc-*.whl
	cd dist && ../$(VENV)-wheel/bin/python ../tools/check_wheel.py $(abspath $(wildcard test/golden/*.npub))

clean:
	rm -rf $(VENV) $(VENV)-wheel $(VENV)-tosa build dist
