# The commands of the README. Everything is set up on first use: .venv (CMake, Ninja and the Python packages of
# requirements.txt), then build/. Nothing outside this folder is touched.
#   make cifar10     train the introduction's network on all of CIFAR-10   (ARGS="--epochs 1 --data DIR")
#   make test        build and run every test                              (PYTEST_ARGS="-k name -x")
#   make parity      the comparison tests against PyTorch 2.13, in an environment of their own
#   make sanitize    the tests under AddressSanitizer and UBSan;  make tsan: the threaded C tests under ThreadSanitizer
#   make check       the generator's output is committed, no layer climbs
#   make bench       the same work here and in PyTorch, with ratios
PYTHON ?= $(shell command -v python3.11 || command -v python3)
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
VENV = .venv
BIN = $(abspath $(VENV))/bin
PARITY = .venv-parity
PARITY_BIN = $(abspath $(PARITY))/bin
TORCH = torch==2.13.0
TORCHVISION = torchvision==0.28.0
ARGS ?= --epochs 2 --workers 2 --batch-size 4 --seed 0
ARGS_BENCH ?= --introduction
PYTEST_ARGS ?=
PIP_FLAGS = --quiet --disable-pip-version-check
CONFIGURE = PATH="$(BIN):$$PATH" $(BIN)/cmake -G Ninja -S .
BUILD = PATH="$(BIN):$$PATH" $(BIN)/cmake --build
# A test that hangs prints every thread's stack.
PYTEST = -m pytest -q -p no:cacheprovider -o faulthandler_timeout=300
# Under a sanitizer optimised kernels take minutes to compile and show no more.
PLAIN_KERNELS = -DCT_KERNEL_FLAGS="-O1;-fno-trapping-math"
# Tests that use one thread.
SINGLE_THREADED = autograd_faults|serialize_fuzz|serialize_pickle|serialize_checkpoint
# Every module but those that build or install the package themselves: they would test another build.
UNSANITIZED = test_adding_an_op.py test_examples_c.py test_package.py
SANITIZED_PYTHON = $(filter-out $(addprefix tests/python/,$(UNSANITIZED)),$(wildcard tests/python/test_*.py)) tests/ops/test_samples.py

.PHONY: all build test ctest pytest cifar10 parity sanitize tsan check bench clean
all: build

$(VENV)/.stamp: requirements.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(PIP_FLAGS) -r requirements.txt
	echo "$(CURDIR)/python" > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/ctorch.pth"
	touch $@

build/.configured: $(VENV)/.stamp CMakeLists.txt
	$(CONFIGURE) -B build -DCMAKE_BUILD_TYPE=Release -DCT_TESTS=ON -DCT_PYTHON=ON -DPython_EXECUTABLE=$(BIN)/python
	touch $@

# The library, the C tests, and the extension module inside python/ctorch, which .venv sees.
build: build/.configured
	$(BUILD) build -j $(JOBS)

ctest: build
	$(BIN)/ctest --test-dir build --output-on-failure -j $(JOBS)

pytest: build
	$(BIN)/python $(PYTEST) tests/python tests/ops $(PYTEST_ARGS)

test:
	$(MAKE) --no-print-directory ctest
	$(MAKE) --no-print-directory pytest

cifar10: build
	$(BIN)/python examples/python/cifar10.py $(ARGS)

# PyTorch without what it brings along for GPUs; where that one does not start, with it. torchvision's native ops may be built for
# a GPU and not load beside a CPU build of PyTorch; no test uses them, but its registrations insist on them and are emptied.
$(PARITY)/.stamp: requirements.txt
	$(PYTHON) -m venv $(PARITY)
	$(PARITY_BIN)/python -m pip install $(PIP_FLAGS) numpy pillow pytest matplotlib tqdm filelock typing-extensions sympy networkx jinja2 fsspec setuptools
	$(PARITY_BIN)/python -m pip install $(PIP_FLAGS) --no-deps $(TORCH) $(TORCHVISION)
	$(PARITY_BIN)/python -c 'import torch' || $(PARITY_BIN)/python -m pip install $(PIP_FLAGS) $(TORCH) $(TORCHVISION)
	$(PARITY_BIN)/python -c 'import torchvision' 2>/dev/null || \
	    : > "$$($(PARITY_BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/torchvision/_meta_registrations.py"
	$(PARITY_BIN)/python -c 'import torch, torchvision; print("PyTorch", torch.__version__)'
	touch $@

parity: build $(PARITY)/.stamp
	PATH="$(BIN):$$PATH" $(PARITY_BIN)/python $(PYTEST) --parity tests/python tests/ops $(PYTEST_ARGS)

build-asan/.configured: $(VENV)/.stamp CMakeLists.txt
	$(CONFIGURE) -B build-asan $(PLAIN_KERNELS) -DCT_SANITIZE=ON -DCT_TESTS=ON -DCT_PYTHON=ON -DPython_EXECUTABLE=$(BIN)/python \
	    -DCT_PYTHON_FOLDER=$(CURDIR)/build-asan/python/ctorch
	touch $@

sanitize: build-asan/.configured
	$(BUILD) build-asan -j $(JOBS)
	cp -R python/ctorch build-asan/python.new && rm -f build-asan/python.new/_C*.so
	mkdir -p build-asan/python/ctorch && cp -R build-asan/python.new/. build-asan/python/ctorch && rm -rf build-asan/python.new
	$(BIN)/ctest --test-dir build-asan --output-on-failure -j $(JOBS)
	CTORCH_PACKAGE=$(CURDIR)/build-asan/python CTORCH_SANITIZED=1 PYTHONMALLOC=malloc \
	    LD_PRELOAD="$$($${CC:-cc} -print-file-name=libasan.so) $$($${CC:-cc} -print-file-name=libubsan.so)" \
	    ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 \
	    timeout 1200 $(BIN)/python $(PYTEST) $(SANITIZED_PYTHON) $(PYTEST_ARGS)

build-tsan/.configured: $(VENV)/.stamp CMakeLists.txt
	$(CONFIGURE) -B build-tsan $(PLAIN_KERNELS) -DCT_TSAN=ON -DCT_TESTS=ON
	touch $@

tsan: build-tsan/.configured
	$(BUILD) build-tsan -j $(JOBS)
	$(BIN)/ctest --test-dir build-tsan --output-on-failure -j $(JOBS) -E '$(SINGLE_THREADED)'

check:
	$(PYTHON) tools/opgen --check
	$(PYTHON) tools/check_layers.py

bench: build $(PARITY)/.stamp
	PATH="$(BIN):$$PATH" $(PARITY_BIN)/python bench/run.py $(ARGS_BENCH)

clean:
	rm -rf build build-asan build-tsan python/ctorch/_C*.so
