# Two commands matter: `make mount` sets up and mounts a drive, `make test` runs all tests.
.DEFAULT_GOAL := help
SHELL := /bin/bash

GO      ?= go
REPO    ?= research-repo
MNT     ?= research
PREFIX  ?= /usr/local
DESTDIR ?=
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
SOAK    ?= 1h

.PHONY: help build mount umount test long race lint bench million soak crash install uninstall clean

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

build: ## build bin/rdfs: one static binary
	@mkdir -p bin
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/rdfs ./cmd/rdfs

mount: ## install fuse3 if it is missing, build, and mount ./research
	@scripts/mount.sh '$(REPO)' '$(MNT)'

umount: build ## unmount ./research, when everything is stored
	bin/rdfs umount '$(MNT)'

test: ## install what the tests need, and run all tests
	@scripts/deps.sh
	@scripts/s3-server.sh >/dev/null
	$(GO) test -timeout 45m ./...

long: ## tests that need a server of others: snapshots through Samba (root)
	@scripts/deps.sh fuse3 samba samba-vfs-modules smbclient
	$(GO) test -count=1 -tags long -timeout 10m -run Samba ./internal/drivetest

race: ## the tests with the race detector (needs a C compiler)
	@scripts/deps.sh
	@scripts/s3-server.sh >/dev/null
	$(GO) test -race -timeout 90m ./...

lint: ## gofmt, vet, and the rules of the house
	@out=$$(gofmt -l $$($(GO) list -f '{{.Dir}}' ./...)); if [ -n "$$out" ]; then echo "not formatted (gofmt -w):"; echo "$$out"; exit 1; fi
	$(GO) vet ./...
	$(GO) test ./internal/lint

bench: ## compare with a plain directory and a tuned FUSE loopback; then versions and sealing (root for all figures)
	@scripts/deps.sh fuse3
	$(GO) run ./internal/bench/cmd/bench
	$(GO) run ./internal/bench/cmd/bench -store

million: ## mount, memory and lookups of a million files, and a file with a thousand versions (half an hour)
	@scripts/deps.sh fuse3
	$(GO) run ./internal/bench/cmd/bench -versions 1000
	$(GO) run ./internal/bench/cmd/bench -million

soak: ## save without pause for SOAK=1h, and watch memory and queue
	@scripts/deps.sh fuse3
	$(GO) run ./internal/bench/cmd/bench -soak $(SOAK)

crash: ## kill the daemon, and cut the power, hundreds of times (an hour or more; root)
	@scripts/deps.sh
	RDFS_TEST_CRASHES=500 RDFS_TEST_POWERCUTS=100 $(GO) test -count=1 -timeout 3h -run 'Kill|Surviv|PowerLoss' ./internal/drivetest

install: build ## install the binary, mount.rdfs, the systemd unit and completion
	install -D -m 0755 bin/rdfs $(DESTDIR)$(PREFIX)/bin/rdfs
	install -d $(DESTDIR)/sbin $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	ln -sf $(PREFIX)/bin/rdfs $(DESTDIR)/sbin/mount.rdfs
	install -D -m 0644 scripts/systemd/rdfs@.service $(DESTDIR)/etc/systemd/system/rdfs@.service
	sed -i 's|/usr/local/bin/rdfs|$(PREFIX)/bin/rdfs|' $(DESTDIR)/etc/systemd/system/rdfs@.service
	bin/rdfs completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/rdfs

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/rdfs $(DESTDIR)/sbin/mount.rdfs $(DESTDIR)/etc/systemd/system/rdfs@.service
	rm -f $(DESTDIR)$(PREFIX)/share/bash-completion/completions/rdfs

clean: ## remove bin/
	rm -rf bin
