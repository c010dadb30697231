/* SPDX-License-Identifier: MIT */
/*
 * The system below the runtime where there is none: memory from one pool that only shrinks,
 * text and interrupts by the functions of kmsan_port.h. A place in a report is an address;
 * the image's debug information names it later.
 */
#include "kmsan_i.h"

#define PAGE 4096ul

_Static_assert(sizeof(struct kmsan__thread) <= KMSAN_PORT_CONTEXT_BYTES, "kmsan_port.h");

static uintptr_t pool;
static size_t pool_bytes;
static size_t used_bytes;

size_t kmsan_port_used_bytes(void)
{
	return kmsan__load(&used_bytes);
}

const char *kmsan_port_start(const struct kmsan_port_memory *memory, const char *options)
{
	static char text[512];
	uintptr_t end = ((uintptr_t)memory->pool + memory->pool_bytes) & ~(PAGE - 1);

	pool = ((uintptr_t)memory->pool + PAGE - 1) & ~(PAGE - 1);
	pool_bytes = end > pool ? end - pool : 0;
	kmsan__depot_init(memory->depot_bytes);
	return kmsan__options_parse(&kmsan__options, options ? options : "", text, sizeof(text));
}

void *kmsan__sys_reserve(size_t size_bytes)
{
	size_t at, n = (size_bytes + PAGE - 1) & ~(PAGE - 1);

	do {
		at = kmsan__load(&used_bytes);
		if (n > pool_bytes - at)
			return NULL;
	} while (!kmsan__cas(&used_bytes, at, at + n));
	return kmsan__memset((void *)(pool + at), 0, n);
}

/* The range stays its owner's, zeroed, as where pages are given back. */
void kmsan__sys_give_back(void *p, size_t size_bytes)
{
	kmsan__memset(p, 0, size_bytes);
}

void kmsan__sys_write(int fd, const char *text, size_t size_bytes)
{
	(void)fd;
	kmsan_port_write(text, size_bytes);
}

/* There are no files: log and json go where all text goes. */
int kmsan__sys_open_log(const char *path)
{
	(void)path;
	return -1;
}

void kmsan__sys_close(int fd)
{
	(void)fd;
}

void kmsan__sys_block_signals(uint64_t *old)
{
	*old = kmsan_port_irq_save();
}

void kmsan__sys_restore_signals(const uint64_t *old)
{
	kmsan_port_irq_restore(*old);
}

void kmsan__sys_yield(void)
{
	__asm__ volatile("" ::: "memory");
}

bool kmsan__sys_stack(uintptr_t frame, uintptr_t *low, uintptr_t *high)
{
	return kmsan_port_stack(frame, low, high);
}

void kmsan__sys_abort(void)
{
	kmsan_port_stop(134);
}

void kmsan__sys_exit(int status)
{
	kmsan_port_stop(status);
}

/* A return address lies behind the call that it is about. */
void kmsan__symbolize(uintptr_t pc, kmsan__place_fn *fn, void *arg)
{
	const struct kmsan__place place = { NULL, NULL, 0, "image", pc - 1 };

	fn(&place, arg);
}
