/* SPDX-License-Identifier: MIT */
/*
 * Servers that start and end at once over one pid file: who got it has it under its name, with its number
 * in it, until it is removed.
 */
#include "pid_file.h"
#include "test.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *path;
static uint64_t rounds;

static bool is_named(FILE *f)
{
	struct stat mine, named;

	CHECK_EQ(fstat(fileno(f), &mine), 0);
	return stat(path, &named) == 0 && named.st_ino == mine.st_ino;
}

static void *servers(void *arg)
{
	uint64_t *got = arg;

	for (uint64_t i = 0; i < rounds; i++) {
		struct uz_error e;
		FILE *f = NULL;
		int err = uz__pid_file_open(path, &f, &e);

		CHECK(err == 0 || err == -EBUSY);
		CHECK((err == 0) == (f != NULL));
		if (!f)
			continue;
		CHECK_EQ(uz__pid_file_write(path, f, &e), 0);
		CHECK_MSG(is_named(f), "a file that is removed already was taken");
		uz__pid_file_close(path, f);
		++*got;
	}
	return NULL;
}

static void check_text(void)
{
	struct uz_error e;
	FILE *f = NULL, *again = NULL;
	long pid = 0;

	CHECK_EQ(uz__pid_file_open(NULL, &f, &e), 0);
	CHECK(!f);
	CHECK_EQ(uz__pid_file_open(path, &f, &e), 0);
	CHECK_EQ(uz__pid_file_open(path, &again, &e), -EBUSY);
	CHECK_EQ(uz__pid_file_write(path, f, &e), 0);
	uz__pid_file_close(path, f);
	CHECK_EQ(access(path, F_OK), -1);
	f = fopen(path, "w"); /* of a server that was killed */
	CHECK(f && fputs("123456789\n", f) >= 0 && fclose(f) == 0);
	f = NULL;
	CHECK_EQ(uz__pid_file_open(path, &f, &e), 0);
	CHECK_EQ(uz__pid_file_write(path, f, &e), 0);
	again = fopen(path, "r");
	CHECK(again && fscanf(again, "%ld", &pid) == 1);
	CHECK_EQ(pid, getpid());
	fclose(again);
	uz__pid_file_close(path, f);
}

int main(void)
{
	uint64_t got[2] = { 0 };
	pthread_t other;

	test_start();
	path = strdup(test_path("pid"));
	check_text();
	rounds = test_scale(3000, 3000, 1000000);
	CHECK_EQ(pthread_create(&other, NULL, servers, &got[0]), 0);
	servers(&got[1]);
	CHECK_EQ(pthread_join(other, NULL), 0);
	CHECK(got[0] && got[1]);
	CHECK_EQ(access(path, F_OK), -1);
	test_count("taken", got[0] + got[1]);
	return 0;
}
