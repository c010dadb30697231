/* SPDX-License-Identifier: MIT */
/* Files by name, stdio, formats. */
#include "calls.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <ftw.h>
#include <glob.h>
#include <libgen.h>
#include <mntent.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio_ext.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/swap.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <utime.h>
#include <utmpx.h>
#include <wchar.h>

extern int pivot_root(const char *root, const char *old);

static int none;

ROW(stat, EXPECT(!stat(S("/"), O(struct stat))));
ROW(lstat, EXPECT(!lstat(S("/"), O(struct stat))));
ROW(fstat, EXPECT(!fstat(a_file(""), O(struct stat))));
ROW(fstatat, EXPECT(!fstatat(AT_FDCWD, S("/"), O(struct stat), 0)));
ROW(stat64, EXPECT(!stat64(S("/"), O(struct stat64))));
ROW(lstat64, EXPECT(!lstat64(S("/"), O(struct stat64))));
ROW(fstat64, EXPECT(!fstat64(a_file(""), O(struct stat64))));
ROW(fstatat64, EXPECT(!fstatat64(AT_FDCWD, S("/"), O(struct stat64), 0)));
ROW(statfs, EXPECT(!statfs(S("/"), O(struct statfs))));
ROW(fstatfs, EXPECT(!fstatfs(a_file(""), O(struct statfs))));
ROW(statfs64, EXPECT(!statfs64(S("/"), O(struct statfs64))));
ROW(fstatfs64, EXPECT(!fstatfs64(a_file(""), O(struct statfs64))));
ROW(statvfs, EXPECT(!statvfs(S("/"), LOOSE(struct statvfs))));
ROW(fstatvfs, EXPECT(!fstatvfs(a_file(""), LOOSE(struct statvfs))));
ROW(statvfs64, EXPECT(!statvfs64(S("/"), LOOSE(struct statvfs64))));
ROW(fstatvfs64, EXPECT(!fstatvfs64(a_file(""), LOOSE(struct statvfs64))));
ROW(statx, EXPECT(!statx(AT_FDCWD, S("/"), 0, STATX_ALL, O(struct statx))));
ROW(access, EXPECT(!access(S("/"), F_OK)));
ROW(eaccess, EXPECT(!eaccess(S("/"), F_OK)));
ROW(euidaccess, EXPECT(!euidaccess(S("/"), F_OK)));
ROW(faccessat, EXPECT(!faccessat(AT_FDCWD, S("/"), F_OK, 0)));
ROW(unlink, EXPECT(!unlink(a_checked_path("x"))));
ROW(unlinkat, EXPECT(!unlinkat(AT_FDCWD, a_checked_path("x"), 0)));
ROW(rmdir, EXPECT(rmdir(S("no such folder")) < 0));
ROW(mkdir, EXPECT(!mkdir(a_checked_path(NULL), 0700)); rmdir(a_path(NULL)));
ROW(mkdirat, EXPECT(!mkdirat(AT_FDCWD, a_checked_path(NULL), 0700)));
ROW(chdir, EXPECT(!chdir(S("."))));
ROW(chmod, EXPECT(!chmod(a_checked_path("x"), 0600)));
ROW(fchmodat, EXPECT(!fchmodat(AT_FDCWD, a_checked_path("x"), 0600, 0)));
ROW(chown, EXPECT(!chown(a_checked_path("x"), getuid(), getgid())));
ROW(lchown, EXPECT(!lchown(a_checked_path("x"), getuid(), getgid())));
ROW(fchownat, EXPECT(!fchownat(AT_FDCWD, a_checked_path("x"), getuid(), getgid(), 0)));
ROW(rename, EXPECT(rename(S("no such file"), S("nor this")) < 0));
ROW(renameat, EXPECT(renameat(AT_FDCWD, S("no such file"), AT_FDCWD, S("nor this")) < 0));
ROW(renameat2, EXPECT(renameat2(AT_FDCWD, S("no such file"), AT_FDCWD, S("nor this"), 0) < 0));
ROW(link, EXPECT(link(S("no such file"), S("nor this")) < 0));
ROW(linkat, EXPECT(linkat(AT_FDCWD, S("no such file"), AT_FDCWD, S("nor this"), 0) < 0));
ROW(symlink, EXPECT(!symlink(S("to"), a_checked_path(NULL))));
ROW(symlinkat, EXPECT(!symlinkat(S("to"), AT_FDCWD, a_checked_path(NULL))));
ROW(truncate, EXPECT(!truncate(a_checked_path("x"), 0)));
ROW(truncate64, EXPECT(!truncate64(a_checked_path("x"), 0)));
ROW(mkfifo, EXPECT(!mkfifo(a_checked_path(NULL), 0600)));
ROW(mkfifoat, EXPECT(!mkfifoat(AT_FDCWD, a_checked_path(NULL), 0600)));
ROW(mknod, EXPECT(!mknod(a_checked_path(NULL), S_IFIFO | 0600, 0)));
ROW(mknodat, EXPECT(!mknodat(AT_FDCWD, a_checked_path(NULL), S_IFIFO | 0600, 0)));
ROW(readlink, EXPECT(readlink(S("/proc/self/exe"), O_N(char, 256), 256) > 0));
ROW(readlinkat, EXPECT(readlinkat(AT_FDCWD, S("/proc/self/exe"), O_N(char, 256), 256) > 0));
ROW(getcwd, EXPECT(getcwd(O_N(char, 256), 256) != NULL));
ROW(realpath, EXPECT(realpath(S("/"), LOOSE_N(char, 4096)) != NULL));
ROW(opendir, DIR *d = opendir(S("/")); EXPECT(d != NULL); closedir(d));
ROW(readdir, DIR *d = opendir("/"); struct dirent *e = readdir(d);
    EXPECT(e && kmsan_test(e, e->d_reclen) == -1); closedir(d));
