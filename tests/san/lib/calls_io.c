/* SPDX-License-Identifier: MIT */
/* Descriptors, sockets, the system. */
#include "calls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <poll.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define VECTOR(p, n) V(struct iovec, { p, n })
#define CAPABILITIES V_N(unsigned int, 2, { 0x20080522, 0 })

extern int capget(void *header, void *data), capset(void *header, const void *data);

static int null_fd(void)
{
	return open("/dev/null", O_RDWR);
}

static int *pair(int type)
{
	static int fds[2];

	EXPECT(socketpair(AF_UNIX, type, 0, fds) == 0);
	return fds;
}

static int filled(void)
{
	int *fds = pair(SOCK_DGRAM);

	EXPECT(write(fds[0], "hello", 5) == 5);
	return fds[1];
}

static int bound(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	EXPECT(bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, 4) == 0);
	return fd;
}

static int connected(int *listening)
{
	struct sockaddr_in a;
	socklen_t n = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	*listening = bound();
	EXPECT(getsockname(*listening, (struct sockaddr *)&a, &n) == 0);
	EXPECT(connect(fd, (struct sockaddr *)&a, n) == 0);
	return fd;
}

static int terminal(void)
{
	int control = posix_openpt(O_RDWR | O_NOCTTY);

	EXPECT(grantpt(control) == 0 && unlockpt(control) == 0);
	return open(ptsname(control), O_RDWR | O_NOCTTY);
}

static pid_t ended(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(3);
	return pid;
}

static void timer(int fd)
{
	struct itimerspec t = { { 100, 0 }, { 100, 0 } };

	EXPECT(timerfd_settime(fd, 0, &t, NULL) == 0);
}

ROW(read, EXPECT(read(a_file("hello"), O_N(char, 5), 64) == 5));
ROW(pread, EXPECT(pread(a_file("hello"), O_N(char, 8), 8, 1) == 4));
ROW(pread64, EXPECT(pread64(a_file("hello"), O_N(char, 8), 8, 1) == 4));
ROW(write, EXPECT(write(null_fd(), S("hello"), 6) == 6));
ROW(pwrite, EXPECT(pwrite(a_file(""), S("hello"), 6, 1) == 6));
ROW(pwrite64, EXPECT(pwrite64(a_file(""), S("hello"), 6, 1) == 6));
ROW(readv, EXPECT(readv(a_file("hello"), IN(struct iovec, { O_N(char, 8), 8 }), 1) == 5));
ROW(preadv, EXPECT(preadv(a_file("hello"), IN(struct iovec, { O_N(char, 8), 8 }), 1, 1) == 4));
ROW(preadv64, EXPECT(preadv64(a_file("hello"), IN(struct iovec, { O_N(char, 8), 8 }), 1, 1) == 4));
ROW(preadv2, EXPECT(preadv2(a_file("hello"), IN(struct iovec, { O_N(char, 8), 8 }), 1, 1, 0) == 4));
ROW(preadv64v2,
    EXPECT(preadv64v2(a_file("hello"), IN(struct iovec, { O_N(char, 8), 8 }), 1, 1, 0) == 4));
ROW(writev, EXPECT(writev(null_fd(), IN(struct iovec, { S("hello"), 6 }), 1) == 6));
ROW(pwritev, EXPECT(pwritev(a_file(""), IN(struct iovec, { S("hello"), 6 }), 1, 0) == 6));
ROW(pwritev64, EXPECT(pwritev64(a_file(""), IN(struct iovec, { S("hello"), 6 }), 1, 0) == 6));
ROW(pwritev2, EXPECT(pwritev2(a_file(""), IN(struct iovec, { S("hello"), 6 }), 1, 0, 0) == 6));
ROW(pwritev64v2,
    EXPECT(pwritev64v2(a_file(""), IN(struct iovec, { S("hello"), 6 }), 1, 0, 0) == 6));
ROW(sendfile, EXPECT(sendfile(a_file(""), a_file("hello"), IN(off_t, { 1 }), 9) == 4));
ROW(sendfile64, EXPECT(sendfile64(a_file(""), a_file("hello"), IN(off64_t, { 1 }), 9) == 4));
ROW(copy_file_range, EXPECT(copy_file_range(a_file("hello"), IN(off64_t, { 1 }), a_file(""),
					    IN(off64_t, { 2 }), 9, 0) == 4));
