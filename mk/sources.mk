# SPDX-License-Identifier: MIT

sources = $(sort $(wildcard $(addsuffix /*.c,$1) $(addsuffix /*/*.c,$1)))

CORE_SRC  := $(call sources,$(addprefix core/,$(CORE_LAYERS)))
HOST_SRC  := $(sort $(wildcard host/*.c))
LIB_SRC   := $(call sources,lib)
FRONT_SRC := $(filter-out front/nbdkit/%,$(call sources,front))
APP_SRC   := $(call sources,app)

PLUGIN_SRC  := $(sort $(wildcard host/plugin/*.c))
EXAMPLE_SRC := $(sort $(wildcard examples/*.c))
EXAMPLE_PLUGIN_SRC := $(sort $(wildcard examples/plugin/*.c))

# tests/LAYER/NAME.c is a test. tests/lib is linked into each of them;
# tests/LAYER/helper holds programs and tests/LAYER/plugin shared objects that tests use.
TESTLIB_SRC := $(sort $(wildcard tests/lib/*.c))
TEST_SRC    := $(filter-out tests/lib/%,$(sort $(wildcard tests/*/*.c)))
TEST_HELPER_SRC := $(sort $(wildcard tests/*/helper/*.c))
TEST_PLUGIN_SRC := $(sort $(wildcard tests/*/plugin/*.c))

BENCH_SRC    := $(sort $(wildcard bench/*.c))
BENCHLIB_SRC := $(sort $(wildcard bench/lib/*.c))
FUZZ_SRC     := $(sort $(wildcard fuzz/*.c))

LIBUZRAM_SRC := $(CORE_SRC) $(HOST_SRC) $(LIB_SRC)

ALL_SRC := $(LIBUZRAM_SRC) $(FRONT_SRC) $(APP_SRC) $(PLUGIN_SRC) \
	$(EXAMPLE_SRC) $(EXAMPLE_PLUGIN_SRC) \
	$(TESTLIB_SRC) $(TEST_SRC) $(TEST_HELPER_SRC) $(TEST_PLUGIN_SRC) \
	$(BENCH_SRC) $(BENCHLIB_SRC) $(FUZZ_SRC)

objects = $(patsubst %.c,$(BUILD)/obj/%.o,$1)
ALL_OBJ := $(call objects,$(ALL_SRC))
