/* SPDX-License-Identifier: MIT */
/*
 * Mistakes of a small kernel, each with a good twin: a branch on a local variable that was
 * not written, a request block that is used after it was freed, padding and a stale tail in
 * what goes to a device, the same in the upper half of the address space; in an interrupt,
 * while what it interrupts is right; and when first the memory for origins and then the
 * memory for metadata is used up.
 */
#include "machine.h"

#include <kmsan.h>

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
	volatile int *p = (volatile int *)((uintptr_t)&word + UPPER_HALF);

	kmsan_on_alloc((const void *)(uintptr_t)p, sizeof(*p), written);
	if (*p)
		sink = 3;
}

static volatile unsigned int nr_ticks;
static volatile bool tick_is_wrong;
static volatile int nobody_knows;

static NOINLINE int unwritten(void)
{
	struct request *r = request_take();
	int word = (int)r->sector;

	request_release(r);
	return word;
}

/* Computed at each call: the compiler knows nothing of a. */
static NOINLINE int sum(int a, int b, int c)
{
	__asm__ volatile("" : "+r"(a));
	return a + b + c;
}

/* Leaves unwritten bits where results are handed over; what it interrupts must not see them. */
void demo_tick(void)
{
	sink = sum(1, 2, 3);
	nobody_knows = unwritten();
	if (tick_is_wrong) {
		tick_is_wrong = false;
		status_check(false);
	}
	nr_ticks++;
}

static NOINLINE void compute_until(unsigned int tick)
{
	timer_start();
	while (nr_ticks < tick)
		if (sum(1, 2, 3) + sum(4, 5, 6) != 21)
			sink = 4;
	timer_stop();
}

static NOINLINE void request_check(void)
{
	struct request *r = request_take();

	if (r->sector)
		sink = 5;
	request_release(r);
}

/* A stack of its own for each number below 3 to the power of depth. */
static void take_from(unsigned int number, int depth);

#define WAY(name, value) \
	static NOINLINE void name(unsigned int number, int depth) \
	{ \
		take_from(number, depth); \
		sink = value; \
	}
WAY(take_left, 6)
WAY(take_ahead, 7)
WAY(take_right, 8)

static NOINLINE void take_from(unsigned int number, int depth)
{
	static void (*const ways[3])(unsigned int, int) = { take_left, take_ahead, take_right };

	if (depth)
		ways[number % 3](number / 3, depth - 1);
	else
		request_release(request_take());
}

static void origins_use_up(void)
{
	unsigned int i;

	for (i = 0; i < 2187; i++)
		take_from(i, 7);
	/* Shorter stacks than any other, for the last bytes. */
	kmsan_on_alloc(&blocks[3], 1, false);
	kmsan_on_alloc(&blocks[3], 2, false);
	kmsan_on_alloc(&blocks[3], 3, false);
}

/* Memory that is only marked, at an address of its own for each MiB. */
static void metadata_use_up(void)
{
	uintptr_t a;

	for (a = 1ul << 36; !pool_is_full(); a += 1 << 20)
		kmsan_on_alloc((const void *)a, 16, false);
	print(kmsan_test((const void *)(1ul << 36), 16) == 0 ? "marked\n" : "lost\n");
	print(kmsan_test((const void *)(a + (1 << 20)), 16) == -1 ? "counts as written\n"
								  : "marked\n");
}

static void mistakes(void)
{
	print("mistakes:\n");
	status_check(false);
	request_finish(true);
	request_send(12, false);
	upper_check(false);
	print(device.nr_leaks == 1 ? "1 leak counted\n" : "wrong count of leaks\n");
	print("in an interrupt:\n");
	tick_is_wrong = true;
	compute_until(nr_ticks + 10);
}

void demo(void)
{
	print("good code:\n");
	status_check(true);
	request_finish(false);
	request_send(16, true);
	upper_check(true);
	compute_until(200);
	print(kmsan_report_count() ? "reports\n" : "no report\n");
	mistakes();
	print("no memory for origins:\n");
	origins_use_up();
	request_check();
	print("no memory for metadata:\n");
	metadata_use_up();
	request_check();
	status_check(true);
}
