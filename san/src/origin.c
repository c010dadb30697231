/* SPDX-License-Identifier: MIT */
/*
 * Where unwritten bytes come from: a stack (heap memory, or kmsan_poison), a local
 * variable, or another origin that was stored to memory at some stack.
 *
 * A chain keeps its first stores, up to an option's depth (7, as the kernel has it): a
 * longer one keeps its id, and a report says that stacks are missing.
 *
 * When the depot is full, what is kept gets coarser: a stack of one pc, from the reserve,
 * which the number of call sites bounds; then, for a store, no new link; at last origin 0,
 * which is still reported, as unknown.
 */
#include "kmsan_i.h"

static uint32_t put_stack(struct kmsan_caller at, bool freed)
{
	struct kmsan__record key = { .kind = KMSAN__STACK, .freed = freed };
	struct kmsan_stack stack;
	uint32_t id;

	if (!kmsan__options.origins)
		return 0;
	kmsan__unwind(at, &stack, (unsigned int)kmsan__options.stack_depth);
	key.nr_words = (uint8_t)stack.nr_pcs;
	id = kmsan__depot_put(&key, stack.pcs, false);
	if (id)
		return id;
	key.nr_words = 1;
	return kmsan__depot_put(&key, stack.pcs, true);
}

uint32_t kmsan__origin_heap(struct kmsan_caller at, bool freed)
{
	return put_stack(at, freed);
}

uint32_t kmsan__origin_alloca(struct kmsan_caller at, const char *description)
{
	struct kmsan__record key = { .kind = KMSAN__ALLOCA, .nr_words = 3 };
	struct kmsan_stack stack;
	uint64_t words[3];
	uint32_t id;

	if (!kmsan__options.origins)
		return 0;
	kmsan__unwind(at, &stack, 2);
	words[0] = (uintptr_t)description;
	words[1] = stack.pcs[0];
	words[2] = stack.nr_pcs > 1 ? stack.pcs[1] : 0;
	id = kmsan__depot_put(&key, words, false);
	if (id)
		return id;
	words[2] = 0;
	return kmsan__depot_put(&key, words, true);
}

uint32_t kmsan__origin_chain(struct kmsan_caller at, uint32_t previous)
{
	const struct kmsan__record *r = kmsan__depot_get(previous);
	struct kmsan__record key = { .kind = KMSAN__CHAIN, .previous = previous };
	uint64_t stack;
	uint32_t id;

	if (!r || r->depth >= kmsan__options.chain_depth)
		return previous;
	key.depth = r->depth + 1;
	key.freed = r->freed;
	key.nr_words = 1;
	stack = put_stack(at, false);
	if (!stack)
		return previous;
	id = kmsan__depot_put(&key, &stack, false);
	return id ? id : previous;
}

bool kmsan__origin_is_freed(uint32_t origin)
{
	const struct kmsan__record *r = kmsan__depot_get(origin);

	return r && r->freed;
}

static void stack_of(const struct kmsan__record *r, struct kmsan_stack *stack, unsigned int from)
{
	unsigned int i;

	stack->nr_pcs = 0;
	for (i = from; r && i < r->nr_words && stack->nr_pcs < KMSAN_STACK_MAX; i++)
		if (r->words[i])
			stack->pcs[stack->nr_pcs++] = r->words[i];
}

/* clang describes a variable as "----name@function", and alloca() without a name. */
static void name_of(const char *description, char *name, size_t size)
{
	size_t i;

	while (*description == '-')
		description++;
	for (i = 0; i + 1 < size && description[i] && description[i] != '@'; i++)
		name[i] = description[i];
	name[i] = 0;
	if (!i)
		kmsan__memcpy(name, "(alloca)", sizeof("(alloca)"));
}

static void explain_root(const struct kmsan__record *r, struct kmsan_event *e)
{
	if (r->kind == KMSAN__ALLOCA) {
		e->kind = KMSAN_EVENT_LOCAL;
		name_of((const char *)(uintptr_t)r->words[0], e->name, sizeof(e->name));
		stack_of(r, &e->stack, 1);
		return;
	}
	e->kind = KMSAN_EVENT_CREATED;
	stack_of(r, &e->stack, 0);
}

static struct kmsan_event *next(struct kmsan_event *events, unsigned int *nr, unsigned int max)
{
	struct kmsan_event *e;

	if (*nr == max)
		return NULL;
	e = &events[(*nr)++];
	e->name[0] = 0;
	e->stack.nr_pcs = 0;
	return e;
}

/* Stores first, the latest one first, then where the bytes were created. */
unsigned int kmsan__origin_explain(uint32_t origin, struct kmsan_event *events, unsigned int max)
{
	const struct kmsan__record *r = kmsan__depot_get(origin);
	struct kmsan_event *e;
	unsigned int nr = 0;

	for (; r && r->kind == KMSAN__CHAIN; r = kmsan__depot_get(r->previous)) {
		e = next(events, &nr, max);
		if (!e)
			return nr;
		e->kind = KMSAN_EVENT_STORED;
		stack_of(kmsan__depot_get((uint32_t)r->words[0]), &e->stack, 0);
		if (r->depth == kmsan__options.chain_depth) {
			e = next(events, &nr, max);
			if (e)
				e->kind = KMSAN_EVENT_LOST;
		}
	}
	e = r ? next(events, &nr, max) : NULL;
	if (e)
		explain_root(r, e);
	return nr;
}