ROW(readdir64, DIR *d = opendir("/"); struct dirent64 *e = readdir64(d);
    EXPECT(e && kmsan_test(e, e->d_reclen) == -1); closedir(d));
static int keep(const struct dirent *e)
{
	return e->d_name[0] != '.' && e->d_type < 99;
}
#define SCAN(name, type, sort, ...) \
	ROW(name, struct type **list; \
	    int n = name(__VA_ARGS__ S("/"), O(struct type **), NULL, sort); \
	    EXPECT(n > 0 && name(__VA_ARGS__ "/", &list, NULL, NULL) == n && list[0]->d_name[0]))
SCAN(scandir64, dirent64, alphasort64);
SCAN(scandirat, dirent, alphasort, AT_FDCWD, );
SCAN(scandirat64, dirent64, alphasort64, AT_FDCWD, );
ROW(scandir, struct dirent **list; int n = scandir(S("/"), O(struct dirent **), keep, alphasort);
    EXPECT(n > 0 && scandir("/", &list, keep, NULL) == n && list[0]->d_name[0]));
static int saw(const char *path, const struct stat *st, int type)
{
	EXPECT(path[0] == '/' && st->st_ino != 0 && type == FTW_D);
	return 7;
}
static int saw_deep(const char *path, const struct stat *st, int type, struct FTW *where)
{
	EXPECT(where->level == 0 && where->base >= 0);
	return saw(path, st, type);
}
ROW(ftw, EXPECT(ftw(S("/proc/self"), saw, 4) == 7));
ROW(nftw, EXPECT(nftw(S("/proc/self"), saw_deep, 4, 0) == 7));
ROW(ftw64, EXPECT(ftw64(S("/proc/self"), (__ftw64_func_t)saw, 4) == 7));
ROW(nftw64, EXPECT(nftw64(S("/proc/self"), (__nftw64_func_t)saw_deep, 4, 0) == 7));
ROW(mkstemp, char *p = S("fileXXXXXX"); EXPECT(mkstemp(p) > 0 && !unlink(p)));
ROW(mkstemp64, char *p = S("fileXXXXXX"); EXPECT(mkstemp64(p) > 0 && !unlink(p)));
ROW(mkstemps, char *p = S("fileXXXXXX.c"); EXPECT(mkstemps(p, 2) > 0 && !unlink(p)));
ROW(mkstemps64, char *p = S("fileXXXXXX.c"); EXPECT(mkstemps64(p, 2) > 0 && !unlink(p)));
ROW(mkostemps, char *p = S("fileXXXXXX.c"); EXPECT(mkostemps(p, 2, 0) > 0 && !unlink(p)));
ROW(canonicalize_file_name, char *p = canonicalize_file_name(S("/")); EXPECT(p && p[1] == 0));
ROW(mkostemp, char *p = S("fileXXXXXX"); EXPECT(mkostemp(p, 0) > 0 && !unlink(p)));
ROW(mkostemp64, char *p = S("fileXXXXXX"); EXPECT(mkostemp64(p, 0) > 0 && !unlink(p)));
ROW(mktemp, EXPECT(mktemp(S("fileXXXXXX"))[0] == 'f'));
ROW(mkdtemp, char *p = S("fileXXXXXX"); EXPECT(mkdtemp(p) && !rmdir(p)));
ROW(memfd_create, EXPECT(memfd_create(S("name"), 0) > 0));
ROW(utimensat,
    EXPECT(!utimensat(AT_FDCWD, a_checked_path("x"), IN_N(struct timespec, 2, { { 1, 1 } }), 0)));
