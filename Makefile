# The words people type; the presets and the Python under lab/ and tests/ do the work.
SHELL := /bin/bash
.DEFAULT_GOAL := build
.PHONY: build image image-arm64 chart release demo lab lint-quick test test-full interop crash kube soak conformance bench lint fuzz format packages clean help

BUILD_PACKAGES := g++-12 clang-19 clang-tidy-19 clang-format-19 libclang-rt-19-dev lld-19 llvm-19 cmake ninja-build \
  ccache pkg-config libboost1.81-dev libboost-json1.81-dev libexpected-dev libfmt-dev libspdlog-dev libyaml-dev \
  libcli11-dev libssl-dev prometheus-cpp-dev libgtest-dev librapidcheck-dev libbenchmark-dev python3 binutils
LAB_PACKAGES := bird2 frr gobgpd openbgpd exabgp tshark iproute2 nftables iputils-ping procps tcpdump util-linux curl openssl prometheus \
  containerd runc containernetworking-plugins conntrack
# What the upstream specs call inside their Pods.
CONFORMANCE_PACKAGES := $(LAB_PACKAGES) netcat-openbsd wget

# One build at a time in this folder; another waits, and says so.
lock = mkdir -p build && exec 9>build/.lock && { flock -n 9 || { echo "waiting for another build"; flock 9; }; }
workflow = $(lock) && echo "== $(1) ($$(date +%T))" && cmake --workflow --preset $(1)

# A package that one target alone needs.
also = dpkg-query -W -f '$${db:Status-Status}' $(1) 2>/dev/null | grep -q '^installed' || { echo "== installing $(1)"; \
  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 -qq install -y --no-install-recommends $(1) >/dev/null; }

build: packages  ## the release binary, at build/porter
	@$(lock) && echo "== release ($$(date +%T))" && cmake --preset release >/dev/null && cmake --build --preset release --target porter
	@ln -sfn release/porter build/porter

image: build  ## the container image, at build/porter-image.tar, with its list of contents beside it
	@tools/image.py

image-arm64: packages  ## the same for arm64, built here; its unit tests run under qemu
	@$(call also,qemu-user-static)
	@$(call workflow,arm64)
	@tools/image.py --binary build/arm64/porter --output build/porter-image-arm64.tar --sysroot $$(tools/sysroot.py arm64)

chart:  ## the Helm chart, at build/porter-VERSION.tgz
	@tools/release.py chart

release: build  ## all that a release is made of, in build/release-VERSION, with SHA256SUMS
	@tools/release.py

demo: build lab-packages  ## the main job in about a minute, in network namespaces: no cluster needed
	@PORTER=$(CURDIR)/build/porter python3 -m lab demo $(DEMO_ARGS)

lab: build lab-packages  ## the same lab, kept running to play with: see docs/lab.md
	@PORTER=$(CURDIR)/build/porter python3 -m lab up $(LAB_ARGS)

# Where Kubernetes has to be built, it is while the routers are waited for.
test: packages lab-packages lint-quick  ## everything that has to hold before a commit lands (see CONTRIBUTING.md)
	@set -e; for preset in dev gcc release; do $(call workflow,$$preset); done
	@ln -sfn release/porter build/porter
	@echo "== image ($$(date +%T))" && python3 -m unittest -q tools/image_test.py tools/release_test.py
	@setpriv --pdeathsig TERM tools/kube/build.py >/dev/null & $(MAKE) --no-print-directory interop crash kube
	@echo "make test: all passed ($$(date +%T))"

test-full: test lint  ## what is longer: clang-tidy, ThreadSanitizer, more seeds, more crashes, fuzzing
	@set -e; for preset in tsan fuzz; do $(call workflow,$$preset); done
	@for part in bgp rib; do echo "== simulation $$part"; PORTER_SIM_SEEDS=10000 build/release/tests/$${part}_sim_test --gtest_brief=1 || exit 1; done
	@PORTER_CRASHES=200 $(MAKE) --no-print-directory crash
	@SECONDS_EACH=300 $(MAKE) --no-print-directory fuzz

interop:  ## against real BIRD, FRR, GoBGP, OpenBGPD and ExaBGP, in network namespaces
	@PORTER=$(CURDIR)/build/porter python3 -m tests.interop

crash:  ## SIGKILL at random points: no address moves, none is given twice
	@PORTER=$(CURDIR)/build/porter python3 -m tests.crash

