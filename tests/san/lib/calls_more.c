/* SPDX-License-Identifier: MIT */
/* Entries of databases into the caller's memory, states of random numbers, wide printf and scanf. */
#include "calls.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <netinet/ether.h>
#include <pwd.h>
#include <shadow.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <utmp.h>
#include <wchar.h>

static FILE *wide_stream(const char *text)
{
	FILE *f = a_stream(text);

	fwide(f, 1);
	return f;
}
#define ENTRY(type) LOOSE(struct type), LOOSE_N(char, 16384), 16384, LOOSE(struct type *)

ROW(getpwent_r, setpwent(); EXPECT(!getpwent_r(ENTRY(passwd))); endpwent());
ROW(getgrent_r, setgrent(); EXPECT(!getgrent_r(ENTRY(group))); endgrent());
ROW(getspent_r, setspent(); getspent_r(ENTRY(spwd)); endspent());
ROW(fgetpwent_r, FILE *f = a_stream("a:x:1:2:b:/:/c\n"); EXPECT(!fgetpwent_r(f, ENTRY(passwd)));
    fclose(f));
ROW(fgetgrent_r, FILE *f = a_stream("a:x:1:b,c\n"); EXPECT(!fgetgrent_r(f, ENTRY(group)));
    fclose(f));
ROW(fgetspent_r, FILE *f = a_stream("a:*:1:2:3:4:5:6:\n"); EXPECT(!fgetspent_r(f, ENTRY(spwd)));
    fclose(f));
ROW(sgetspent_r, EXPECT(!sgetspent_r(S("a:*:1:2:3:4:5:6:"), ENTRY(spwd))));
ROW(getservbyname_r, getservbyname_r(S("http"), S("tcp"), ENTRY(servent)));
ROW(getservbyport_r, getservbyport_r(htons(80), S("tcp"), ENTRY(servent)));
ROW(getservent_r, setservent(0); getservent_r(ENTRY(servent)); endservent());
ROW(getprotobyname_r, getprotobyname_r(S("tcp"), ENTRY(protoent)));
ROW(getprotobynumber_r, getprotobynumber_r(6, ENTRY(protoent)));
ROW(getprotoent_r, setprotoent(0); getprotoent_r(ENTRY(protoent)); endprotoent());
ROW(getrpcbyname_r, getrpcbyname_r(S("portmapper"), ENTRY(rpcent)));
ROW(getrpcbynumber_r, getrpcbynumber_r(100000, ENTRY(rpcent)));
ROW(getrpcent_r, setrpcent(0); getrpcent_r(ENTRY(rpcent)); endrpcent());
ROW(getnetbyname_r, getnetbyname_r(S("loopback"), ENTRY(netent), LOOSE(int)));
ROW(getnetbyaddr_r, getnetbyaddr_r(0x7f000000, AF_INET, ENTRY(netent), LOOSE(int)));
ROW(getnetent_r, setnetent(0); getnetent_r(ENTRY(netent), LOOSE(int)); endnetent());
ROW(gethostent_r, sethostent(0); gethostent_r(ENTRY(hostent), LOOSE(int)); endhostent());
ROW(gethostbyname2_r, gethostbyname2_r(S("127.0.0.1"), AF_INET, ENTRY(hostent), LOOSE(int)));

static struct utmp line = { .ut_type = USER_PROCESS, .ut_line = "tty1", .ut_id = "1" };
#define LINE ((struct utmp *)slot(SLOT_PLAIN, &line, sizeof(line)))
static void log_in(void)
{
	utmpname(a_path(""));
	setutent();
	pututline(&line);
	setutent();
}
ROW(getutent_r, log_in(); EXPECT(!getutent_r(LOOSE(struct utmp), O(struct utmp *))); endutent());
ROW(getutid_r, log_in(); EXPECT(!getutid_r(LINE, LOOSE(struct utmp), O(struct utmp *)));
    endutent());
