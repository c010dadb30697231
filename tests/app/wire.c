/* SPDX-License-Identifier: MIT */
/*
 * The control socket's transport: lines in pieces, several in one, too long, without an end; and
 * descriptors both ways, which belong to their line and do not leak.
 */
#include "wire.h"
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX 4096

static void pair(struct uz_wire *w, int *peer)
{
	int fd[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
	CHECK_EQ(uz__wire_init(w, fd[0], MAX), 0);
	*peer = fd[1];
}

static void expect_line(struct uz_wire *w, const char *want)
{
	const char *line;
	size_t bytes;

	CHECK_EQ(uz__wire_read(w, &line, &bytes), 1);
	CHECK_EQ(bytes, strlen(want));
	CHECK_MEM(line, want, bytes);
}

static int read_code(struct uz_wire *w)
{
	const char *line;
	size_t bytes;

	return uz__wire_read(w, &line, &bytes);
}

static unsigned int open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int nr = 0;

	CHECK(d);
	while (readdir(d))
		nr++;
	closedir(d);
	return nr;
}

static void lines(struct test_rng *rng)
{
	struct uz_wire w;
	char big[MAX + 2];
	int peer;

	pair(&w, &peer);
	CHECK_EQ(uz__wire_send(peer, "one\n\nthr", 8, NULL, 0), 0);
	expect_line(&w, "one");
	expect_line(&w, "");
	CHECK_EQ(uz__wire_send(peer, "ee\n", 3, NULL, 0), 0);
	expect_line(&w, "three");
	for (test_step = 0; test_step < 200; test_step++) {
		size_t n = test_below(rng, MAX + 1), sent = 0;

		memset(big, 'a' + (int)(test_step % 26), n);
		big[n] = '\n';
		while (sent < n + 1) {
			size_t piece = 1 + test_below(rng, n + 1 - sent);

			CHECK_EQ(uz__wire_send(peer, big + sent, piece, NULL, 0), 0);
			sent += piece;
		}
		big[n] = 0;
		expect_line(&w, big);
	}
	memset(big, 'x', sizeof(big));
	CHECK_EQ(uz__wire_send(peer, big, sizeof(big), NULL, 0), 0);
	CHECK_EQ(read_code(&w), -E2BIG);
	close(peer);
	uz__wire_fini(&w);

	pair(&w, &peer);
	CHECK_EQ(uz__wire_send(peer, "whole\nhalf", 10, NULL, 0), 0);
	close(peer);
	expect_line(&w, "whole");
	CHECK_EQ(read_code(&w), 0);
	uz__wire_fini(&w);
}

/* Lines that wait together: the descriptor is the second one's, and goes when that is done. */
static void descriptors_of_a_later_line(void)
{
	int tube[2], peer, copy;
	struct uz_wire w;

	CHECK_EQ(pipe(tube), 0);
	pair(&w, &peer);
	CHECK_EQ(uz__wire_send(peer, "first\n", 6, NULL, 0), 0);
	CHECK_EQ(uz__wire_send(peer, "second\n", 7, tube, 1), 0);
	CHECK_EQ(uz__wire_send(peer, "third\n", 6, NULL, 0), 0);
	expect_line(&w, "first");
	CHECK_EQ(uz__wire_claim(&w, 0), -1);
	expect_line(&w, "second");
	copy = uz__wire_claim(&w, 0);
	CHECK(copy >= 0);
	close(copy);
	expect_line(&w, "third");
	CHECK_EQ(uz__wire_claim(&w, 0), -1);
	close(peer);
	uz__wire_fini(&w);
	close(tube[0]);
	close(tube[1]);
}

/* A pipe's end goes over; what is written into the other one must come out of the copy. */
static void check_copy(int copy, int write_end)
{
	char got = 0;

	CHECK_EQ(write(write_end, "k", 1), 1);
	CHECK_EQ(read(copy, &got, 1), 1);
	CHECK_EQ(got, 'k');
}

static void descriptors(void)
{
	int tube[2], peer, copy, many[UZ_WIRE_FDS + 1];
	struct uz_wire w;

	CHECK_EQ(pipe(tube), 0);
	for (int i = 0; i <= UZ_WIRE_FDS; i++)
		many[i] = tube[0];
	pair(&w, &peer);
	CHECK_EQ(uz__wire_send(peer, "fd\n", 3, many, 2), 0);
	expect_line(&w, "fd");
	copy = uz__wire_claim(&w, 1);
	CHECK(copy >= 0);
	CHECK_EQ(uz__wire_claim(&w, 1), -1);
	CHECK_EQ(uz__wire_claim(&w, 2), -1);
	check_copy(copy, tube[1]);
	close(copy);
	CHECK_EQ(uz__wire_send(peer, "none\n", 5, NULL, 0), 0);
	expect_line(&w, "none");
	CHECK_EQ(uz__wire_claim(&w, 0), -1);
	CHECK_EQ(uz__wire_send(peer, "x\n", 2, many, UZ_WIRE_FDS + 1), -EINVAL);
	for (int i = 0; i < 20; i++) {
		CHECK_EQ(uz__wire_send(peer, "full\n", 5, many, UZ_WIRE_FDS), 0);
		expect_line(&w, "full");
	}
	/* The other way: an answer with a descriptor. */
	CHECK_EQ(uz__wire_send(w.fd, "answer\n", 7, tube, 1), 0);
	uz__wire_fini(&w);
	CHECK_EQ(uz__wire_init(&w, peer, MAX), 0);
	expect_line(&w, "answer");
	copy = uz__wire_claim(&w, 0);
	check_copy(copy, tube[1]);
	close(copy);
	uz__wire_fini(&w);
	close(tube[0]);
	close(tube[1]);
}

int main(void)
{
	struct test_rng rng = test_start();
	unsigned int before = open_fds();

	lines(&rng);
	descriptors();
	descriptors_of_a_later_line();
	CHECK_EQ(open_fds(), before);
	return 0;
}
