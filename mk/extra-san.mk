# SPDX-License-Identifier: MIT
#
# san/: libkmsan.a, built by the build's compiler without instrumentation and without any
# -I of the project. mem* calls that a compiler makes by itself become the runtime's own.

# How metadata is found: table (two levels; fits everywhere) or linear (x86_64 programs only).
KMSAN_LAYOUT ?= table
KMSAN_OUT := $(BUILD)/libkmsan$(if $(filter linear,$(KMSAN_LAYOUT)),-linear)
ifeq ($(filter table linear,$(KMSAN_LAYOUT)),)
$(error KMSAN_LAYOUT=$(KMSAN_LAYOUT): there are table and linear)
endif

# libkmsan.a is the runtime; libkmsan-libc.a, for hosted programs, what stands in front of libc.
KMSAN_A := $(KMSAN_OUT)/libkmsan.a
KMSAN_LIBC_A := $(KMSAN_OUT)/libkmsan-libc.a
KMSAN_LAYOUTS := san/src/table.c san/src/linear.c
KMSAN_SRC := $(sort $(filter-out $(KMSAN_LAYOUTS),$(wildcard san/src/*.c)) san/src/$(KMSAN_LAYOUT).c)
KMSAN_LIBC_SRC := $(sort $(wildcard san/libc/*.c san/global/*.c))
KMSAN_CC ?= $(if $(findstring kmsan-cc,$(CC)),gcc,$(CC))
KMSAN_OBJCOPY ?= objcopy
KMSAN_GCC := $(if $(findstring gcc,$(KMSAN_CC)),$(KMSAN_CC),gcc)
KMSAN_BACKTRACE := $(wildcard $(shell $(KMSAN_GCC) -print-file-name=libbacktrace.a 2>/dev/null))

KMSAN_FLAGS := -std=gnu11 -O2 -g -fPIC $(WARN) -Isan/include -D_GNU_SOURCE -DKMSAN_RUNTIME=1 \
	-fno-omit-frame-pointer -fno-optimize-sibling-calls -fno-builtin -fno-stack-protector \
	-ftls-model=initial-exec -fvisibility=hidden \
	$(if $(filter linear,$(KMSAN_LAYOUT)),-DKMSAN_LINEAR) \
	$(if $(KMSAN_BACKTRACE),-DKMSAN_LIBBACKTRACE \
	-I$(dir $(shell $(KMSAN_GCC) -print-file-name=include/backtrace.h)))

KMSAN_OBJ := $(patsubst san/%.c,$(KMSAN_OUT)/obj/%.o,$(KMSAN_SRC))
KMSAN_LIBC_OBJ := $(patsubst san/%.c,$(KMSAN_OUT)/obj/%.o,$(KMSAN_LIBC_SRC)) \
	$(KMSAN_OUT)/obj/libc/wrap_table.o

$(KMSAN_OUT)/obj/global/%.o: san/global/%.c mk/extra-san.mk
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(KMSAN_CC) $(KMSAN_FLAGS) -fvisibility=default -Isan/src -MMD -MP -c -o $@ $<

# Called for nearly each access of instrumented code, and no frame of a stack.
$(KMSAN_OUT)/obj/src/hot.o: KMSAN_HOT := -fomit-frame-pointer -falign-functions=32

$(KMSAN_OUT)/obj/src/%.o: san/src/%.c mk/extra-san.mk
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(KMSAN_CC) $(KMSAN_FLAGS) $(KMSAN_HOT) -MMD -MP -c -o $@ $<
	@$(KMSAN_OBJCOPY) --redefine-sym memcpy=kmsan__memcpy --redefine-sym memset=kmsan__memset \
		--redefine-sym memmove=kmsan__memmove --redefine-sym memcmp=kmsan__memcmp $@

# The wrappers reach libc's own functions by the names that --wrap gives them.
$(KMSAN_OUT)/obj/libc/%.o: san/libc/%.c mk/extra-san.mk $(KMSAN_OUT)/redefine
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(KMSAN_CC) $(KMSAN_FLAGS) -fvisibility=default -Isan/src -MMD -MP -c -o $@ $<
	@$(KMSAN_OBJCOPY) --redefine-syms=$(KMSAN_OUT)/redefine $@

$(KMSAN_OUT)/wrap_table.c $(KMSAN_OUT)/wrap $(KMSAN_OUT)/redefine &: san/libc/wrap.list san/libc/generate
	@mkdir -p $(@D)
	@echo "  GEN   $(KMSAN_OUT)/wrap_table.c"
	@san/libc/generate san/libc/wrap.list $(KMSAN_OUT)

$(KMSAN_OUT)/obj/libc/wrap_table.o: $(KMSAN_OUT)/wrap_table.c $(KMSAN_OUT)/redefine mk/extra-san.mk
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(KMSAN_CC) $(KMSAN_FLAGS) -fvisibility=default -Isan/src -Isan/libc -MMD -MP -c -o $@ $<
	@$(KMSAN_OBJCOPY) --redefine-syms=$(KMSAN_OUT)/redefine $@

# libbacktrace's objects are members, so that a program links one archive.
$(KMSAN_A): $(KMSAN_OBJ)
	@mkdir -p $(@D)
	@echo "  AR    $@"
	@rm -rf $@ $(KMSAN_OUT)/backtrace
	@$(if $(KMSAN_BACKTRACE),mkdir -p $(KMSAN_OUT)/backtrace && cd $(KMSAN_OUT)/backtrace && \
		$(AR) x $(KMSAN_BACKTRACE))
	@$(AR) rcs $@ $^ $(if $(KMSAN_BACKTRACE),$(KMSAN_OUT)/backtrace/*.o)

$(KMSAN_LIBC_A): $(KMSAN_LIBC_OBJ)
	@echo "  AR    $@"
	@rm -f $@
	@$(AR) rcs $@ $^

$(KMSAN_OUT)/built: $(KMSAN_A) $(KMSAN_LIBC_A)
	@touch $@

.PHONY: san san-linear
san: $(KMSAN_OUT)/built
san-linear:
	@$(MAKE) --no-print-directory san KMSAN_LAYOUT=linear

$(BUILD)/obj/tests/san/%.o: CPPFLAGS += -Isan/include -Isan/src -DKMSAN_RUNTIME=1
$(filter $(BUILD)/tests/san/%,$(TESTS)): $(KMSAN_A)
ifeq ($(findstring kmsan-cc,$(CC)),)
tests: san
endif

# A test of the runtime itself is not built with the runtime under it.
ifneq ($(findstring kmsan-cc,$(CC)),)
TESTS := $(filter-out $(BUILD)/tests/san/%,$(TESTS))
$(TESTS) $(TEST_HELPERS) $(APP): $(wildcard $(KMSAN_LIB)/built)
endif

-include $(KMSAN_OBJ:.o=.d) $(KMSAN_LIBC_OBJ:.o=.d)