ROW(splice, int fds[2]; EXPECT(pipe(fds) == 0);
    EXPECT(splice(a_file("hello"), IN(off64_t, { 1 }), fds[1], NULL, 9, 0) == 4));
ROW(recv, EXPECT(recv(filled(), O_N(char, 8), 8, 0) == 5));
ROW(recvfrom, int c, fd = connected(&c); EXPECT(fd > 0); socklen_t *n = IN(socklen_t, { 128 });
    EXPECT(recvfrom(filled(), O_N(char, 8), 8, 0, (struct sockaddr *)LOOSE_N(char, 128), n) == 5));
#define HEADER(...) \
	struct msghdr m = { __VA_ARGS__ }, \
		      *h = slot(SLOT_IN, &m, offsetof(struct msghdr, msg_flags))
ROW(recvmsg, struct iovec *v = IN(struct iovec, { O_N(char, 8), 8 });
    struct msghdr m = { .msg_iov = v, .msg_iovlen = 1 }; EXPECT(recvmsg(filled(), &m, 0) == 5));
ROW(send, EXPECT(send(pair(SOCK_DGRAM)[0], S("hello"), 6, 0) == 6));
ROW(sendto, struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(9) };
    sendto(socket(AF_INET, SOCK_DGRAM, 0), S("hello"), 6, 0, slot(SLOT_IN, &a, sizeof(a)),
	   sizeof(a)));
ROW(sendmsg, HEADER(.msg_iov = IN(struct iovec, { S("hello"), 6 }), .msg_iovlen = 1);
    EXPECT(sendmsg(pair(SOCK_DGRAM)[0], h, 0) == 6));
ROW(connect, struct sockaddr_in a = { .sin_family = AF_INET };
    connect(socket(AF_INET, SOCK_DGRAM, 0), slot(SLOT_IN, &a, sizeof(a)), sizeof(a)));
ROW(bind, struct sockaddr_in a = { .sin_family = AF_INET };
    EXPECT(!bind(socket(AF_INET, SOCK_DGRAM, 0), slot(SLOT_IN, &a, sizeof(a)), sizeof(a))));
ROW(accept, int fd; connected(&fd); socklen_t *n = IN(socklen_t, { 16 });
    EXPECT(accept(fd, (struct sockaddr *)O_N(char, 16), n) > 0 && *n == 16));
ROW(accept4, int fd; connected(&fd); socklen_t *n = IN(socklen_t, { 16 });
    EXPECT(accept4(fd, (struct sockaddr *)O_N(char, 16), n, 0) > 0 && *n == 16));
ROW(getsockname, socklen_t *n = IN(socklen_t, { 16 });
    EXPECT(!getsockname(bound(), (struct sockaddr *)O_N(char, 16), n)));
ROW(getpeername, socklen_t *n = IN(socklen_t, { 16 }); int fd;
    EXPECT(!getpeername(connected(&fd), (struct sockaddr *)O_N(char, 16), n)));
ROW(getsockopt, socklen_t *n = IN(socklen_t, { 8 });
    EXPECT(!getsockopt(bound(), SOL_SOCKET, SO_TYPE, O_N(char, 8), n) && *n == 4));
ROW(setsockopt,
    EXPECT(!setsockopt(bound(), SOL_SOCKET, SO_REUSEADDR, IN(int, { 1 }), sizeof(int))));
ROW(socketpair, EXPECT(!socketpair(AF_UNIX, SOCK_STREAM, 0, O_N(int, 2))));
ROW(pipe, EXPECT(!pipe(O_N(int, 2))));
ROW(pipe2, EXPECT(!pipe2(O_N(int, 2), O_CLOEXEC)));
ROW(poll, struct pollfd *p = V(struct pollfd, { .fd = null_fd(), .events = POLLOUT });
    if (is_checking()) kmsan_poison(&p->revents, 2);
    EXPECT(poll(p, 1, 0) == 1 && p->revents == POLLOUT);
    struct pollfd *off = (struct pollfd *)IN(int, { -1 }); EXPECT(!poll(off, 1, 0)));
ROW(ppoll, struct pollfd *p = V(struct pollfd, { .fd = null_fd(), .events = POLLOUT });
    if (is_checking()) kmsan_poison(&p->revents, 2);
    EXPECT(ppoll(p, 1, IN(struct timespec, { 0, 0 }), NULL) == 1 && p->revents == POLLOUT));
ROW(select, fd_set *f = (fd_set *)IN_N(char, 8, { 1 });
    EXPECT(select(64, f, NULL, NULL, IN(struct timeval, { 0, 0 })) >= 0));