ROW(futimens, EXPECT(!futimens(a_file(""), IN_N(struct timespec, 2, { { 1, 1 } }))));
ROW(utimes, EXPECT(!utimes(a_checked_path("x"), IN_N(struct timeval, 2, { { 1, 1 } }))));
ROW(futimes, EXPECT(!futimes(a_file(""), IN_N(struct timeval, 2, { { 1, 1 } }))));
ROW(lutimes, lutimes(S("no such file"), IN_N(struct timeval, 2, { { 1, 1 }, { 1, 1 } })));
ROW(futimesat,
    EXPECT(!futimesat(AT_FDCWD, a_checked_path("x"), IN_N(struct timeval, 2, { { 1, 1 } }))));
ROW(utime, EXPECT(!utime(a_checked_path("x"), IN(struct utimbuf, { 1, 1 }))));
ROW(getxattr, const char *p = a_path("x"); setxattr(p, "user.a", "value", 5, 0);
    getxattr(a_checked_path("x"), S("user.a"), LOOSE_N(char, 8), 8));
ROW(lgetxattr, lgetxattr(a_checked_path("x"), S("user.a"), LOOSE_N(char, 8), 8));
ROW(fgetxattr, fgetxattr(a_file(""), S("user.a"), LOOSE_N(char, 8), 8));
ROW(setxattr, setxattr(a_checked_path("x"), S("user.a"), B("value"), 5, 0));
ROW(lsetxattr, lsetxattr(a_checked_path("x"), S("user.a"), B("value"), 5, 0));
ROW(fsetxattr, fsetxattr(a_file(""), S("user.a"), B("value"), 5, 0));
ROW(listxattr, listxattr(a_checked_path("x"), LOOSE_N(char, 8), 8));
ROW(llistxattr, llistxattr(a_checked_path("x"), LOOSE_N(char, 8), 8));
ROW(flistxattr, flistxattr(a_file(""), LOOSE_N(char, 8), 8));
ROW(removexattr, removexattr(a_checked_path("x"), S("user.b")));
ROW(lremovexattr, lremovexattr(a_checked_path("x"), S("user.b")));
ROW(fremovexattr, fremovexattr(a_file(""), S("user.b")));
ROW(dirname, EXPECT(!(strcmp)(dirname(S("/a/b")), "/a")));
ROW(__xpg_basename, EXPECT(!(strcmp)(__xpg_basename(S("/a/b")), "b")));
ROW(fnmatch, EXPECT(!fnmatch(S("a*"), S("abc"), 0)));
ROW(glob, EXPECT(!glob(S("/p*c"), 0, NULL, LOOSE(glob_t))));
ROW(glob64, EXPECT(!glob64(S("/p*c"), 0, NULL, LOOSE(glob64_t))));
ROW(setmntent, FILE *f = setmntent(S("/proc/mounts"), S("r")); EXPECT(f != NULL); endmntent(f));
ROW(getmntent_r, FILE *f = setmntent("/proc/mounts", "r");
    EXPECT(getmntent_r(f, O(struct mntent), LOOSE_N(char, 512), 512) != NULL); endmntent(f));
