/* SPDX-License-Identifier: MIT */
/*
 * Streams: a thread's scratch memory, and its sign that it is inside. Grace
 * counting: whoever unlinks something raises the counter; a stream that is
 * quiet, or began after the raise, cannot see the unlinked thing any more.
 */
#include "device_i.h"

#define GRACE_NAP_NS 100000ull
#define BUFFERS 4
#define RELIEFS 64 /* batches of pages that leave for a stream */

static uint64_t stream_bytes(void)
{
	return UZ_ALIGN_UP((uint64_t)sizeof(struct uz_stream), (uint64_t)UZ_PAGE_SIZE) +
	       BUFFERS * 2 * UZ_PAGE_SIZE;
}

static void set_emergency(struct uz_store *s)
{
	uint32_t streams = 0;

	for (unsigned int i = 0; i < UZ_STREAM_MAX; i++)
		streams += s->stream[i] != NULL;
	uz_arena_set_emergency(s->arena, UZ_RUN_MAX + 2 * streams, 2 * streams);
}

static int state_open(struct uz_store *s, struct uz_stream *st, unsigned int e)
{
	struct uz__codec *c = &s->codec[e];
	void *mem;
	int r = uz_scratch_alloc(s->arena, c->state_bytes, &mem);

	if (r < 0)
		return r;
	r = c->ops->state_open(c->shared, mem);
	if (r < 0)
		uz_scratch_free(s->arena, mem, c->state_bytes);
	else
		st->state[e] = mem;
	return r;
}

static void state_close(struct uz_store *s, struct uz_stream *st, unsigned int e)
{
	struct uz__codec *c = &s->codec[e];

	if (!st->state[e])
		return;
	if (c->ops->state_close)
		c->ops->state_close(c->shared, st->state[e]);
	uz_scratch_free(s->arena, st->state[e], c->state_bytes);
	st->state[e] = NULL;
}

int uz__stream_states(struct uz_store *s, unsigned int entry)
{
	int r = 0;

	for (unsigned int i = 0; i < UZ_STREAM_MAX && r == 0; i++)
		if (s->stream[i])
			r = state_open(s, s->stream[i], entry);
	if (r < 0)
		uz__stream_states_close(s, entry);
	return r;
}

void uz__stream_states_close(struct uz_store *s, unsigned int entry)
{
	for (unsigned int i = 0; i < UZ_STREAM_MAX; i++)
		if (s->stream[i])
			state_close(s, s->stream[i], entry);
}

/* A shard stays when its stream closes: its counts are the disk's. */
int uz__shard_make(struct uz_dev *d, struct uz_stream *st)
{
	void *mem;
	int r;

	if (d->shard[st->index])
		return 0;
	r = uz_scratch_alloc(d->store->arena, sizeof(struct uz__shard), &mem);
	if (r == 0)
		uz_store_release(&d->shard[st->index], mem);
	return r;
}

static int fill_in(struct uz_store *s, struct uz_stream *st)
{
	int r = 0;

	for (unsigned int e = 0; e < UZ_CODEC_MAX && r == 0; e++)
		if (s->codec[e].ops)
			r = state_open(s, st, e);
	for (unsigned int i = 0; i < UZ_DISK_MAX && r == 0; i++)
		if (s->disk[i])
			r = uz__shard_make(s->disk[i], st);
	return r;
}

static void stream_free(struct uz_store *s, struct uz_stream *st)
{
	for (unsigned int e = 0; e < UZ_CODEC_MAX; e++)
		state_close(s, st, e);
	uz_store_release(&s->stream[st->index], NULL);
	uz_scratch_free(s->arena, st, stream_bytes());
	set_emergency(s);
}

static int stream_make(struct uz_store *s, unsigned int index, struct uz_stream **out)
{
	void *mem;
	struct uz_stream *st;
	int r = uz_scratch_alloc(s->arena, stream_bytes(), &mem);

	if (r < 0)
		return r;
	st = mem;
	st->store = s;
	st->index = index;
	st->page = (unsigned char *)mem + stream_bytes() - (size_t)BUFFERS * 2 * UZ_PAGE_SIZE;
	st->out = st->page + (size_t)2 * UZ_PAGE_SIZE;
	st->copy = st->out + (size_t)4 * UZ_PAGE_SIZE;
	static_assert(OUTS * OUT_BYTES <= 4 * UZ_PAGE_SIZE, "a line's outputs");
	r = fill_in(s, st);
	uz_store_release(&s->stream[index], st);
	set_emergency(s);
	if (r < 0)
		stream_free(s, st);
	else
		*out = st;
	return r;
}

/* *full: as many as there can be are open. */
static int try_open(struct uz_store *s, struct uz_stream **out, bool *full)
{
	unsigned int i = 0;
	int r = -UZ_ENOSPC;

	uz_lock(s->plat, &s->control);
	while (i < UZ_STREAM_MAX && s->stream[i])
		i++;
	*full = i == UZ_STREAM_MAX;
	if (!*full)
		r = stream_make(s, i, out);
	uz_unlock(s->plat, &s->control);
	return r;
}

static int make_room(struct uz_store *s, struct uz_stream **out, bool write_back)
{
	bool full;
	int r = try_open(s, out, &full);

	for (int i = 0; i < RELIEFS && uz__no_room(r) && !full; i++) {
		if (!uz__clean_shrink(s, stream_bytes()) && !(write_back && uz__wb_relief(s, NULL)))
			break;
		r = try_open(s, out, &full);
	}
	return r;
}

/* A disk with a backing uses all of the budget, and pages leave for a client too. */
int uz_stream_open(struct uz_store *s, struct uz_stream **out)
{
	return make_room(s, out, true);
}

int uz_stream_open_spare(struct uz_store *s, struct uz_stream **out)
{
	return make_room(s, out, false);
}

void uz_stream_close(struct uz_stream *st)
{
	struct uz_store *s;

	if (!st)
		return;
	s = st->store;
	uz_lock(s->plat, &s->control);
	stream_free(s, st);
	uz_unlock(s->plat, &s->control);
}

uint64_t uz__grace_begin(struct uz_store *s)
{
	return uz_fetch_add_seq(&s->grace, 1) + 1;
}

/* The control lock is not needed: a stream that opens meanwhile began after the raise. */
bool uz__grace_over(struct uz_store *s, uint64_t g)
{
	for (unsigned int i = 0; i < UZ_STREAM_MAX; i++) {
		uint64_t seen = uz_load_seq(&s->seen[i].grace);

		if (seen && seen < g)
			return false;
	}
	return true;
}

void uz__grace_wait(struct uz_store *s)
{
	uint64_t g = uz__grace_begin(s);

	while (!uz__grace_over(s, g))
		uz_nap(s->plat, s->plat->ops->now(s->plat) + GRACE_NAP_NS);
}