ROW(pselect, fd_set *f = (fd_set *)IN_N(char, 8, { 1 });
    EXPECT(pselect(64, f, NULL, NULL, IN(struct timespec, { 0, 0 }), NULL) >= 0));
static int watching(void)
{
	int fd = epoll_create1(0);
	struct epoll_event e = { EPOLLIN, { .u64 = 7 } };

	EXPECT(epoll_ctl(fd, EPOLL_CTL_ADD, filled(), &e) == 0);
	return fd;
}
ROW(epoll_wait, EXPECT(epoll_wait(watching(), O_N(struct epoll_event, 4), 4, 0) == 1));
ROW(epoll_pwait, EXPECT(epoll_pwait(watching(), O_N(struct epoll_event, 4), 4, 0, NULL) == 1));
ROW(epoll_ctl, EXPECT(!epoll_ctl(epoll_create1(0), EPOLL_CTL_ADD, filled(),
				 (struct epoll_event *)IN(unsigned int, { EPOLLIN }))));
/* Loose: a random byte is now and then what the memory was filled with, in both runs. */
ROW(getrandom, EXPECT(getrandom(LOOSE_N(char, 256), 256, 0) == 256));
ROW(getentropy, EXPECT(!getentropy(LOOSE_N(char, 256), 256)));
ROW(arc4random_buf, arc4random_buf(LOOSE_N(char, 256), 256));
ROW(signalfd, sigset_t s; sigemptyset(&s); EXPECT(signalfd(-1, slot(SLOT_IN, &s, 8), 0) > 0));
ROW(klogctl, klogctl(3, LOOSE_N(char, 64), 64));
ROW(semop, int id = semget(IPC_PRIVATE, 2, 0600);
    EXPECT(!semop(id, IN(struct sembuf, { 0, 1, 0 }), 1)); semctl(id, 0, IPC_RMID));
ROW(semtimedop, int id = semget(IPC_PRIVATE, 2, 0600);
    EXPECT(!semtimedop(id, IN(struct sembuf, { 0, 1, 0 }), 1, IN(struct timespec, { 1, 0 })));
    semctl(id, 0, IPC_RMID));
ROW(semctl, int id = semget(IPC_PRIVATE, 3, 0600);
    EXPECT(semctl(id, 0, GETALL, O_N(short, 3)) >= 0);
    EXPECT(!semctl(id, 0, IPC_STAT, LOOSE(struct semid_ds))); semctl(id, 0, IPC_RMID));
ROW(shmctl, int id = shmget(IPC_PRIVATE, 4096, 0600);
    EXPECT(!shmctl(id, IPC_STAT, LOOSE(struct shmid_ds))); shmctl(id, IPC_RMID, NULL));
ROW(shmat, int id = shmget(IPC_PRIVATE, 4096, 0600); char *p = shmat(id, NULL, 0);
    EXPECT(p != (char *)-1 && kmsan_test(p, 4096) == -1); shmdt(p); shmctl(id, IPC_RMID, NULL));
struct message {
	long type;
	char text[8];
};
ROW(msgctl, int id = msgget(IPC_PRIVATE, 0600);
    EXPECT(!msgctl(id, IPC_STAT, LOOSE(struct msqid_ds))); msgctl(id, IPC_RMID, NULL));
ROW(msgsnd, int id = msgget(IPC_PRIVATE, 0600);
    EXPECT(!msgsnd(id, IN(struct message, { 1, "hello!!" }), 8, 0)); msgctl(id, IPC_RMID, NULL));
ROW(msgrcv, int id = msgget(IPC_PRIVATE, 0600); struct message m = { 1, "hello!!" };
    EXPECT(!msgsnd(id, &m, 8, 0) && msgrcv(id, O(struct message), 8, 0, 0) == 8);
    msgctl(id, IPC_RMID, NULL));
ROW(openpty, EXPECT(!openpty(O(int), O(int), O_N(char, 64), NULL, IN(struct winsize, { 24, 80 }))));
ROW(forkpty, pid_t pid = forkpty(O(int), O_N(char, 64), NULL, IN(struct winsize, { 24, 80 }));
    if (!pid) _exit(0); EXPECT(pid > 0 && waitpid(pid, NULL, 0) == pid));