ROW(getutline_r, log_in(); EXPECT(!getutline_r(LINE, LOOSE(struct utmp), O(struct utmp *)));
    endutent());

ROW(ether_ntoa_r,
    EXPECT(ether_ntoa_r(IN(struct ether_addr, { { 1, 2, 3, 4, 5, 6 } }), O_N(char, 18)) != NULL));
ROW(ptsname_r, int fd = open("/dev/ptmx", O_RDWR);
    if (fd >= 0) EXPECT(!ptsname_r(fd, O_N(char, 32), 32)));
ROW(readdir_r, DIR *d = opendir("/");
    EXPECT(!readdir_r(d, LOOSE(struct dirent), O(struct dirent *))); closedir(d));

ROW(readdir64_r, DIR *d = opendir("/");
    EXPECT(!readdir64_r(d, LOOSE(struct dirent64), O(struct dirent64 *))); closedir(d));
ROW(fgetws_unlocked, FILE *f = wide_stream("ab\nc");
    EXPECT(fgetws_unlocked(O_N(wchar_t, 8), 8, f) != NULL); fclose(f));
ROW(fputws_unlocked, FILE *f = wide_stream(""); EXPECT(fputws_unlocked(W(L"ab"), f) >= 0);
    fclose(f));

ROW(mincore, static char pages[3 * 4096] __attribute__((aligned(4096)));
    EXPECT(!mincore(pages, 2 * 4096 + 1, O_N(unsigned char, 3))));

static struct random_data random_state;
static char numbers[64];
static struct drand48_data state48;
#define RANDOM ((struct random_data *)slot(SLOT_IN, &random_state, sizeof(random_state)))
#define STATE48 ((struct drand48_data *)slot(SLOT_IN, &state48, sizeof(state48)))
static void seed(void)
{
	memset(&random_state, 0, sizeof(random_state));
	EXPECT(!initstate_r(1, numbers, sizeof(numbers), &random_state) && !srand48_r(1, &state48));
}
ROW(initstate_r, struct random_data d = { 0 };
    EXPECT(!initstate_r(1, O_N(char, 64), 64, slot(SLOT_PLAIN, &d, sizeof(d)))));
ROW(srandom_r, seed(); EXPECT(!srandom_r(1, RANDOM)));
ROW(setstate_r, seed(); EXPECT(!setstate_r(numbers, RANDOM)));
ROW(random_r, seed(); EXPECT(!random_r(RANDOM, O(int32_t))));
ROW(srand48_r, EXPECT(!srand48_r(1, LOOSE(struct drand48_data))));
ROW(seed48_r, EXPECT(!seed48_r(IN_N(unsigned short, 3, { 1, 2, 3 }), STATE48)));
ROW(lcong48_r,
    EXPECT(!lcong48_r(IN_N(unsigned short, 7, { 1, 2, 3 }), LOOSE(struct drand48_data))));
ROW(drand48_r, seed(); EXPECT(!drand48_r(STATE48, O(double))));
ROW(lrand48_r, seed(); EXPECT(!lrand48_r(STATE48, O(long))));
ROW(mrand48_r, seed(); EXPECT(!mrand48_r(STATE48, O(long))));
ROW(erand48_r, seed(); EXPECT(!erand48_r(IN_N(unsigned short, 3, { 1 }), STATE48, O(double))));
ROW(erand48, EXPECT(erand48(IN_N(unsigned short, 3, { 1 })) >= 0));
ROW(nrand48, EXPECT(nrand48(IN_N(unsigned short, 3, { 1 })) >= 0));
ROW(jrand48, jrand48(IN_N(unsigned short, 3, { 1 })));
ROW(nrand48_r, seed(); EXPECT(!nrand48_r(IN_N(unsigned short, 3, { 1 }), STATE48, O(long))));
ROW(jrand48_r, seed(); EXPECT(!jrand48_r(IN_N(unsigned short, 3, { 1 }), STATE48, O(long))));
ROW(ecvt_r, EXPECT(!ecvt_r(12.5, 3, O(int), O(int), LOOSE_N(char, 16), 16)));
ROW(fcvt_r, EXPECT(!fcvt_r(12.5, 1, O(int), O(int), LOOSE_N(char, 16), 16)));

