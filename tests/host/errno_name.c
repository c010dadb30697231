/* SPDX-License-Identifier: MIT */
/* Every error that the system knows has its name, and every name its error. */
#include <uz/errno_name.h>

#include <errno.h>
#include <string.h>

#include "test.h"

static void check_both_ways(int code, const char *want)
{
	const char *got = uz_errno_name(code);

	CHECK_MSG(!want == !got, "%d: %s, not %s", code, got ? got : "no name",
		  want ? want : "none");
	if (!want)
		return;
	CHECK_MSG(!strcmp(got, want), "%d: %s, not %s", code, got, want);
	CHECK_EQ(uz_errno_of(got, strlen(got)), code);
}

int main(void)
{
	test_start();
	CHECK(!strcmp(uz_errno_name(ENOSPC), "ENOSPC"));
	CHECK_EQ(uz_errno_of("ENOSPC\"}", 6), ENOSPC);
	CHECK_EQ(uz_errno_of("ENOSPC", 5), 0);
	CHECK_EQ(uz_errno_of("", 0), 0);
	CHECK(!uz_errno_name(-1) && !uz_errno_name(0) && !uz_errno_name(1 << 20));
#ifdef __GLIBC__
#if __GLIBC_PREREQ(2, 32)
	for (int code = 1; code < 200; code++)
		check_both_ways(code, strerrorname_np(code));
	return 0;
#endif
#endif
	check_both_ways(EIO, "EIO");
	return 0;
}
