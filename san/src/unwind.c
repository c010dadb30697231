/* SPDX-License-Identifier: MIT */
/*
 * Stacks by frame pointers: a load and a compare a frame, no tables. A frame pointer is
 * followed only while it rises inside the stack that the thread is known to have, or the
 * alternate stack that its handler runs on, since code built without frame pointers leaves
 * any number in that register. On an unknown stack a stack trace has one pc.
 */
#include "kmsan_i.h"

struct bounds {
	uintptr_t low, high;
};

static struct bounds stack_with(uintptr_t frame)
{
	const struct kmsan__thread *self = &kmsan__self;
	struct bounds b;

	if (frame >= self->stack_low && frame < self->stack_high)
		return (struct bounds){ frame, self->stack_high };
	if (kmsan__sys_stack(frame, &b.low, &b.high))
		return b;
	return (struct bounds){ 0, 0 };
}

void kmsan__unwind(struct kmsan_caller at, struct kmsan_stack *stack, unsigned int max)
{
	struct bounds b = stack_with(at.frame);
	uintptr_t frame = at.frame;

	if (max > KMSAN_STACK_MAX)
		max = KMSAN_STACK_MAX;
	stack->nr_pcs = 1;
	stack->pcs[0] = at.pc;
	while (stack->nr_pcs < max && frame >= b.low && frame + 16 <= b.high && !(frame & 7)) {
		const uintptr_t *f = (const uintptr_t *)frame;

		/* The first frame is the runtime's: its return address is at.pc. */
		if (frame != at.frame) {
			if (f[1] < 4096)
				return;
			stack->pcs[stack->nr_pcs++] = f[1];
		}
		if (f[0] <= frame)
			return;
		frame = f[0];
	}
}