/* Standard output has one width for good: on a stream of its own for a moment. */
static int with_stdout(int (*call)(void))
{
	FILE *old = stdout;
	int ret;

	stdout = wide_stream("");
	ret = call();
	fclose(stdout);
	stdout = old;
	return ret;
}
static int with_stdin(const char *text, int (*call)(void))
{
	FILE *old = stdin;
	int ret;

	stdin = wide_stream(text);
	ret = call();
	fclose(stdin);
	stdin = old;
	return ret;
}
static int to_v(int which, void *to, const wchar_t *format, ...)
{
	va_list ap;
	int ret;

	va_start(ap, format);
	ret = which == 0   ? vwprintf(format, ap)
	      : which == 1 ? vfwprintf(to, format, ap)
			   : vswprintf(to, 16, format, ap);
	va_end(ap);
	return ret;
}
#define IN_ORDER W(L"%s %ls %d%n"), S("a"), W(L"bc"), 7, O(int)
static int print(void)
{
	return wprintf(IN_ORDER);
}
static int print_v(void)
{
	return to_v(0, NULL, IN_ORDER);
}
ROW(wprintf, EXPECT(with_stdout(print) == 6));
ROW(vwprintf, EXPECT(with_stdout(print_v) == 6));
ROW(fwprintf, FILE *f = wide_stream("");
    EXPECT(fwprintf(f, W(L"%2$ls %1$s %3$.*4$s"), S("a"), W(L"bc"), B("xyz"), 3) == 8); fclose(f));
ROW(vfwprintf, FILE *f = wide_stream(""); EXPECT(to_v(1, f, IN_ORDER) == 6); fclose(f));
ROW(swprintf, EXPECT(swprintf(O_N(wchar_t, 16), 16, IN_ORDER) == 6));
ROW(vswprintf, EXPECT(to_v(2, O_N(wchar_t, 16), IN_ORDER) == 6));
ROW(fgetws, FILE *f = wide_stream("ab\nc"); EXPECT(fgetws(O_N(wchar_t, 8), 8, f) != NULL);
    fclose(f));
ROW(fputws, FILE *f = wide_stream(""); EXPECT(fputws(W(L"ab"), f) >= 0); fclose(f));

/* glibc writes a second end of a narrow string, which is not marked. */
#define NARROW ((char *)slot(SLOT_PLAIN, "0123456", 8))
#define SCANNED L"%d %ls %s %2lc%n", O(int), O_N(wchar_t, 8), NARROW, O_N(wchar_t, 2), O(int)
#define TEXT "1 word w xy"
extern int __isoc99_wscanf(const wchar_t *format, ...),
	__isoc99_fwscanf(FILE *f, const wchar_t *format, ...);
extern int __isoc99_swscanf(const wchar_t *s, const wchar_t *format, ...);
extern int __isoc99_vwscanf(const wchar_t *format, va_list ap);
extern int __isoc99_vfwscanf(FILE *f, const wchar_t *format, va_list ap);
extern int __isoc99_vswscanf(const wchar_t *s, const wchar_t *format, va_list ap);
extern int __isoc23_wscanf(const wchar_t *format, ...),
	__isoc23_fwscanf(FILE *f, const wchar_t *format, ...);
