/* SPDX-License-Identifier: MIT */
/*
 * returns: one load that oscillates, on one arena for each fixed method of giving memory back and one
 * that chooses by itself, cycle by cycle in turn, so that what disturbs one disturbs all. The arenas'
 * clock is the bench's: a period of a minute takes as long as the system calls in it. These are timed
 * with the CPU clock of the thread. In a virtual machine some pages have to come from the host first,
 * which costs ten times as much and hits whom it will. So all is done several times with new arenas: a
 * cycle does the same work each time, and its median counts. All cycles count, since what decays goes
 * in some of them only; and all background steps in which methods were tried beside each other.
 *
 *	returns [backing=private|small|memfd|file] [piece_kib=2048] [period_ms=1000] [mib=48]
 *		[learn=3] [cycles=12] [times=3] [spin_us=0] [settle=0]
 *
 * small: private without huge pages. piece_kib: what is free lies in such pieces, as much between
 * them in use; 2048: whole arena blocks. The first cycles, in which an arena does not know the load
 * yet, are not counted. After them MADV_FREE takes
 * spin_us longer, and there are settle more cycles that are not counted. At the end the load has
 * been away for 12 s: a method after which more than a twentieth of what went is resident still has
 * freed nothing, and is no peer.
 */
#include <sys/prctl.h>
#include <unistd.h>

#include "bench.h"
#include <uz/host.h>
#include <uz/return_method.h>

#define MS 1000000ull
#define STEP_MS 100u
#define AWAY_MS 12000u
#define AUTO UZ_HOST_RETURN_NR
#define CYCLES_MAX 100
#define TIMES_MAX 9
#define LIVE_MIB 4u /* never given back, so that there is a reserve */

static uint64_t clock_ns, spin_ns;
static uint64_t nr_counted, nr_times; /* cycles of this time, times before it */

struct side {
	struct uz_plat_ops ops;
	const struct uz_plat_ops *below;
	struct uz_host *host;
	struct uz_arena *a;
	unsigned int method;
	uint64_t spent_ns; /* in this cycle, but for trials */
	uint64_t tried_ns; /* steps with trials, as yet */
	uint64_t cycle_ns[CYCLES_MAX][TIMES_MAX];
	uint64_t trial_ns[TIMES_MAX]; /* of all its cycles */
	bool tried;
	uint32_t *run;
	uint64_t piece_runs, total_runs;
	bool used; /* the system has this method here */
	struct uz_arena_stats stats; /* at the end of the last time */
	double left;
};

static struct side sides[AUTO + 1];

static struct side *side_of(struct uz_plat *pl)
{
	for (unsigned int i = 0; i <= AUTO; i++)
		if (sides[i].host && uz_host_plat(sides[i].host) == pl)
			return &sides[i];
	bench_die("a platform that nobody has");
}

#define TIMED(call) \
	struct side *s = side_of(pl); \
	uint64_t start = bench_clock_ns(CLOCK_THREAD_CPUTIME_ID); \
	int r = (call); \
	s->spent_ns += bench_clock_ns(CLOCK_THREAD_CPUTIME_ID) - start; \
	return r

static int timed_commit(struct uz_plat *pl, void *p, size_t len)
{
	TIMED(s->below->commit(pl, p, len));
}

/* MADV_FREE with a spinlock before it. */
static int spinning_give_back(struct side *s, unsigned int method, const struct uz_range *v,
			      unsigned int nr)
{
	uint64_t end = bench_now_ns() + spin_ns;

	while (method == UZ_HOST_FREE && bench_now_ns() < end)
		;
	return s->below->give_back(uz_host_plat(s->host), method, v, nr);
}

static int timed_give_back(struct uz_plat *pl, unsigned int method, const struct uz_range *v,
			   unsigned int nr)
{
	TIMED(spinning_give_back(s, method, v, nr));
}

/* With no choice of methods the arena gives back by this. */
static int timed_decommit(struct uz_plat *pl, void *p, size_t len)
{
	struct uz_range v = { p, len };

	TIMED(s->method < AUTO && s->a ? s->below->give_back(pl, s->method, &v, 1)
				       : s->below->decommit(pl, p, len));
}

/* Only trials ask what is held. */
static int64_t noted_held(struct uz_plat *pl, const void *p, size_t len)
{
	struct side *s = side_of(pl);

	s->tried = true;
	return s->below->held(pl, p, len);
}