ROW(ioctl, int fd = terminal(); EXPECT(!ioctl(fd, TIOCGWINSZ, O(struct winsize)));
    EXPECT(!ioctl(fd, TIOCSWINSZ, IN(struct winsize, { 24, 80 })));
    EXPECT(!ioctl(fd, TCGETS, O_N(char, 36))); EXPECT(!ioctl(filled(), FIONREAD, O(int)));
    EXPECT(!ioctl(fd, TIOCGPTPEER, O_RDWR) || errno);
    EXPECT(!ioctl(filled(), FIONBIO, IN(int, { 1 })));
    struct ifconf *c = V(struct ifconf, { .ifc_len = 1024, .ifc_buf = LOOSE_N(char, 1024) });
    kmsan_poison((char *)c + 4, 4); /* padding */
    EXPECT(!ioctl(bound(), SIOCGIFCONF, c) && kmsan_test(c->ifc_buf, c->ifc_len) == -1);
    EXPECT(!ioctl(open("/dev/random", O_RDONLY), 0x80045200 /* RNDGETENTCNT */, O(int))));
ROW(fcntl, int fd = a_file("hello");
    EXPECT(fcntl(fd, F_DUPFD, 10) >= 10 && fcntl(fd, F_GETFL) >= 0);
    struct flock *l = V(struct flock, { .l_type = F_WRLCK });
    kmsan_poison((char *)l + 4, 4); /* padding */
    EXPECT(!fcntl(fd, F_GETLK, l)); EXPECT(!fcntl(bound(), F_GETOWN_EX, O(struct f_owner_ex))));
ROW(fcntl64, EXPECT(!fcntl64(bound(), F_GETOWN_EX, O(struct f_owner_ex))));
ROW(prctl, EXPECT(!prctl(PR_SET_NAME, S("calls"))); EXPECT(!prctl(PR_GET_NAME, O_N(char, 16)));
    EXPECT(!prctl(PR_GET_PDEATHSIG, O(int))));

ROW(gethostname, EXPECT(!gethostname(O_N(char, 65), 65)));
ROW(uname, EXPECT(!uname(O(struct utsname))));
ROW(sysinfo, EXPECT(!sysinfo(LOOSE(struct sysinfo))));
ROW(getrlimit, EXPECT(!getrlimit(RLIMIT_NOFILE, O(struct rlimit))));
ROW(getrlimit64, EXPECT(!getrlimit64(RLIMIT_NOFILE, O(struct rlimit64))));
ROW(setrlimit, struct rlimit l; getrlimit(RLIMIT_CORE, &l);
    EXPECT(!setrlimit(RLIMIT_CORE, slot(SLOT_IN, &l, sizeof(l)))));
ROW(setrlimit64, struct rlimit64 l; getrlimit64(RLIMIT_CORE, &l);
    EXPECT(!setrlimit64(RLIMIT_CORE, slot(SLOT_IN, &l, sizeof(l)))));
ROW(getrusage, EXPECT(!getrusage(RUSAGE_SELF, O(struct rusage))));
ROW(wait, EXPECT(ended() > 0 && wait(O(int)) > 0));
ROW(waitpid, EXPECT(waitpid(ended(), O(int), 0) > 0));
ROW(wait3, EXPECT(ended() > 0 && wait3(O(int), 0, O(struct rusage)) > 0));
ROW(wait4, EXPECT(wait4(ended(), O(int), 0, O(struct rusage)) > 0));
ROW(waitid, EXPECT(!waitid(P_PID, (id_t)ended(), LOOSE(siginfo_t), WEXITED)));
ROW(vfork, pid_t pid = vfork(); if (!pid) _exit(0);
    EXPECT(pid > 0 && waitpid(pid, NULL, 0) == pid));
ROW(tcgetattr, EXPECT(!tcgetattr(terminal(), LOOSE(struct termios))));
ROW(tcsetattr, int fd = terminal(); struct termios t; tcgetattr(fd, &t);
    EXPECT(!tcsetattr(fd, TCSANOW, slot(SLOT_PLAIN, &t, sizeof(t))));
    tcsetattr(-1, TCSANOW, slot(SLOT_IN, &t, 16)));
ROW(ttyname_r, EXPECT(!ttyname_r(terminal(), O_N(char, 64), 64)));
ROW(ctermid, EXPECT(ctermid(O_N(char, L_ctermid)) != NULL));
ROW(getgroups, gid_t g = 5; EXPECT(!setgroups(1, &g) || geteuid());
    EXPECT(getgroups(64, O_N(gid_t, 64)) > 0 || geteuid()));
