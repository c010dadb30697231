# SPDX-License-Identifier: MIT
#
# san/ without an OS: the same sources but those that need one, and an image that boots in
# qemu. Only the headers of the compiler itself are seen. A kernel adds its own code model
# with KMSAN_BARE_FLAGS.

KMSAN_BARE_A := $(BUILD)/libkmsan/bare/libkmsan-bare.a
KMSAN_HOSTED := iov lazy start symbol sys
KMSAN_BARE_SRC := $(filter-out $(KMSAN_HOSTED:%=san/src/%.c),$(KMSAN_SRC)) san/bare/sys.c
KMSAN_BARE_OBJ := $(patsubst san/%.c,$(BUILD)/libkmsan/bare/%.o,$(KMSAN_BARE_SRC))
KMSAN_BARE_FLAGS ?= -m64 -mno-red-zone -mgeneral-regs-only -fcf-protection=none
KMSAN_BARE_COMMON = -std=gnu11 -O2 -g -ffreestanding -fno-pic -fno-pie -nostdinc \
	-isystem $(shell $1 -print-file-name=include) $(KMSAN_BARE_FLAGS) \
	-fno-omit-frame-pointer -fno-optimize-sibling-calls -fno-stack-protector \
	-fno-asynchronous-unwind-tables -Isan/include -Isan/bare

$(BUILD)/libkmsan/bare/%.o: san/%.c mk/extra-sanbare.mk
	@mkdir -p $(@D)
	@echo "  CC    $< (bare)"
	@$(KMSAN_CC) $(call KMSAN_BARE_COMMON,$(KMSAN_CC)) $(WARN) -Isan/src -fno-builtin -fvisibility=hidden \
		-DKMSAN_RUNTIME=1 -MMD -MP -c -o $@ $<
	@$(KMSAN_OBJCOPY) --redefine-sym memcpy=kmsan__memcpy --redefine-sym memset=kmsan__memset \
		--redefine-sym memmove=kmsan__memmove --redefine-sym memcmp=kmsan__memcmp $@

$(KMSAN_BARE_A): $(KMSAN_BARE_OBJ)
	@echo "  AR    $@"
	@rm -f $@
	@$(AR) rcs $@ $^

# The demo: only demo.c is instrumented. qemu loads multiboot images of 32 bits only.
KMSAN_DEMO := $(BUILD)/libkmsan/demo
KMSAN_CLANG ?= clang

$(KMSAN_DEMO)/machine.o: san/demo/machine.c san/demo/machine.h san/bare/kmsan_port.h mk/extra-sanbare.mk
	@mkdir -p $(@D)
	@$(KMSAN_CC) $(call KMSAN_BARE_COMMON,$(KMSAN_CC)) $(WARN) -c -o $@ $<

$(KMSAN_DEMO)/boot.o: san/demo/boot.S
	@mkdir -p $(@D)
	@$(KMSAN_CC) -m64 -c -o $@ $<

$(KMSAN_DEMO)/demo.o: san/demo/demo.c san/demo/machine.h san/include/kmsan.h mk/extra-sanbare.mk
	@mkdir -p $(@D)
	@$(KMSAN_CLANG) --target=x86_64-linux-gnu $(call KMSAN_BARE_COMMON,$(KMSAN_CLANG)) -O1 -Wall \
		-Wno-uninitialized -Wno-sometimes-uninitialized -Xclang -fsanitize=kernel-memory \
		-Xclang -fsanitize-memory-param-retval -mllvm -msan-check-constant-shadow=1 -c -o $@ $<

$(KMSAN_DEMO)/image.elf: san/demo/image.ld $(KMSAN_DEMO)/boot.o $(KMSAN_DEMO)/machine.o $(KMSAN_DEMO)/demo.o $(KMSAN_BARE_A)
	@echo "  LD    $@"
	@$(KMSAN_CC) -nostdlib -static -no-pie -Wl,--build-id=none,-z,max-page-size=4096,--no-warn-rwx-segments \
		-T $< -o $@ $(filter %.o %.a,$^)

$(KMSAN_DEMO)/image: $(KMSAN_DEMO)/image.elf
	@objcopy --strip-debug -O elf32-i386 $< $@

.PHONY: san-bare san-demo
san-bare: $(KMSAN_BARE_A)
san-demo: $(KMSAN_DEMO)/image

-include $(KMSAN_BARE_OBJ:.o=.d)