static uint64_t bench_clock(struct uz_plat *pl)
{
	(void)pl;
	return clock_ns;
}

static struct uz_host_config config_of(const char *backing, char *path, size_t bytes)
{
	struct uz_host_config hc = { .backing = UZ_HOST_PRIVATE, .path = path, .fd = -1 };

	snprintf(path, bytes, "/dev/shm/uz-bench-returns.%d", getpid());
	if (!strcmp(backing, "memfd"))
		hc.backing = UZ_HOST_MEMFD;
	if (!strcmp(backing, "file"))
		hc.backing = UZ_HOST_FILE;
	return hc;
}

/* Whether the call works at all on this backing; what it frees is seen at the end. */
static bool has_method(struct side *s, unsigned int method)
{
	struct uz_range v = { s->a->base + (64 << 20), 2 << 20 };
	int r;

	BENCH_CHECK(!s->below->commit(uz_host_plat(s->host), v.p, v.len), "no memory");
	r = s->below->give_back(uz_host_plat(s->host), method, &v, 1);
	s->below->decommit(uz_host_plat(s->host), v.p, v.len);
	return r == 0;
}

static void open_side(struct side *s, unsigned int method, const char *backing)
{
	struct uz_arena_config ac = { .capacity_bytes = 512 << 20,
				      .limit_bytes = 512 << 20,
				      .reserve_bytes = 2 << 20 };
	char path[64];
	struct uz_host_config hc = config_of(backing, path, sizeof(path));
	struct uz_plat *pl;

	BENCH_CHECK(!uz_host_open(&hc, &s->host), "no platform");
	unlink(path);
	pl = uz_host_plat(s->host);
	s->method = method;
	s->below = pl->ops;
	s->ops = *pl->ops;
	s->ops.commit = timed_commit;
	s->ops.give_back = timed_give_back;
	s->ops.decommit = timed_decommit;
	s->ops.held = noted_held;
	s->ops.now = bench_clock;
	pl->ops = &s->ops;
	if (method < AUTO && !uz_host_return_methods[method].lazy)
		pl->nr_methods = 0;
	BENCH_CHECK(!uz_arena_open(pl, &ac, false, &s->a), "no arena");
	if (method < AUTO && uz_host_return_methods[method].lazy)
		uz_arena_set_return(s->a, UZ_RETURN_LAZY);
	s->used = method == AUTO || has_method(s, method);
}

static void take(struct side *s, uint64_t i)
{
	BENCH_CHECK(!uz_run_alloc(s->a, UZ_RUN_MAX, 0, &s->run[i]), "no run");
	memset(uz_frame_addr(s->a, s->run[i]), 1, 64);
}

/* Every other piece belongs to the load; for whole arena blocks all do, but what is live. */
static bool of_load(const struct side *s, uint64_t i)
{
	if (i < (LIVE_MIB << 20 >> UZ_FRAME_SHIFT) / UZ_RUN_MAX)
		return false;
	return s->piece_runs == 32 || i / s->piece_runs % 2;
}

static void grow(struct side *s)
{
	for (uint64_t i = 0; i < s->total_runs; i++)
		if (!s->run[i])
			take(s, i);
}

static void shrink(struct side *s)
{
	for (uint64_t i = s->total_runs; i-- > 0;)
		if (of_load(s, i)) {
			uz_run_free(s->a, s->run[i], UZ_RUN_MAX);
			s->run[i] = 0;
		}
}

/* As the store does: single pieces go when nothing can be moved. */
static void background(struct side *s)
{
	uint64_t before = s->spent_ns;

	s->tried = false;
	while (uz_arena_background(s->a, 1))
		;
	if (s->piece_runs != 32)
		uz_arena_trim(s->a);
	if (s->tried) {
		s->tried_ns += s->spent_ns - before;
		s->spent_ns = before;
	}
}

static void for_all(void (*what)(struct side *s), unsigned int turn)
{
	for (unsigned int i = 0; i <= AUTO; i++) {
		struct side *s = &sides[(i + turn) % (AUTO + 1)];

		if (s->used)
			what(s);
	}
}

static void rest(uint64_t ms, unsigned int turn)
{
	for (; ms >= STEP_MS; ms -= STEP_MS) {
		clock_ns += STEP_MS * MS;
		for_all(background, turn);
	}
}

static void cycle(uint64_t half_ms, unsigned int turn)
{
	for_all(grow, turn);
	rest(half_ms, turn);
	for_all(shrink, turn);
	rest(half_ms, turn);
}