extern int __isoc23_swscanf(const wchar_t *s, const wchar_t *format, ...);
extern int __isoc23_vwscanf(const wchar_t *format, va_list ap);
extern int __isoc23_vfwscanf(FILE *f, const wchar_t *format, va_list ap);
extern int __isoc23_vswscanf(const wchar_t *s, const wchar_t *format, va_list ap);
extern int old_wscanf(const wchar_t *format, ...) __asm__("wscanf");
extern int old_fwscanf(FILE *f, const wchar_t *format, ...) __asm__("fwscanf");
extern int old_swscanf(const wchar_t *s, const wchar_t *format, ...) __asm__("swscanf");
extern int old_vwscanf(const wchar_t *format, va_list ap) __asm__("vwscanf");
extern int old_vfwscanf(FILE *f, const wchar_t *format, va_list ap) __asm__("vfwscanf");
extern int old_vswscanf(const wchar_t *s, const wchar_t *format, va_list ap) __asm__("vswscanf");
static int from_v(int which, const void *from, const wchar_t *format, ...)
{
	va_list ap;
	int ret;

	va_start(ap, format);
	ret = which == 0   ? old_vwscanf(format, ap)
	      : which == 1 ? old_vfwscanf((FILE *)from, format, ap)
	      : which == 2 ? old_vswscanf(from, format, ap)
	      : which == 3 ? __isoc99_vwscanf(format, ap)
	      : which == 4 ? __isoc99_vfwscanf((FILE *)from, format, ap)
	      : which == 5 ? __isoc99_vswscanf(from, format, ap)
	      : which == 6 ? __isoc23_vwscanf(format, ap)
	      : which == 7 ? __isoc23_vfwscanf((FILE *)from, format, ap)
			   : __isoc23_vswscanf(from, format, ap);
	va_end(ap);
	return ret;
}
static int scan(void)
{
	return old_wscanf(SCANNED);
}
static int scan_99(void)
{
	return __isoc99_wscanf(SCANNED);
}
static int scan_v(void)
{
	return from_v(0, NULL, SCANNED);
}
static int scan_v_99(void)
{
	return from_v(3, NULL, SCANNED);
}
static int scan_23(void)
{
	return __isoc23_wscanf(SCANNED);
}
static int scan_v_23(void)
{
	return from_v(6, NULL, SCANNED);
}
#define FROM_STREAM(call) \
	FILE *f = wide_stream(TEXT); \
	EXPECT((call) == 4); \
	fclose(f)
ROW(wscanf, EXPECT(with_stdin(TEXT, scan) == 4));
ROW(__isoc99_wscanf, EXPECT(with_stdin(TEXT, scan_99) == 4));
ROW(__isoc23_wscanf, EXPECT(with_stdin(TEXT, scan_23) == 4));
ROW(vwscanf, EXPECT(with_stdin(TEXT, scan_v) == 4));
ROW(__isoc99_vwscanf, EXPECT(with_stdin(TEXT, scan_v_99) == 4));
ROW(__isoc23_vwscanf, EXPECT(with_stdin(TEXT, scan_v_23) == 4));
ROW(fwscanf, FROM_STREAM(old_fwscanf(f, SCANNED)));
ROW(__isoc99_fwscanf, FROM_STREAM(__isoc99_fwscanf(f, SCANNED)));
ROW(__isoc23_fwscanf, FROM_STREAM(__isoc23_fwscanf(f, SCANNED)));
ROW(vfwscanf, FROM_STREAM(from_v(1, f, SCANNED)));
ROW(__isoc99_vfwscanf, FROM_STREAM(from_v(4, f, SCANNED)));
ROW(__isoc23_vfwscanf, FROM_STREAM(from_v(7, f, SCANNED)));
ROW(swscanf, EXPECT(old_swscanf(W(L"1 word w xy"), SCANNED) == 4));
ROW(__isoc99_swscanf,
    EXPECT(__isoc99_swscanf(W(L"b a"), L"%2$ls %1$s", NARROW, O_N(wchar_t, 4)) == 2));
ROW(vswscanf, EXPECT(from_v(2, W(L"1 word w xy"), SCANNED) == 4));
ROW(__isoc99_vswscanf, EXPECT(from_v(5, W(L"1 word w xy"), SCANNED) == 4));
ROW(__isoc23_swscanf, EXPECT(__isoc23_swscanf(W(L"1 word w xy"), SCANNED) == 4));
ROW(__isoc23_vswscanf, EXPECT(from_v(8, W(L"1 word w xy"), SCANNED) == 4));
