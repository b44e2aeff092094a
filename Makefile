# make run     the main job on this machine, with a simulated Teams
# make test    everything, with what it needs
# make help    the rest

GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
PACKAGE  := github.com/prometheus/common/version
LDFLAGS  := -s -w -X $(PACKAGE).Version=$(VERSION) -X $(PACKAGE).Revision=$(shell git rev-parse --short HEAD 2>/dev/null)
PROGRAMS := ./receiver/cmd/teamsrelay ./plugins/outputs/teams/cmd/telegraf-output-teams
PAGE     := receiver/teamstest/page
TARGETS  := linux/amd64 linux/arm64 windows/amd64 darwin/amd64 darwin/arm64
RENDERER := $(PAGE)/site/vendor/adaptivecards.min.js
export CGO_ENABLED ?= 0
# SQLite is C made into Go, with memory of its own: watched by the race detector
# it takes most of the time of the tests, and nothing of ours is in there. Only
# these packages: what is not watched must not instantiate anything generic of
# sync, because one copy of that serves the whole program.
UNWATCHED := $(foreach package,sqlite/lib libc memory,-gcflags=modernc.org/$(package)=-race=false)
# Go tests packages in this order, as many at a time as there are processors:
# the longest must not be what is left for the end. e2e waits for processes more
# than it computes, so the others go on beside it; go test prints nothing before
# its first package has ended.
LONGEST  := $(addprefix ./receiver/,e2e engine store/... web)

.PHONY: help
help: ## what there is to make
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

.PHONY: build
build: page ## bin/teamsrelay and bin/telegraf-output-teams
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ $(PROGRAMS)

.PHONY: run
run: build ## the main job with a simulated Teams: fires an alert, shows the cards, goes on until Ctrl-C
	@$(GO) build -o .cache/quickstart ./receiver/cmd/quickstart && .cache/quickstart

.PHONY: page
page: $(RENDERER) ## Microsoft's card renderer for the simulator's page; without npm the page shows JSON

$(RENDERER): $(PAGE)/bundle.sh $(PAGE)/package-lock.json
	@$(PAGE)/bundle.sh || echo "The renderer could not be had from npm: the simulator's page will show cards as JSON."

.PHONY: cards
cards: page ## every card in every state as a picture, in .cache/cards; make cards CARD=alert draws one
	@$(GO) run ./receiver/cmd/cardpictures --card='$(CARD)'

.PHONY: deps
deps: ## what the tests need from Debian, when root; otherwise says what is left out
	@.ci/deps

.PHONY: test
test: deps build ## every test, with the race detector
	$(GO) vet -trimpath ./... # of what build has compiled
	@unformatted=$$(gofmt -l plugins receiver templates); test -z "$$unformatted" || { echo "gofmt would change: $$unformatted"; exit 1; }
	@race=-race; command -v "$$($(GO) env CC)" >/dev/null || { race=; echo "No C compiler: the tests run without the race detector."; }; \
	flags="$${race:+$$race $(UNWATCHED)}"; export CGO_ENABLED=$${race:+1}; \
	set -ex; $(GO) test -vet=off $$flags -timeout 20m $(LONGEST) ./...; .ci/fuzz 1s -vet=off $$flags
	@.ci/test-release

.PHONY: test-playground
test-playground: build ## the bot in Microsoft's Agents Playground, which npm installs into .cache; its licence allows evaluation
	npm install --no-audit --no-fund --prefix .cache/playground @microsoft/m365agentsplayground@0.2.28
	$(GO) test -tags playground -run 'TestMicrosoftsPlayground' -count 1 -v ./receiver/e2e

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME each
	@.ci/fuzz $(FUZZTIME)

.PHONY: torture
torture: SEEDS ?= $(if $(SEED),$(SEED),1..10)
torture: ## bad days that are planned by their seeds; make torture SEED=7 STORE=sqlite REPLICAS=3 FOR=60s
	@$(GO) build -o .cache/torture ./receiver/cmd/torture
	@.cache/torture -seeds '$(SEEDS)' -store '$(or $(STORE),both)' -replicas '$(or $(REPLICAS),3)' -for '$(or $(FOR),60s)'

.PHONY: bench
bench: BENCHMARKS := .cache/benchmarks.txt
bench: build ## the numbers of the README as one table, on this machine, in about ten minutes
	@mkdir -p .cache && $(GO) build -o .cache/relaybench ./receiver/cmd/relaybench
	@echo "Measuring the packages, then all of it. Nothing else should run meanwhile."
	@{ $(GO) test -run '^$$' -bench . -benchmem -benchtime 500ms ./receiver/rules/... ./receiver/ingest/... ./receiver/route ./receiver/chart ./receiver/card ./receiver/deliver ./receiver/store/sqlite ./receiver/store/postgres ./receiver/bot/... ./receiver/silence ./plugins/... && \
	$(GO) test -run '^$$' -bench PagesOfAMillion -benchtime 10x ./receiver/web; } >$(BENCHMARKS) 2>&1 || { cat $(BENCHMARKS); exit 1; }
	@.cache/relaybench -benchmarks $(BENCHMARKS)

.PHONY: cross
cross: ## build for every system that a release has programs for
	@for target in $(TARGETS); do for program in $(PROGRAMS); do echo "$$target $$program"; \
	GOOS=$${target%/*} GOARCH=$${target#*/} $(GO) build -o /dev/null $$program || exit 1; done; done

.PHONY: release
release: page ## everything that people install, in dist, from the commit that is checked out; make release VERSION=v1.2.3
	@cd receiver/cmd/release && GOFLAGS= GOWORK=off CGO_ENABLED=0 $(GO) run . -version '$(VERSION:-dirty=)' -out '$(CURDIR)/dist' -renderer '$(CURDIR)/$(dir $(RENDERER))'

.PHONY: test-systemd
test-systemd: build ## the Debian package in a systemd that boots in a container (root, systemd-nspawn, dpkg)
	cd receiver/cmd/release && $(GO) test -tags systemd -run TestUnderSystemd -count 1 -v .

.PHONY: release-check
release-check: ## proof that a release can be repeated: made again in another directory, with another umask and an empty build cache, it has the same bytes
	@.ci/release-check '$(VERSION:-dirty=)'

.PHONY: clean
clean: ## remove what was built
	rm -rf bin .cache
