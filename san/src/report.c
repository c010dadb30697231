/* SPDX-License-Identifier: MIT */
/*
 * From "these bits are unwritten" to a report: what kind, seen before or not, to whom, and
 * what happens to the program then.
 *
 * The same use of the same bytes of the same origin is reported once, and max_reports is the end: one missing
 * unpoison can otherwise make gigabytes of text. Reports exclude each other, with signals
 * blocked; a report inside a report (the symbolizer runs through wrapped functions) is
 * dropped by in_runtime.
 */
#include "shadow.h"

#define NR_SEEN 4096

static uint64_t nr_reports; /* all that were not duplicates */
static uint64_t seen[NR_SEEN];
static uint32_t report_lock;
static kmsan_report_fn *report_fn;
static void *report_arg;

KMSAN_EXPORT const char *kmsan_kind_name(enum kmsan_kind kind)
{
	static const char *const names[] = { "uninit-value", "use-after-free", "infoleak",
					     "infoleak-after-free" };

	return names[kind];
}

KMSAN_EXPORT uint64_t kmsan_report_count(void)
{
	return kmsan__load(&nr_reports);
}

KMSAN_EXPORT void kmsan_set_report_fn(kmsan_report_fn *fn, void *arg)
{
	report_arg = arg;
	kmsan__store_release(&report_fn, fn);
}

/* A full neighbourhood forgets its oldest: then a report may come twice, never not at all. */
static bool is_new(uint64_t pc, uint32_t origin, size_t first_byte)
{
	uint64_t key = ((pc * 31 + origin) * 31 + first_byte) * 0x9e3779b97f4a7c15ull | 1;
	uint32_t at = (uint32_t)(key >> 52), i;

	for (i = 0; i < 8; i++) {
		uint64_t *s = &seen[(at + i) % NR_SEEN];

		if (kmsan__load(s) == key)
			return false;
		if (!kmsan__load(s) && kmsan__cas(s, 0, key))
			return true;
	}
	kmsan__store(&seen[at], key);
	return true;
}

/* One buffer, one report at a time: a line of JSON is mostly one write, so that the lines of
 * several processes in one file do not mix. */
static void write_to(const char *path, const struct kmsan_report *r,
		     void (*write)(struct kmsan__out *o, const struct kmsan_report *r))
{
	static struct kmsan__out o;

	o.fd = path[0] ? kmsan__sys_open_log(path) : 2;
	if (o.fd < 0)
		o.fd = 2;
	write(&o, r);
	if (o.fd != 2)
		kmsan__sys_close(o.fd);
}

static void deliver(const struct kmsan_report *r)
{
	kmsan_report_fn *fn = kmsan__load_acquire(&report_fn);

	if (fn) {
		fn(r, report_arg);
		return;
	}
	write_to(kmsan__options.log, r, kmsan__text);
	if (kmsan__options.json[0])
		write_to(kmsan__options.json, r, kmsan__json);
}

static void lock_reports(void)
{
	while (kmsan__swap(&report_lock, 1))
		kmsan__sys_yield();
}

static void deliver_alone(const struct kmsan_report *r)
{
	uint64_t signals;

	kmsan__sys_block_signals(&signals);
	kmsan__self.in_runtime++;
	lock_reports();
	deliver(r);
	kmsan__store_release(&report_lock, 0);
	kmsan__self.in_runtime--;
	kmsan__sys_restore_signals(&signals);
}

static uint64_t fork_signals;

/* A report's own function may fork: then the lock is held already. */
void kmsan__before_fork(void)
{
	uint64_t signals, blocked;

	if (kmsan__self.in_runtime)
		return;
	kmsan__sys_block_signals(&signals);
	lock_reports();
	kmsan__shadow_lock(&blocked);
	fork_signals = signals;
}

void kmsan__after_fork(void)
{
	uint64_t signals = fork_signals;

	if (kmsan__self.in_runtime)
		return;
	kmsan__store_release(&report_lock, 0);
	kmsan__shadow_unlock(&signals);
}

static bool wanted(const struct kmsan_report *r)
{
	if (kmsan__options.dedup && !is_new(r->stack.pcs[0], r->origin, r->first_byte))
		return false;
	return kmsan__add(&nr_reports, 1) < (uint64_t)kmsan__options.max_reports;
}

void kmsan__report(struct kmsan_report *r, struct kmsan_caller at)
{
	struct kmsan_report copy;

	kmsan__unwind(at, &r->stack, KMSAN_STACK_MAX);
	if (!wanted(r))
		return;
	r->nr_events = kmsan__origin_explain(r->origin, r->events, KMSAN_CHAIN_MAX);
	copy = *r;
	kmsan__set(&copy, sizeof(copy), 0, 0);
	deliver_alone(&copy);
	if (kmsan__options.on_error == KMSAN__DIE)
		kmsan__sys_abort();
	if (kmsan__options.on_error == KMSAN__EXIT)
		kmsan__sys_exit(kmsan__options.exit_code);
}

void kmsan__warn_value(struct kmsan_caller at, uint32_t origin)
{
	struct kmsan_report r = { .kind = KMSAN_UNINIT_VALUE, .origin = origin };

	if (kmsan__quiet())
		return;
	if (kmsan__origin_is_freed(origin))
		r.kind = KMSAN_USE_AFTER_FREE;
	kmsan__report(&r, at);
}

static enum kmsan_kind kind_of(bool leaves, bool freed)
{
	if (leaves)
		return freed ? KMSAN_INFOLEAK_AFTER_FREE : KMSAN_INFOLEAK;
	return freed ? KMSAN_USE_AFTER_FREE : KMSAN_UNINIT_VALUE;
}

static void report_range(struct kmsan_caller at, const void *p, size_t n, size_t first, size_t end,
			 const struct kmsan_boundary *b)
{
	struct kmsan_report r = { .object = p, .size_bytes = n };
	size_t i;

	r.first_byte = first;
	r.last_byte = end - 1;
	r.origin = kmsan_origin((const char *)p + first);
	r.boundary = b ? b->name : NULL;
	r.kind = kind_of(b != NULL, kmsan__origin_is_freed(r.origin));
	for (i = 0; i < sizeof(r.bits) && first + i < end; i++)
		r.bits[i] = kmsan_shadow_bits((const char *)p + first + i);
	kmsan__report(&r, at);
}

/* Unwritten bytes from first on that have the same origin. */
static size_t end_of_range(const char *p, size_t first, size_t n)
{
	uint32_t origin = kmsan_origin(p + first);
	size_t end = first + 1;

	while (end < n && kmsan_shadow_bits(p + end) && kmsan_origin(p + end) == origin)
		end++;
	return end;
}

static void act(struct kmsan_boundary *b, const char *p, size_t first, size_t end)
{
	if (b->policy == KMSAN_ABORT)
		kmsan__sys_abort();
	if (b->policy == KMSAN_ZERO) {
		kmsan__memset((char *)(uintptr_t)p + first, 0, end - first);
		kmsan__set(p + first, end - first, 0, 0);
	}
}

bool kmsan__check(struct kmsan_caller at, const void *p, size_t n, struct kmsan_boundary *b)
{
	size_t first = kmsan__find_bad(p, 0, n), end;

	if (first == n || kmsan__quiet())
		return true;
	if (b)
		kmsan__add(&b->nr_leaks, 1);
	for (; first < n; first = kmsan__find_bad(p, end, n)) {
		end = end_of_range(p, first, n);
		if (!b || b->policy != KMSAN_COUNT)
			report_range(at, p, n, first, end, b);
		if (b)
			act(b, p, first, end);
	}
	return false;
}
