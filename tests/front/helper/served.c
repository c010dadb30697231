/* SPDX-License-Identifier: MIT */
/*
 * A server for tests: served ADDRESS [key=value...], the disk d0 and more, steered by
 * lines on stdin, each answered by one line on stdout. It ends at end of file, or, with
 * wait=1, does not look at stdin and ends at SIGTERM.
 *
 *	size=BYTES ram=BYTES codec=NAME pool=NAME disks=N read_only=1 handshake_ms=N max=N
 *	helpers=N lost_ms=N wait=1
 *	drop NAME    no new clients for the disk, and the end of those it has
 *	stop MS      uz_nbd_stop
 *	count        "threads N fds N meta N": what a leak would show in
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <uz/host.h>
#include <uz/listen.h>
#include <uz/nbd.h>

#define DISKS_MAX 8

struct served {
	struct uz_host *host;
	struct uz_store *store;
	struct uz_background *background;
	struct uz_dev *disk[DISKS_MAX];
	unsigned int nr_disks;
	bool gone[DISKS_MAX];
	bool read_only;
	struct uz_nbd *nbd;
	struct uz_listener listener;
};

struct options {
	uint64_t size, ram, disks, read_only, handshake_ms, lost_ms, max, helpers, wait;
	const char *codec, *pool;
};

static void die(const char *what, int err)
{
	fprintf(stderr, "served: %s: %s\n", what, strerror(-err));
	exit(1);
}

static struct uz_dev *disk_open(void *ctx, const char *name, bool *read_only)
{
	struct served *s = ctx;
	struct uz_dev *only = NULL;
	unsigned int nr = 0;

	*read_only = s->read_only;
	for (unsigned int i = 0; i < s->nr_disks; i++) {
		if (uz_load(&s->gone[i]))
			continue;
		if (!strcmp(name, uz_dev_name(s->disk[i])))
			return s->disk[i];
		only = s->disk[i];
		nr++;
	}
	return !*name && nr == 1 ? only : NULL;
}

static void disk_close(void *ctx, struct uz_dev *d)
{
	(void)ctx;
	(void)d;
}

static bool disk_name(void *ctx, unsigned int i, char *buf, size_t bytes)
{
	struct served *s = ctx;

	if (i >= s->nr_disks)
		return false;
	snprintf(buf, bytes, "%s", uz_dev_name(s->disk[i]));
	return true;
}

static void log_line(void *ctx, const char *line)
{
	(void)ctx;
	fprintf(stderr, "%s\n", line);
}

static bool number(const char *arg, const char *key, uint64_t *out)
{
	size_t bytes = strlen(key);

	if (strncmp(arg, key, bytes) || arg[bytes] != '=')
		return false;
	*out = strtoull(arg + bytes + 1, NULL, 0);
	return true;
}

static void parse(struct options *o, char **argv)
{
	for (; *argv; argv++) {
		if (number(*argv, "size", &o->size) || number(*argv, "ram", &o->ram) ||
		    number(*argv, "disks", &o->disks) ||
		    number(*argv, "read_only", &o->read_only) ||
		    number(*argv, "handshake_ms", &o->handshake_ms) ||
		    number(*argv, "lost_ms", &o->lost_ms) || number(*argv, "max", &o->max) ||
		    number(*argv, "helpers", &o->helpers) || number(*argv, "wait", &o->wait))
			continue;
		if (!strncmp(*argv, "codec=", 6))
			o->codec = *argv + 6;
		else if (!strncmp(*argv, "pool=", 5))
			o->pool = *argv + 5;
		else
			die(*argv, -UZ_EINVAL);
	}
}

static unsigned int open_codec(struct served *s, const char *name)
{
	const struct uz_codec_params params = { .level = UZ_LEVEL_DEFAULT };
	char why[160] = "";
	const struct uz_codec_ops *ops = uz_host_codec(name, why, sizeof(why));
	int entry = ops ? uz_store_codec(s->store, ops, &params, false) : -UZ_ENOENT;

	if (entry < 0)
		die(why, entry);
	return (unsigned int)entry;
}

static void open_store(struct served *s, const struct options *o)
{
	const struct uz_host_config hc = { .backing = UZ_HOST_PRIVATE, .fd = -1 };
	struct uz_store_config sc = { .registry = uz_host_registry() };
	struct uz_store_error se = { "" };
	int err = uz_host_open(&hc, &s->host);

	if (err)
		die("uz_host_open", err);
	sc.arena.capacity_bytes = o->ram;
	sc.arena.limit_bytes = o->ram;
	err = uz_store_open(uz_host_plat(s->host), &sc, &s->store, &se);
	if (err)
		die(se.what, err);
}

static void create_disks(struct served *s, const struct options *o)
{
	char name[16], why[160] = "";
	struct uz_dev_config dc = { .name = name, .size_bytes = o->size };
	int err = 0;

	dc.pool = uz_host_pool(o->pool, why, sizeof(why));
	if (!dc.pool)
		die(why, -UZ_ENOENT);
	dc.codec = open_codec(s, o->codec);
	s->nr_disks = (unsigned int)o->disks;
	for (unsigned int i = 0; !err && i < s->nr_disks; i++) {
		snprintf(name, sizeof(name), "d%u", i);
		err = uz_dev_create(s->store, &dc, &s->disk[i]);
	}
	if (err)
		die("uz_dev_create", err);
}

static unsigned int entries(const char *path)
{
	DIR *dir = opendir(path);
	unsigned int nr = 0;

	while (dir && readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

static void drop(struct served *s, const char *name)
{
	for (unsigned int i = 0; i < s->nr_disks; i++) {
		if (strcmp(name, uz_dev_name(s->disk[i])))
			continue;
		uz_store(&s->gone[i], true);
		uz_nbd_drop(s->nbd, s->disk[i]);
	}
}

static void command(struct served *s, const char *line)
{
	struct uz_arena_stats st;

	if (!strncmp(line, "drop ", 5)) {
		drop(s, line + 5);
	} else if (!strncmp(line, "stop ", 5)) {
		uz_nbd_stop(s->nbd, (unsigned int)atoi(line + 5));
		s->nbd = NULL;
	} else if (!strcmp(line, "count")) {
		uz_arena_stats(uz_store_arena(s->store), &st);
		printf("threads %u fds %u meta %llu\n", entries("/proc/self/task"),
		       entries("/proc/self/fd"), (unsigned long long)st.meta_bytes);
		return;
	}
	printf("done\n");
}

static sigset_t sigterm(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	return set;
}

static void wait_for_sigterm(void)
{
	sigset_t set = sigterm();
	int got;

	sigwait(&set, &got);
}

static void serve(struct served *s, const char *address, const struct options *o)
{
	struct uz_nbd_config nc = {
		.store = s->store,
		.exports = { disk_open, disk_close, disk_name, s },
		.max_connections = (unsigned int)o->max,
		.max_helpers = (unsigned int)o->helpers,
		.handshake_timeout_ms = (unsigned int)o->handshake_ms,
		.lost_timeout_ms = (unsigned int)o->lost_ms,
		.log = log_line,
	};
	char line[128], why[256];
	int err;

	if (uz_listen(address, NULL, &s->listener, why, sizeof(why)))
		die(why, -UZ_EINVAL);
	err = uz_nbd_start(&nc, &s->nbd);
	if (!err)
		err = uz_nbd_listen(s->nbd, s->listener.fd);
	if (err)
		die("uz_nbd_start", err);
	printf("ready %s\n", s->listener.name);
	if (o->wait)
		wait_for_sigterm();
	while (!o->wait && fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		command(s, line);
	}
	uz_nbd_stop(s->nbd, 1000);
	uz_listen_unlink(&s->listener);
}

int main(int argc, char **argv)
{
	struct options o = {
		.size = 64 << 20, .ram = 64 << 20, .disks = 1, .codec = "lz4", .pool = "zsmalloc"
	};
	struct served s = { 0 };
	sigset_t block = sigterm();
	int err;

	if (argc < 2)
		die("usage: served ADDRESS [key=value...]", -UZ_EINVAL);
	parse(&o, argv + 2);
	if (!o.disks || o.disks > DISKS_MAX)
		die("disks", -UZ_EINVAL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	s.read_only = o.read_only;
	if (o.wait)
		pthread_sigmask(SIG_BLOCK, &block, NULL);
	open_store(&s, &o);
	create_disks(&s, &o);
	err = uz_background_start(s.store, &s.background);
	if (err)
		die("uz_background_start", err);
	serve(&s, argv[1], &o);
	uz_background_stop(s.background);
	err = uz_store_check(s.store);
	uz_store_close(s.store);
	uz_host_close(s.host);
	if (err)
		die("uz_store_check", err);
	return 0;
}
