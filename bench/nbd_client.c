/* SPDX-License-Identifier: MIT */
/*
 * A batched NBD client that measures servers: 4 KiB requests at random offsets over a unix
 * socket. Stock clients spend several system calls a request and so measure themselves; this
 * one sends all that its queue depth allows with one call and takes all replies that there
 * are with another.
 *
 * Pages written are real ones (--data). Each connection has the pages whose number modulo the
 * number of connections is its own, and one connection's requests are executed in order by
 * every server that allows only one thread a connection; --verify compares each read with what
 * must be there then, and for other servers needs --qd 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "nbd_wire.h"
#include "time_hist.h"

#define PAGE 4096u
#define QD_MAX 512u
#define CONNECTIONS_MAX 64u
#define RX_BYTES (4u << 20)
#define REQUEST_BYTES 28u

enum op { OP_READ, OP_WRITE };

struct options {
	const char *socket, *export, *data_path;
	unsigned int qd, connections, read_percent;
	double seconds;
	uint64_t size;
	bool fill, simple, verify, json;
	pid_t server_pid;
	uint64_t seed;
};

struct slot {
	uint64_t sent_ns, page;
	uint8_t version; /* a read: what must come back */
	enum op op;
};

struct client {
	const struct options *o;
	pthread_t thread;
	unsigned int index;
	int fd;
	bool structured;
	uint64_t size, rng;
	struct slot slot[QD_MAX];
	unsigned int free_slot[QD_MAX], nr_free, nr_flying;
	char header[QD_MAX][REQUEST_BYTES];
	struct iovec iov[2 * QD_MAX];
	unsigned int nr_iov, next_iov;
	char *rx;
	size_t rx_pos, rx_end;
	uint8_t *version; /* of each page of ours: 0 unknown */
	uint64_t next_fill;
	struct time_hist hist;
	uint64_t done_ns;
};

static const char *pages;
static uint64_t nr_pages;
static pthread_barrier_t filled, started;
static uint64_t deadline_ns;

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	if (clock_gettime(clock, &ts))
		return 0;
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1dull;
}

/* Which content version @v of page @page is. */
static const char *content(uint64_t page, uint8_t v)
{
	return pages + (page * 2654435761u + v * 40503u) % nr_pages * PAGE;
}

static uint64_t own_pages(const struct client *c)
{
	return c->size / PAGE / c->o->connections;
}

static uint64_t page_number(const struct client *c, uint64_t own)
{
	return own * c->o->connections + c->index;
}

static void add_request(struct client *c, enum op op, uint64_t own)
{
	unsigned int i = c->free_slot[--c->nr_free];
	struct slot *s = &c->slot[i];
	char *p = c->header[i];

	if (op == OP_WRITE && !++c->version[own])
		c->version[own] = 1;
	*s = (struct slot){ 0, page_number(c, own), c->version[own], op };
	p = nbd_wire_put(nbd_wire_put(nbd_wire_put(p, 0x25609513, 4), 0, 2), op, 2);
	nbd_wire_put(nbd_wire_put(nbd_wire_put(p, i, 8), s->page * PAGE, 8), PAGE, 4);
	c->iov[c->nr_iov++] = (struct iovec){ c->header[i], REQUEST_BYTES };
	if (op == OP_WRITE)
		c->iov[c->nr_iov++] = (struct iovec){ (char *)content(s->page, s->version), PAGE };
	s->sent_ns = now_ns();
	c->nr_flying++;
}

static void send_some(struct client *c)
{
	while (c->next_iov < c->nr_iov) {
		struct msghdr m = { .msg_iov = c->iov + c->next_iov,
				    .msg_iovlen = c->nr_iov - c->next_iov };
		ssize_t n = sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			nbd_wire_die("sendmsg", strerror(errno));
		while (n && (size_t)n >= c->iov[c->next_iov].iov_len)
			n -= (ssize_t)c->iov[c->next_iov++].iov_len;
		if (n) {
			struct iovec *v = &c->iov[c->next_iov];

			*v = (struct iovec){ (char *)v->iov_base + n, v->iov_len - (size_t)n };
		}
	}
	c->next_iov = c->nr_iov = 0;
}

static void receive_some(struct client *c)
{
	ssize_t n;

	memmove(c->rx, c->rx + c->rx_pos, c->rx_end - c->rx_pos);
	c->rx_end -= c->rx_pos;
	c->rx_pos = 0;
	n = recv(c->fd, c->rx + c->rx_end, RX_BYTES - c->rx_end, c->nr_iov ? MSG_DONTWAIT : 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0)
		nbd_wire_die("recv", n ? strerror(errno) : "the server closed the connection");
	c->rx_end += (size_t)n;
}

