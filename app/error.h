/* SPDX-License-Identifier: MIT */
/*
 * What went wrong, as a sentence that names the thing and the fix. EINVAL is what the user
 * typed and becomes exit status 2; everything else becomes 1.
 */
#ifndef UZ_APP_ERROR_H
#define UZ_APP_ERROR_H

#define UZ_EXIT_FAILED 1
#define UZ_EXIT_USAGE 2

struct uz_error {
	int code; /* errno */
	char text[1024];
};

/* Fills @e and returns -code. */
int uz__error(struct uz_error *e, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Prints "uzram: TEXT" and returns the exit status. */
int uz__error_exit(const struct uz_error *e);

#endif
