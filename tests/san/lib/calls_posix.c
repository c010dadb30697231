/* SPDX-License-Identifier: MIT */
/* Processes, long options, attributes of threads, C11's threads, messages, timers. */
#include "calls.h"

#include <aio.h>
#include <argp.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fenv.h>
#include <getopt.h>
#include <link.h>
#include <malloc.h>
#include <math.h>
#include <mqueue.h>
#include <pthread.h>
#include <sched.h>
#include <search.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>
#include <wordexp.h>

extern char **environ;
extern ssize_t getdents64(int fd, void *buf, size_t n);
extern int getcpu(unsigned int *cpu, unsigned int *node);

static char *no_arguments[] = { "true", NULL };
ROW(posix_spawn, pid_t *pid = O(pid_t);
    EXPECT(!posix_spawn(pid, S("/bin/true"), NULL, NULL, no_arguments, environ));
    EXPECT(waitpid(*pid, NULL, 0) == *pid));
ROW(posix_spawnp, pid_t *pid = O(pid_t);
    EXPECT(!posix_spawnp(pid, S("true"), NULL, NULL, no_arguments, environ));
    EXPECT(waitpid(*pid, NULL, 0) == *pid));
#define SPAWN_ATTRIBUTE(what, type) \
	ROW(posix_spawnattr_get##what, posix_spawnattr_t a; posix_spawnattr_init(&a); \
	    EXPECT(!posix_spawnattr_get##what(&a, O(type))))
SPAWN_ATTRIBUTE(flags, short);
SPAWN_ATTRIBUTE(pgroup, pid_t);
SPAWN_ATTRIBUTE(schedparam, struct sched_param);
SPAWN_ATTRIBUTE(schedpolicy, int);
SPAWN_ATTRIBUTE(sigdefault, sigset_t);
SPAWN_ATTRIBUTE(sigmask, sigset_t);
ROW(posix_spawn_file_actions_addchdir_np, posix_spawn_file_actions_t a;
    posix_spawn_file_actions_init(&a); EXPECT(!posix_spawn_file_actions_addchdir_np(&a, S("/")));
    posix_spawn_file_actions_destroy(&a));
ROW(confstr, EXPECT(confstr(_CS_PATH, O_N(char, 64), 64) > 0 && !confstr(-1, NULL, 0)));
ROW(wordexp, wordexp_t *w = LOOSE(wordexp_t); EXPECT(!wordexp(S("a 'b c'"), w, WRDE_NOCMD));
    EXPECT(w->we_wordc == 2 && w->we_wordv[1][0] == 'b'); wordfree(w));

/* A long option writes its number, and its value where it has a place for it; others nothing. */
static int parse(int (*fn)(int, char *const *, const char *, const struct option *, int *),
		 char *argument, int *flag, int *index)
{
	const struct option options[] = { { "one", 0, NULL, 'o' },
					  { "two", 0, flag, 7 },
					  { NULL, 0, NULL, 0 } };
	char *argv[] = { "program", argument, NULL };

	optind = 0;
	return fn(2, argv, "x", options, index);
}
ROW(getopt_long, EXPECT(parse(getopt_long, "--two", O(int), O(int)) == 0);
    EXPECT(parse(getopt_long, "--one", O(int), O(int)) == 'o');
    EXPECT(parse(getopt_long, "-x", O(int), O(int)) == 'x'));
ROW(getopt_long_only, EXPECT(parse(getopt_long_only, "-two", O(int), O(int)) == 0);
    EXPECT(parse(getopt_long_only, "-x", O(int), O(int)) == 'x'));

/* Marks of unwritten variables, where frames of libc will lie. */
static __attribute__((noinline)) void soil_stack(void)
{
	char junk[8192];

	__asm__ volatile("" : : "r"(junk) : "memory");
}
static int see_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	EXPECT(size == sizeof(*info) && kmsan_test(info, size) == -1);
	++*(int *)arg;
	return 0;
}
ROW(dl_iterate_phdr, int nr = 0; soil_stack(); EXPECT(!dl_iterate_phdr(see_object, &nr) && nr > 1));
ROW(dladdr, EXPECT(dladdr(&environ, O(Dl_info))));
ROW(dladdr1, EXPECT(dladdr1(&environ, O(Dl_info), O(void *), RTLD_DL_LINKMAP)));
static error_t see_argument(int key, char *arg, struct argp_state *state)
{
	EXPECT(kmsan_test(state, sizeof(*state)) == -1);
	if (key == ARGP_KEY_ARG)
		*(char **)state->input = arg;
	return 0;
}
ROW(argp_parse, const struct argp a = { .parser = see_argument }; char *seen = NULL;
    char *argv[] = { "program", "x", NULL }; soil_stack();
    EXPECT(!argp_parse(&a, 2, argv, 0, O(int), &seen) && seen == argv[1]));

ROW(mallinfo, soil_stack(); struct mallinfo m = mallinfo();
    EXPECT(kmsan_test(&m, sizeof(m)) == -1));
ROW(mallinfo2, soil_stack(); struct mallinfo2 m = mallinfo2();
    EXPECT(kmsan_test(&m, sizeof(m)) == -1));

#define ATTRIBUTE(object, what, type) \
	ROW(object##_get##what, object##_t a; object##_init(&a); \
	    EXPECT(!object##_get##what(&a, O(type))))
ATTRIBUTE(pthread_attr, guardsize, size_t);
ATTRIBUTE(pthread_attr, inheritsched, int);
ATTRIBUTE(pthread_attr, schedpolicy, int);
ATTRIBUTE(pthread_attr, scope, int);
ATTRIBUTE(pthread_attr, schedparam, struct sched_param);
ATTRIBUTE(pthread_mutexattr, type, int);
ATTRIBUTE(pthread_mutexattr, pshared, int);
ATTRIBUTE(pthread_mutexattr, protocol, int);
ATTRIBUTE(pthread_mutexattr, robust, int);
ATTRIBUTE(pthread_mutexattr, prioceiling, int);
ATTRIBUTE(pthread_condattr, clock, clockid_t);
ATTRIBUTE(pthread_condattr, pshared, int);
ATTRIBUTE(pthread_rwlockattr, pshared, int);
ATTRIBUTE(pthread_rwlockattr, kind_np, int);
ATTRIBUTE(pthread_barrierattr, pshared, int);
ROW(pthread_attr_getsigmask_np, sigset_t s; pthread_attr_t a; sigemptyset(&s);
    pthread_attr_init(&a); EXPECT(!pthread_attr_setsigmask_np(&a, &s));
    EXPECT(!pthread_attr_getsigmask_np(&a, O(sigset_t))); pthread_attr_destroy(&a));
ROW(pthread_attr_getaffinity_np, pthread_attr_t a; pthread_attr_init(&a);
    EXPECT(!pthread_attr_getaffinity_np(&a, 8, O_N(char, 8))));
ROW(pthread_attr_setaffinity_np, pthread_attr_t a; pthread_attr_init(&a);
    EXPECT(!pthread_attr_setaffinity_np(&a, 8, (cpu_set_t *)IN(long, { 1 })));
    pthread_attr_destroy(&a));
ROW(pthread_attr_setschedparam, pthread_attr_t a; pthread_attr_init(&a);
    EXPECT(!pthread_attr_setschedparam(&a, IN(struct sched_param, { 0 }))));
ROW(pthread_getattr_default_np, EXPECT(!pthread_getattr_default_np(LOOSE(pthread_attr_t))));
ROW(pthread_rwlockattr_init, EXPECT(!pthread_rwlockattr_init(LOOSE(pthread_rwlockattr_t))));
ROW(pthread_barrierattr_init, EXPECT(!pthread_barrierattr_init(LOOSE(pthread_barrierattr_t))));
ROW(pthread_setschedparam,
    EXPECT(!pthread_setschedparam(pthread_self(), SCHED_OTHER, IN(struct sched_param, { 0 }))));
ROW(pthread_setaffinity_np, long all = -1;
    EXPECT(!pthread_setaffinity_np(pthread_self(), 8, slot(SLOT_IN, &all, 8))));
ROW(sched_setaffinity, long all = -1; EXPECT(!sched_setaffinity(0, 8, slot(SLOT_IN, &all, 8))));
static pthread_mutex_t *ceiling_mutex(void)
{
	static pthread_mutex_t m;
	pthread_mutexattr_t a;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_PROTECT);
	EXPECT(!pthread_mutex_init(&m, &a));
	return &m;
}
ROW(pthread_mutex_getprioceiling, EXPECT(!pthread_mutex_getprioceiling(ceiling_mutex(), O(int))));
ROW(pthread_mutex_setprioceiling, pthread_mutex_setprioceiling(ceiling_mutex(), 2, LOOSE(int)));
#define LONG_AGO IN(struct timespec, { 1, 1 })
ROW(pthread_mutex_clocklock, pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
    EXPECT(!pthread_mutex_clocklock(&m, CLOCK_MONOTONIC, LONG_AGO)));
ROW(pthread_cond_clockwait, pthread_cond_t c = PTHREAD_COND_INITIALIZER;
    pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER; pthread_mutex_lock(&m);
    EXPECT(pthread_cond_clockwait(&c, &m, CLOCK_MONOTONIC, LONG_AGO) == ETIMEDOUT));
#define READ_WRITE_LOCK(what, ...) \
	ROW(pthread_rwlock_##what, pthread_rwlock_t l = PTHREAD_RWLOCK_INITIALIZER; \
	    EXPECT(!pthread_rwlock_##what(&l, __VA_ARGS__)))
READ_WRITE_LOCK(timedrdlock, LONG_AGO);
READ_WRITE_LOCK(timedwrlock, LONG_AGO);
READ_WRITE_LOCK(clockrdlock, CLOCK_MONOTONIC, LONG_AGO);
READ_WRITE_LOCK(clockwrlock, CLOCK_MONOTONIC, LONG_AGO);
static void *give_back(void *arg)
{
	return arg;
}
static pthread_t a_thread(void)
{
	pthread_t t;

	EXPECT(!pthread_create(&t, NULL, give_back, NULL));
	return t;
}
#define IN_2100 IN(struct timespec, { 4000000000, 1 })
ROW(pthread_timedjoin_np, EXPECT(!pthread_timedjoin_np(a_thread(), O(void *), IN_2100)));
ROW(pthread_clockjoin_np,
    EXPECT(!pthread_clockjoin_np(a_thread(), O(void *), CLOCK_REALTIME, IN_2100)));

/* The stack of a new thread is as if never used. */
static int on_thread(void *arg)
{
	char *frame = __builtin_frame_address(0);

	EXPECT(kmsan_test(frame - 65536, 60000) == -1);
	soil_stack();
	return *(int *)arg;
}
static int seven = 7;
ROW(thrd_create, thrd_t *t = O(thrd_t); EXPECT(thrd_create(t, on_thread, &seven) == thrd_success);
    EXPECT(thrd_join(*t, NULL) == thrd_success));
ROW(thrd_join, thrd_t t; EXPECT(thrd_create(&t, on_thread, &seven) == thrd_success);
    int *v = O(int); EXPECT(thrd_join(t, v) == thrd_success && *v == 7));
ROW(thrd_sleep, EXPECT(!thrd_sleep(IN(struct timespec, { 0, 1 }), NULL)));
ROW(mtx_init, EXPECT(mtx_init(LOOSE(mtx_t), mtx_plain) == thrd_success));
ROW(mtx_timedlock, mtx_t m; mtx_init(&m, mtx_timed);
    EXPECT(mtx_timedlock(&m, LONG_AGO) == thrd_success));
ROW(cnd_init, EXPECT(cnd_init(LOOSE(cnd_t)) == thrd_success));
ROW(cnd_timedwait, cnd_t c; mtx_t m; cnd_init(&c); mtx_init(&m, mtx_plain); mtx_lock(&m);
    EXPECT(cnd_timedwait(&c, &m, LONG_AGO) == thrd_timedout));
ROW(tss_create, tss_t *k = O(tss_t); EXPECT(tss_create(k, NULL) == thrd_success); tss_delete(*k));

static sem_t noticed;
static void on_notice(union sigval v)
{
	if (on_thread(v.sival_ptr) == 7)
		sem_post(&noticed);
}
static struct sigevent *notice(void)
{
	struct sigevent e = { .sigev_notify = SIGEV_THREAD, .sigev_value.sival_ptr = &seven };

	e.sigev_notify_function = on_notice;
	sem_init(&noticed, 0, 0);
	return slot(SLOT_PLAIN, &e, sizeof(e));
}
static timer_t a_timer(void)
{
	struct sigevent e = { .sigev_notify = SIGEV_NONE };
	timer_t t;

	EXPECT(!timer_create(CLOCK_MONOTONIC, &e, &t));
	return t;
}
ROW(timer_create, timer_t *t = O(timer_t); struct itimerspec soon = { .it_value.tv_nsec = 1 };
    EXPECT(!timer_create(CLOCK_MONOTONIC, notice(), t));
    EXPECT(!timer_settime(*t, 0, &soon, NULL) && !sem_wait(&noticed)); timer_delete(*t));
ROW(timer_settime, timer_t t = a_timer();
    EXPECT(!timer_settime(t, 0, IN(struct itimerspec, { { 100, 0 }, { 100, 0 } }),
			  O(struct itimerspec)));
    timer_delete(t));
ROW(timer_gettime, timer_t t = a_timer(); EXPECT(!timer_gettime(t, O(struct itimerspec)));
    timer_delete(t));

static char queue_name[64];
static mqd_t a_queue(const char *message)
{
	struct mq_attr a = { .mq_maxmsg = 4, .mq_msgsize = 16 };
	mqd_t q;

	snprintf(queue_name, sizeof(queue_name), "/kmsan-calls-%d", (int)getpid());
	q = mq_open(queue_name, O_RDWR | O_CREAT, 0600, &a);
	mq_unlink(queue_name);
	if (q >= 0 && message)
		EXPECT(!mq_send(q, message, strlen(message), 3));
	return q;
}
#define WITH_QUEUE(message, ...) \
	mqd_t q = a_queue(message); \
	if (q >= 0) { \
		__VA_ARGS__; \
		mq_close(q); \
	}
ROW(mq_getattr, WITH_QUEUE(NULL, EXPECT(!mq_getattr(q, O(struct mq_attr)))));
ROW(mq_setattr,
    WITH_QUEUE(NULL, EXPECT(!mq_setattr(q, (struct mq_attr *)IN(long, { 0 }), O(struct mq_attr)))));
ROW(mq_send, WITH_QUEUE(NULL, EXPECT(!mq_send(q, B("hello"), 5, 1))));
ROW(mq_timedsend, WITH_QUEUE(NULL, EXPECT(!mq_timedsend(q, B("hello"), 5, 1, LONG_AGO))));
ROW(mq_receive,
    WITH_QUEUE("hello", EXPECT(mq_receive(q, O_N(char, 16), 16, O(unsigned int)) == 5)));
ROW(mq_timedreceive, WITH_QUEUE("hello", EXPECT(mq_timedreceive(q, O_N(char, 16), 16,
								O(unsigned int), LONG_AGO) == 5)));
/* libc keeps a socket for it, which the end of a row would close. */
static void be_notified(mqd_t q)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(mq_notify(q, notice()) || mq_send(q, "x", 1, 1) || sem_wait(&noticed));
	EXPECT(waitpid(pid, &status, 0) == pid && !status);
}
ROW(mq_notify, WITH_QUEUE(NULL, be_notified(q)));
ROW(mq_unlink, EXPECT(mq_unlink(S("/no such queue")) < 0));
ROW(shm_open, EXPECT(shm_open(S("/no such memory"), O_RDWR, 0) < 0));
ROW(shm_unlink, EXPECT(shm_unlink(S("/no such memory")) < 0));
ROW(sem_unlink, EXPECT(sem_unlink(S("/no-such-semaphore")) < 0));
ROW(ftok, EXPECT(ftok(S("/"), 1) != -1));

static void finish(struct aiocb *a, ssize_t n)
{
	const struct aiocb *list[] = { a };

	while (aio_error(a) == EINPROGRESS)
		aio_suspend(list, 1, NULL);
	EXPECT(aio_return(a) == n);
}
#define AIO(text, memory) \
	struct aiocb a = { .aio_fildes = a_file(text), .aio_buf = memory, .aio_nbytes = 5 }
ROW(aio_read, AIO("hello", O_N(char, 5)); EXPECT(!aio_read(&a)); finish(&a, 5));
ROW(aio_read64, AIO("hello", O_N(char, 5)); EXPECT(!aio_read64((struct aiocb64 *)&a));
    finish(&a, 5));
ROW(aio_write, AIO("", B("hello")); EXPECT(!aio_write(&a)); finish(&a, 5));
ROW(aio_write64, AIO("", B("hello")); EXPECT(!aio_write64((struct aiocb64 *)&a)); finish(&a, 5));
static void list_done(struct aiocb *a, int opcode)
{
	struct aiocb *list[] = { NULL, a };

	a->aio_lio_opcode = opcode;
	EXPECT(!lio_listio(LIO_WAIT, list, 2, NULL));
	finish(a, 5);
}
static void list64_done(struct aiocb *a, int opcode)
{
	struct aiocb64 *list[] = { NULL, (struct aiocb64 *)a };

	a->aio_lio_opcode = opcode;
	EXPECT(!lio_listio64(LIO_WAIT, list, 2, NULL));
	finish(a, 5);
}
#define LIST(done) \
	AIO("hello", O_N(char, 5)); \
	done(&a, LIO_READ); \
	a.aio_buf = B("hello"); \
	done(&a, LIO_WRITE)
ROW(lio_listio, LIST(list_done));
ROW(lio_listio64, LIST(list64_done));

static int *pair(void)
{
	static int fds[2];

	EXPECT(!socketpair(AF_UNIX, SOCK_DGRAM, 0, fds));
	return fds;
}
#define VECTOR(p, n) IN(struct iovec, { p, n })
#define SOME_TIME IN(struct timespec, { 1, 0 })
ROW(sendmmsg,
    struct mmsghdr m[2] = { { .msg_hdr = { .msg_iov = VECTOR(B("hello"), 5), .msg_iovlen = 1 } } };
    kmsan_poison(&m[0].msg_len, 4);
    EXPECT(sendmmsg(pair()[0], m, 1, 0) == 1 && kmsan_test(&m[0].msg_len, 4) == -1));
ROW(recvmmsg, int *fds = pair();
    struct mmsghdr m[2] = { { .msg_hdr = { .msg_iov = VECTOR(O_N(char, 8), 8), .msg_iovlen = 1 } },
			    { .msg_hdr = { .msg_iov = VECTOR(O_N(char, 8), 8),
					   .msg_iovlen = 1 } } };
    EXPECT(send(fds[0], "hello", 5, 0) == 5 && send(fds[0], "you", 3, 0) == 3);
    kmsan_poison(&m[1].msg_len, 4);
    EXPECT(recvmmsg(fds[1], m, 2, 0, SOME_TIME) == 2 && m[1].msg_len == 3));
ROW(vmsplice, int fds[2]; EXPECT(!pipe(fds));
    EXPECT(vmsplice(fds[1], VECTOR(B("hello"), 5), 1, 0) == 5));
static char other_memory[] = "hello";
ROW(process_vm_readv, EXPECT(process_vm_readv(getpid(), VECTOR(O_N(char, 8), 8), 1,
					      VECTOR(other_memory, 5), 1, 0) == 5));
ROW(process_vm_writev, EXPECT(process_vm_writev(getpid(), VECTOR(B("hello"), 5), 1,
						VECTOR(other_memory, 5), 1, 0) == 5));
ROW(epoll_pwait2, int fd = epoll_create1(0), *fds = pair();
    struct epoll_event e = { EPOLLOUT, { .u64 = 7 } };
    EXPECT(!epoll_ctl(fd, EPOLL_CTL_ADD, fds[0], &e));
    EXPECT(epoll_pwait2(fd, O_N(struct epoll_event, 2), 2, SOME_TIME, NULL) == 1));
ROW(inotify_add_watch, EXPECT(inotify_add_watch(inotify_init(), S("/"), IN_CREATE) > 0));
ROW(fanotify_mark, fanotify_mark(-1, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, S("/")));
ROW(getdents64, EXPECT(getdents64(open("/", O_RDONLY), LOOSE_N(char, 4096), 4096) > 0));
ROW(prlimit, EXPECT(!prlimit(0, RLIMIT_NOFILE, NULL, O(struct rlimit))); struct rlimit l;
    getrlimit(RLIMIT_CORE, &l);
    EXPECT(!prlimit(0, RLIMIT_CORE, slot(SLOT_IN, &l, sizeof(l)), NULL)));
ROW(prlimit64, EXPECT(!prlimit64(0, RLIMIT_NOFILE, NULL, O(struct rlimit64))); struct rlimit64 l;
    getrlimit64(RLIMIT_CORE, &l);
    EXPECT(!prlimit64(0, RLIMIT_CORE, slot(SLOT_IN, &l, sizeof(l)), NULL)));
ROW(getcpu, EXPECT(!getcpu(O(unsigned int), O(unsigned int))));
ROW(getdomainname, EXPECT(!getdomainname(O_N(char, 65), 65)));

ROW(clock_getcpuclockid, EXPECT(!clock_getcpuclockid(0, O(clockid_t))));
ROW(clock_adjtime, struct timex *t = V(struct timex, { .modes = 0 });
    if (is_checking()) kmsan_poison(&t->freq, 8); clock_adjtime(CLOCK_REALTIME, t);
    EXPECT(kmsan_test(t, sizeof(*t)) == -1));
ROW(adjtime, EXPECT(!adjtime(NULL, O(struct timeval)));
    adjtime(IN(struct timeval, { 4000000000, 0 }), NULL));
ROW(ntp_gettimex, EXPECT(ntp_gettimex(LOOSE(struct ntptimeval)) >= 0));
ROW(timespec_getres, EXPECT(timespec_getres(O(struct timespec), TIME_UTC)));

ROW(remquof, remquof(9, 4, O(int)));
ROW(remquol, remquol(9, 4, O(int)));
ROW(sincosl, sincosl(1, LOOSE(long double), LOOSE(long double)));
ROW(lgammaf_r, lgammaf_r(9.5f, O(int)));
ROW(lgammal_r, lgammal_r(9.5L, O(int)));
ROW(fegetenv, EXPECT(!fegetenv(LOOSE(fenv_t))));
ROW(feholdexcept, EXPECT(!feholdexcept(LOOSE(fenv_t))));
ROW(fegetexceptflag, EXPECT(!fegetexceptflag(O(fexcept_t), FE_ALL_EXCEPT)));

static struct hsearch_data names;
ROW(hcreate_r, struct hsearch_data t = { 0 }; EXPECT(hcreate_r(8, slot(SLOT_PLAIN, &t, sizeof(t))));
    hdestroy_r(&t));
ROW(hsearch_r, ENTRY e = { "name", &seven };
    EXPECT(hcreate_r(8, &names) && hsearch_r(e, ENTER, O(ENTRY *), &names)); hdestroy_r(&names));