ROW(hasmntopt, EXPECT(hasmntopt(V(struct mntent, { .mnt_opts = "rw,x" }), S("x")) != NULL));
ROW(swapon, EXPECT(swapon(S("/no/such/file"), 0) < 0));
ROW(swapoff, EXPECT(swapoff(S("/no/such/file")) < 0));
ROW(pivot_root, EXPECT(pivot_root(S("/no/such/file"), S("/no/such/file")) < 0));
ROW(execv, EXPECT(execv(S("/no/such/file"), V(char *const, { NULL })) < 0));
ROW(execvp, EXPECT(execvp(S("/no/such/file"), V(char *const, { NULL })) < 0));
ROW(execve,
    EXPECT(execve(S("/no/such/file"), V(char *const, { NULL }), V(char *const, { NULL })) < 0));
ROW(posix_spawn_file_actions_addopen, posix_spawn_file_actions_t a;
    posix_spawn_file_actions_init(&a);
    EXPECT(!posix_spawn_file_actions_addopen(&a, 1, S("/"), 0, 0));
    posix_spawn_file_actions_destroy(&a));
ROW(pututxline, struct utmpx u = { .ut_type = EMPTY }; utmpxname("/no/such/file");
    pututxline(slot(SLOT_IN, &u, sizeof(u))));
ROW(updwtmpx, struct utmpx u = { .ut_type = EMPTY };
    updwtmpx(a_checked_path(""), slot(SLOT_IN, &u, sizeof(u))));

ROW(fread, FILE *f = a_stream("hello"); EXPECT(fread(O_N(char, 8), 1, 8, f) == 5); fclose(f));
ROW(fread_unlocked, FILE *f = a_stream("hello");
    EXPECT((fread_unlocked)(O_N(char, 8), 1, 8, f) == 5); fclose(f));
ROW(fwrite, FILE *f = a_stream(""); EXPECT(fwrite(S("hello"), 1, 6, f) == 6); fclose(f));
ROW(fwrite_unlocked, FILE *f = a_stream(""); EXPECT((fwrite_unlocked)(S("hello"), 1, 6, f) == 6);
    fclose(f));
ROW(fgets, FILE *f = a_stream("a\nb\n"); EXPECT(fgets(O_N(char, 8), 8, f) != NULL); fclose(f));
ROW(fgets_unlocked, FILE *f = a_stream("a\nb\n");
    EXPECT(fgets_unlocked(O_N(char, 8), 8, f) != NULL); fclose(f));
ROW(fputs, FILE *f = a_stream(""); EXPECT(fputs(S("hello"), f) >= 0); fclose(f));
ROW(fputs_unlocked, FILE *f = a_stream(""); EXPECT(fputs_unlocked(S("hello"), f) >= 0); fclose(f));
ROW(puts, EXPECT(puts(S("hello")) >= 0));
ROW(perror, int fd = dup(2); dup2(open("/dev/null", O_WRONLY), 2); perror(S("hello")); dup2(fd, 2));
ROW(fopen, FILE *f = fopen(S("/dev/null"), S("r")); EXPECT(f != NULL); fclose(f));
ROW(fopen64, FILE *f = fopen64(S("/dev/null"), S("r")); EXPECT(f != NULL); fclose(f));
ROW(fdopen, FILE *f = fdopen(a_file(""), S("r")); EXPECT(f != NULL); fclose(f));
ROW(freopen, FILE *f = freopen(S("/dev/null"), S("r"), a_stream("")); EXPECT(f != NULL); fclose(f));
ROW(freopen64, FILE *f = freopen64(S("/dev/null"), S("r"), a_stream("")); EXPECT(f != NULL);
    fclose(f));
