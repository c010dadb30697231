/* SPDX-License-Identifier: MIT */
/*
 * A platform that fails on demand: it passes every call to the one below, except those
 * that a test asks to fail. Its page is test_page_bytes, whatever the one below has. To fail each commit of an operation in turn:
 *
 *	fault_plat_init(&fp, uz_host_plat(h));
 *	for (n = 1;; n++) {
 *		fault_plat_fail(&fp, FAULT_COMMIT, n, 1, -ENOMEM);
 *		rc = operation(&fp.plat);
 *		if (!fault_plat_fired(&fp, FAULT_COMMIT))
 *			break;
 *		...
 *	}
 */
#ifndef UZ_FAULT_PLAT_H
#define UZ_FAULT_PLAT_H

#include <uz/plat.h>

enum fault_call { FAULT_RESERVE, FAULT_COMMIT, FAULT_DECOMMIT, FAULT_CARRY, FAULT_NR };

#define FAULT_ALWAYS UINT64_MAX

struct fault_rule {
	uint64_t first, last; /* numbers of the calls that fail; first 0: none */
	int error;
	uint64_t calls; /* since the rule was set */
	uint64_t failed; /* since the rule was set */
};

struct fault_plat {
	struct uz_plat plat; /* what the code under test gets */
	struct uz_plat *below;
	struct fault_rule rule[FAULT_NR];
	uint64_t total[FAULT_NR]; /* calls since init */
};

void fault_plat_init(struct fault_plat *fp, struct uz_plat *below);

/*
 * From now on the @nth call (1 is the next) and @count - 1 after it give @error (negative) and
 * do nothing. Replaces the rule of that call. Set while no other thread is inside.
 */
void fault_plat_fail(struct fault_plat *fp, enum fault_call call, uint64_t nth, uint64_t count,
		     int error);
void fault_plat_clear(struct fault_plat *fp);

/* True if the present rule has made a call fail. */
bool fault_plat_fired(const struct fault_plat *fp, enum fault_call call);

#endif
