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

WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wpointer-arith -Wwrite-strings -Wformat=2 -Wundef -Wvla
HARDEN   := -fstack-protector-strong -fstack-clash-protection -fcf-protection \
            $(if $(SANITIZE),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
SANITIZER := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer)

ALL_CFLAGS  = -std=c17 -D_GNU_SOURCE $(WARNINGS) $(HARDEN) $(SANITIZER) -fPIC -fvisibility=hidden \
              -Ihost -I. -I$(BUILD) $(LUA_CFLAGS) $(CFLAGS) -MMD -MP
ALL_LDFLAGS = $(SANITIZER) -Wl,-z,relro -Wl,-z,now -Wl,--as-needed $(LDFLAGS)

# Sources are found by folder: a new file needs no line here.
sources = $(sort $(wildcard $(addsuffix /*.c,$(1))))
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

LIBRARY_SOURCES  := $(call sources,host host/text host/driver host/store)
BINDING_SOURCES  := $(call sources,bindings)
PROGRAM_SOURCES  := $(call sources,host/program)
MODULES          := $(sort $(notdir $(patsubst %/,%,$(dir $(wildcard bindings/modules/*/*.c)))))
QUERIES          := $(sort $(wildcard host/queries/*.sql))
MIGRATIONS       := $(sort $(wildcard migrations/sqlite/*.sql))
SCRIPTS          := $(sort $(wildcard scripts/*.lua scripts/*/*.lua))

GENERATED        := $(BUILD)/gen/queries.h
LIBRARY_OBJECTS  := $(call objects,$(LIBRARY_SOURCES)) $(BUILD)/gen/queries.o $(BUILD)/gen/migrations.o
BINDING_OBJECTS  := $(call objects,$(BINDING_SOURCES))
PROGRAM_OBJECTS  := $(call objects,$(PROGRAM_SOURCES)) $(BUILD)/gen/scripts.o
MODULE_FILES     := $(MODULES:%=$(BUILD)/lib/signalbox/%.so)

# What the modules that are loaded at first use are linked with.
LIBS_http := -lcurl
LIBS_zstd := -lzstd
LIBS_edit := -ledit

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

$(BUILD)/gen/scripts.S: $(SCRIPTS) host/queries/embed.lua $(BUILD)/inputs
	$(call say,EMBED,scripts)
	$(Q)$(EMBED) scripts $@ $(BUILD)/gen/scripts.bin scripts $(SCRIPTS)

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
	    $(call need_file,/usr/include/histedit.h,libedit-dev) \
	    $(call need_file,/usr/include/*/curl/curl.h,libcurl4-openssl-dev) \
	    echo '$(INPUTS)' > $@; }

# $(call need,PROGRAM,PACKAGE) and $(call need_file,FILE,PACKAGE) end a recipe that lacks something.
need      = command -v $(1) >/dev/null || { \
    echo 'make: $(1) is missing: apt install $(2)   (or make deps)' >&2; exit 1; };
need_file = ls $(1) >/dev/null 2>&1 || { \
    echo 'make: $(1) is missing: apt install $(2)   (or make deps)' >&2; exit 1; };

## deps: installs the Debian packages that are missing (with sudo where not root)
PACKAGES := gcc make lua5.4 liblua5.4-dev libsqlite3-dev libcurl4-openssl-dev libzstd-dev \
            libedit-dev lua-argparse lua-cjson lua-busted lua-posix
.PHONY: deps
deps:
	@.ci/deps $(PACKAGES)

## test: installs what is missing, builds, and runs the specs; SPEC=spec/x_spec.lua for one
SPEC ?= spec
.PHONY: test
test: deps all
	@$(call need,$(BUSTED),lua-busted) \
	SIGNALBOX_BUILD=$(BUILD) $(BUSTED) --lua=/usr/bin/lua5.4 --output=spec/support/handler.lua $(SPEC)

## clean: removes what was built
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
