/* SPDX-License-Identifier: MIT */
/* Memory, strings, wide strings, patterns, numbers in text. */
#include "calls.h"

#include <argz.h>
#include <arpa/inet.h>
#include <errno.h>
#include <iconv.h>
#include <inttypes.h>
#include <locale.h>
#include <obstack.h>
#include <regex.h>
#include <resolv.h>
#include <strings.h>
#include <time.h>
#include <uchar.h>
#include <wchar.h>
#include <wctype.h>

#define obstack_chunk_alloc malloc
#define obstack_chunk_free free
#undef strcoll_l
#define HAVE_C23 __GLIBC_PREREQ(2, 38)
#define TO(n) O_N(char, n)
#define WIDE_TO(n) O_N(wchar_t, n)
#define END O(char *)
#define STATE V(mbstate_t, { 0 })

extern int __b64_ntop(const unsigned char *from, size_t n, char *to, size_t size);
extern int __b64_pton(const char *s, unsigned char *to, size_t n);
extern int plain_bcmp(const void *a, const void *b, size_t n) __asm__("bcmp");
extern void plain_bcopy(const void *from, void *to, size_t n) __asm__("bcopy");
extern void plain_bzero(void *p, size_t n) __asm__("bzero");
extern char *plain_index(const char *s, int c) __asm__("index");
extern char *plain_rindex(const char *s, int c) __asm__("rindex");
extern char *gnu_basename(const char *path) __asm__("basename");
extern char *gnu_strerror_r(int e, char *buf, size_t n) __asm__("strerror_r");
extern int __xpg_strerror_r(int e, char *buf, size_t n);
extern long __isoc23_strtol(const char *s, char **end, int base) __attribute__((weak));
extern long __isoc23_strtoll(const char *s, char **end, int base) __attribute__((weak));
extern long __isoc23_strtoul(const char *s, char **end, int base) __attribute__((weak));
extern long __isoc23_strtoull(const char *s, char **end, int base) __attribute__((weak));
extern intmax_t __isoc23_strtoimax(const char *s, char **end, int base) __attribute__((weak));
extern uintmax_t __isoc23_strtoumax(const char *s, char **end, int base) __attribute__((weak));
extern long __isoc23_wcstol(const wchar_t *s, wchar_t **end, int base);
extern unsigned long __isoc23_wcstoul(const wchar_t *s, wchar_t **end, int base);
extern long long __isoc23_wcstoll(const wchar_t *s, wchar_t **end, int base);
extern unsigned long long __isoc23_wcstoull(const wchar_t *s, wchar_t **end, int base);
extern size_t plain_mbrlen(const char *s, size_t n, mbstate_t *state) __asm__("mbrlen");
extern size_t __mbrlen(const char *s, size_t n, mbstate_t *state);

static const char source[8] = "1234567";

