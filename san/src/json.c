/* SPDX-License-Identifier: MIT */
/* A report as one line of JSON, for programs that read reports. */
#include "kmsan_i.h"

static void print_string(struct kmsan__out *o, const char *s)
{
	kmsan__print(o, "\"");
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			kmsan__print(o, "\\%c", c);
		else if (c < 0x20)
			kmsan__print(o, "\\u00%lx%lx", (unsigned long)c >> 4,
				     (unsigned long)c & 15);
		else
			kmsan__print(o, "%c", c);
	}
	kmsan__print(o, "\"");
}

static void print_member(struct kmsan__out *o, const char *name, const char *value)
{
	kmsan__print(o, "\"%s\":", name);
	print_string(o, value);
}

struct frames {
	struct kmsan__out *out;
	unsigned int nr;
};

static void print_place(const struct kmsan__place *place, void *arg)
{
	struct frames *f = arg;

	kmsan__print(f->out, f->nr++ ? ",{" : "{");
	if (place->function) {
		print_member(f->out, "function", place->function);
		kmsan__print(f->out, ",");
	}
	if (place->file) {
		print_member(f->out, "file", place->file);
		kmsan__print(f->out, ",\"line\":%d,", place->line);
	}
	print_member(f->out, "module", place->module);
	kmsan__print(f->out, ",\"offset\":%lu}", (unsigned long)place->offset);
}

static void print_stack(struct kmsan__out *o, const struct kmsan_stack *s)
{
	struct frames f = { o, 0 };
	unsigned int i;

	kmsan__print(o, "\"stack\":[");
	for (i = 0; i < s->nr_pcs; i++)
		kmsan__symbolize(s->pcs[i], print_place, &f);
	kmsan__print(o, "]");
}

static void print_object(struct kmsan__out *o, const struct kmsan_report *r)
{
	size_t i, nr = r->last_byte - r->first_byte + 1;

	kmsan__print(o, ",\"size\":%lu,\"first_byte\":%lu,\"last_byte\":%lu,\"bits\":[",
		     (unsigned long)r->size_bytes, (unsigned long)r->first_byte,
		     (unsigned long)r->last_byte);
	for (i = 0; i < nr && i < sizeof(r->bits); i++)
		kmsan__print(o, i ? ",%u" : "%u", r->bits[i]);
	kmsan__print(o, "]");
}

static const char *event_name(enum kmsan_event_kind kind)
{
	static const char *const names[] = { "stored", "created", "local", "not-recorded" };

	return names[kind];
}

void kmsan__json(struct kmsan__out *o, const struct kmsan_report *r)
{
	unsigned int i;

	kmsan__print(o, "{");
	print_member(o, "kind", kmsan_kind_name(r->kind));
	kmsan__print(o, ",");
	print_stack(o, &r->stack);
	kmsan__print(o, ",\"history\":[");
	for (i = 0; i < r->nr_events; i++) {
		kmsan__print(o, i ? ",{" : "{");
		print_member(o, "event", event_name(r->events[i].kind));
		kmsan__print(o, ",");
		print_member(o, "name", r->events[i].name);
		kmsan__print(o, ",");
		print_stack(o, &r->events[i].stack);
		kmsan__print(o, "}");
	}
	kmsan__print(o, "]");
	if (r->object)
		print_object(o, r);
	if (r->boundary) {
		kmsan__print(o, ",");
		print_member(o, "boundary", r->boundary);
	}
	kmsan__print(o, "}\n");
	kmsan__out_flush(o);
}