ROW(setgroups, EXPECT(!setgroups(2, IN_N(gid_t, 2, { 5, 6 })) || geteuid()));
ROW(getgrouplist, EXPECT(getgrouplist(S("root"), 0, O_N(gid_t, 8), IN(int, { 8 })) > 0));
ROW(initgroups, EXPECT(!initgroups(S("root"), 0) || geteuid()));
ROW(getresuid, EXPECT(!getresuid(O(uid_t), O(uid_t), O(uid_t))));
ROW(getresgid, EXPECT(!getresgid(O(gid_t), O(gid_t), O(gid_t))));
ROW(getlogin_r, getlogin_r(LOOSE_N(char, 64), 64));
ROW(getloadavg, EXPECT(getloadavg(O_N(double, 3), 3) == 3));
ROW(capget, EXPECT(!capget(CAPABILITIES, O_N(char, 24))));
ROW(capset, char data[24]; EXPECT(!capget(CAPABILITIES, data));
    EXPECT(!capset(CAPABILITIES, slot(SLOT_IN, data, 24))));
ROW(sched_getaffinity, EXPECT(!sched_getaffinity(0, sizeof(cpu_set_t), LOOSE(cpu_set_t))));
ROW(sched_getparam, EXPECT(!sched_getparam(0, O(struct sched_param))));
ROW(sched_setparam, EXPECT(!sched_setparam(0, IN(struct sched_param, { 0 }))));
ROW(sched_rr_get_interval, EXPECT(!sched_rr_get_interval(0, O(struct timespec))));

ROW(clock_gettime, EXPECT(!clock_gettime(CLOCK_REALTIME, O(struct timespec))));
ROW(clock_getres, EXPECT(!clock_getres(CLOCK_REALTIME, O(struct timespec))));
ROW(clock_settime, EXPECT(clock_settime(99, IN(struct timespec, { 1, 1 })) < 0));
ROW(settimeofday, EXPECT(settimeofday(IN(struct timeval, { -1, -1 }), NULL) < 0));
ROW(adjtimex, struct timex *t = V(struct timex, { .modes = 0 });
    if (is_checking()) kmsan_poison(&t->freq, 8); adjtimex(t);
    EXPECT(kmsan_test(t, sizeof(*t)) == -1));
ROW(clock_nanosleep,
    EXPECT(!clock_nanosleep(CLOCK_REALTIME, 0, IN(struct timespec, { 0, 1 }), NULL)));
ROW(nanosleep, EXPECT(!nanosleep(IN(struct timespec, { 0, 1 }), NULL)));
ROW(gettimeofday, EXPECT(!gettimeofday(O(struct timeval), NULL)));
ROW(timespec_get, EXPECT(timespec_get(O(struct timespec), TIME_UTC)));
ROW(timerfd_settime, EXPECT(!timerfd_settime(timerfd_create(CLOCK_MONOTONIC, 0), 0,
					     IN(struct itimerspec, { { 100, 0 }, { 100, 0 } }),
					     O(struct itimerspec))));
ROW(timerfd_gettime, int fd = timerfd_create(CLOCK_MONOTONIC, 0); timer(fd);
    EXPECT(!timerfd_gettime(fd, O(struct itimerspec))));
ROW(setitimer, EXPECT(!setitimer(ITIMER_PROF, IN(struct itimerval, { { 0, 0 }, { 0, 0 } }),
				 O(struct itimerval))));
ROW(getitimer, EXPECT(!getitimer(ITIMER_PROF, O(struct itimerval))));
ROW(eventfd_read, EXPECT(!eventfd_read(eventfd(5, 0), O(eventfd_t))));

ROW(mmap, char *p = mmap(NULL, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT(kmsan_test(p, 4096) == -1));
ROW(mmap64, char *p = mmap64(NULL, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT(kmsan_test(p, 4096) == -1));
ROW(munmap, char *p = mmap(NULL, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    kmsan_poison(p, 4096); EXPECT(!munmap(p, 4096) && kmsan_test(p, 4096) == -1));
ROW(mremap, char *p = mmap(NULL, 8192, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); kmsan_poison(p, 10);
    p = mremap(p, 8192, 1 << 20, MREMAP_MAYMOVE);
    EXPECT(kmsan_test(p, 10) == 0 && kmsan_test(p + 10, 8192) == -1));
ROW(madvise, char *p = mmap(NULL, 8192, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    kmsan_poison(p, 8192); EXPECT(!madvise(p, 4096, MADV_DONTNEED) && kmsan_test(p, 8192) == 4096));
