# SPDX-License-Identifier: MIT
#
# What is installed beside the program: shell completion and systemd units.

COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions
UNITDIR ?= $(PREFIX)/lib/systemd/system
DOCDIR ?= $(PREFIX)/share/doc/uzram

.PHONY: install-app
install: install-app
install-app:
	install -D -m 644 completions/uzram $(D)$(COMPLETIONDIR)/uzram
	install -d $(D)$(UNITDIR)
	for u in systemd/*.service systemd/*.socket; do \
		sed 's|/usr/local/bin/|$(BINDIR)/|' $$u >$(D)$(UNITDIR)/$${u##*/} || exit; done
	install -D -m 644 systemd/example.conf $(D)$(DOCDIR)/example.conf

.PHONY: uninstall-app
uninstall: uninstall-app
uninstall-app:
	rm -f $(D)$(COMPLETIONDIR)/uzram $(D)$(DOCDIR)/example.conf
	rm -f $(addprefix $(D)$(UNITDIR)/,$(notdir $(wildcard systemd/*.service systemd/*.socket)))
	[ ! -d $(D)$(DOCDIR) ] || rmdir --ignore-fail-on-non-empty $(D)$(DOCDIR)
