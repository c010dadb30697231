# SPDX-License-Identifier: MIT

WARN := -Wall -Wextra -Wundef -Wshadow -Wvla -Wcast-align \
	-Wstrict-prototypes -Wmissing-prototypes -Werror

COMMON := -std=gnu11 -g $(O) $(WARN) -fPIC -fno-semantic-interposition
HOSTED := -D_GNU_SOURCE -DUZ_VERSION='"$(VERSION)"' -pthread
# Only these know where things are installed: 'make install PREFIX=...' does not compile all anew.
PLACED_SRC := host/plugin.c tests/host/registry.c
PLACED := -DUZ_LIBDIR='"$(LIBDIR)"'
LDFLAGS_ALL := -pthread

# core/ has no libc in any build: only the compiler's own headers are found.
FREESTANDING := -ffreestanding -nostdinc -fno-stack-protector \
	-isystem $(shell $(CC) -print-file-name=include)
CORE_WARN := -Wframe-larger-than=1024

# What the gate adds: no vector or float register, no GOT. On arm64 atomics inline: by default they
# are functions of libgcc, which look at the CPU at start.
GATE := -std=gnu11 -O2 $(WARN) $(CORE_WARN) $(FREESTANDING) -mgeneral-regs-only -fno-pic \
	$(if $(findstring aarch64,$(shell $(CC) -dumpmachine)),-mno-outline-atomics)

ifeq ($(SAN),fuzzer)
SAN_FLAGS := -fsanitize=fuzzer-no-link,address,undefined
else ifneq ($(SAN),)
SAN_FLAGS := -fsanitize=$(SAN)
endif
ifneq ($(SAN),)
COMMON += $(SAN_FLAGS) -DUZ_DEBUG -fno-omit-frame-pointer -fno-sanitize-recover=undefined
LDFLAGS_ALL += $(SAN_FLAGS)
CORE_WARN :=
endif
ifneq ($(filter thread,$(SAN)),)
# gcc says that it does not follow fences; a program that needs one says so itself.
COMMON += $(if $(findstring gcc,$(CC)),-Wno-tsan)
endif

ifneq ($(COV),)
COMMON += --coverage -fprofile-update=atomic
LDFLAGS_ALL += --coverage
endif

flags_of = $(COMMON) \
	$(if $(filter core/%,$1),$(FREESTANDING) $(CORE_WARN),$(HOSTED)) $(call includes_of,$1) \
	$(if $(filter $(PLACED_SRC),$1),$(PLACED)) \
	$(CFLAGS) $(CPPFLAGS)

# liblz4's fastReset state is only in the static library.
LZ4_A := $(shell $(CC) -print-file-name=liblz4.a)
LIBS = $(if $(filter /%,$(LZ4_A)),$(LZ4_A),$(error $(CC) finds no static lz4, liblz4.a: install \
	liblz4-dev (Debian), lz4-static (Fedora, Alpine), or build lz4 from source)) -lzstd -ldeflate -ldl
LIBS_lzo := -llzo2
