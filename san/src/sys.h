/* SPDX-License-Identifier: MIT */
/* The system below the runtime, without libc (and so without errno and wrappers): sys.c, bare/sys.c. */
#ifndef KMSAN_SYS_H
#define KMSAN_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

long kmsan__sys(long nr, long a, long b, long c, long d, long e, long f);
/* Memory for metadata, with MAP_ flags beside the usual ones: the address or -errno. */
long kmsan__sys_map(uintptr_t at, size_t size_bytes, int flags);
void *kmsan__sys_reserve(size_t size_bytes);
/* Zeroed again, and without memory behind it, whatever was mapped there. */
void kmsan__sys_give_back(void *p, size_t size_bytes);
/* A file of size_bytes bytes 0xff, and as many of one origin; -1: refused. */
int kmsan__sys_pattern(size_t size_bytes, uint32_t origin);
bool kmsan__sys_map_file(int fd, void *to, size_t size_bytes, size_t at, bool is_shared);
void kmsan__sys_write(int fd, const char *text, size_t size_bytes);
int kmsan__sys_open_log(const char *path);
void kmsan__sys_close(int fd);
size_t kmsan__sys_read_file(const char *path, char *buf, size_t size_bytes);
void kmsan__sys_block_signals(uint64_t *old);
void kmsan__sys_restore_signals(const uint64_t *old);
void kmsan__sys_yield(void);
/* The bounds of a stack that holds frame and is not the one of kmsan__thread_start. */
bool kmsan__sys_stack(uintptr_t frame, uintptr_t *low, uintptr_t *high);
_Noreturn void kmsan__sys_abort(void);
_Noreturn void kmsan__sys_exit(int status);

#endif
