/* SPDX-License-Identifier: MIT */
/*
 * Contexts. Instrumented code passes the bits of arguments and results in its thread's
 * context. A signal handler would overwrite the context of what it interrupted, so it
 * gets a level of its own, from a pool; levels nest. A level that a longjmp leaves is
 * found by the stack pointer that it interrupted.
 *
 * kmsan__self is thread-local memory of the program (initial-exec): it needs no call to
 * reach, which a signal handler may rely on. A new thread starts with zeros: all written.
 */
#include "shadow.h"

#define NR_LEVELS 64
#define MAX_DEPTH 15

__thread struct kmsan__thread kmsan__self;

static struct kmsan__level levels[NR_LEVELS];
static uint64_t levels_taken;
static uint64_t nr_lost;

uint64_t kmsan__lost_contexts(void)
{
	return kmsan__load(&nr_lost);
}

void kmsan__thread_start(uintptr_t stack_low, uintptr_t stack_high)
{
	kmsan__self.stack_low = stack_low;
	kmsan__self.stack_high = stack_high;
}

static struct kmsan__level *level_take(void)
{
	uint64_t taken;
	int slot;

	do {
		taken = kmsan__load(&levels_taken);
		if (!~taken)
			return NULL;
		slot = __builtin_ctzll(~taken);
	} while (!kmsan__cas(&levels_taken, taken, taken | 1ull << slot));
	levels[slot].slot = slot;
	return &levels[slot];
}

static void level_release(struct kmsan__level *level)
{
	kmsan__bounce_release(level->bounce);
	level->bounce = NULL;
	__atomic_fetch_and(&levels_taken, ~(1ull << level->slot), __ATOMIC_ACQ_REL);
}

/*
 * The order matters: a signal between two lines may enter and leave a level itself, and
 * must leave all as it was.
 */
int kmsan__intr_enter_at(uintptr_t interrupted_sp)
{
	struct kmsan__thread *self = &kmsan__self;
	struct kmsan__level *level = self->depth < MAX_DEPTH ? level_take() : NULL;

	if (!level) {
		kmsan__add(&nr_lost, 1);
		return -1;
	}
	kmsan__memset(&level->state, 0, sizeof(level->state));
	level->interrupted_sp = interrupted_sp;
	self->outer[self->depth] = self->current;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	self->depth++;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	self->current = level;
	return self->depth;
}

static void leave_one(void)
{
	struct kmsan__thread *self = &kmsan__self;
	struct kmsan__level *level = self->current;

	self->current = self->outer[self->depth - 1];
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	self->depth--;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	level_release(level);
}

KMSAN_EXPORT int kmsan_intr_enter(void)
{
	return kmsan__intr_enter_at((uintptr_t)__builtin_frame_address(0));
}

KMSAN_EXPORT void kmsan_intr_leave(int token)
{
	while (token > 0 && kmsan__self.depth >= token)
		leave_one();
}

static bool is_on_own_stack(uintptr_t sp)
{
	return sp >= kmsan__self.stack_low && sp < kmsan__self.stack_high;
}

/* The outermost level whose interrupted code is not older than the target goes, with all above. */
static int levels_kept(uintptr_t target_sp)
{
	const struct kmsan__thread *self = &kmsan__self;
	const struct kmsan__level *level;
	int i;

	for (i = 0; i < self->depth; i++) {
		level = i + 1 < self->depth ? self->outer[i + 1] : self->current;
		if (is_on_own_stack(level->interrupted_sp) == is_on_own_stack(target_sp) &&
		    target_sp >= level->interrupted_sp)
			break;
	}
	return i;
}

void kmsan__jump_to(uintptr_t target_sp)
{
	int kept = levels_kept(target_sp);

	while (kmsan__self.depth > kept)
		leave_one();
}

void kmsan__thread_exit(void)
{
	while (kmsan__self.depth > 0)
		leave_one();
	kmsan__bounce_release(kmsan__self.own.bounce);
	kmsan__self.own.bounce = NULL;
}

KMSAN_EXPORT void kmsan_disable(void)
{
	kmsan__self.disabled++;
}

KMSAN_EXPORT void kmsan_enable(void)
{
	kmsan__self.disabled--;
}