static void check_data(const struct client *c, const struct slot *s, const char *data)
{
	static const char zeros[PAGE];
	char text[64];

	if (!c->o->verify || !s->version)
		return;
	if (!memcmp(data ? data : zeros, content(s->page, s->version), PAGE))
		return;
	snprintf(text, sizeof(text), "page %llu has the wrong content",
		 (unsigned long long)s->page);
	nbd_wire_die("verify", text);
}

static void finish(struct client *c, uint64_t cookie, uint64_t end_ns)
{
	if (cookie >= c->o->qd)
		nbd_wire_die("reply", "unknown cookie");
	time_hist_add(&c->hist, end_ns - c->slot[cookie].sent_ns);
	c->free_slot[c->nr_free++] = (unsigned int)cookie;
	c->nr_flying--;
}

/* Bytes of the simple reply at @p, 0 when it is not complete. */
static size_t take_simple(struct client *c, const char *p, size_t avail, uint64_t end_ns)
{
	uint64_t cookie;
	size_t bytes = 16;

	if (avail < bytes)
		return 0;
	cookie = nbd_wire_get(p + 8, 8);
	if (nbd_wire_get(p + 4, 4))
		nbd_wire_die("reply", strerror((int)nbd_wire_get(p + 4, 4)));
	if (cookie < c->o->qd && c->slot[cookie].op == OP_READ)
		bytes += PAGE;
	if (avail < bytes)
		return 0;
	if (bytes > 16)
		check_data(c, &c->slot[cookie], p + 16);
	finish(c, cookie, end_ns);
	return bytes;
}

static size_t take_chunk(struct client *c, const char *p, size_t avail, uint64_t end_ns)
{
	uint64_t cookie, type, payload;

	if (avail < 20)
		return 0;
	type = nbd_wire_get(p + 6, 2);
	cookie = nbd_wire_get(p + 8, 8);
	payload = nbd_wire_get(p + 16, 4);
	if (avail < 20 + payload)
		return 0;
	if (type >= 0x8000)
		nbd_wire_die("reply", strerror((int)nbd_wire_get(p + 20, 4)));
	if (type == 1 && payload == 8 + PAGE)
		check_data(c, &c->slot[cookie % QD_MAX], p + 28);
	else if (type == 2)
		check_data(c, &c->slot[cookie % QD_MAX], NULL);
	if (nbd_wire_get(p + 4, 2) & 1)
		finish(c, cookie, end_ns);
	return 20 + payload;
}

static void take_replies(struct client *c)
{
	uint64_t end_ns = now_ns();

	while (c->rx_end - c->rx_pos >= 4) {
		const char *p = c->rx + c->rx_pos;
		size_t avail = c->rx_end - c->rx_pos, n;
		uint32_t magic = (uint32_t)nbd_wire_get(p, 4);

		if (magic == 0x668e33ef)
			n = take_chunk(c, p, avail, end_ns);
		else if (magic == 0x67446698)
			n = take_simple(c, p, avail, end_ns);
		else
			nbd_wire_die("reply", "wrong magic");
		if (!n)
			return;
		c->rx_pos += n;
	}
}

static void wait_for_socket(const struct client *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLIN | POLLOUT };

	if (c->nr_iov)
		poll(&p, 1, -1);
}

/* The next request of the phase; false: no more. */
typedef bool next_request(struct client *c);

static bool next_measured(struct client *c)
{
	uint64_t own = next_random(&c->rng) % own_pages(c);
	bool read = next_random(&c->rng) % 100 < c->o->read_percent;

	if (now_ns() >= deadline_ns)
		return false;
	add_request(c, read ? OP_READ : OP_WRITE, own);
	return true;
}

static bool next_filling(struct client *c)
{
	if (c->next_fill == own_pages(c))
		return false;
	add_request(c, OP_WRITE, c->next_fill++);
	return true;
}

static void run_phase(struct client *c, next_request *next)
{
	bool more = true;

	while (more || c->nr_flying) {
		while (more && c->nr_free && !c->nr_iov)
			for (more = next(c); more && c->nr_free; more = next(c))
				;
		send_some(c);
		if (!c->nr_flying)
			continue;
		wait_for_socket(c);
		receive_some(c);
		take_replies(c);
	}
}

static void *client_main(void *arg)
{
	struct client *c = arg;

	if (c->o->fill)
		run_phase(c, next_filling);
	pthread_barrier_wait(&filled);
	memset(&c->hist, 0, sizeof(c->hist));
	pthread_barrier_wait(&started);
	run_phase(c, next_measured);
	c->done_ns = now_ns();
	return NULL;
}

