# SPDX-License-Identifier: MIT
#
# One non-recursive build. A source is picked up by the folder it lies in, so
# adding a file needs no edit here; what a layer may include is in mk/layers.mk.
#
#   make [BUILD=build] [CC=gcc] [O=-O2] [SAN=address,undefined|thread|fuzzer] [COV=1]

VERSION := 0.1.0
SOVERSION := 0

BUILD ?= build
ifeq ($(origin CC),default)
CC := gcc
endif
O ?= -O2
SAN ?=
COV ?=
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib

ifeq ($(filter grouped-target,$(.FEATURES)),)
$(error this is make $(MAKE_VERSION): uzram needs GNU make 4.3 or newer)
endif

.DEFAULT_GOAL := all
.SUFFIXES:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

include mk/layers.mk
include mk/flags.mk
include mk/sources.mk
include mk/compile.mk
include mk/link.mk
include mk/check.mk
include mk/install.mk
-include $(wildcard mk/extra-*.mk)

.PHONY: all lib app plugins tests bench examples fuzz clean
all: lib app plugins tests bench examples
	@:
lib: $(LIB_A) $(LIB_SO)
app: $(APP)
plugins: $(PLUGINS)
tests: $(TESTS) $(TEST_HELPERS) $(TEST_PLUGINS)
bench: $(BENCHES)
examples: $(EXAMPLES)
fuzz: $(FUZZERS)

clean:
	rm -rf $(BUILD)

-include $(ALL_OBJ:.o=.d)
