# signalbox. `make help` lists what can be made; `make V=1` shows the commands.

VERSION := $(shell sed -n 's/.*SIGNALBOX_VERSION "\(.*\)"/\1/p' host/version.h)

# Where things go. A variant (sanitizers, coverage) is another BUILD with other SANITIZE or CFLAGS.
BUILD  ?= build
PREFIX ?= /usr/local

# Tools; each can be named on the command line.
CC      = gcc
LUA    ?= lua5.4
BUSTED ?= busted

LUA_CFLAGS ?= -I/usr/include/lua5.4
LUA_LIBS   ?= -llua5.4

SANITIZE ?=
CFLAGS   ?= -O2 -g
FORTIFY  ?= $(if $(SANITIZE),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wpointer-arith -Wwrite-strings -Wformat=2 -Wundef -Wvla
HARDEN   := -fstack-protector-strong -fstack-clash-protection -fcf-protection $(FORTIFY)
SANITIZER := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer)

ALL_CFLAGS  = -std=c17 -D_GNU_SOURCE $(WARNINGS) $(HARDEN) $(SANITIZER) -fPIC -fvisibility=hidden \
              -Ihost -I. -I$(BUILD) $(LUA_CFLAGS) $(CFLAGS) -MMD -MP
ALL_LDFLAGS = $(SANITIZER) -Wl,-z,relro -Wl,-z,now -Wl,--as-needed $(LDFLAGS)

# Sources are found by folder: a new file needs no line here.
sources = $(sort $(wildcard $(addsuffix /*.c,$(1))))
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

LIBRARY_SOURCES  := $(call sources,host host/text host/driver host/store)
BINDING_SOURCES  := $(call sources,bindings)
PROGRAM_SOURCES  := $(call sources,host/program host/program/sandbox)
MODULES          := $(sort $(notdir $(patsubst %/,%,$(dir $(wildcard bindings/modules/*/*.c)))))
QUERIES          := $(sort $(wildcard host/queries/*.sql))
MIGRATIONS       := $(sort $(wildcard migrations/sqlite/*.sql))
SCRIPTS          := $(sort $(wildcard scripts/*.lua scripts/*/*.lua))
EMBEDDED         := $(filter-out scripts/examples/%,$(SCRIPTS)) # those are run as files

GENERATED        := $(BUILD)/gen/queries.h
LIBRARY_OBJECTS  := $(call objects,$(LIBRARY_SOURCES)) $(BUILD)/gen/queries.o $(BUILD)/gen/migrations.o
BINDING_OBJECTS  := $(call objects,$(BINDING_SOURCES))
PROGRAM_OBJECTS  := $(call objects,$(PROGRAM_SOURCES)) $(BUILD)/gen/scripts.o
MODULE_FILES     := $(MODULES:%=$(BUILD)/lib/signalbox/%.so)

# What the modules that are loaded at first use are linked with.
LIBS_http := -lcurl
LIBS_smtp := -lcurl
LIBS_vault := -lzstd -lcrypto -lpthread
LIBS_edit := -ledit -Wl,-z,nodelete # libtinfo keeps what it knows of a terminal for the process's life

Q   := $(if $(V),,@)
say  = $(if $(V),,@printf '  %-6s %s\n' '$(1)' '$(2)')

.DELETE_ON_ERROR:
.SECONDARY:
.DEFAULT_GOAL := all

## all: the program, the Lua module and the C library, in build/ (what `make` alone does)
.PHONY: all
all: $(if $(PROGRAM_SOURCES),$(BUILD)/signalbox) $(if $(BINDING_SOURCES),$(BUILD)/signalbox.so) \
     $(BUILD)/libsignalbox.a $(MODULE_FILES)

