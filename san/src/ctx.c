/* SPDX-License-Identifier: MIT */
/*
 * Contexts. Instrumented code passes the bits of arguments and results in its thread's
 * context. A signal handler would overwrite the context of what it interrupted, so it
 * gets a level of its own; levels nest. A thread keeps the levels that it took from the
 * pool, so entering and leaving is one store to depth: a signal may come before or after
 * it, and may end in a longjmp, and all is as if it came a little earlier or later.
 * A level that a longjmp leaves is found by the stack pointer that it interrupted.
 *
 * kmsan__self is thread-local memory of the program (initial-exec): it needs no call to
 * reach, which a signal handler may rely on. A new thread starts with zeros: all written.
 */
#include "shadow.h"

#if __STDC_HOSTED__
#define NR_LEVELS 1024
__thread struct kmsan__thread kmsan__self;
#else
#define NR_LEVELS 64
#endif

static struct kmsan__level levels[NR_LEVELS];
static uint8_t taken[NR_LEVELS];
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
	int i;

	for (i = 0; i < NR_LEVELS; i++)
		if (!kmsan__load(&taken[i]) && !kmsan__swap(&taken[i], 1))
			return &levels[i];
	return NULL;
}

static void level_release(struct kmsan__level *level)
{
	kmsan__bounce_release(level->bounce);
	level->bounce = NULL;
	kmsan__store_release(&taken[level - levels], 0);
}

/* The level at this depth; a signal in between may have taken one for the same place. */
static struct kmsan__level *level_at(int depth)
{
	struct kmsan__level **place = &kmsan__self.nested[depth], *level;

	if (depth > KMSAN__DEPTH_MAX)
		return NULL;
	if (kmsan__load(place))
		return *place;
	level = level_take();
	if (level && !kmsan__cas(place, NULL, level))
		level_release(level);
	return *place;
}

int kmsan__intr_enter_at(uintptr_t interrupted_sp)
{
	int depth = kmsan__self.depth + 1;
	struct kmsan__level *level = level_at(depth);

	if (!level) {
		kmsan__add(&nr_lost, 1);
		return -1;
	}
	kmsan__store(&level->interrupted_sp, interrupted_sp);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	kmsan__store(&kmsan__self.depth, depth);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	kmsan__store(&level->interrupted_sp, interrupted_sp);
	kmsan__memset(&level->state, 0, sizeof(level->state));
	return depth;
}

KMSAN_EXPORT int kmsan_intr_enter(void)
{
	return kmsan__intr_enter_at((uintptr_t)__builtin_frame_address(0));
}

KMSAN_EXPORT void kmsan_intr_leave(int token)
{
	if (token > 0 && kmsan__self.depth >= token)
		kmsan__store(&kmsan__self.depth, token - 1);
}

static bool is_on_own_stack(uintptr_t sp)
{
	return sp >= kmsan__self.stack_low && sp < kmsan__self.stack_high;
}

/* The outermost level whose interrupted code is not older than the target goes, with all above. */
void kmsan__jump_to(uintptr_t target_sp)
{
	struct kmsan__thread *self = &kmsan__self;
	int i;

	for (i = 1; i <= self->depth; i++) {
		uintptr_t sp = self->nested[i]->interrupted_sp;

		if (is_on_own_stack(sp) == is_on_own_stack(target_sp) && target_sp >= sp)
			kmsan__store(&self->depth, i - 1);
	}
}

void kmsan__thread_exit(void)
{
	struct kmsan__thread *self = &kmsan__self;
	int i;

	kmsan__bounce_release(self->own.bounce);
	self->own.bounce = NULL;
	for (i = self->depth + 1; i <= KMSAN__DEPTH_MAX; i++)
		if (self->nested[i]) {
			level_release(self->nested[i]);
			self->nested[i] = NULL;
		}
}

KMSAN_EXPORT void kmsan_disable(void)
{
	kmsan__self.disabled++;
}

KMSAN_EXPORT void kmsan_enable(void)
{
	kmsan__self.disabled--;
}