KUBE_TESTS ?= installed controllers openelb lifecycle quickstart manifests outage restarts watches laptop rbac uninstall chart monitoring scale soak
kube:  ## in a real cluster: etcd, kube-apiserver and kubectl are built once into the cache (needs Go; see tools/kube)
	@PORTER=$(CURDIR)/build/porter python3 -m tests.kube $(KUBE_TESTS); status=$$?; \
	if [ $$status = 77 ]; then echo "NOT TESTED: Porter in a cluster (see the line above)"; else exit $$status; fi

soak: build lab-packages  ## half an hour of random changes and faults in a real cluster (PORTER_SOAK_SECONDS, PORTER_SOAK_SEED)
	@python3 tools/kube/build.py && PORTER=$(CURDIR)/build/porter PORTER_SOAK_SECONDS=$${PORTER_SOAK_SECONDS:-1800} \
	  python3 -m tests.kube --inside soak

conformance: build conformance-packages  ## Kubernetes' own load balancer specs in a real cluster, half an hour (SPECS="'words of one'"): docs/conformance.md
	@PORTER=$(CURDIR)/build/porter python3 -m tests.conformance $(SPECS)

# What fails does not keep the rest from being measured, and told of.
bench: packages lab-packages  ## benchmarks, printed and written into docs/benchmarks.md: half an hour (BENCH_ARGS=--short to see that it works)
	@$(call also,python3-grpcio)
	@$(lock) && cmake --preset release -DPORTER_BENCH=ON >/dev/null && cmake --build --preset release --target bench
	@ln -sfn release/porter build/porter && mkdir -p build/bench
	@status=0; set -o pipefail; export PORTER=$(CURDIR)/build/porter; \
	for part in rib plan parts; do \
	  build/release/tests/$${part}_bench --benchmark_out=build/bench/$$part.json --benchmark_out_format=json || status=1; done; \
	python3 -m tests.bench measure build/bench $(BENCH_ARGS) || status=1; \
	python3 tools/kube/build.py && PORTER_SCALE_SERVICES=5000 PORTER_SCALE_SINGLES=200 \
	  python3 -W ignore -m tests.kube --inside scale | tee build/bench/scale.txt || status=1; \
	python3 -m tests.bench page build/bench && exit $$status

# clang-tidy takes as long as all the rest: it is for `make lint`, not for every `make test`.
lint-quick: packages
	@echo "== lint ($$(date +%T))"
	@python3 -m unittest -q tools/lint_test.py tools/kube/build_test.py
	@tools/check_layers.py && tools/check_coroutines.py && tools/format.sh --check && tools/chart.py --check && tools/chart_docs.py --check

lint: lint-quick  ## every lint, clang-tidy too, after they have refused what they must refuse
	@$(lock) && cmake --preset lint > /dev/null && tools/tidy.py build/lint

fuzz: packages  ## each target for SECONDS_EACH (600) seconds
	@cmake --preset fuzz > /dev/null && cmake --build --preset fuzz
	@for target in build/fuzz/tests/*_fuzz; do name=$$(basename $$target); echo "== $$name"; \
	  $$target -max_total_time=$${SECONDS_EACH:-600} -timeout=5 -print_final_stats=1 build/fuzz/corpus/$$name tests/fuzz/corpus/$$name || exit 1; done

format: packages  ## rewrite the sources as clang-format wants them
	@tools/format.sh

# As root on a bare machine the lists are installed; otherwise what is missing is named.
packages: wanted = $(BUILD_PACKAGES)
lab-packages: wanted = $(LAB_PACKAGES)
conformance-packages: wanted = $(CONFORMANCE_PACKAGES)
packages lab-packages conformance-packages:
	@missing=$$(for p in $(wanted); do \
	  dpkg-query -W -f '$${db:Status-Status}\n' $$p 2>/dev/null | grep -q '^installed' || echo $$p; done); \
	if [ -n "$$missing" ]; then echo "== installing" $$missing; \
	  [ $$(id -u) = 0 ] || { echo "run as root, or: apt-get install" $$missing; exit 1; }; \
	  export DEBIAN_FRONTEND=noninteractive; apt-get -o DPkg::Lock::Timeout=600 -qq update && \
	  apt-get -o DPkg::Lock::Timeout=600 -qq install -y --no-install-recommends $$missing >/dev/null; fi

clean:  ## remove build/
	@rm -rf build

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 16