$(BUILD)/signalbox: $(PROGRAM_OBJECTS) $(BINDING_OBJECTS) $(BUILD)/libsignalbox.a $(BUILD)/inputs
	$(call say,LINK,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(PROGRAM_OBJECTS) $(BINDING_OBJECTS) $(BUILD)/libsignalbox.a \
	    $(LUA_LIBS) -lsqlite3 -lm -lpthread

$(BUILD)/signalbox.so: $(BINDING_OBJECTS) $(BUILD)/libsignalbox.a $(BUILD)/inputs
	$(call say,LINK,$@)
	$(Q)$(CC) -shared $(ALL_LDFLAGS) -o $@ $(BINDING_OBJECTS) $(BUILD)/libsignalbox.a \
	    -lsqlite3 -lm -lpthread

$(BUILD)/libsignalbox.a: $(LIBRARY_OBJECTS) $(BUILD)/inputs
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $(LIBRARY_OBJECTS)

define module_rule
$(BUILD)/lib/signalbox/$(1).so: $$(call objects,$$(call sources,bindings/modules/$(1))) $(BUILD)/inputs
	$$(call say,LINK,$$@)
	$$(Q)mkdir -p $$(@D) && $$(CC) -shared $$(ALL_LDFLAGS) -o $$@ $$(filter %.o,$$^) $$(LIBS_$(1))
endef
$(foreach module,$(MODULES),$(eval $(call module_rule,$(module))))
# What two of them share.
$(BUILD)/lib/signalbox/smtp.so: $(call objects,bindings/modules/http/url.c) # what is private
$(BUILD)/lib/signalbox/vault.so: $(call objects,bindings/modules/files/path.c)

$(BUILD)/obj/%.o: %.c $(BUILD)/inputs | $(GENERATED)
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/gen/%.o: $(BUILD)/gen/%.c
	$(Q)$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(BUILD)/gen/%.o: $(BUILD)/gen/%.S
	$(Q)$(CC) -c -o $@ $<

EMBED := $(LUA) host/queries/embed.lua

$(BUILD)/gen/queries.h $(BUILD)/gen/queries.c &: $(QUERIES) host/queries/embed.lua $(BUILD)/inputs
	$(call say,EMBED,host/queries)
	$(Q)$(EMBED) queries $(BUILD)/gen/queries.h $(BUILD)/gen/queries.c $(QUERIES)

$(BUILD)/gen/migrations.c: $(MIGRATIONS) host/queries/embed.lua $(BUILD)/inputs
	$(call say,EMBED,migrations)
	$(Q)$(EMBED) migrations $@ $(MIGRATIONS)

# Carried as well, compiled: reading its source would double the start of every command.
ARGPARSE  = $(shell $(LUA) -e 'print(package.searchpath("argparse", package.path) or "")' 2>/dev/null)

$(BUILD)/gen/scripts.S: $(EMBEDDED) $(ARGPARSE) host/queries/embed.lua $(BUILD)/inputs
	$(call say,EMBED,scripts)
	$(Q)$(EMBED) scripts $@ $(BUILD)/gen/scripts.bin scripts $(EMBEDDED) $(ARGPARSE)

# Changes when a source comes or goes or a flag changes, and only then.
INPUTS = $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(LIBRARY_SOURCES) $(BINDING_SOURCES) \
         $(PROGRAM_SOURCES) $(MODULES) $(QUERIES) $(MIGRATIONS) $(SCRIPTS)
$(BUILD)/inputs: FORCE
	@mkdir -p $(BUILD)/gen
	@echo '$(INPUTS)' | cmp -s - $@ || { \
	    $(call need,$(CC),gcc) $(call need,$(LUA),lua5.4) \
	    $(call need_file,/usr/include/lua5.4/lua.h,liblua5.4-dev) \
	    $(call need_file,/usr/include/sqlite3.h,libsqlite3-dev) \
	    $(call need_file,/usr/include/zstd.h,libzstd-dev) \
	    $(call need_file,/usr/include/openssl/evp.h,libssl-dev) \
	    $(call need_file,/usr/include/histedit.h,libedit-dev) \
	    $(call need_file,/usr/include/xxhash.h,libxxhash-dev) \
	    $(call need_file,/usr/include/*/curl/curl.h,libcurl4-openssl-dev) \
	    echo '$(INPUTS)' > $@; }

# $(call need,PROGRAM,PACKAGE) and $(call need_file,FILE,PACKAGE) end a recipe that lacks something.
need      = command -v $(1) >/dev/null || { \
    echo 'make: $(1) is missing: apt install $(2)   (or make deps)' >&2; exit 1; };
need_python = /usr/bin/python3 -c 'import $(1)' 2>/dev/null || { \
    echo 'make: python3 module $(1) is missing: apt install $(2)' >&2; exit 1; };
need_file = ls $(1) >/dev/null 2>&1 || { \
    echo 'make: $(1) is missing: apt install $(2)   (or make deps)' >&2; exit 1; };

# ---- installing what is missing, and the two commands of a newcomer -----------------------------

PACKAGES := gcc libc6-dev make lua5.4 liblua5.4-dev libsqlite3-dev libcurl4-openssl-dev \
            libzstd-dev libssl-dev libedit-dev libxxhash-dev lua-argparse lua-cjson
# What the specs need beside: other programs that write, a C program of a user, a terminal.
SPEC_PACKAGES := lua-busted sqlite3 pkgconf tmux less groff-base python3 python3-aiosmtpd openssl \
                 age gpg zstd

# What the conformance specs need beside: other people's programs.
CONFORMANCE_PACKAGES := prometheus prometheus-alertmanager \
                        $(if $(shell command -v npm),,nodejs npm ca-certificates)

# Nothing is built before what building needs is there.
$(BUILD)/inputs: | $(if $(filter deps test demo conformance,$(MAKECMDGOALS)),deps)

SPEC_PACKAGES += zsh # whose completion is tried

## deps: install the Debian packages that are missing (with sudo where not root)
.PHONY: deps
deps:
	@.ci/deps $(PACKAGES) $(if $(filter demo,$(MAKECMDGOALS)),,$(SPEC_PACKAGES)) \
	    $(if $(filter conformance,$(MAKECMDGOALS)),$(CONFORMANCE_PACKAGES))

## demo: from real data to processed signals, in demo/
DEMO      := demo/signals.db
SAMPLES   := spec/samples/github-ranking
DEMO_RUN   = $(BUILD)/signalbox --db $(DEMO)
DEMO_DAY   = $(lastword $(sort $(patsubst $(SAMPLES)/github-ranking-%.csv.gz,%,$(wildcard $(SAMPLES)/*.gz))))
.PHONY: demo
demo: deps
	@$(LUA) .ci/progress.lua $(words $(LIBRARY_OBJECTS) $(BINDING_OBJECTS) $(PROGRAM_OBJECTS)) \
	    $(MAKE) --no-print-directory -j$(shell nproc) all
	@rm -rf $(DEMO)* demo/pushed.ndjson
	@echo 'collecting $(words $(wildcard $(SAMPLES)/*.gz)) days of GitHub rankings into $(DEMO)'
	@$(DEMO_RUN) collect github_ranking $(SAMPLES)/*.csv.gz
	@echo 'processing as of $(DEMO_DAY)'
	@$(DEMO_RUN) process --as-of $(DEMO_DAY) --out demo/pushed.ndjson
	@echo; $(DEMO_RUN) stats
	@echo; $(DEMO_RUN) run scripts/examples/fastest.lua $(DEMO_DAY)
	@echo 'written to demo/pushed.ndjson. Next: $(BUILD)/signalbox repl $(DEMO)'

# ---- specs --------------------------------------------------------------------------------------

RUN_SPECS = SIGNALBOX_BUILD=$(BUILD) $(BUSTED)

## test: install what is missing, build, run the specs (SPEC=spec/x_spec.lua for one)
SPEC ?= spec
.PHONY: test
test: deps all
	@$(RUN_SPECS) $(SPEC)

## conformance: install other people's programs, and see what they make of ours
CONFORMANCE ?= spec/conformance
.PHONY: conformance
conformance: deps all
	@$(RUN_SPECS) $(CONFORMANCE)

# The slow kinds, each a folder of its own.
KINDS := fault soak
## fault: kill, starve and corrupt: specs that try to break the promises
## soak: specs that run for minutes
.PHONY: $(KINDS)
$(KINDS): all
	@$(RUN_SPECS) spec/$@

## bench: the figures, beside hand-written C and aiosqlite (BENCH=store for one of spec/bench)
BENCH ?=
.PHONY: bench
bench: all
	@$(call need_python,aiosqlite,python3-aiosqlite) \
	SIGNALBOX_BUILD=$(BUILD) $(LUA) spec/bench/run.lua $(BENCH)

# ---- finding faults -----------------------------------------------------------------------------

# What a tool reports, of whichever process, fails the run (.ci/reports). Only the specs' own process
# is loaded into it by force: the programs that they start are linked with it, or others' (alone.so).
SPECS = $(LUA) $(shell command -v $(BUSTED)) --ignore-lua

ASAN = $(shell $(CC) -print-file-name=libasan.so)
ASAN_REPORTS = $(CURDIR)/build-asan/reports
## asan: the specs under the address, leak and undefined-behaviour sanitizers
.PHONY: asan
# (The sanitizer's guess at where a library that is loaded late has its thread-local data, for what
# leaks, goes wrong with gcc 12: it would read anywhere.)
asan:
	@$(call need,$(BUSTED),lua-busted) :
	$(Q)$(MAKE) BUILD=build-asan CFLAGS='-O1 -g' \
	    SANITIZE='address,undefined -fno-sanitize-recover=all' all
	$(Q)$(CC) -shared -fPIC -o build-asan/alone.so spec/support/alone.c
	@.ci/reports $(ASAN_REPORTS) env SIGNALBOX_BUILD=build-asan SIGNALBOX_SLOW=5 \
	    SIGNALBOX_SANITIZER=$(ASAN) LD_PRELOAD=$(ASAN):$(CURDIR)/build-asan/alone.so \
	    ASAN_OPTIONS=intercept_tls_get_addr=0:log_path=$(ASAN_REPORTS)/asan \
	    UBSAN_OPTIONS=print_stacktrace=1:log_path=$(ASAN_REPORTS)/ubsan $(SPECS) $(SPEC)

VALGRIND = $(CURDIR)/.ci/valgrind $(CURDIR)/build-valgrind/reports
## valgrind: the specs, and the programs that they run, under valgrind
.PHONY: valgrind
# (A fortified memmove looks like a memcpy that overlaps. The specs' files run side by side, for one
# after another they take an hour.)
valgrind:
	@$(call need,valgrind,valgrind) $(call need,$(BUSTED),lua-busted) :
	$(Q)$(MAKE) BUILD=build-valgrind FORTIFY= all
	@.ci/reports build-valgrind/reports env SIGNALBOX_BUILD=build-valgrind SIGNALBOX_SLOW=20 \
	    SIGNALBOX_UNDER='$(VALGRIND)' sh -c "find $(SPEC) -maxdepth 1 -name '*_spec.lua' | sort | \
	    xargs -P $(shell nproc) -n 1 $(VALGRIND) $(SPECS)"

## fuzz: each target of spec/fuzz for SECONDS=30 (FUZZ=json for one)
SECONDS ?= 30
FUZZ    ?= $(notdir $(basename $(wildcard spec/fuzz/*.c)))
.PHONY: fuzz
fuzz:
	@$(call need,clang,clang) \
	$(call need_file,/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a,libclang-rt-14-dev)
	$(Q)$(MAKE) BUILD=build-fuzz CC=clang SANITIZE='address,undefined,fuzzer-no-link' \
	    CFLAGS='-O1 -g' $(FUZZ:%=build-fuzz/fuzz/%)
	$(Q)for target in $(FUZZ); do \
	    mkdir -p build-fuzz/corpus/$$target; seeds=; \
	    [ ! -d spec/fuzz/$$target ] || seeds=spec/fuzz/$$target; \
	    echo "$$target: $(SECONDS) s"; \
	    build-fuzz/fuzz/$$target -max_total_time=$(SECONDS) -artifact_prefix=build-fuzz/$$target- \
	        -print_final_stats=1 build-fuzz/corpus/$$target $$seeds >build-fuzz/$$target.log 2>&1 || \
	        { tail -40 build-fuzz/$$target.log; exit 1; }; \
	    grep number_of_executed build-fuzz/$$target.log; \
	done

$(BUILD)/fuzz/%: spec/fuzz/%.c $(BINDING_OBJECTS) $(BUILD)/libsignalbox.a
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $< \
	    $(BINDING_OBJECTS) $(BUILD)/libsignalbox.a $(LUA_LIBS) -lsqlite3 -lm -lpthread

## coverage: which lines the specs reach, as build-coverage/report/index.html
.PHONY: coverage
coverage:
	@$(call need,lcov,lcov)
	$(Q)$(MAKE) BUILD=build-coverage CFLAGS='-O1 -g --coverage' LDFLAGS=--coverage all
	$(Q)find build-coverage -name '*.gcda' -delete
	-@SIGNALBOX_BUILD=build-coverage $(BUSTED) $(SPEC)
	$(Q)lcov --quiet --capture --directory build-coverage/obj --base-directory . --no-external \
	    --output-file build-coverage/lcov.info 2>build-coverage/lcov.log || \
	    { cat build-coverage/lcov.log >&2; exit 1; }
	$(Q)genhtml --quiet --output-directory build-coverage/report build-coverage/lcov.info
	@lcov --list build-coverage/lcov.info

## tidy: clang-tidy over the C code
TIDY ?= $(LIBRARY_SOURCES) $(BINDING_SOURCES) $(PROGRAM_SOURCES) $(sort $(wildcard bindings/modules/*/*.c))
.PHONY: tidy
tidy: $(GENERATED)
	@$(call need,clang-tidy,clang-tidy)
	$(Q)printf '%s\n' $(TIDY) | xargs -P $(shell nproc) -n 1 sh -c 'clang-tidy --quiet $$0 -- \
	    -std=c17 -D_GNU_SOURCE -Ihost -I. -I$(BUILD) $(LUA_CFLAGS) 2>/dev/null || \
	    { echo "in $$0"; exit 1; }'

## lint: luacheck, the layers, and where SQL may stand
.PHONY: lint
lint:
	@.ci/lint

## format: lay out the C code as .clang-format says
.PHONY: format
format:
	@$(call need,clang-format,clang-format)
	$(Q)clang-format -i $(shell git ls-files '*.c' '*.h')

# ---- installing ---------------------------------------------------------------------------------

# SOURCE:DESTINATION below PREFIX:MODE. What install puts there, uninstall removes.
LIBDIR  ?= lib
LUA_DIR := lua/5.4
# Where zsh looks below PREFIX: a package has a folder of its own on Debian.
ZSH_DIR ?= share/zsh/$(if $(filter /usr,$(PREFIX)),vendor-completions,site-functions)
INSTALLED = \
    $(BUILD)/signalbox:bin/signalbox:755 \
    $(BUILD)/signalbox.so:lib/$(LUA_DIR)/signalbox.so:644 \
    $(foreach f,$(MODULES:=.so),$(BUILD)/lib/signalbox/$(f):lib/$(LUA_DIR)/signalbox/$(f):644) \
    $(foreach f,$(filter scripts/lib/%,$(SCRIPTS)),$(f):share/$(LUA_DIR)/signalbox/$(notdir $(f)):644) \
    $(foreach f,$(filter-out scripts/lib/%,$(SCRIPTS)),$(f):share/signalbox/$(f):644) \
    $(foreach f,$(notdir $(wildcard bindings/meta/*)),bindings/meta/$(f):share/signalbox/meta/$(f):644) \
    $(foreach f,$(wildcard scripts/share/*/*),$(f):share/signalbox/$(f:scripts/share/%=%):644) \
    $(BUILD)/libsignalbox.a:$(LIBDIR)/libsignalbox.a:644 \
    $(foreach f,$(PUBLIC_HEADERS),host/$(f):include/signalbox/$(f):644) \
    $(BUILD)/signalbox.pc:$(LIBDIR)/pkgconfig/signalbox.pc:644 \
    $(BUILD)/manual/signalbox.1:share/man/man1/signalbox.1:644 \
    $(BUILD)/manual/signalbox-lua.3:share/man/man3/signalbox-lua.3:644 \
    $(BUILD)/manual/bash:share/bash-completion/completions/signalbox:644 \
    $(BUILD)/manual/zsh:$(ZSH_DIR)/_signalbox:644

# What store/store.h includes, and itself.
PUBLIC_HEADERS := error.h driver/query.h driver/driver.h driver/driver_calls.h store/store.h

INSTALLED_FOLDERS := share/signalbox lib/$(LUA_DIR)/signalbox \
                     share/$(LUA_DIR)/signalbox include/signalbox

## install: put it all below PREFIX=/usr/local (DESTDIR= for a package)
.PHONY: install
install: all $(BUILD)/signalbox.pc $(BUILD)/manual/signalbox.1
	$(Q)set -e; for entry in $(INSTALLED); do \
	    source=$${entry%%:*}; rest=$${entry#*:}; \
	    install -D -m $${rest##*:} "$$source" "$(DESTDIR)$(PREFIX)/$${rest%%:*}"; \
	done

## uninstall: remove what install put there
.PHONY: uninstall
uninstall:
	$(Q)for entry in $(INSTALLED); do \
	    rest=$${entry#*:}; rm -f "$(DESTDIR)$(PREFIX)/$${rest%%:*}"; \
	done
	$(Q)for folder in $(INSTALLED_FOLDERS); do \
	    [ ! -d "$(DESTDIR)$(PREFIX)/$$folder" ] || \
	        find "$(DESTDIR)$(PREFIX)/$$folder" -depth -type d -empty -delete; \
	done

# Manual pages and completion, from the declarations that the program itself reads; without the
# commands and settings of whoever builds.
META      := $(addprefix bindings/meta/,signalbox.lua sinks.lua rules.lua)
DOCUMENTED := scripts/lib/canonical_key.lua scripts/lib/gate.lua
MANUAL    := $(addprefix $(BUILD)/manual/,signalbox.1 signalbox-lua.3 bash zsh)
CLEAN_RUN  = env -i HOME=/nonexistent $(BUILD)/signalbox
COMMITTED  = $(shell git log -1 --format=%ct 2>/dev/null)
$(MANUAL) &: $(BUILD)/signalbox .ci/manual.lua $(META) $(DOCUMENTED)
	$(call say,MANUAL,$(BUILD)/manual)
	$(Q)mkdir -p $(BUILD)/manual
	$(Q)$(CLEAN_RUN) run .ci/manual.lua 1 $(COMMITTED) >$(BUILD)/manual/signalbox.1
	$(Q)cat $(META) | $(CLEAN_RUN) run .ci/manual.lua 3 $(COMMITTED) $(DOCUMENTED) \
	    >$(BUILD)/manual/signalbox-lua.3
	$(Q)$(CLEAN_RUN) help --completion bash >$(BUILD)/manual/bash
	$(Q)$(CLEAN_RUN) help --completion zsh >$(BUILD)/manual/zsh

$(BUILD)/signalbox.pc: FORCE
	@printf '%s\n' 'prefix=$(PREFIX)' 'Name: signalbox' 'Description: a store of signals' \
	    'Version: $(VERSION)' 'Requires.private: sqlite3' 'Cflags: -I$${prefix}/include/signalbox' \
	    'Libs: -L$${prefix}/$(LIBDIR) -lsignalbox' 'Libs.private: -lm -lpthread' >$@

## deb: a Debian package, build/signalbox_VERSION_ARCH.deb
.PHONY: deb
deb:
	@$(call need,dpkg-shlibdeps,dpkg-dev)
	$(Q)rm -rf $(BUILD)/deb
	$(Q)$(MAKE) --no-print-directory install PREFIX=/usr \
	    LIBDIR=lib/$$(dpkg-architecture -qDEB_HOST_MULTIARCH) DESTDIR=$(BUILD)/deb/root
	$(Q)umask 022 && .ci/deb $(BUILD)/deb/root $(VERSION) $(BUILD)

## clean: remove what was built
.PHONY: clean
clean:
	$(Q)rm -rf build build-*

## help: this list
.PHONY: help
help:
	@sed -n 's/^## \([a-z]*\): \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

.PHONY: FORCE
FORCE:

-include $(wildcard $(BUILD)/obj/*/*.d $(BUILD)/obj/*/*/*.d $(BUILD)/obj/*/*/*/*.d $(BUILD)/gen/*.d)