ROW(popen, FILE *f = popen(S("true"), S("r")); EXPECT(f && pclose(f) == 0));
ROW(system, EXPECT(system(S("true")) == 0));
ROW(remove, EXPECT(!remove(a_checked_path("x"))));
/* Written when the stream is flushed. */
ROW(open_memstream, FILE *f = open_memstream(LOOSE(char *), LOOSE(size_t)); EXPECT(f != NULL));
ROW(fmemopen, FILE *f = fmemopen(S_PLAIN("hello"), 5, S("r")); EXPECT(f != NULL); fclose(f));
ROW(fgetpos64, FILE *f = a_stream("hello"); EXPECT(!fgetpos64(f, LOOSE(fpos64_t))); fclose(f));
ROW(fsetpos, FILE *f = a_stream("hello"); EXPECT(!fsetpos(f, (fpos_t *)IN(long, { 0 })));
    fclose(f));
ROW(fsetpos64, FILE *f = a_stream("hello"); EXPECT(!fsetpos64(f, (fpos64_t *)IN(long, { 0 })));
    fclose(f));
/* What reaches the functions of a stream is written, whatever lies on the stack below. */
static ssize_t cookie_put(void *c, const char *s, size_t n)
{
	EXPECT(kmsan_test(s, n) == -1);
	*(size_t *)c += n;
	return (ssize_t)n;
}
static int cookie_move(void *c, off64_t *at, int whence)
{
	EXPECT(kmsan_test(at, sizeof(*at)) == -1);
	*at = 0;
	return 0;
}
static __attribute__((noinline)) void leave_marks(void)
{
	char junk[16384];

	__asm__ volatile("" : : "r"(junk) : "memory");
}
ROW(fopencookie, size_t n = 0;
    cookie_io_functions_t io = { .write = cookie_put, .seek = cookie_move };
    FILE *f = fopencookie(&n, S("w"), io); setvbuf(f, NULL, _IONBF, 0); leave_marks();
    EXPECT(fprintf(f, "%d%s", 12, "ab") == 4 && n == 4); leave_marks();
    EXPECT(!fseek(f, 0, SEEK_SET) && !fclose(f)));
ROW(psignal, int fd = dup(2); dup2(open("/dev/null", O_WRONLY), 2); psignal(1, S("a"));
    dup2(fd, 2));
ROW(open_wmemstream, FILE *f = open_wmemstream(O(wchar_t *), O(size_t)); EXPECT(f); fclose(f));
ROW(fgetpos, FILE *f = a_stream("hello"); EXPECT(!fgetpos(f, LOOSE(fpos_t))); fclose(f));
ROW(rpmatch, EXPECT(rpmatch(S("yes")) == 1));
static void check_line(ssize_t (*get)(char **, size_t *, int, FILE *))
{
	FILE *f = a_stream("a line\n");
	char **line = V(char *, { NULL });
	size_t *n = V(size_t, { 0 });

	EXPECT(get(line, n, '\n', f) == 7 && *n >= 8 && kmsan_test(*line, 8) == -1);
	fclose(f);
}
static ssize_t by_getline(char **line, size_t *n, int end, FILE *f)
{
	return getline(line, n, f);
}
extern ssize_t __getdelim(char **line, size_t *n, int end, FILE *f);
ROW(getline, check_line(by_getline));
ROW(getdelim, check_line(getdelim));
ROW(__getdelim, check_line(__getdelim));

ROW(printf, EXPECT(printf(S("%s%n %d\n"), S("x"), O(int), 1) == 4));
ROW(fprintf, FILE *f = a_stream(""); EXPECT(fprintf(f, S("%s%n %5.1f"), S("x"), O(int), 1.0) == 7);
    fclose(f));
