/* SPDX-License-Identifier: MIT */
/*
 * Opening and closing a store.
 */
#include "device_i.h"

#define STORE_BYTES sizeof(struct uz_store)

static int map_meta(struct uz_store *s)
{
	uz_arena_area(s->arena, UZ_AREA_META, &s->meta_area);
	uz_arena_area(s->arena, UZ_AREA_ROOT, &s->root_area);
	s->meta = (void *)s->meta_area.base;
	return uz_area_commit(s->arena, &s->meta_area, 0, sizeof(struct uz__meta));
}

static int setup(struct uz_store *s, const struct uz_store_config *c, struct uz_store_error *err)
{
	int r = map_meta(s);

	if (r == 0)
		r = uz_blocktab_init(&s->tab, s->arena);
	if (r == 0)
		r = uz_stream_open(s, &s->bg);
	if (r == 0 && c->attach)
		r = uz__attach(s, err);
	return r;
}

int uz_store_open(struct uz_plat *pl, const struct uz_store_config *c, struct uz_store **out,
		  struct uz_store_error *err)
{
	struct uz_arena *a;
	struct uz_store *s;
	void *mem;
	int r;

	uz__explain(err, c->attach ? "not a store, or made by another version or machine" : "",
		    NULL);
	r = uz_arena_open(pl, &c->arena, c->attach, &a);
	if (r < 0)
		return r;
	uz__explain(err, "", NULL);
	r = uz_scratch_alloc(a, STORE_BYTES, &mem);
	if (r < 0) {
		uz_arena_close(a);
		return r;
	}
	s = mem;
	s->arena = a;
	s->plat = pl;
	s->registry = c->registry;
	s->grace = 1;
	r = setup(s, c, err);
	if (r < 0)
		uz_store_close(s);
	else
		*out = s;
	return r;
}

/* Pools are closed without giving blocks back: they belong to the store, which stays. */
void uz_store_close(struct uz_store *s)
{
	struct uz_arena *a;

	if (!s)
		return;
	a = s->arena;
	s->tab.closing = true;
	for (unsigned int i = 0; i < UZ_DISK_MAX; i++)
		if (s->disk[i])
			uz__disk_close(s->disk[i]);
	uz__clean_close(s);
	uz__wb_close(s);
	for (unsigned int i = 0; i < UZ_STREAM_MAX; i++)
		uz_stream_close(s->stream[i]);
	uz__codec_close_all(s);
	uz_blocktab_fini(&s->tab);
	uz_scratch_free(a, s, STORE_BYTES);
	uz_arena_close(a);
}

void uz_store_stop(struct uz_store *s)
{
	uz_store(&s->stopping, 1u);
}

struct uz_arena *uz_store_arena(struct uz_store *s)
{
	return s->arena;
}
