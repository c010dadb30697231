/* SPDX-License-Identifier: MIT */
/*
 * A lock tells the file of a server that runs from one that was left. A server that ends removes its file
 * while it has the lock, so whoever gets the lock looks whether the file is still the one of that name.
 */
#include "pid_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int failed(const char *path, struct uz_error *e)
{
	return uz__error(e, errno, "--pid-file %s: %s", path, strerror(errno));
}

static int lock(const char *path, int fd, struct uz_error *e)
{
	struct flock lk = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_OFD_SETLK, &lk) == 0)
		return 0;
	if (errno != EAGAIN && errno != EACCES)
		return failed(path, e);
	return uz__error(
		e, EBUSY,
		"--pid-file %s is that of a server that runs: end it first, or name another "
		"file",
		path);
}

/* 1: it is ours, 0: it was removed before we had the lock. */
static int take(const char *path, int fd, struct uz_error *e)
{
	struct stat st, named;
	int err;

	if (fstat(fd, &st))
		return failed(path, e);
	if (!S_ISREG(st.st_mode))
		return uz__error(e, EINVAL, "--pid-file %s: it is not a regular file", path);
	err = lock(path, fd, e);
	if (err)
		return err;
	if (stat(path, &named) || named.st_ino != st.st_ino || named.st_dev != st.st_dev)
		return 0;
	return ftruncate(fd, 0) ? failed(path, e) : 1;
}

int uz__pid_file_open(const char *path, FILE **out, struct uz_error *e)
{
	int got = 0;

	while (path && !got) {
		FILE *f = fopen(path, "ae");

		if (!f)
			return failed(path, e);
		got = take(path, fileno(f), e);
		if (got > 0)
			*out = f;
		else
			fclose(f);
	}
	return got < 0 ? got : 0;
}

int uz__pid_file_write(const char *path, FILE *f, struct uz_error *e)
{
	if (f && (fprintf(f, "%ld\n", (long)getpid()) < 0 || fflush(f)))
		return failed(path, e);
	return 0;
}

void uz__pid_file_close(const char *path, FILE *f)
{
	if (!f)
		return;
	unlink(path);
	fclose(f);
}
