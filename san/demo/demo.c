/* SPDX-License-Identifier: MIT */
/*
 * Mistakes of a small kernel, each with a good twin: a branch on a local variable that was
 * not written, a request block that is used after it was freed, padding and a stale tail in
 * what goes to a device, the same in the upper half of the address space.
 */
#include "machine.h"

#include <kmsan.h>

#define HALF 0xffffffff80000000ul
#define NOINLINE __attribute__((noinline))

struct request {
	uint8_t type;
	uint32_t sector;
	uint8_t data[16];
};

static struct kmsan_boundary device = { .name = "device", .policy = KMSAN_ZERO };
static struct request blocks[4];
static bool is_taken[4];
static volatile int sink;

static NOINLINE struct request *request_take(void)
{
	int i = 0;

	while (is_taken[i])
		i++;
	is_taken[i] = true;
	kmsan_on_alloc(&blocks[i], sizeof(blocks[i]), false);
	return &blocks[i];
}

static NOINLINE void request_release(struct request *r)
{
	is_taken[r - blocks] = false;
	kmsan_on_free(r, sizeof(*r));
}

static NOINLINE void status_read(int *status, bool ready)
{
	if (ready)
		*status = 1;
}

static NOINLINE void status_check(bool ready)
{
	int status;

	status_read(&status, ready);
	if (status)
		sink = 1;
}

static NOINLINE void request_finish(bool early)
{
	struct request *r = request_take();

	r->type = 1;
	if (early)
		request_release(r);
	if (r->type)
		sink = 2;
	if (!early)
		request_release(r);
}

static NOINLINE void request_send(unsigned int nr_bytes, bool cleared)
{
	struct request *r = request_take();
	unsigned int i;

	if (cleared)
		__builtin_memset(r, 0, sizeof(*r));
	r->type = 2;
	r->sector = 7;
	for (i = 0; i < nr_bytes; i++)
		r->data[i] = (uint8_t)i;
	kmsan_out(&device, r, sizeof(*r));
	request_release(r);
}

static NOINLINE void upper_check(bool written)
{
	static volatile int word;
	volatile int *p = (volatile int *)((uintptr_t)&word + HALF);

	kmsan_on_alloc((const void *)(uintptr_t)p, sizeof(*p), written);
	if (*p)
		sink = 3;
}

void demo(void)
{
	print("good code:\n");
	status_check(true);
	request_finish(false);
	request_send(16, true);
	upper_check(true);
	print(kmsan_report_count() ? "reports\n" : "no report\n");
	print("mistakes:\n");
	status_check(false);
	request_finish(true);
	request_send(12, false);
	upper_check(false);
	print(device.nr_leaks == 1 ? "1 leak counted\n" : "wrong count of leaks\n");
}
