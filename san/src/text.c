/* SPDX-License-Identifier: MIT */
/* A report in the words of the kernel's, with file:line; see README.md for an example. */
#include "kmsan_i.h"

#define LINE "=====================================================\n"

struct lines {
	struct kmsan__out *out;
	unsigned int nr;
};

static void print_place(const struct kmsan__place *place, void *arg)
{
	struct lines *l = arg;

	l->nr++;
	if (place->function)
		kmsan__print(l->out, " %s", place->function);
	if (place->file)
		kmsan__print(l->out, " %s:%d\n", place->file, place->line);
	else
		kmsan__print(l->out, " (%s+0x%lx)\n", place->module, (unsigned long)place->offset);
}

static void print_stack(struct kmsan__out *o, const struct kmsan_stack *s)
{
	struct lines l = { o, 0 };
	unsigned int i;

	for (i = 0; i < s->nr_pcs; i++)
		kmsan__symbolize(s->pcs[i], print_place, &l);
	kmsan__print(o, "\n");
}

static void keep_name(const struct kmsan__place *place, void *arg)
{
	struct kmsan__place *first = arg;

	if (!first->module)
		*first = *place;
}

static void print_head(struct kmsan__out *o, const struct kmsan_report *r)
{
	struct kmsan__place place = { NULL, NULL, 0, NULL, 0 };

	kmsan__symbolize(r->stack.pcs[0], keep_name, &place);
	kmsan__print(o, LINE "BUG: KMSAN: %s in ", kmsan_kind_name(r->kind));
	if (place.function)
		kmsan__print(o, "%s\n", place.function);
	else
		kmsan__print(o, "%s+0x%lx\n", place.module, (unsigned long)place.offset);
}

static void print_event(struct kmsan__out *o, const struct kmsan_event *e)
{
	if (e->kind == KMSAN_EVENT_LOST) {
		kmsan__print(o, "<Zero or more stacks not recorded to save memory>\n\n");
		return;
	}
	if (e->kind == KMSAN_EVENT_STORED)
		kmsan__print(o, "Uninit was stored to memory at:\n");
	else if (e->kind == KMSAN_EVENT_CREATED)
		kmsan__print(o, "Uninit was created at:\n");
	else
		kmsan__print(o, "Local variable %s created at:\n", e->name);
	print_stack(o, &e->stack);
}

static void print_bits(struct kmsan__out *o, const struct kmsan_report *r)
{
	size_t i, nr = r->last_byte - r->first_byte + 1;

	for (i = 0; i < nr && i < sizeof(r->bits); i++) {
		unsigned int low, high, bits = r->bits[i];

		if (!bits || bits == 0xff)
			continue;
		low = (unsigned int)__builtin_ctz(bits);
		high = 31 - (unsigned int)__builtin_clz(bits);
		if (bits == (2u << high) - (1u << low))
			kmsan__print(o, "Bits %u-%u of byte %lu are uninitialized\n", low, high,
				     (unsigned long)(r->first_byte + i));
		else
			kmsan__print(o, "Bits 0x%lx of byte %lu are uninitialized\n",
				     (unsigned long)bits, (unsigned long)(r->first_byte + i));
	}
}

static void print_object(struct kmsan__out *o, const struct kmsan_report *r)
{
	if (!r->object)
		return;
	if (r->first_byte == r->last_byte)
		kmsan__print(o, "Byte %lu of %lu is uninitialized\n", (unsigned long)r->first_byte,
			     (unsigned long)r->size_bytes);
	else
		kmsan__print(o, "Bytes %lu-%lu of %lu are uninitialized\n",
			     (unsigned long)r->first_byte, (unsigned long)r->last_byte,
			     (unsigned long)r->size_bytes);
	print_bits(o, r);
	kmsan__print(o, "Memory access of size %lu starts at 0x%lx\n", (unsigned long)r->size_bytes,
		     (unsigned long)r->object);
}

void kmsan__text(struct kmsan__out *o, const struct kmsan_report *r)
{
	unsigned int i;

	print_head(o, r);
	print_stack(o, &r->stack);
	for (i = 0; i < r->nr_events; i++)
		print_event(o, &r->events[i]);
	if (!r->nr_events)
		kmsan__print(o, "Uninit was created at an unknown place\n\n");
	print_object(o, r);
	if (r->boundary)
		kmsan__print(o, "Data left through boundary '%s'\n", r->boundary);
	kmsan__print(o, LINE);
	kmsan__out_flush(o);
}
