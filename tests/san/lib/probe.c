/* SPDX-License-Identifier: MIT */
/* Every kind of access that instrumented code can make; compiled, never run. */
#include <stdarg.h>
#include <stddef.h>

typedef int vector __attribute__((vector_size(32)));
struct large {
	char bytes[100];
};

void use(void *p);
void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);

#define ACCESS(name, type) \
	type load_##name(type *p) \
	{ \
		return *p; \
	} \
	void store_##name(type *p, type v) \
	{ \
		*p = v; \
	}

ACCESS(1, char)
ACCESS(2, short)
ACCESS(4, int)
ACCESS(8, long)
ACCESS(16, __int128)
ACCESS(32, vector)
ACCESS(100, struct large)

int sum(int n, ...)
{
	va_list ap;
	int s = 0;

	va_start(ap, n);
	while (n--)
		s += va_arg(ap, int);
	va_end(ap);
	return s;
}

int branch(int *p)
{
	if (*p)
		use(p);
	return sum(2, *p, p[1]);
}

void locals(int n)
{
	char fixed[50], dynamic[n];
	struct large l;

	use(fixed);
	use(dynamic);
	use(&l);
	memcpy(dynamic, fixed, (size_t)n);
	memmove(dynamic + 1, dynamic, (size_t)n - 1);
	memset(fixed, n, (size_t)n);
}

int assembly(int *p)
{
	int out;

	__asm__ volatile("mov %1, %0" : "=m"(out), "+r"(*p));
	return out;
}

int atomics(int *p)
{
	__atomic_store_n(p, 3, __ATOMIC_RELEASE);
	return __atomic_fetch_add(p, 1, __ATOMIC_SEQ_CST);
}

__attribute__((no_sanitize("kernel-memory"))) void unchecked(void)
{
	int v;

	use(&v);
}
