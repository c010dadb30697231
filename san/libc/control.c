/* SPDX-License-Identifier: MIT */
/*
 * ioctl, fcntl, prctl and semctl: what the last argument points to depends on the command.
 * A command that the tables do not know and that has its size and direction in its number
 * (_IOR and the like) is taken at its word; of any other command nothing is known, and what
 * it wrote is up to kmsan_in.
 */
#include "wrap.h"

#include <fcntl.h>
#include <net/if.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <termios.h>
#include <unistd.h>

int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...);
int __wrap_prctl(int option, ...);
int __wrap_semctl(int id, int nr, int command, ...);

struct command {
	unsigned long number;
	uint16_t in_bytes, out_bytes;
};

static const struct command ioctls[] = {
	{ TCGETS, 0, 36 },
	{ TCSETS, 36, 0 },
	{ TCSETSW, 36, 0 },
	{ TCSETSF, 36, 0 },
	{ TIOCGWINSZ, 0, sizeof(struct winsize) },
	{ TIOCSWINSZ, sizeof(struct winsize), 0 },
	{ TIOCGPGRP, 0, sizeof(int) },
	{ TIOCSPGRP, sizeof(int), 0 },
	{ TIOCGSID, 0, sizeof(int) },
	{ TIOCOUTQ, 0, sizeof(int) },
	{ TIOCMGET, 0, sizeof(int) },
	{ FIONREAD, 0, sizeof(int) },
	{ FIONBIO, sizeof(int), 0 },
	{ FIOASYNC, sizeof(int), 0 },
	{ SIOCATMARK, 0, sizeof(int) },
	{ SIOCGPGRP, 0, sizeof(int) },
	{ SIOCGIFNAME, 0, sizeof(struct ifreq) },
	{ SIOCGIFFLAGS, IFNAMSIZ, sizeof(struct ifreq) },
	{ SIOCGIFADDR, IFNAMSIZ, sizeof(struct ifreq) },
	{ SIOCGIFNETMASK, IFNAMSIZ, sizeof(struct ifreq) },
	{ SIOCGIFBRDADDR, IFNAMSIZ, sizeof(struct ifreq) },
	{ SIOCGIFHWADDR, IFNAMSIZ, sizeof(struct ifreq) },
	{ SIOCGIFMTU, IFNAMSIZ, sizeof(struct ifreq) },
	{ SIOCGIFINDEX, IFNAMSIZ, sizeof(struct ifreq) },
	{ 0x1260 /* BLKGETSIZE */, 0, sizeof(long) },
	{ 0x1268 /* BLKSSZGET */, 0, sizeof(int) },
};

static const struct command fcntls[] = {
	{ F_GETLK, 2 * sizeof(short), sizeof(struct flock) },
	{ F_SETLK, 2 * sizeof(short), 0 },
	{ F_SETLKW, 2 * sizeof(short), 0 },
	{ F_OFD_GETLK, 2 * sizeof(short), sizeof(struct flock) },
	{ F_GETOWN_EX, 0, sizeof(struct f_owner_ex) },
	{ F_SETOWN_EX, sizeof(struct f_owner_ex), 0 },
	{ F_GET_RW_HINT, 0, 8 },
	{ F_SET_RW_HINT, 8, 0 },
};

static const struct command prctls[] = {
	{ PR_GET_NAME, 0, 16 },
	{ PR_GET_PDEATHSIG, 0, sizeof(int) },
	{ PR_GET_CHILD_SUBREAPER, 0, sizeof(int) },
	{ PR_GET_TSC, 0, sizeof(int) },
	{ PR_GET_UNALIGN, 0, sizeof(int) },
};

#define FIND(table, number) find(table, sizeof(table) / sizeof(table[0]), number)

static struct command find(const struct command *table, size_t nr, unsigned long number)
{
	for (; nr > 0; table++, nr--)
		if (table->number == number)
			return *table;
	return (struct command){ 0, 0, 0 };
}

static struct command find_ioctl(unsigned long request)
{
	struct command c = FIND(ioctls, request);
	uint16_t size = (uint16_t)_IOC_SIZE(request);

	if (c.number)
		return c;
	if (_IOC_DIR(request) & _IOC_WRITE)
		c.in_bytes = size;
	if (_IOC_DIR(request) & _IOC_READ)
		c.out_bytes = size;
	return c;
}

/* A flag of 0 or 1 by value looks like a pointer. */
static bool is_pointer(const void *p)
{
	return (uintptr_t)p >= 4096;
}

#define LAST_ARGUMENT(last) \
	({ \
		va_list ap_; \
		void *p_; \
\
		va_start(ap_, last); \
		p_ = va_arg(ap_, void *); \
		va_end(ap_); \
		p_; \
	})

/* Where the pointer lies differs with the call: the real one is made by the caller. */
#define FOLLOW(found, p, call) \
	do { \
		struct command c_ = (found); \
		int ret_; \
\
		if (is_pointer(p)) \
			K_IN(p, c_.in_bytes); \
		ret_ = call; \
		if (ret_ >= 0 && is_pointer(p)) \
			K_OUT(p, c_.out_bytes); \
		return ret_; \
	} while (0)

/* Its list lies where its argument says. */
static int interfaces(struct kmsan_caller at, int fd, struct ifconf *c)
{
	int ret;

	K_IN(&c->ifc_len, sizeof(c->ifc_len));
	K_IN(&c->ifc_buf, sizeof(c->ifc_buf));
	ret = ioctl(fd, SIOCGIFCONF, c);
	if (ret >= 0) {
		K_OUT(c, sizeof(*c));
		K_OUT(c->ifc_buf, c->ifc_len);
	}
	return ret;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	void *p = LAST_ARGUMENT(request);

	K_ENTER;
	if (request == SIOCGIFCONF)
		return interfaces(at, fd, p);
	FOLLOW(find_ioctl(request), p, ioctl(fd, request, p));
}

int __wrap_fcntl(int fd, int command, ...)
{
	void *p = LAST_ARGUMENT(command);

	K_ENTER;
	FOLLOW(FIND(fcntls, (unsigned long)command), p, fcntl(fd, command, p));
}

int __wrap_fcntl64(int fd, int command, ...)
{
	void *p = LAST_ARGUMENT(command);

	K_ENTER;
	FOLLOW(FIND(fcntls, (unsigned long)command), p, fcntl64(fd, command, p));
}

static void check_name(struct kmsan_caller at, const char *name)
{
	K_STR(name);
}

int __wrap_prctl(int option, ...)
{
	unsigned long a, b, c, d;
	va_list ap;

	K_ENTER;
	va_start(ap, option);
	a = va_arg(ap, unsigned long);
	b = va_arg(ap, unsigned long);
	c = va_arg(ap, unsigned long);
	d = va_arg(ap, unsigned long);
	va_end(ap);
	if (option == PR_SET_NAME)
		check_name(at, (const char *)a);
	FOLLOW(FIND(prctls, (unsigned long)option), (void *)a, prctl(option, a, b, c, d));
}

int __wrap_semctl(int id, int nr, int command, ...)
{
	void *p = LAST_ARGUMENT(command);
	struct semid_ds d;
	int ret = semctl(id, nr, command, p);

	if (ret < 0)
		return ret;
	if (command == IPC_STAT)
		K_OUT(p, sizeof(d));
	else if (command == GETALL && semctl(id, 0, IPC_STAT, &d) >= 0)
		K_OUT(p, d.sem_nsems * sizeof(unsigned short));
	return ret;
}