static void start_counting(struct side *s)
{
	s->spent_ns = s->tried_ns = 0;
}

static void count(struct side *s)
{
	s->cycle_ns[nr_counted][nr_times] = s->spent_ns;
	s->trial_ns[nr_times] = s->tried_ns;
	s->spent_ns = 0;
}

/* The load is away: what is resident beyond what is in use, of what went. */
static void look(struct side *s)
{
	double away;

	uz_arena_stats(s->a, &s->stats);
	away = (double)(s->total_runs * UZ_RUN_MAX << UZ_FRAME_SHIFT) - (double)s->stats.used_bytes;
	s->left = ((double)uz_host_resident(s->host) - (double)s->stats.used_bytes - 4194304.0) /
		  away;
}

static uint64_t median(uint64_t *v)
{
	qsort(v, nr_times, sizeof(*v), bench_compare_u64);
	return v[nr_times / 2];
}

static void emit(struct side *s, uint64_t wall_ms)
{
	uint64_t trial_ns = median(s->trial_ns), cost_ns = trial_ns;

	for (uint64_t i = 0; i < nr_counted; i++)
		cost_ns += median(s->cycle_ns[i]);
	bench_emit(s->method < AUTO ? uz_host_return_methods[s->method].name : "auto");
	bench_emit_number("cpu_percent", (double)cost_ns / 10000 / (double)wall_ms);
	bench_emit_number("trials_percent", (double)trial_ns / 10000 / (double)wall_ms);
	bench_emit_number("left", s->left);
	bench_emit_number("switches", (double)s->stats.return_switches);
	bench_emit_text("method", s->stats.return_method);
	bench_emit_end();
}

static void open_all(uint64_t piece_runs, uint64_t mib)
{
	const char *backing = bench_text("backing", "private");
	uint64_t runs = ((mib + LIVE_MIB) << 20 >> UZ_FRAME_SHIFT) / UZ_RUN_MAX;

	BENCH_CHECK(piece_runs && piece_runs <= 32, "piece_kib=64 to 2048");
	clock_ns = 1000000000ull;
	for (unsigned int i = 0; i <= AUTO; i++) {
		sides[i].piece_runs = piece_runs;
		sides[i].total_runs = runs;
		sides[i].run = bench_alloc(runs * sizeof(uint32_t));
		open_side(&sides[i], i, backing);
	}
}

static void close_all(void)
{
	for (unsigned int i = 0; i <= AUTO; i++) {
		uz_arena_close(sides[i].a);
		uz_host_close(sides[i].host);
		free(sides[i].run);
		sides[i].host = NULL;
		sides[i].a = NULL;
	}
}

static void one_time(uint64_t half_ms, uint64_t cycles)
{
	uint64_t mib = bench_number("mib", 48), learn = bench_number("learn", 3);

	open_all(bench_number("piece_kib", 2048) >> 6, mib);
	spin_ns = 0;
	for (unsigned int i = 0; i < learn; i++)
		cycle(half_ms, i);
	spin_ns = bench_number("spin_us", 0) * 1000;
	for (uint64_t i = bench_number("settle", 0); i; i--)
		cycle(half_ms, (unsigned int)i);
	for_all(start_counting, 0);
	for (nr_counted = 0; nr_counted < cycles; nr_counted++) {
		cycle(half_ms, (unsigned int)nr_counted);
		for_all(count, 0);
	}
	rest(AWAY_MS, 0);
	for_all(look, 0);
	close_all();
}

int main(int argc, char **argv)
{
	uint64_t half_ms, cycles, times;

	bench_args(argc, argv);
	half_ms = bench_number("period_ms", 1000) / 2;
	cycles = bench_number("cycles", 12);
	times = bench_number("times", 3);
	BENCH_CHECK(cycles && cycles <= CYCLES_MAX, "cycles=1 to %d", CYCLES_MAX);
	BENCH_CHECK(times && times <= TIMES_MAX, "times=1 to %d", TIMES_MAX);
	if (!strcmp(bench_text("backing", "private"), "small"))
		prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	bench_warm((AUTO + 1) * (bench_number("mib", 48) + LIVE_MIB) << 20);
	for (nr_times = 0; nr_times < times; nr_times++)
		one_time(half_ms, cycles);
	for (unsigned int i = 0; i <= AUTO; i++)
		if (sides[i].used)
			emit(&sides[i], cycles * half_ms * 2);
	return 0;
}
