# SPDX-License-Identifier: MIT
#
# san/ without an OS: the same sources but those that need one, and an image that boots in
# qemu. Only the headers of the compiler itself are seen. A kernel adds its own code model
# with KMSAN_BARE_FLAGS. KMSAN_BARE_ARCH: x86_64 (a PC) or aarch64 (qemu's virt).

KMSAN_BARE_ARCH ?= x86_64
KMSAN_BARE_OUT := $(BUILD)/libkmsan/bare/$(KMSAN_BARE_ARCH)
KMSAN_BARE_A := $(KMSAN_BARE_OUT)/libkmsan-bare.a
KMSAN_HOSTED := iov lazy linear start symbol sys
KMSAN_BARE_SRC := $(filter-out $(KMSAN_HOSTED:%=san/src/%.c),$(wildcard san/src/*.c)) san/bare/sys.c
KMSAN_BARE_OBJ := $(patsubst san/%.c,$(KMSAN_BARE_OUT)/%.o,$(KMSAN_BARE_SRC))
ifeq ($(KMSAN_BARE_ARCH),x86_64)
KMSAN_BARE_CC ?= $(KMSAN_CC)
KMSAN_BARE_FLAGS ?= -m64 -mno-red-zone -mgeneral-regs-only -fcf-protection=none
else
KMSAN_BARE_CC ?= $(KMSAN_BARE_ARCH)-linux-gnu-gcc
KMSAN_BARE_OBJCOPY ?= $(KMSAN_BARE_ARCH)-linux-gnu-objcopy
KMSAN_BARE_FLAGS ?= -mgeneral-regs-only -mno-outline-atomics
endif
KMSAN_BARE_OBJCOPY ?= $(KMSAN_OBJCOPY)
KMSAN_BARE_COMMON = -std=gnu11 -O2 -g -ffreestanding -fno-pic -fno-pie -nostdinc \
	-isystem $(shell $1 -print-file-name=include) $(KMSAN_BARE_FLAGS) \
	-fno-omit-frame-pointer -fno-optimize-sibling-calls -fno-stack-protector \
	-fno-asynchronous-unwind-tables -Isan/include -Isan/bare

$(KMSAN_BARE_OUT)/%.o: san/%.c mk/extra-sanbare.mk
	@mkdir -p $(@D)
	@echo "  CC    $< (bare $(KMSAN_BARE_ARCH))"
	@$(KMSAN_BARE_CC) $(call KMSAN_BARE_COMMON,$(KMSAN_BARE_CC)) $(WARN) -Isan/src -fno-builtin \
		-fvisibility=hidden -DKMSAN_RUNTIME=1 -MMD -MP -c -o $@ $<
	@$(KMSAN_BARE_OBJCOPY) --redefine-sym memcpy=kmsan__memcpy --redefine-sym memset=kmsan__memset \
		--redefine-sym memmove=kmsan__memmove --redefine-sym memcmp=kmsan__memcmp $@

$(KMSAN_BARE_A): $(KMSAN_BARE_OBJ)
	@echo "  AR    $@"
	@rm -f $@
	@$(AR) rcs $@ $^

# The demo: only demo.c is instrumented. qemu loads multiboot images of 32 bits only.
KMSAN_DEMO := $(KMSAN_BARE_OUT)/demo
KMSAN_CLANG ?= clang

$(KMSAN_DEMO)/%.o: san/demo/%.c san/demo/machine.h san/bare/kmsan_port.h mk/extra-sanbare.mk
	@mkdir -p $(@D)
	@$(KMSAN_BARE_CC) $(call KMSAN_BARE_COMMON,$(KMSAN_BARE_CC)) $(WARN) -Isan/demo -DKMSAN_RUNTIME=1 -c -o $@ $<

$(KMSAN_DEMO)/%.o: san/demo/%.S
	@mkdir -p $(@D)
	@$(KMSAN_BARE_CC) -c -o $@ $<

$(KMSAN_DEMO)/demo.o: san/demo/demo.c san/demo/machine.h san/include/kmsan.h mk/extra-sanbare.mk
	@mkdir -p $(@D)
	@$(KMSAN_CLANG) --target=$(KMSAN_BARE_ARCH)-linux-gnu $(call KMSAN_BARE_COMMON,$(KMSAN_CLANG)) -O1 -Wall \
		-Wno-uninitialized -Wno-sometimes-uninitialized -Xclang -fsanitize=kernel-memory \
		-Xclang -fsanitize-memory-param-retval -mllvm -msan-check-constant-shadow=1 -c -o $@ $<

KMSAN_DEMO_ARCH := $(KMSAN_DEMO)/$(KMSAN_BARE_ARCH)
$(KMSAN_DEMO)/image.elf: san/demo/$(KMSAN_BARE_ARCH)/image.ld $(KMSAN_DEMO_ARCH)/boot.o $(KMSAN_DEMO_ARCH)/arch.o \
		$(KMSAN_DEMO)/machine.o $(KMSAN_DEMO)/demo.o $(KMSAN_BARE_A)
	@echo "  LD    $@"
	@$(KMSAN_BARE_CC) -nostdlib -static -no-pie -Wl,--build-id=none,-z,max-page-size=4096,--no-warn-rwx-segments \
		-T $< -o $@ $(filter %.o %.a,$^)

$(KMSAN_DEMO)/image: $(KMSAN_DEMO)/image.elf
	@$(KMSAN_BARE_OBJCOPY) --strip-debug $(if $(filter x86_64,$(KMSAN_BARE_ARCH)),-O elf32-i386) $< $@

.PHONY: san-bare san-demo
san-bare: $(KMSAN_BARE_A)
san-demo: $(KMSAN_DEMO)/image

-include $(KMSAN_BARE_OBJ:.o=.d)
