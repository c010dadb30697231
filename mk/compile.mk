# SPDX-License-Identifier: MIT

# Objects depend on the flags, so that BUILD may be reused with another CC or SAN.
STAMP := $(BUILD)/flags
STAMP_TEXT := $(CC) $(COMMON) $(FREESTANDING) $(CORE_WARN) $(HOSTED) $(CFLAGS) $(CPPFLAGS)
ifneq ($(file <$(STAMP)),$(STAMP_TEXT))
$(shell mkdir -p $(BUILD))
$(file >$(STAMP),$(STAMP_TEXT))
$(file >$(BUILD)/san,$(SAN))
endif

PLACED_STAMP := $(BUILD)/libdir
ifneq ($(file <$(PLACED_STAMP)),$(LIBDIR))
$(shell mkdir -p $(BUILD))
$(file >$(PLACED_STAMP),$(LIBDIR))
endif
$(patsubst %.c,$(BUILD)/obj/%.o,$(PLACED_SRC)): $(PLACED_STAMP)

$(BUILD)/obj/%.o: %.c $(STAMP) $(wildcard mk/layers.mk mk/flags.mk)
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@$(CC) $(call flags_of,$<) -MMD -MP -c -o $@ $<