static void prepare(struct client *c, const struct options *o, unsigned int index)
{
	c->o = o;
	c->index = index;
	c->rng = o->seed + 0x9e3779b97f4a7c15ull * (index + 1);
	c->structured = !o->simple;
	c->fd = nbd_wire_connect(o->socket, o->export, &c->structured, &c->size);
	if (o->size && o->size < c->size)
		c->size = o->size;
	if (c->size / PAGE < o->connections)
		nbd_wire_die("--size", "smaller than a page for each connection");
	for (unsigned int i = 0; i < o->qd; i++)
		c->free_slot[c->nr_free++] = i;
	c->rx = malloc(RX_BYTES);
	c->version = calloc(own_pages(c), 1);
	if (!c->rx || !c->version)
		nbd_wire_die("memory", strerror(ENOMEM));
}

static void load_data(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		nbd_wire_die(path, strerror(errno));
	nr_pages = (uint64_t)st.st_size / PAGE;
	if (!nr_pages)
		nbd_wire_die(path, "shorter than a page");
	pages = mmap(NULL, nr_pages * PAGE, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	close(fd);
	if (pages == MAP_FAILED)
		nbd_wire_die(path, strerror(errno));
}

struct result {
	double iops, client_us, server_us;
	struct time_hist hist;
};

static uint64_t server_cpu_ns(const struct options *o)
{
	clockid_t clock;

	if (!o->server_pid)
		return 0;
	if (clock_getcpuclockid(o->server_pid, &clock))
		nbd_wire_die("--server-pid", "no such process");
	return clock_ns(clock);
}

static void measure(struct client *c, const struct options *o, struct result *r)
{
	uint64_t begin, end = 0, cpu, server;

	pthread_barrier_wait(&filled);
	begin = now_ns();
	deadline_ns = begin + (uint64_t)(o->seconds * 1e9);
	cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	server = server_cpu_ns(o);
	pthread_barrier_wait(&started);
	for (unsigned int i = 0; i < o->connections; i++) {
		pthread_join(c[i].thread, NULL);
		time_hist_merge(&r->hist, &c[i].hist);
		if (c[i].done_ns > end)
			end = c[i].done_ns;
	}
	cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
	server = server_cpu_ns(o) - server;
	r->iops = (double)r->hist.total / ((double)(end - begin) / 1e9);
	r->client_us = (double)cpu / 1000 / (double)r->hist.total;
	r->server_us = (double)server / 1000 / (double)r->hist.total;
}

static void print_json(const struct options *o, const struct result *r)
{
	printf("{\"read_percent\": %u, \"qd\": %u, \"connections\": %u, \"structured\": %s, "
	       "\"requests\": %llu, \"iops\": %.0f, \"mb_s\": %.1f, \"p50_us\": %.1f, "
	       "\"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f, \"client_us_per_io\": %.3f, ",
	       o->read_percent, o->qd, o->connections, o->simple ? "false" : "true",
	       (unsigned long long)r->hist.total, r->iops, r->iops * PAGE / 1e6,
	       time_hist_us(&r->hist, 0.5), time_hist_us(&r->hist, 0.99),
	       time_hist_us(&r->hist, 0.999), (double)r->hist.max_ns / 1000, r->client_us);
	if (o->server_pid)
		printf("\"server_us_per_io\": %.3f}\n", r->server_us);
	else
		printf("\"server_us_per_io\": null}\n");
}

static void print_text(const struct options *o, const struct result *r)
{
	printf("%u%% reads, qd %u, %u connection%s: %.0f IOPS, %.1f MB/s\n", o->read_percent, o->qd,
	       o->connections, o->connections == 1 ? "" : "s", r->iops, r->iops * PAGE / 1e6);
	printf("latency us: p50 %.1f, p99 %.1f, p99.9 %.1f, max %.1f\n",
	       time_hist_us(&r->hist, 0.5), time_hist_us(&r->hist, 0.99),
	       time_hist_us(&r->hist, 0.999), (double)r->hist.max_ns / 1000);
	printf("CPU us per request: client %.3f", r->client_us);
	if (o->server_pid)
		printf(", server %.3f", r->server_us);
	printf("\n");
}

static const char usage_text[] =
	"usage: nbd_client --socket PATH --data FILE [options]\n"
	"  --export NAME        the export, default \"\"\n"
	"  --op read|write|mixed  or --read-percent N\n"
	"  --qd N               requests under way on each connection, 1..512 (32)\n"
	"  --connections N      1..64 (1)\n"
	"  --seconds S          how long (2)\n"
	"  --size BYTES         use only the first bytes of the disk\n"
	"  --fill               write every page first, not measured\n"
	"  --simple             do not negotiate structured replies\n"
	"  --verify             compare what is read with what was written\n"
	"  --server-pid PID     report its CPU time too\n"
	"  --seed N             of the offsets (1)\n"
	"  --json               one object\n";

static _Noreturn void usage(const char *what, const char *why)
{
	fprintf(stderr, "nbd_client: %s: %s\n%s", what, why, usage_text);
	exit(2);
}

static double number(const char *name, const char *text, double min, double max)
{
	char *end;
	double v = strtod(text, &end);

	if (end == text || *end || v < min || v > max)
		usage(name, "not a number in its range");
	return v;
}

static unsigned int percent_of(const char *op)
{
	if (!strcmp(op, "read"))
		return 100;
	if (!strcmp(op, "write"))
		return 0;
	if (!strcmp(op, "mixed"))
		return 50;
	usage("--op", "read, write or mixed");
}

static void set_option(struct options *o, int key, const char *arg)
{
	switch (key) {
	case 's':
		o->socket = arg;
		break;
	case 'e':
		o->export = arg;
		break;
	case 'd':
		o->data_path = arg;
		break;
	case 'o':
		o->read_percent = percent_of(arg);
		break;
	case 'r':
		o->read_percent = (unsigned int)number("--read-percent", arg, 0, 100);
		break;
	case 'q':
		o->qd = (unsigned int)number("--qd", arg, 1, QD_MAX);
		break;
	case 'c':
		o->connections = (unsigned int)number("--connections", arg, 1, CONNECTIONS_MAX);
		break;
	case 't':
		o->seconds = number("--seconds", arg, 0.01, 3600);
		break;
	case 'z':
		o->size = (uint64_t)number("--size", arg, PAGE, 1e15);
		break;
	case 'p':
		o->server_pid = (pid_t)number("--server-pid", arg, 1, INT_MAX);
		break;
	case 'S':
		o->seed = (uint64_t)number("--seed", arg, 1, 1e15);
		break;
	case 'f':
		o->fill = true;
		break;
	case 'i':
		o->simple = true;
		break;
	case 'v':
		o->verify = true;
		break;
	case 'j':
		o->json = true;
		break;
	default:
		exit(2);
	}
}

static void parse(struct options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "socket", 1, NULL, 's' },	  { "export", 1, NULL, 'e' },
		{ "data", 1, NULL, 'd' },	  { "op", 1, NULL, 'o' },
		{ "read-percent", 1, NULL, 'r' }, { "qd", 1, NULL, 'q' },
		{ "connections", 1, NULL, 'c' },  { "seconds", 1, NULL, 't' },
		{ "size", 1, NULL, 'z' },	  { "server-pid", 1, NULL, 'p' },
		{ "seed", 1, NULL, 'S' },	  { "fill", 0, NULL, 'f' },
		{ "simple", 0, NULL, 'i' },	  { "verify", 0, NULL, 'v' },
		{ "json", 0, NULL, 'j' },	  { NULL, 0, NULL, 0 },
	};
	int key;

	while ((key = getopt_long(argc, argv, "", longs, NULL)) >= 0)
		set_option(o, key, optarg);
	if (!o->socket)
		usage("--socket", "missing");
	if (!o->data_path)
		usage("--data", "missing");
}

int main(int argc, char **argv)
{
	struct options o = { .export = "",
			     .qd = 32,
			     .connections = 1,
			     .read_percent = 100,
			     .seconds = 2,
			     .seed = 1 };
	struct result r = { 0 };
	struct client *c;

	parse(&o, argc, argv);
	load_data(o.data_path);
	c = calloc(o.connections, sizeof(*c));
	if (!c)
		nbd_wire_die("memory", strerror(ENOMEM));
	pthread_barrier_init(&filled, NULL, o.connections + 1);
	pthread_barrier_init(&started, NULL, o.connections + 1);
	for (unsigned int i = 0; i < o.connections; i++)
		prepare(&c[i], &o, i);
	for (unsigned int i = 0; i < o.connections; i++)
		if (pthread_create(&c[i].thread, NULL, client_main, &c[i]))
			nbd_wire_die("thread", strerror(EAGAIN));
	measure(c, &o, &r);
	if (o.json)
		print_json(&o, &r);
	else
		print_text(&o, &r);
	return 0;
}