ROW(sprintf, EXPECT((sprintf)(O_N(char, 9), S("%s %d%n"), S("x"), 1, O(int)) == 3));
ROW(snprintf, EXPECT((snprintf)(O_N(char, 9), 3, S("%s %d"), S("x"), 1) == 3);
    EXPECT((snprintf)(O_N(char, 2), 2, S("%2$s%1$hhn%3$hn%4$n"), O(char), S("abc"), O(short),
		      O(int)) == 3);
    EXPECT((snprintf)(NULL, 0, S("a%ln%lln%jnb%zn%tn"), O(long), O(long long), O(intmax_t),
		      O(size_t), O(ptrdiff_t)) == 2));
ROW(asprintf, char **p = V(char *, { NULL });
    EXPECT(asprintf(p, S("%s%n"), S("x"), O(int)) == 1 && **p == 'x'));
ROW(dprintf, EXPECT(dprintf(a_file(""), S("%s %p %Lf %c"), S("x"), &none, 1.0L, 'c') > 3);
    EXPECT(dprintf(a_file(""), S("%3$s %1$.*2$s %5$Lf %4$f %6$ls"), B("xy"), 2, S("z"), 1.0, 2.0L,
		   W(L"w")) > 20);
    EXPECT(dprintf(a_file(""), S("x%hhn%s"), O(char), S("y")) == 2));
static int to_v(int which, void *to, const char *format, ...)
{
	va_list ap;
	int ret;

	va_start(ap, format);
	ret = which == 0   ? vprintf(format, ap)
	      : which == 1 ? vfprintf(to, format, ap)
	      : which == 2 ? (vsprintf)(to, format, ap)
	      : which == 3 ? vsnprintf(to, 3, format, ap)
	      : which == 4 ? vasprintf(to, format, ap)
			   : vdprintf(*(int *)to, format, ap);
	va_end(ap);
	return ret;
}
ROW(vprintf, EXPECT(to_v(0, NULL, S("%s %d%n\n"), S("x"), 1, O(int)) == 4));
ROW(vfprintf, FILE *f = a_stream(""); EXPECT(to_v(1, f, S("%s %*d%n"), S("x"), 4, 1, O(int)) == 6);
    fclose(f));
ROW(vsprintf, EXPECT(to_v(2, O_N(char, 9), S("%s %d%n"), S("x"), 1, O(int)) == 3));
ROW(vsnprintf, EXPECT(to_v(3, O_N(char, 9), S("%s %d%n"), S("x"), 1, O(int)) == 3));
ROW(vasprintf, char **p = V(char *, { NULL });
    EXPECT(to_v(4, p, S("%s%n"), S("x"), O(int)) == 1 && **p == 'x'));
ROW(vdprintf, int fd = a_file(""); EXPECT(to_v(5, &fd, S("%s%n"), S("x"), O(int)) == 1));

#define FORMAT "%d %lf %7s %hhd%n"
#define TEXT "1 2.5 word 7"
#define TARGETS O(int), O(double), O_N(char, 8), O(char), O(int)
extern int __isoc99_scanf(const char *format, ...),
	__isoc99_fscanf(FILE *f, const char *format, ...);
extern int __isoc99_sscanf(const char *s, const char *format, ...);
extern int __isoc99_vscanf(const char *format, va_list ap);
extern int __isoc99_vfscanf(FILE *f, const char *format, va_list ap);
extern int __isoc99_vsscanf(const char *s, const char *format, va_list ap);
extern int __isoc23_scanf(const char *format, ...),
	__isoc23_fscanf(FILE *f, const char *format, ...);
