/* SPDX-License-Identifier: MIT */
/*
 * Functions that call back with something that lies on libc's own stack, where the program's
 * earlier frames may have left their marks: it is marked as written before the program sees it.
 * As ftw and nftw have it, a walk inside a walk of the same thread takes the inner function only until
 * that walk ends.
 */
#include "wrap.h"

#include <argp.h>
#include <ftw.h>
#include <link.h>

struct walk_functions {
	__ftw_func_t plain;
	__nftw_func_t full;
};

static __thread struct walk_functions walk;

int __wrap_ftw(const char *path, __ftw_func_t fn, int most);
int __wrap_nftw(const char *path, __nftw_func_t fn, int most, int flags);
int __wrap_ftw64(const char *path, __ftw64_func_t fn, int most);
int __wrap_nftw64(const char *path, __nftw64_func_t fn, int most, int flags);
int __wrap_dl_iterate_phdr(int (*fn)(struct dl_phdr_info *, size_t, void *), void *arg);
error_t __wrap_argp_parse(const struct argp *a, int argc, char **argv, unsigned int flags,
			  int *index, void *input);

static void arrived(const char *path, const struct stat *st, const struct FTW *where)
{
	K_OUT_STR(path);
	K_OUT(st, sizeof(*st));
	K_OUT(where, sizeof(*where));
}

static int call_plain(const char *path, const struct stat *st, int type)
{
	arrived(path, st, NULL);
	return walk.plain(path, st, type);
}

static int call_full(const char *path, const struct stat *st, int type, struct FTW *where)
{
	arrived(path, st, where);
	return walk.full(path, st, type, where);
}

int __wrap_ftw(const char *path, __ftw_func_t fn, int most)
{
	struct walk_functions outer = walk;
	int ret;

	K_ENTER;
	K_STR(path);
	walk.plain = fn;
	ret = ftw(path, call_plain, most);
	walk = outer;
	return ret;
}

int __wrap_nftw(const char *path, __nftw_func_t fn, int most, int flags)
{
	struct walk_functions outer = walk;
	int ret;

	K_ENTER;
	K_STR(path);
	walk.full = fn;
	ret = nftw(path, call_full, most, flags);
	walk = outer;
	return ret;
}

/* The same functions: a file's size has 64 bits on every machine that there is a port for. */
int __wrap_ftw64(const char *path, __ftw64_func_t fn, int most)
{
	return __wrap_ftw(path, (__ftw_func_t)(void *)fn, most);
}

int __wrap_nftw64(const char *path, __nftw64_func_t fn, int most, int flags)
{
	return __wrap_nftw(path, (__nftw_func_t)(void *)fn, most, flags);
}

struct object_function {
	int (*fn)(struct dl_phdr_info *info, size_t size, void *arg);
	void *arg;
};

static int call_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	const struct object_function *f = arg;

	K_OUT(info, size);
	return f->fn(info, size, f->arg);
}

int __wrap_dl_iterate_phdr(int (*fn)(struct dl_phdr_info *, size_t, void *), void *arg)
{
	struct object_function f = { fn, arg };

	return dl_iterate_phdr(call_object, &f);
}

/* Its parsers are named in a tree of the program's, and get what lies in libc's first frame. */
#define ARGP_FRAME 16384

error_t __wrap_argp_parse(const struct argp *a, int argc, char **argv, unsigned int flags,
			  int *index, void *input)
{
	error_t err;

	K_OUT((char *)__builtin_frame_address(0) - ARGP_FRAME, ARGP_FRAME);
	err = argp_parse(a, argc, argv, flags, index, input);
	K_OUT(index, sizeof(*index));
	return err;
}
