/* SPDX-License-Identifier: MIT */
/*
 * Coroutines by ucontext. A switch happens inside a call, where the compiler's context holds
 * nothing but the bits of the call's result; so coroutines of a thread share its context, and
 * that result is marked as written when the call returns at last.
 */
#include "wrap.h"

#include <ucontext.h>

int __wrap_getcontext(ucontext_t *c);
int __wrap_setcontext(const ucontext_t *c);
int __wrap_swapcontext(ucontext_t *from, const ucontext_t *to);
void kmsan__context_saved(ucontext_t *c) __attribute__((visibility("hidden")));

void kmsan__context_saved(ucontext_t *c)
{
	K_OUT(c, sizeof(*c));
}

/* It returns a second time, when a frame of ours would be gone. */
K_MARK_AND_JUMP(getcontext, kmsan__context_saved, x0);

/* As a longjmp: it may leave signal handlers. */
int __wrap_setcontext(const ucontext_t *c)
{
	kmsan__jump_to(kmsan__stack_pointer(c));
	return setcontext(c);
}

int __wrap_swapcontext(ucontext_t *from, const ucontext_t *to)
{
	int ret;

	K_OUT(from, sizeof(*from));
	ret = swapcontext(from, to);
	kmsan__level()->state.retval[0] = 0;
	return ret;
}
