# SPDX-License-Identifier: MIT
#
# The nbdkit plugin, where nbdkit's header is installed (nbdkit-plugin-dev). It carries
# the whole library and shows only its entry point.

NBDKIT_SRC := front/nbdkit/uzram-nbdkit.c
NBDKIT_SO := $(BUILD)/nbdkit/uzram-nbdkit.so
# nbdkit finds a plugin by its bare name in its own folder only; elsewhere it takes the path.
NBDKIT_PLUGINDIR ?= $(LIBDIR)/nbdkit/plugins

.PHONY: nbdkit
ifneq ($(wildcard /usr/include/nbdkit-plugin.h /usr/local/include/nbdkit-plugin.h),)
nbdkit: $(NBDKIT_SO)
ifeq ($(SAN),)
all: nbdkit
.PHONY: install-nbdkit
install: install-nbdkit
install-nbdkit: $(NBDKIT_SO)
	install -D -m 755 $(NBDKIT_SO) $(D)$(NBDKIT_PLUGINDIR)/nbdkit-uzram-plugin.so
.PHONY: uninstall-nbdkit
uninstall: uninstall-nbdkit
uninstall-nbdkit:
	rm -f $(D)$(NBDKIT_PLUGINDIR)/nbdkit-uzram-plugin.so
endif
ALL_OBJ += $(call objects,$(NBDKIT_SRC))
else
nbdkit:
	@echo "nbdkit-plugin.h is not installed (Debian: nbdkit-plugin-dev): plugin not built"
endif

$(NBDKIT_SO): $(call objects,$(NBDKIT_SRC)) $(LIB_A)
	@mkdir -p $(@D)
	@echo "  LD    $@"
	@$(CC) $(LDFLAGS_ALL) $(LDFLAGS) -shared -o $@ $(filter %.o,$^) \
		-Wl,--whole-archive $(LIB_A) -Wl,--no-whole-archive -Wl,--exclude-libs,ALL $(LIBS)