ROW(memcpy, (memcpy)(TO(8), source, 8));
ROW(memmove, (memmove)(TO(8), source, 8));
ROW(mempcpy, char *p = TO(8); EXPECT((mempcpy)(p, source, 8) == p + 8));
ROW(memset, (memset)(TO(8), 1, 8));
ROW(memccpy, (memccpy)(TO(4), S_PLAIN("1234567"), '4', 8));
ROW(bcopy, plain_bcopy(source, TO(8), 8));
ROW(bzero, plain_bzero(TO(8), 8));
ROW(explicit_bzero, explicit_bzero(TO(8), 8));
ROW(memfrob, memfrob(S("12345"), 6));
ROW(swab, swab(S("12345"), TO(6), 6));
ROW(strcpy, (strcpy)(TO(9), S("1234567")));
ROW(stpcpy, (stpcpy)(TO(9), S("1234567")));
ROW(strncpy, (strncpy)(TO(9), S("12345"), 9));
ROW(stpncpy, (stpncpy)(TO(9), S("12345"), 9));
ROW(strcat, (strcat)((char *)IN(char, { 0 }), S("")));
ROW(strncat, (strncat)((char *)IN(char, { 0 }), S(""), 1));
ROW(strdup, char *p = (strdup)(S("12345")); EXPECT(kmsan_test(p, 6) == -1); free(p));
ROW(strndup, char *p = (strndup)(S("12345"), 9); EXPECT(kmsan_test(p, 6) == -1); free(p));
ROW(memcmp, EXPECT((memcmp)(S("123"), S("123"), 4) == 0));
ROW(bcmp, EXPECT(plain_bcmp(S("123"), S("123"), 4) == 0));
ROW(memchr, EXPECT((memchr)(B("123"), '3', 3) != NULL));
ROW(memrchr, EXPECT((memrchr)(B("123"), '1', 3) != NULL));
ROW(rawmemchr, EXPECT((rawmemchr)(B("123"), '3') != NULL));
ROW(memmem, EXPECT((memmem)(B("123"), 9, B("23"), 2) != NULL));
ROW(strlen, EXPECT((strlen)(S("123")) == 3));
ROW(strnlen, EXPECT((strnlen)(S("123"), 9) == 3));
ROW(strcmp, EXPECT((strcmp)(S("123"), S("123")) == 0));
ROW(strncmp, EXPECT((strncmp)(B("123"), B("123"), 3) == 0));
ROW(strcasecmp, EXPECT((strcasecmp)(S("a"), S("A")) == 0);
    EXPECT((strcasecmp)(B("abc"), B("Abd")) < 0));
ROW(strcasecmp_l, locale_t l = newlocale(LC_ALL_MASK, "C", 0);
    EXPECT((strcasecmp_l)(S("a"), S("A"), l) == 0); freelocale(l));
ROW(strncasecmp, EXPECT((strncasecmp)(B("abc"), B("aBc"), 3) == 0));
ROW(strncasecmp_l, locale_t l = newlocale(LC_ALL_MASK, "C", 0);
    EXPECT((strncasecmp_l)(B("abc"), B("aBc"), 3, l) == 0); freelocale(l));
ROW(strcoll, EXPECT((strcoll)(S("a"), S("a")) == 0));
ROW(strcoll_l, locale_t l = newlocale(LC_ALL_MASK, "C", 0);
    EXPECT((strcoll_l)(S("a"), S("a"), l) == 0); freelocale(l));
ROW(strverscmp, EXPECT((strverscmp)(S("a9"), S("a10")) < 0));
ROW(strxfrm, EXPECT((strxfrm)(TO(9), S("abc"), 9) == 3));
ROW(strchr, EXPECT((strchr)(B("123"), '3') != NULL));
ROW(strchrnul, EXPECT(*(strchrnul)(S("123"), 'x') == 0));
ROW(strrchr, EXPECT((strrchr)(S("123"), '2') != NULL));
ROW(index, EXPECT(plain_index(B("123"), '3') != NULL));
ROW(rindex, EXPECT(plain_rindex(S("123"), '2') != NULL));
ROW(strstr, EXPECT((strstr)(B("123"), S("23")) != NULL);
    EXPECT((strstr)(S("123"), S("4")) == NULL));
ROW(strcasestr, EXPECT((strcasestr)(B("abc"), S("BC")) != NULL));
ROW(strpbrk, EXPECT((strpbrk)(B("abc"), S("c")) != NULL);
    EXPECT((strpbrk)(S("abc"), S("d")) == NULL));
ROW(strspn, EXPECT((strspn)(B("aab"), S("a")) == 2));
ROW(strcspn, EXPECT((strcspn)(B("aab"), S("b")) == 2));
ROW(strtok, EXPECT((strtok)(S("a b"), S(" ")) != NULL));
ROW(strtok_r, EXPECT((strtok_r)(S("a b"), S(" "), END) != NULL));
ROW(strsep, EXPECT((strsep)(V(char *, { S("a b") }), S(" ")) != NULL));
/* To the byte that ends the number, which depends on the base; what could go on with it is looked at. */
ROW(strtol, EXPECT(strtol(B("42x"), END, 0) == 42); EXPECT(strtol(B(" -42\n"), END, 0) == -42);
    EXPECT(strtol(B("42K"), END, 10) == 42); EXPECT(strtol(B("2ag"), END, 16) == 42);
    EXPECT(strtol(B("-0x2ag"), END, 0) == -42); EXPECT(strtol(B("0xg"), END, 16) == 0);
    EXPECT(strtol(B("0x"), END, 10) == 0); EXPECT(strtol(B("00x"), END, 16) == 0);
    EXPECT(strtol(B("0528"), END, 0) == 42); EXPECT(strtol(B("16-"), END, 36) == 42);
    EXPECT(strtol(B(" +x"), END, 10) == 0));
