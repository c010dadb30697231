/* SPDX-License-Identifier: MIT */
/*
 * The library's client of grants against servers that answer well, late, in drops, not at all, or end in
 * the middle, and callers whose struct is older or newer than the library's.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <uzram_grant.h>

#include "test.h"

#define SHORT_MS 300
#define LONG_MS 60000 /* for what is answered at once */
#define GIVEN "{\"ok\":true,\"uzram\":1,\"grant\":7,\"bytes\":4096,\"offset\":0}\n"
#define REFUSED "{\"ok\":false,\"error\":\"no \\\"room\\\"\",\"errno\":\"ENOSPC\"}\n"

struct server {
	const char *answer; /* NULL: none */
	bool drops; /* a byte every 100 ms */
	bool with_fd, hangs; /* keeps the connection until the client leaves */
	int listen_fd;
	pthread_t thread;
	char path[200];
};

static char why[512];

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void send_with_fd(int fd, const char *text, size_t bytes, int pass)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .bytes = { 0 } };
	struct iovec iov = { (void *)(uintptr_t)text, bytes };
	struct msghdr m = { .msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &pass, sizeof(pass));
	CHECK_EQ(sendmsg(fd, &m, MSG_NOSIGNAL), (ssize_t)bytes);
}

static void answer(const struct server *s, int fd)
{
	const struct timespec pause = { .tv_nsec = 100000000 };
	size_t bytes = strlen(s->answer);
	int memory = memfd_create("grant", MFD_CLOEXEC);

	if (s->with_fd)
		send_with_fd(fd, s->answer, bytes, memory);
	else if (!s->drops)
		CHECK_EQ(send(fd, s->answer, bytes, MSG_NOSIGNAL), (ssize_t)bytes);
	for (size_t i = 0; s->drops && i < bytes; i++) {
		if (send(fd, s->answer + i, 1, MSG_NOSIGNAL) != 1)
			break;
		nanosleep(&pause, NULL);
	}
	close(memory);
}

/* One client; the request is a line. */
static void *serve(void *arg)
{
	struct server *s = arg;
	int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	char line[512];

	CHECK(fd >= 0);
	CHECK(recv(fd, line, sizeof(line), 0) > 0);
	if (s->answer)
		answer(s, fd);
	if (s->hangs)
		CHECK_EQ(recv(fd, line, sizeof(line), 0), 0);
	close(fd);
	return NULL;
}

static void start(struct server *s, bool accepts)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	snprintf(s->path, sizeof(s->path), "%s", test_path("c"));
	unlink(s->path);
	CHECK(strlen(s->path) < sizeof(sa.sun_path));
	memcpy(sa.sun_path, s->path, strlen(s->path));
	s->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK_EQ(bind(s->listen_fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	CHECK_EQ(listen(s->listen_fd, 0), 0);
	if (accepts)
		CHECK_EQ(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void end(struct server *s)
{
	pthread_join(s->thread, NULL);
	close(s->listen_fd);
}

static int ask(struct server *s, struct uz_client_grant *g)
{
	why[0] = 0;
	return uz_client_grant(s->path, 4096, g, why, sizeof(why));
}

/* Fails with @error and that sentence, and the caller's struct is as it was. */
static void refused(struct server s, int error, const char *text)
{
	struct uz_client_grant g = { .struct_size = sizeof(g),
				     .timeout_ms = error == -ETIMEDOUT ? SHORT_MS : LONG_MS,
				     .fd = 1234 };
	uint64_t begin = now_ms(), took;

	start(&s, true);
	CHECK_EQ(ask(&s, &g), error);
	took = now_ms() - begin;
	CHECK_MSG(strstr(why, text), "'%s' is not in '%s'", text, why);
	CHECK_EQ(g.fd, 1234);
	CHECK(took < LONG_MS && (error != -ETIMEDOUT || took >= SHORT_MS));
	uz_client_grant_free(&g);
	end(&s);
}

static void check_queue_full(void)
{
	struct server s = { .answer = NULL };
	struct uz_client_grant g = { .struct_size = sizeof(g), .timeout_ms = SHORT_MS };
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd[8], nr = 0;

	start(&s, false);
	memcpy(sa.sun_path, s.path, strlen(s.path));
	do {
		CHECK(nr < 8);
		fd[nr] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	} while (!connect(fd[nr++], (struct sockaddr *)&sa, sizeof(sa)));
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(ask(&s, &g), -ETIMEDOUT);
	CHECK(strstr(why, "did not answer within 300 ms"));
	while (nr)
		close(fd[--nr]);
	close(s.listen_fd);
}

static void check_sizes(void)
{
	struct server s = { .answer = GIVEN, .with_fd = true, .hangs = true };
	struct {
		struct uz_client_grant g;
		uint64_t later[2];
	} newer = { .g.struct_size = sizeof(newer), .later = { 11, 12 } };
	static const size_t wrong[] = { 0, 8, sizeof(struct uz_client_grant) - 8, SIZE_MAX };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct uz_client_grant g = { .struct_size = wrong[i] };

		CHECK_EQ(ask(&s, &g), -EINVAL);
		CHECK(strstr(why, "set it to sizeof(struct uz_client_grant)"));
	}
	start(&s, true);
	CHECK_EQ(ask(&s, &newer.g), 0);
	CHECK_EQ(newer.g.id, 7);
	CHECK_EQ(newer.g.bytes, 4096);
	CHECK(newer.g.fd >= 0 && fcntl(newer.g.fd, F_GETFD) == FD_CLOEXEC);
	CHECK(newer.later[0] == 11 && newer.later[1] == 12);
	uz_client_grant_free(&newer.g);
	CHECK_EQ(newer.g.fd, -1);
	CHECK(newer.later[0] == 11 && newer.g.struct_size == sizeof(newer));
	uz_client_grant_free(&newer.g);
	end(&s);
}

/* As it was first released: the library may not touch what lies behind. */
static void check_oldest(void)
{
	struct server s = { .answer = GIVEN, .with_fd = true, .hangs = true };
	size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = 40;
	char *two =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uz_client_grant *g = (void *)(two + page - bytes);

	CHECK(two != MAP_FAILED && !mprotect(two + page, page, PROT_NONE));
	g->struct_size = bytes;
	start(&s, true);
	CHECK_EQ(ask(&s, g), 0);
	CHECK_EQ(g->id, 7);
	uz_client_grant_free(g);
	end(&s);
	munmap(two, 2 * page);
}

int main(void)
{
	test_start();
	check_sizes();
	check_oldest();
	refused((struct server){ .answer = REFUSED }, -ENOSPC, "no \"room\"");
	refused((struct server){ .answer = NULL }, -EPROTO, "ended the connection");
	refused((struct server){ .answer = "{\"ok\":true" }, -EPROTO, "ended the connection");
	refused((struct server){ .answer = GIVEN }, -EPROTO, "not understood");
	refused((struct server){ .hangs = true }, -ETIMEDOUT, "did not answer within 300 ms");
	refused((struct server){ .answer = GIVEN, .drops = true }, -ETIMEDOUT,
		"did not answer within 300 ms");
	check_queue_full();
	return 0;
}
