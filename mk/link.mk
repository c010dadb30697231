# SPDX-License-Identifier: MIT

LIB_A   := $(BUILD)/libuzram.a
LIB_SO  := $(BUILD)/libuzram.so
FRONT_A := $(BUILD)/libuzfront.a
APP_A   := $(BUILD)/libuzapp.a
TEST_A  := $(BUILD)/libuztest.a
BENCH_A := $(BUILD)/libuzbench.a

APP      := $(if $(wildcard app/main.c),$(BUILD)/uzram)
PLUGINS  := $(patsubst host/plugin/%.c,$(BUILD)/plugin/%.so,$(PLUGIN_SRC))
TESTS    := $(patsubst %.c,$(BUILD)/%,$(TEST_SRC))
BENCHES  := $(patsubst %.c,$(BUILD)/%,$(BENCH_SRC))
FUZZERS  := $(patsubst fuzz/%.c,$(BUILD)/%,$(FUZZ_SRC))
EXAMPLES := $(patsubst %.c,$(BUILD)/%,$(EXAMPLE_SRC)) \
	$(patsubst %.c,$(BUILD)/%.so,$(EXAMPLE_PLUGIN_SRC))
TEST_HELPERS := $(patsubst %.c,$(BUILD)/%,$(TEST_HELPER_SRC))
TEST_PLUGINS := $(patsubst %.c,$(BUILD)/%.so,$(TEST_PLUGIN_SRC))

# An archive is made anew, so that the object of a removed source does not stay.
$(LIB_A): $(call objects,$(LIBUZRAM_SRC))
$(FRONT_A): $(call objects,$(FRONT_SRC))
$(APP_A): $(call objects,$(filter-out app/main.c,$(APP_SRC)))
$(TEST_A): $(call objects,$(TESTLIB_SRC))
$(BENCH_A): $(call objects,$(BENCHLIB_SRC))
$(LIB_A) $(FRONT_A) $(APP_A) $(TEST_A) $(BENCH_A): Makefile mk/sources.mk
	@mkdir -p $(@D)
	@echo "  AR    $@"
	@rm -f $@
	@$(AR) rcs $@ $(filter %.o,$^)

LIB_MAP := $(wildcard lib/libuzram.map)
$(LIB_SO): $(call objects,$(LIBUZRAM_SRC)) $(LIB_MAP)
	@echo "  LD    $@"
	@$(CC) $(LDFLAGS_ALL) $(LDFLAGS) -shared -Wl,-soname,libuzram.so.$(SOVERSION) \
		-Wl,--exclude-libs,ALL $(if $(SAN),,-Wl,-z,defs) \
		$(patsubst %,-Wl$(comma)--version-script=%,$(LIB_MAP)) \
		-o $@ $(filter %.o,$^) $(LIBS)
	@ln -sf libuzram.so $@.$(SOVERSION)
comma := ,

# A loaded pool or codec calls back into the program, so the program carries
# the whole library and exports it.
WHOLE := -Wl,--whole-archive $(LIB_A) -Wl,--no-whole-archive -Wl,--export-dynamic-symbol=uz_*

define link
@mkdir -p $(@D)
@echo "  LD    $@"
@$(CC) $(LDFLAGS_ALL) $(LDFLAGS) -o $@ $(filter %.o,$^) \
	-Wl,--start-group $(filter-out $(LIB_A),$(filter %.a,$^)) -Wl,--end-group $(WHOLE) $(LIBS)
endef

define link_plugin
@mkdir -p $(@D)
@echo "  LD    $@"
@$(CC) $(LDFLAGS_ALL) $(LDFLAGS) -shared -Wl,-Bsymbolic -o $@ $(filter %.o,$^) $(LIBS_$(patsubst codec-%,%,$(*F)))
endef

$(BUILD)/uzram: $(BUILD)/obj/app/main.o $(APP_A) $(FRONT_A) $(LIB_A)
	$(link)

$(TESTS) $(TEST_HELPERS): $(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(TEST_A) $(APP_A) $(FRONT_A) $(LIB_A)
	$(link)

$(BENCHES): $(BUILD)/bench/%: $(BUILD)/obj/bench/%.o $(BENCH_A) $(TEST_A) $(APP_A) $(FRONT_A) $(LIB_A)
	$(link)

$(filter-out %.so,$(EXAMPLES)): $(BUILD)/examples/%: $(BUILD)/obj/examples/%.o $(LIB_A)
	$(link)

$(FUZZERS): LDFLAGS_ALL += -fsanitize=fuzzer
$(FUZZERS): $(BUILD)/%: $(BUILD)/obj/fuzz/%.o $(TEST_A) $(APP_A) $(FRONT_A) $(LIB_A)
	$(link)

$(PLUGINS): $(BUILD)/plugin/%.so: $(BUILD)/obj/host/plugin/%.o
	$(link_plugin)

$(TEST_PLUGINS) $(filter %.so,$(EXAMPLES)): $(BUILD)/%.so: $(BUILD)/obj/%.o
	$(link_plugin)
