# make            build everything            make run      watch this host, in the foreground
# make test       run every test              make rooms    who includes whom; each header alone
# make conformance  verdicts beside OSSEC's   make bench    how fast, on this machine
# make MODE=asan  ... under sanitizers        make fuzz     the fuzz targets, with clang
# make man        the manual pages, in build/release/man
#
# Rooms hold modules (NOUN.c, NOUN.h) and programs (main.c, NOUN_main.c); a program is its
# main, its room's modules and the shared ones.

STAGES := ingest decode correlate alertd agent
ROOMS  := $(STAGES) yagura
MODE   ?= release
O      ?= build/$(MODE)
PKGS   := libzmq msgpack libpcre2-8 libsodium expat jansson zlib

CPPFLAGS += -I. -D_GNU_SOURCE $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
CFLAGS   += -std=c11 -g -Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes -Wmissing-prototypes \
            -Wwrite-strings -Wformat=2 $(CFLAGS.$(MODE))
LDFLAGS  += -Wl,--as-needed $(LDFLAGS.$(MODE))
LDLIBS   += $(shell pkg-config --libs $(PKGS) 2>/dev/null) -llmdb -lsystemd -lpthread

CFLAGS.release  := -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection -fPIE
LDFLAGS.release := -pie -Wl,-z,relro,-z,now
CFLAGS.asan     := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
LDFLAGS.asan    := -fsanitize=address,undefined
CFLAGS.fuzz     := -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
LDFLAGS.fuzz    := -fsanitize=fuzzer,address,undefined

sources  = $(wildcard $(1)/*.c $(1)/*/*.c)
modules  = $(patsubst %.c,$(O)/%.o,$(filter-out %main.c,$(call sources,$(1))))
mains    = $(filter %main.c,$(call sources,$(1)))
program  = $(O)/bin/yagura$(patsubst %,-%,$(filter-out yagura,$(if $(filter main.c,$(notdir $(1))),$(patsubst %/,%,$(dir $(1))),$(patsubst %_main.c,%,$(notdir $(1))))))

SHARED   := $(call modules,common) $(call modules,schemas)
PROGRAMS := $(foreach m,$(foreach r,$(ROOMS),$(call mains,$r)),$(call program,$m))
TESTS    := $(patsubst %.c,$(O)/%,$(wildcard tests/*/*_test.c))
BENCHES  := $(patsubst %.c,$(O)/%,$(wildcard tests/bench/*_bench.c))
FUZZERS  := $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c))

all: $(PROGRAMS)

define PROGRAM                  # $(1) room, $(2) its main
$(call program,$(2)): $(patsubst %.c,$(O)/%.o,$(2)) $(O)/$(1).a $(O)/shared.a
endef
define ROOM
$(O)/$(1).a: $(call modules,$(1))
$(O)/tests/$(1)/%_test: $(O)/tests/$(1)/%_test.o $(O)/$(1).a $(O)/shared.a
	$$(CC) $$(LDFLAGS) -o $$@ $$^ -lcmocka $$(LDLIBS)
$(foreach m,$(call mains,$(1)),$(eval $(call PROGRAM,$(1),$(m))))
endef
$(foreach r,$(ROOMS),$(eval $(call ROOM,$r)))

$(O)/shared.a: $(SHARED)
$(O)/%.a:
	@mkdir -p $(@D)
	@rm -f $@
	$(AR) rcs $@ $^
$(O)/bin/%:
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(O)/tests/%_test: $(O)/tests/%_test.o $(O)/shared.a
	$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(LDLIBS)
$(O)/tests/bench/%_bench: $(O)/tests/bench/%_bench.o $(O)/shared.a
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(O)/fuzz/%: $(O)/tests/fuzz/%_fuzz.o $(ROOMS:%=$(O)/%.a) $(O)/shared.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(O)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

tests: $(PROGRAMS) $(TESTS)

man: $(O)/man/yagura.1 $(O)/man/yagura-ossec.conf.5

$(O)/man/%.1: deploy/man/%.1
	@mkdir -p $(@D)
	cp $< $@
$(O)/man/yagura-ossec.conf.5: deploy/man/options.awk $(O)/bin/yagura-check
	@mkdir -p $(@D)
	$(O)/bin/yagura-check --options | awk -f $< >$@

# What is missing is installed before pkg-config is asked, hence the makes within make.
run:
	@deploy/deps.sh build
	@$(MAKE) -s -j2 all
	@exec $(O)/bin/yagura run

test:
	@deploy/deps.sh test
	@$(MAKE) -s -j2 tests
	@$(MAKE) -s fuzz
	@/usr/bin/python3 tests/run.py $(O) build/fuzz

test-only:                      # without the fuzz targets: tests again in another mode
	@$(MAKE) -s -j2 tests
	@/usr/bin/python3 tests/run.py $(O)

fuzz:
	@$(MAKE) -s -j2 MODE=fuzz CC=clang O=build/fuzz fuzzers

fuzzers: $(FUZZERS:%=$(O)/fuzz/%)

conformance: all
	@/usr/bin/python3 tests/conformance.py $(O)/bin $(V)

bench: all $(BENCHES)
	@for b in tests/bench/*.sh; do O=$(O) YAGURA_BIN=$(O)/bin $$b || exit 1; done
	@for b in tests/bench/*.py; do O=$(O) /usr/bin/python3 $$b || exit 1; done

rooms:                          # ARCHITECTURE.md, "Who may include whom"
	@! { grep -rHn '#include "' common  --include=*.[ch] | grep -v '"common/\|"schemas/'; \
	     grep -rHn '#include "' schemas --include=*.[ch] | grep -v '"common/\|"schemas/'; \
	     for r in $(ROOMS); do grep -rHn '#include "' $$r --include=*.[ch] | \
	         grep -v "\"common/\|\"schemas/\|\"$$r/"; done; } | grep .
	@for h in $$(git ls-files '*.h'); do \
	    $(CC) $(CPPFLAGS) -std=c11 -Wall -Wextra -fsyntax-only -x c $$h || exit 1; done
	@/usr/bin/python3 tests/common/options_read.py
	@echo "rooms: every include stays in its room, every header compiles alone"

clean:
	rm -rf build

.PHONY: all man run test test-only tests fuzz fuzzers conformance bench rooms clean
.SECONDARY:
.DELETE_ON_ERROR:
-include $(shell find $(O) -name '*.d' 2>/dev/null)
