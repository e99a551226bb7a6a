# `make` lists the targets. A machine needs Go and Node; what else is missing, `make deps` installs or names.

GO      ?= go
FLAGS   ?=
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

.PHONY: help deps build run test lint bench bench-scale chaos clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# $(call require,PROGRAM:PACKAGE …) installs the Debian packages of programs that are missing, without
# starting their services, or says what to install by hand.
define require
@PATH="$$PATH:/usr/sbin"; missing=; \
for need in $(1); do command -v "$${need%%:*}" >/dev/null || missing="$$missing $${need#*:}"; done; \
[ -n "$$missing" ] || exit 0; \
if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
	echo "missing on this machine:$$missing; install with its package manager, for example: sudo apt-get install$$missing" >&2; exit 1; \
fi; \
echo "installing$$missing"; \
if [ ! -e /usr/sbin/policy-rc.d ]; then \
	trap 'rm -f /usr/sbin/policy-rc.d' EXIT; \
	printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d; \
fi; \
apt-get update -qq >/dev/null; \
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null
endef

deps: ## what running takes beside Go and Node: redis-server
	$(call require,redis-server:redis-server)

build: bin/.installed ## bin/fairlead, and what it needs at run time
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-X main.version=$(VERSION)' -o bin/fairlead ./cmd/fairlead

run: deps build ## everything on this machine, with a demo program; Ctrl-C stops it
	bin/fairlead up --demo $(FLAGS)

# Tests that write facts sync them: a folder in memory makes them several times faster where there is room.
fast = room=$$(df -Pk /dev/shm 2>/dev/null | awk 'NR == 2 { print $$4 }'); \
	if [ -w /dev/shm ] && [ "$${room:-0}" -gt 4000000 ]; then TMPDIR=$$(mktemp -d /dev/shm/fairlead-test.XXXXXX); export TMPDIR; chmod 1777 "$$TMPDIR"; trap 'rm -rf "$$TMPDIR"' EXIT; fi;

test: deps bin/.installed lint ## all tests, against the real Redis, ClickHouse and browser
	$(call require,chromium:chromium)
	$(fast) $(GO) test -race -timeout 20m ./...

lint: ## gofmt, go vet, staticcheck
	@badly=$$(gofmt -l $$($(GO) list -f '{{.Dir}}' ./...)); \
	if [ -n "$$badly" ]; then echo "not formatted by gofmt:" $$badly >&2; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

bench: deps build ## the benchmarks, nginx and bare fasthttp beside the redirector, and which goals are met
	$(call require,wrk:wrk nginx:nginx-light)
	$(GO) build -o bin/bench ./cmd/bench
	bin/bench all --report bin/bench.json

bench-scale: deps bin/.installed ## N clicks of a year (5000000): rebuild, one new minute, reports, audit, sizes, and which goals are met
	$(GO) build -o bin/bench ./cmd/bench
	bin/bench scale --rows $(or $(N),5000000) $(FLAGS)

chaos: deps bin/.installed ## the fault tests at full length, and the report of what came of them
	@report=$$(mktemp); \
	FAIRLEAD_CHAOS=1 CHAOS_REPORT=$$report $(GO) test -race -timeout 3h ./...; failed=$$?; \
	echo; sort $$report; rm -f $$report; exit $$failed

clean: ## removes what was built and installed; deployments stay
	rm -rf bin node_modules

# The engine's library and the data that enriches clicks: links to where npm puts them. The lock file
# holds the engine of one platform; others get the same version of theirs, where there is one, and run
# a clickhouse program otherwise.
bin/.installed: package.json package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing on this machine: install Node.js 20 or newer" >&2; exit 1; }
	npm ci --no-progress
	@if ! ls node_modules/@chdb/*/libchdb.* >/dev/null 2>&1; then \
		engine=@chdb/lib-$$(node -p '`$${process.platform}-$${process.arch}$${process.platform == "linux" ? "-gnu" : ""}`')@$$(node -p 'Object.values(require("./package.json").optionalDependencies)[0]'); \
		npm install --no-progress --no-save --no-package-lock "$$engine" || \
			echo "there is no ClickHouse library for this platform: put a clickhouse program on PATH" >&2; \
	fi
	mkdir -p bin/lib bin/data
	for library in node_modules/@chdb/*/libchdb.*; do [ ! -e "$$library" ] || ln -sf "../../$$library" bin/lib/; done
	ln -sf ../../node_modules/@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb bin/data/country.mmdb
	ln -sf ../../node_modules/crawler-user-agents/crawler-user-agents.json bin/data/crawler-user-agents.json
	@touch $@
