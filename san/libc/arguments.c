/* SPDX-License-Identifier: MIT */
/* Long options: libc writes which one it was, and its value, only where there was one. */
#include "wrap.h"

#include <getopt.h>

int __wrap_getopt_long(int argc, char *const *argv, const char *letters, const struct option *o,
		       int *index);
int __wrap_getopt_long_only(int argc, char *const *argv, const char *letters,
			    const struct option *o, int *index);

static int found(const struct option *o, int i, int *index, int ret)
{
	if (i < 0)
		return ret;
	if (index) {
		*index = i;
		K_OUT(index, sizeof(*index));
	}
	if (!ret)
		K_OUT(o[i].flag, sizeof(*o[i].flag));
	return ret;
}

int __wrap_getopt_long(int argc, char *const *argv, const char *letters, const struct option *o,
		       int *index)
{
	int i = -1, ret = getopt_long(argc, argv, letters, o, &i);

	return found(o, i, index, ret);
}

int __wrap_getopt_long_only(int argc, char *const *argv, const char *letters,
			    const struct option *o, int *index)
{
	int i = -1, ret = getopt_long_only(argc, argv, letters, o, &i);

	return found(o, i, index, ret);
}