ROW(strtoll, EXPECT(strtoll(B("42x"), END, 0) == 42));
ROW(strtoul, EXPECT(strtoul(B("42x"), END, 0) == 42));
ROW(strtoull, EXPECT(strtoull(B("42x"), END, 0) == 42));
ROW(__isoc23_strtol, if (HAVE_C23) EXPECT(__isoc23_strtol(B("42x"), END, 0) == 42));
ROW(__isoc23_strtoll, if (HAVE_C23) EXPECT(__isoc23_strtoll(B("42x"), END, 0) == 42));
ROW(__isoc23_strtoul, if (HAVE_C23) EXPECT(__isoc23_strtoul(B("42x"), END, 0) == 42));
ROW(__isoc23_strtoull, if (HAVE_C23) EXPECT(__isoc23_strtoull(B("42x"), END, 0) == 42));
ROW(__isoc23_strtoimax, if (HAVE_C23) EXPECT(__isoc23_strtoimax(B("42x"), END, 0) == 42));
ROW(__isoc23_strtoumax, if (HAVE_C23) EXPECT(__isoc23_strtoumax(B("42x"), END, 0) == 42));
#define OF_LOCALE(name, ...) \
	ROW(name, locale_t l = newlocale(LC_ALL_MASK, "C", 0); \
	    EXPECT(name(B("42x"), END, ##__VA_ARGS__, l) == 42); freelocale(l))
OF_LOCALE(strtol_l, 0);
OF_LOCALE(strtoll_l, 0);
OF_LOCALE(strtoul_l, 0);
OF_LOCALE(strtoull_l, 0);
OF_LOCALE(strtof_l);
OF_LOCALE(strtold_l);
ROW(strxfrm_l, locale_t l = newlocale(LC_ALL_MASK, "C", 0);
    EXPECT(strxfrm_l(TO(9), S("abc"), 9, l) == 3); freelocale(l));
ROW(strfromd, EXPECT(strfromd(TO(8), 8, S("%.1f"), 4.5) == 3));
ROW(strfromf, EXPECT(strfromf(TO(8), 8, S("%.1f"), 4.5f) == 3));
ROW(strfroml, EXPECT(strfroml(TO(8), 8, S("%.1f"), 4.5L) == 3));
ROW(gcvt, EXPECT(gcvt(4.5, 3, TO(8)) != NULL));
ROW(a64l, EXPECT(a64l(S("../")) == 4096));
ROW(inet_network, EXPECT(inet_network(S("10")) == 10));
ROW(getsubopt, char *names[] = { "a", NULL };
    EXPECT(getsubopt(V(char *, { S("a=1") }), names, O(char *)) == 0));
ROW(strtoq, EXPECT(strtoq(B("42x"), END, 0) == 42));
ROW(strtouq, EXPECT(strtouq(B("42x"), END, 0) == 42));
ROW(basename, EXPECT(gnu_basename(S("a/b")) != NULL));
ROW(argz_create, char *argv[] = { "a", NULL }; EXPECT(!argz_create(argv, O(char *), O(size_t))));
ROW(argz_create_sep, EXPECT(!argz_create_sep(S("a:b"), ':', O(char *), O(size_t))));
ROW(strtoimax, EXPECT(strtoimax(B("42x"), END, 0) == 42));
ROW(strtoumax, EXPECT(strtoumax(B("42x"), END, 0) == 42));
ROW(strtod, EXPECT(strtod(B("4.5x"), END) == 4.5); EXPECT(strtod(B("-4.5e-1 "), END) == -.45);
    EXPECT(strtod(B("+1-"), END) == 1); EXPECT(strtod(B("42K"), END) == 42);
    EXPECT(strtod(B("1ex"), END) == 1); EXPECT(strtod(B("1e-x"), END) == 1);
    EXPECT(strtod(B("1p"), END) == 1); EXPECT(strtod(B("0x1.8p1 "), END) == 3);
    EXPECT(strtod(B("0x1e+"), END) == 30); EXPECT(strtod(B("0x1p+x"), END) == 1);
    EXPECT(strtod(B("0xg"), END) == 0); EXPECT(strtod(B("-.x"), END) == 0);
    EXPECT(strtod(B("inf,"), END) > 1); EXPECT(strtod(B("infinix"), END) > 1);
    EXPECT(strtod(B("Infinity"), END) > 1); EXPECT(strtod(B("ix"), END) == 0);
    EXPECT(strtod(B("nan,"), END) != 0); EXPECT(strtod(B("nan(1_a-"), END) != 0);
    EXPECT(strtod(B("nan(1)"), END) != 0));
ROW(strtod_l, locale_t l = newlocale(LC_ALL_MASK, "C", 0);
    EXPECT(strtod_l(B("4.5x"), END, l) == 4.5); freelocale(l));
ROW(strtof, EXPECT(strtof(B("4.5x"), END) == 4.5f));
ROW(strtold, EXPECT(strtold(B("4.5x"), END) == 4.5L));
ROW(atoi, EXPECT(atoi(S("42")) == 42); EXPECT(atoi(B("42\n")) == 42); EXPECT(atoi(B("42K")) == 42));
ROW(atol, EXPECT(atol(S("42")) == 42));
ROW(atoll, EXPECT(atoll(S("42")) == 42));
ROW(atof, EXPECT(atof(S("4.5")) == 4.5));
ROW(strerror_r, EXPECT(gnu_strerror_r(9999, TO(32), 32) != NULL));
ROW(__xpg_strerror_r, EXPECT(__xpg_strerror_r(ENOENT, TO(32), 32) == 0));
ROW(getenv, EXPECT(getenv(S("NO_SUCH_NAME")) == NULL));
ROW(setenv, EXPECT(setenv(S("A_NAME"), S("value"), 1) == 0));
ROW(unsetenv, EXPECT(unsetenv(S("A_NAME")) == 0));
ROW(putenv, putenv(S("A_NAME=1")); unsetenv("A_NAME"));
ROW(__b64_ntop, EXPECT(__b64_ntop((unsigned char *)B("abc"), 3, TO(8), 8) == 4));
ROW(__b64_pton, EXPECT(__b64_pton(S("YWJj"), O_N(unsigned char, 3), 3) == 3));

ROW(wcslen, EXPECT(wcslen(W(L"123")) == 3));
ROW(wcsnlen, EXPECT(wcsnlen(W(L"123"), 9) == 3));
ROW(wcscpy, wcscpy(WIDE_TO(6), W(L"1234")));
ROW(wcsncpy, wcsncpy(WIDE_TO(6), W(L"123"), 6));
ROW(wcpcpy, wcpcpy(WIDE_TO(6), W(L"1234")));
ROW(wcsncat, wcsncat(IN(wchar_t, { 0 }), W(L""), 1); wchar_t to[8] = L"a";
    EXPECT(wcsncat(to, WB(L"123"), 3)[4] == 0 && kmsan_test(to, 20) == -1);
    EXPECT(wcsncat(to, W(L"4"), 3)[5] == 0));
ROW(wmempcpy, wmempcpy(WIDE_TO(4), L"123", 4));
ROW(wcscat, wcscat(IN(wchar_t, { 0 }), W(L"")));
ROW(wcsdup, wchar_t *p = wcsdup(W(L"123")); EXPECT(kmsan_test(p, 16) == -1); free(p));
ROW(wmemcpy, wmemcpy(WIDE_TO(4), L"123", 4));
ROW(wmemmove, wmemmove(WIDE_TO(4), L"123", 4));
ROW(wmemset, wmemset(WIDE_TO(4), L'x', 4));
ROW(wmemchr, EXPECT(wmemchr(WB(L"123"), L'3', 3) != NULL));
ROW(wmemcmp, EXPECT(wmemcmp(W(L"123"), W(L"123"), 4) == 0));
ROW(wcschr, EXPECT(wcschr(W(L"123"), L'3') != NULL));
ROW(wcsrchr, EXPECT(wcsrchr(W(L"123"), L'3') != NULL));
ROW(wcsstr, EXPECT(wcsstr(W(L"123"), W(L"2")) != NULL));
ROW(wcspbrk, EXPECT(wcspbrk(W(L"123"), W(L"2")) != NULL));
ROW(wcsspn, EXPECT(wcsspn(W(L"112"), W(L"1")) == 2));
ROW(wcscspn, EXPECT(wcscspn(W(L"112"), W(L"2")) == 2));
ROW(wcstok, EXPECT(wcstok(W(L"1 2"), W(L" "), O(wchar_t *)) != NULL));
ROW(wcscmp, EXPECT(wcscmp(W(L"123"), W(L"123")) == 0));
ROW(wcsncmp, EXPECT(wcsncmp(WB(L"123"), WB(L"123"), 3) == 0));
ROW(wcscoll, EXPECT(wcscoll(W(L"123"), W(L"123")) == 0));
ROW(wcsxfrm, EXPECT(wcsxfrm(WIDE_TO(8), W(L"123"), 8) == 3));
ROW(wcstol, EXPECT(wcstol(WB(L"42x"), O(wchar_t *), 0) == 42);
    EXPECT(wcstol(WB(L" -x"), O(wchar_t *), 10) == 0));
ROW(wcstoul, EXPECT(wcstoul(WB(L"42x"), O(wchar_t *), 0) == 42));
ROW(wcstof, EXPECT(wcstof(WB(L"4.5x"), O(wchar_t *)) == 4.5f));
ROW(wcstold, EXPECT(wcstold(WB(L"4.5x"), O(wchar_t *)) == 4.5L));
ROW(wcstoll, EXPECT(wcstoll(WB(L"42x"), O(wchar_t *), 0) == 42));
ROW(wcstoull, EXPECT(wcstoull(WB(L"42x"), O(wchar_t *), 0) == 42));
ROW(wcstoimax, EXPECT(wcstoimax(WB(L"42x"), O(wchar_t *), 0) == 42));
ROW(wcstoumax, EXPECT(wcstoumax(WB(L"42x"), O(wchar_t *), 0) == 42));
#define WIDE_C23(name) ROW(name, if (HAVE_C23) EXPECT(name(WB(L"42x"), O(wchar_t *), 0) == 42))
WIDE_C23(__isoc23_wcstol);
WIDE_C23(__isoc23_wcstoul);
WIDE_C23(__isoc23_wcstoll);
WIDE_C23(__isoc23_wcstoull);
ROW(wcscasecmp, EXPECT(wcscasecmp(W(L"123"), W(L"123")) == 0));
ROW(wcsncasecmp, EXPECT(wcsncasecmp(WB(L"123"), WB(L"123"), 3) == 0));
ROW(wcschrnul, EXPECT(wcschrnul(W(L"123"), L'3') != NULL));
ROW(wctrans, EXPECT(wctrans(S("tolower")) != 0));
ROW(mbrtoc16, EXPECT(mbrtoc16(O(char16_t), B("1"), 1, STATE) == 1));
ROW(mbrtoc32, EXPECT(mbrtoc32(O(char32_t), B("1"), 1, STATE) == 1));
ROW(c16rtomb, EXPECT(c16rtomb(TO(8), u'1', STATE) == 1));
ROW(c32rtomb, EXPECT(c32rtomb(TO(8), U'1', STATE) == 1));
ROW(wcsnrtombs, EXPECT(wcsnrtombs(TO(8), IN(const wchar_t *, { W(L"123") }), 4, 8, STATE) == 3));
ROW(wcstod, EXPECT(wcstod(WB(L"4.5x"), O(wchar_t *)) == 4.5));
ROW(wcswidth, EXPECT(wcswidth(W(L"123"), 9) == 3));
ROW(wctype, EXPECT(wctype(S("alpha")) != 0));
ROW(wcsftime, struct tm tm = { .tm_year = 100 };
    EXPECT(wcsftime(WIDE_TO(8), 8, W(L"%Y"), &tm) == 4));
ROW(mbstowcs, EXPECT(mbstowcs(WIDE_TO(8), S("123"), 8) == 3));
ROW(wcstombs, EXPECT(wcstombs(TO(8), W(L"123"), 8) == 3));
ROW(mbtowc, EXPECT(mbtowc(WIDE_TO(1), B("1"), 1) == 1));
ROW(wctomb, EXPECT(wctomb(TO(8), L'1') == 1));
ROW(mblen, EXPECT(mblen(B("1"), 1) == 1));
ROW(mbrlen, EXPECT(plain_mbrlen(B("1"), 1, STATE) == 1));
ROW(__mbrlen, EXPECT(__mbrlen(B("1"), 1, STATE) == 1));
ROW(mbrtowc, EXPECT(mbrtowc(WIDE_TO(1), B("1"), 1, STATE) == 1));
ROW(wcrtomb, EXPECT(wcrtomb(TO(8), L'1', STATE) == 1));
ROW(mbsrtowcs, EXPECT(mbsrtowcs(WIDE_TO(8), IN(const char *, { S("123") }), 8, STATE) == 3));
ROW(mbsnrtowcs, EXPECT(mbsnrtowcs(WIDE_TO(8), IN(const char *, { S("123") }), 4, 8, STATE) == 3));
ROW(wcsrtombs, EXPECT(wcsrtombs(TO(8), IN(const wchar_t *, { W(L"123") }), 8, STATE) == 3));

ROW(iconv_open, iconv_t cd = iconv_open(S("UTF-8"), S("UTF-16LE")); EXPECT(cd != (iconv_t)-1);
    iconv_close(cd));
ROW(iconv, iconv_t cd = iconv_open("UTF-16LE", "UTF-8"); char **in = V(char *, { B("abc") });
    char **out = V(char *, { TO(9) });
    EXPECT(iconv(cd, in, V(size_t, { 3 }), out, V(size_t, { 9 })) == 0); iconv_close(cd));
ROW(regcomp, EXPECT(regcomp(LOOSE(regex_t), S("a(b)"), REG_EXTENDED) == 0));
ROW(regexec, regex_t r; EXPECT(regcomp(&r, "a(b)", REG_EXTENDED) == 0);
    EXPECT(regexec(&r, S("xab"), 3, O_N(regmatch_t, 3), 0) == 0); regfree(&r));
ROW(regerror, regex_t r; int e = regcomp(&r, "a(", REG_EXTENDED);
    EXPECT(e && regerror(e, &r, TO(16), 16) > 0));
ROW(re_compile_pattern, struct re_pattern_buffer r = { .allocated = 0 };
    EXPECT(!re_compile_pattern(B("ab"), 2, slot(SLOT_PLAIN, &r, sizeof(r)))));
ROW(re_search, struct re_pattern_buffer r = { .allocated = 0 };
    struct re_registers *g = LOOSE(struct re_registers);
    EXPECT(!re_compile_pattern("ab", 2, &r) && re_search(&r, B("xab"), 3, 0, 3, g) == 1);
    EXPECT(g->start[0] == 1 && g->end[0] == 3));
static void check_obstack(void)
{
	struct obstack o;
	char *p;
	int i;

	obstack_init(&o);
	for (i = 0; i < 3000; i++)
		obstack_grow(&o, "12345", 5);
	p = obstack_finish(&o);
	EXPECT(kmsan_test(p, 15000) == -1);
	obstack_free(&o, NULL);
}
ROW(_obstack_begin, check_obstack());
ROW(_obstack_newchunk, check_obstack());
