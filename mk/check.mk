# SPDX-License-Identifier: MIT

.PHONY: gate gate-list
gate:
	@CC='$(CC)' MAKE='$(MAKE)' mk/gate.sh $(BUILD)/gate

# One line a core file for mk/gate.sh: the source, then how it is compiled.
gate-list:
	@:$(foreach s,$(CORE_SRC),$(info $s $(GATE) $(call includes_of,$s)))

.PHONY: format
format:
	git ls-files -co --exclude-standard -- '*.c' '*.h' | xargs -r clang-format -i
