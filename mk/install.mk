# SPDX-License-Identifier: MIT
#
# Headers are installed flat: <uz/x.h> whatever layer x belongs to. Fronts are not in the library.

BINDIR ?= $(PREFIX)/bin
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
D := $(DESTDIR)

UZ_HEADERS := $(filter-out include/front/%,$(wildcard include/*/uz/*.h port/user/uz/*.h))
TOP_HEADERS := $(wildcard include/lib/*.h)
MAN_PAGES := $(wildcard docs/man/*.[1578])

define PC_TEXT
prefix=$(PREFIX)
libdir=$(LIBDIR)
includedir=$(INCLUDEDIR)

Name: uzram
Description: compressed RAM disk in a process
Version: $(VERSION)
Libs: -L$${libdir} -luzram
Libs.private: -lzstd -ldeflate -llz4 -ldl -pthread
Cflags: -I$${includedir}
endef

.PHONY: install
install: lib app plugins
	install -d $(D)$(LIBDIR)/pkgconfig $(D)$(LIBDIR)/uzram $(D)$(INCLUDEDIR)/uz
	install -m 644 $(LIB_A) $(D)$(LIBDIR)/libuzram.a
	install -m 755 $(LIB_SO) $(D)$(LIBDIR)/libuzram.so.$(VERSION)
	ln -sf libuzram.so.$(VERSION) $(D)$(LIBDIR)/libuzram.so.$(SOVERSION)
	ln -sf libuzram.so.$(SOVERSION) $(D)$(LIBDIR)/libuzram.so
	$(if $(UZ_HEADERS),install -m 644 $(UZ_HEADERS) $(D)$(INCLUDEDIR)/uz)
	$(if $(TOP_HEADERS),install -m 644 $(TOP_HEADERS) $(D)$(INCLUDEDIR))
	$(if $(PLUGINS),install -m 755 $(PLUGINS) $(D)$(LIBDIR)/uzram)
	$(if $(APP),install -D -m 755 $(APP) $(D)$(BINDIR)/uzram)
	for m in $(MAN_PAGES); do install -D -m 644 $$m $(D)$(MANDIR)/man$${m##*.}/$${m##*/} || exit; done
	$(file >$(BUILD)/uzram.pc,$(PC_TEXT))
	install -m 644 $(BUILD)/uzram.pc $(D)$(LIBDIR)/pkgconfig/uzram.pc

# Exactly what install put there; folders only where nothing else is in them.
.PHONY: uninstall
uninstall:
	rm -f $(D)$(LIBDIR)/libuzram.a $(D)$(LIBDIR)/libuzram.so $(D)$(LIBDIR)/libuzram.so.$(SOVERSION) \
		$(D)$(LIBDIR)/libuzram.so.$(VERSION) $(D)$(LIBDIR)/pkgconfig/uzram.pc $(D)$(BINDIR)/uzram
	rm -f $(addprefix $(D)$(INCLUDEDIR)/uz/,$(notdir $(UZ_HEADERS))) \
		$(addprefix $(D)$(INCLUDEDIR)/,$(notdir $(TOP_HEADERS)))
	rm -f $(addprefix $(D)$(LIBDIR)/uzram/,$(notdir $(PLUGINS)))
	for m in $(MAN_PAGES); do rm -f $(D)$(MANDIR)/man$${m##*.}/$${m##*/} || exit; done
	for d in $(D)$(INCLUDEDIR)/uz $(D)$(LIBDIR)/uzram; do \
		[ ! -d $$d ] || rmdir --ignore-fail-on-non-empty $$d || exit; done
