/* SPDX-License-Identifier: MIT */
/*
 * A sample in a process of its own: each starts from the same empty address space, may be put
 * into a cgroup and may be ended there for want of memory, by a full tmpfs or by a signal, without
 * more harm than a cell that says so.
 *
 * Two things are done unmeasured before. Memory of the size and the kind of page is used and
 * freed, because the system gives back what was freed last, and a hypervisor to which free memory
 * is reported takes the rest away within seconds: its first touch is several times dearer, and
 * would be the loudest figure of all. And the cell is gone through in little, so that no figure
 * has the first use of code and stack in it.
 */
#include "cleanup.h"
#include "madvise.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <uz/bits.h>

#define LIMIT_S 30u
#define LIMIT_BYTES_A_S ((size_t)16 << 20) /* slower than that is taken for hanging */
#define WARM_BYTES ((size_t)64 << 10)

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	(void)number;
	interrupted = 1;
}

static void set_handlers(void (*handler)(int))
{
	struct sigaction sa = { .sa_handler = handler };

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
}

void uz__madvise_catch_signals(void)
{
	interrupted = 0;
	set_handlers(on_signal);
}

static bool is_huge(const struct uz_madvise_cell *c)
{
	return c->backing == UZ_MADVISE_PRIVATE_THP || c->backing == UZ_MADVISE_HUGETLB;
}

/* For the mapping and the hog. */
static void warm_memory(const struct uz_madvise_cell *c, size_t slice_bytes)
{
	size_t bytes = slice_bytes * c->threads * (c->pressure ? 2 : 1);
	char reason[UZ_MADVISE_REASON];
	struct uz_madvise_memory m;

	if (uz__madvise_map(&m, is_huge(c) ? UZ_MADVISE_PRIVATE_THP : UZ_MADVISE_PRIVATE_4K, bytes,
			    reason))
		return;
	for (size_t at = 0; at < bytes; at += (size_t)sysconf(_SC_PAGESIZE))
		*(volatile char *)(m.base + at) = 1;
	uz__madvise_unmap(&m);
}

static void warm_code(const struct uz_madvise_cell *c, size_t slice_bytes,
		      struct uz_madvise_sample *s)
{
	size_t least = is_huge(c) ? (size_t)UZ_MADVISE_SLICE_ALIGN : WARM_BYTES;

	uz__madvise_cycle(c, UZ_MIN(UZ_MAX(least, (size_t)c->piece_bytes), slice_bytes), s);
}

static unsigned int limit_s(const struct uz_madvise_cell *c, size_t slice_bytes)
{
	return LIMIT_S + (unsigned int)(slice_bytes * c->threads / LIMIT_BYTES_A_S);
}

static void child(const struct uz_madvise_cell *c, size_t slice_bytes, pid_t parent,
		  const struct uz_madvise_cgroup *g, struct uz_madvise_sample *s)
{
	int err;

	set_handlers(SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	alarm(limit_s(c, slice_bytes));
	warm_memory(c, slice_bytes);
	err = c->pressure ? uz__madvise_cgroup_join(g) : 0;
	if (err) {
		snprintf(s->reason, sizeof(s->reason), "cgroup: %s", strerror(-err));
		_exit(0);
	}
	warm_code(c, slice_bytes, s);
	uz__madvise_cycle(c, slice_bytes, s);
	_exit(0);
}

static void judge_end(int status, unsigned int seconds, struct uz_madvise_sample *s)
{
	if (!WIFSIGNALED(status))
		return;
	if (WTERMSIG(status) == SIGALRM)
		snprintf(s->reason, sizeof(s->reason), "not done after %u s", seconds);
	else
		snprintf(s->reason, sizeof(s->reason), "ended by the system: %s",
			 WTERMSIG(status) == SIGKILL ? "out of memory"
						     : strsignal(WTERMSIG(status)));
}

int uz__madvise_sample(const struct uz_madvise_cell *c, size_t slice_bytes,
		       const struct uz_madvise_cgroup *g, struct uz_madvise_sample *s)
{
	struct uz_madvise_sample *shared =
		mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t parent = getpid(), pid;
	int status = 0;

	if (shared == MAP_FAILED)
		return -errno;
	pid = fork();
	if (pid == 0)
		child(c, slice_bytes, parent, g, shared);
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (interrupted)
			kill(pid, SIGKILL);
	*s = *shared;
	munmap(shared, sizeof(*s));
	if (pid < 0)
		return -errno;
	judge_end(status, limit_s(c, slice_bytes), s);
	return interrupted ? -EINTR : 0;
}
