/* SPDX-License-Identifier: MIT */
/*
 * Lists of operations. As with aio_read, what will be read counts as written when it is asked
 * for: the program may not look at it before the system says that it is done.
 */
#include "wrap.h"

#include <aio.h>

int __wrap_lio_listio(int mode, struct aiocb *const list[], int nr, struct sigevent *event);
int __wrap_lio_listio64(int mode, struct aiocb64 *const list[], int nr, struct sigevent *event);

static void ask(struct kmsan_caller at, int opcode, volatile void *p, size_t n)
{
	void *bytes = (void *)(uintptr_t)p;

	if (opcode == LIO_WRITE)
		K_LEAVE("lio_listio", bytes, n);
	else if (opcode == LIO_READ)
		K_OUT(bytes, n);
}

/* A place may be empty. */
#define ASK_ALL(list, nr) \
	do { \
		int i_; \
\
		for (i_ = 0; i_ < (nr); i_++) \
			if ((list)[i_]) \
				ask(at, (list)[i_]->aio_lio_opcode, (list)[i_]->aio_buf, \
				    (list)[i_]->aio_nbytes); \
	} while (0)

int __wrap_lio_listio(int mode, struct aiocb *const list[], int nr, struct sigevent *event)
{
	K_ENTER;
	ASK_ALL(list, nr);
	return lio_listio(mode, list, nr, event);
}

int __wrap_lio_listio64(int mode, struct aiocb64 *const list[], int nr, struct sigevent *event)
{
	K_ENTER;
	ASK_ALL(list, nr);
	return lio_listio64(mode, list, nr, event);
}