extern int __isoc23_sscanf(const char *s, const char *format, ...);
extern int __isoc23_vscanf(const char *format, va_list ap);
extern int __isoc23_vfscanf(FILE *f, const char *format, va_list ap);
extern int __isoc23_vsscanf(const char *s, const char *format, va_list ap);
extern int old_scanf(const char *format, ...) __asm__("scanf");
extern int old_fscanf(FILE *f, const char *format, ...) __asm__("fscanf");
extern int old_sscanf(const char *s, const char *format, ...) __asm__("sscanf");
extern int old_vscanf(const char *format, va_list ap) __asm__("vscanf");
extern int old_vfscanf(FILE *f, const char *format, va_list ap) __asm__("vfscanf");
extern int old_vsscanf(const char *s, const char *format, va_list ap) __asm__("vsscanf");
static int from_v(int which, void *from, const char *format, ...)
{
	va_list ap;
	int ret;

	va_start(ap, format);
	ret = which == 0   ? old_vscanf(format, ap)
	      : which == 1 ? old_vfscanf(from, format, ap)
	      : which == 2 ? old_vsscanf(from, format, ap)
	      : which == 3 ? __isoc99_vscanf(format, ap)
	      : which == 4 ? __isoc99_vfscanf(from, format, ap)
	      : which == 5 ? __isoc99_vsscanf(from, format, ap)
	      : which == 6 ? __isoc23_vscanf(format, ap)
	      : which == 7 ? __isoc23_vfscanf(from, format, ap)
			   : __isoc23_vsscanf(from, format, ap);
	va_end(ap);
	return ret;
}
ROW(scanf, input(TEXT); EXPECT(old_scanf(FORMAT, TARGETS) == 4));
ROW(fscanf, FILE *f = a_stream(TEXT); EXPECT(old_fscanf(f, FORMAT, TARGETS) == 4); fclose(f));
ROW(sscanf, EXPECT(sscanf(S("foo 1"), "foo%n", O(int)) == 0);
    EXPECT(old_sscanf(S(TEXT), FORMAT, TARGETS) == 4));
ROW(vscanf, input(TEXT); EXPECT(from_v(0, NULL, FORMAT, TARGETS) == 4));
ROW(vfscanf, FILE *f = a_stream(TEXT); EXPECT(from_v(1, f, FORMAT, TARGETS) == 4); fclose(f));
ROW(vsscanf, EXPECT(from_v(2, S(TEXT), FORMAT, TARGETS) == 4));
ROW(__isoc99_scanf, input(TEXT); EXPECT(__isoc99_scanf(FORMAT, TARGETS) == 4));
ROW(__isoc99_fscanf, FILE *f = a_stream(TEXT); EXPECT(__isoc99_fscanf(f, FORMAT, TARGETS) == 4);
    fclose(f));
ROW(__isoc99_sscanf, EXPECT(__isoc99_sscanf(S("ab 12 x"), "%2c %[0-9] %*s%n", O_N(char, 2),
					    O_N(char, 8), O(int)) == 2));
ROW(__isoc99_vscanf, input(TEXT); EXPECT(from_v(3, NULL, FORMAT, TARGETS) == 4));
ROW(__isoc99_vfscanf, FILE *f = a_stream(TEXT); EXPECT(from_v(4, f, FORMAT, TARGETS) == 4);
    fclose(f));
ROW(__isoc99_vsscanf, EXPECT(from_v(5, S(TEXT), FORMAT, TARGETS) == 4));
ROW(__isoc23_scanf, input(TEXT); EXPECT(__isoc23_scanf(FORMAT, TARGETS) == 4));
ROW(__isoc23_fscanf, FILE *f = a_stream(TEXT); EXPECT(__isoc23_fscanf(f, FORMAT, TARGETS) == 4);
    fclose(f));
ROW(__isoc23_sscanf, EXPECT(__isoc23_sscanf(S("ab 12 x"), "%2c %[0-9] %*s%n", O_N(char, 2),
					    O_N(char, 8), O(int)) == 2));
ROW(__isoc23_vscanf, input(TEXT); EXPECT(from_v(6, NULL, FORMAT, TARGETS) == 4));
ROW(__isoc23_vfscanf, FILE *f = a_stream(TEXT); EXPECT(from_v(7, f, FORMAT, TARGETS) == 4);
    fclose(f));
ROW(__isoc23_vsscanf, EXPECT(from_v(8, S(TEXT), FORMAT, TARGETS) == 4));
