# make run     the main job on this machine, with a simulated Teams
# make test    everything, with what it needs
# make help    the rest

GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
PACKAGE  := github.com/prometheus/common/version
LDFLAGS  := -s -w -X $(PACKAGE).Version=$(VERSION) -X $(PACKAGE).Revision=$(shell git rev-parse --short HEAD 2>/dev/null)
PROGRAMS := ./receiver/cmd/teamsrelay ./plugins/outputs/teams/cmd/telegraf-output-teams
PAGE     := receiver/teamstest/page
export CGO_ENABLED ?= 0

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
page: $(PAGE)/site/vendor/adaptivecards.min.js ## Microsoft's card renderer for the simulator's page; without npm the page shows JSON

$(PAGE)/site/vendor/adaptivecards.min.js: $(PAGE)/bundle.sh $(PAGE)/package-lock.json
	@$(PAGE)/bundle.sh || echo "The renderer could not be had from npm: the simulator's page will show cards as JSON."

.PHONY: cards
cards: page ## every card in every state as a picture, in .cache/cards; make cards CARD=alert draws one
	@$(GO) run ./receiver/cmd/cardpictures --card='$(CARD)'

.PHONY: deps
deps: ## what the tests need from Debian, when root; otherwise says what is left out
	@.ci/deps

.PHONY: test
test: deps build ## every test, with the race detector
	$(GO) vet ./...
	@unformatted=$$(gofmt -l plugins receiver templates); test -z "$$unformatted" || { echo "gofmt would change: $$unformatted"; exit 1; }
	@race=-race; command -v "$$($(GO) env CC)" >/dev/null || { race=; echo "No C compiler: the tests run without the race detector."; }; \
	set -x; CGO_ENABLED=$${race:+1} $(GO) test $$race -timeout 20m ./...

.PHONY: test-playground
test-playground: build ## the bot in Microsoft's Agents Playground, which npm installs into .cache; its licence allows evaluation
	npm install --no-audit --no-fund --prefix .cache/playground @microsoft/m365agentsplayground@0.2.28
	$(GO) test -tags playground -run 'TestMicrosoftsPlayground' -count 1 -v ./receiver/e2e

.PHONY: fuzz
fuzz: ## every fuzz target for FUZZTIME each
	@.ci/fuzz $(FUZZTIME)

.PHONY: bench
bench: build ## the numbers of the README, on this machine
	@$(GO) run ./receiver/cmd/relaybench
	@$(GO) test -run '^$$' -bench . -benchmem ./receiver/rules/... ./receiver/ingest/... ./receiver/route ./receiver/chart ./receiver/card ./receiver/deliver ./receiver/store/sqlite ./receiver/bot/... ./receiver/silence ./plugins/...

.PHONY: cross
cross: ## build for linux, windows and darwin
	@for os in linux windows darwin; do for program in $(PROGRAMS); do echo "$$os $$program"; GOOS=$$os $(GO) build -o /dev/null $$program || exit 1; done; done

.PHONY: clean
clean: ## remove what was built
	rm -rf bin .cache
