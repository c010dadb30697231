/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <stdio.h>

#define ROW(name, unit, kind, help) \
	{ #name, help, offsetof(struct uz_dev_stats, name), UZ_UNIT_##unit, UZ_STAT_##kind },

const struct uz_stat uz__stats[] = { UZ_DEV_STATS(ROW){ .name = NULL } };

const char *const uz__op_names[UZ_OP_NR] = {
	[UZ_OP_READ] = "read",
	[UZ_OP_WRITE] = "write",
	[UZ_OP_ZERO] = "zero",
	[UZ_OP_DISCARD] = "discard",
};

const char *const uz__latency_names[] = { "count", "p50_ns", "p99_ns", "p999_ns", "max_ns", NULL };

static void put_latency(struct uz_json_out *o, struct uz_dev *dev)
{
	for (int op = 0; op < UZ_OP_NR; op++) {
		struct uz_latency l;
		uint64_t value[5];
		char key[40];

		uz_dev_latency(dev, (enum uz_op)op, &l);
		value[0] = l.count;
		value[1] = l.p50_ns;
		value[2] = l.p99_ns;
		value[3] = l.p999_ns;
		value[4] = l.max_ns;
		for (int i = 0; uz__latency_names[i]; i++) {
			snprintf(key, sizeof(key), "%s_%s", uz__op_names[op], uz__latency_names[i]);
			uz__json_put_u64(o, key, value[i]);
		}
	}
}

static void put_codec(struct uz_json_out *o, struct uz_server *s, struct uz_disk *d)
{
	struct uz_codec_info info = { .name = "?", .level = UZ_LEVEL_DEFAULT };

	uz__disk_codec(s, d, &info);
	uz__json_put_text(o, "codec", info.name);
	if (info.level != UZ_LEVEL_DEFAULT)
		uz__json_put_i64(o, "level", info.level);
	uz__json_put_u64(o, "dict_bytes", info.dict_bytes);
	uz__json_put_bool(o, "checksum", info.checksum);
}

static void put_record(struct uz_json_out *o, struct uz_server *s, struct uz_disk *d)
{
	pthread_mutex_lock(&s->disks.lock);
	uz__json_put_text(o, "recompress", d->recompress ? d->recompress : "off");
	uz__json_put_text(o, "backing", d->backing_path ? d->backing_path : "none");
	uz__json_put_bool(o, "read_only", d->read_only);
	uz__json_put_u64(o, "connections", d->connections);
	pthread_mutex_unlock(&s->disks.lock);
}

/* The policy, and the method that it comes to at the moment. */
static void put_return(struct uz_json_out *o, struct uz_server *s)
{
	struct uz_arena *a = uz_store_arena(s->store);
	struct uz_arena_stats st;

	uz_arena_stats(a, &st);
	uz__json_put_text(o, "return", uz__return_name(uz_arena_return(a)));
	uz__json_put_text(o, "return_method", st.return_method);
}

void uz__report_stats(struct uz_json_out *o, const struct uz_stat *table, const void *stats)
{
	for (const struct uz_stat *row = table; row->name; row++)
		uz__json_put_u64(
			o, row->name,
			*(const uint64_t *)(const void *)((const char *)stats + row->offset));
}

void uz__report_disk(struct uz_json_out *o, struct uz_server *s, struct uz_disk *d, bool latency)
{
	struct uz_dev_stats st;
	int64_t resident = uz_host_resident(s->host);

	uz_dev_stats(d->dev, &st);
	uz__json_open(o, NULL, '{');
	uz__json_put_text(o, "name", d->name);
	uz__json_put_text(o, "pool", uz_dev_pool(d->dev)->name);
	put_codec(o, s, d);
	put_record(o, s, d);
	put_return(o, s);
	uz__report_stats(o, uz__stats, &st);
	if (resident >= 0)
		uz__json_put_i64(o, "resident", resident);
	if (latency)
		put_latency(o, d->dev);
	uz__json_close(o, '}');
}
