/* SPDX-License-Identifier: MIT */
/*
 * Sizes as people write them: a recursive descent over
 *   sum := product { (+|-) product }    product := value { (*|/) value }
 *   value := NUMBER [unit | %] | ram | min(sum, sum) | max(sum, sum) | ( sum )
 * in double, which is exact for every whole number of bytes below 8 PiB.
 */
#include "size.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB ((double)(1u << 20))
#define DEPTH_MAX 16

struct parser {
	const char *at;
	double ram, unit; /* in units; bytes of a unit */
	unsigned int depth;
	bool bad;
};

static const char suffixes[] = "KMGTP";

static double sum(struct parser *p);

static void skip_blanks(struct parser *p)
{
	while (isspace((unsigned char)*p->at))
		p->at++;
}

static bool take(struct parser *p, const char *word)
{
	skip_blanks(p);
	if (strncasecmp(p->at, word, strlen(word)))
		return false;
	p->at += strlen(word);
	return true;
}

static double bad(struct parser *p)
{
	p->bad = true;
	return 0;
}

/* K, KB, KiB; all are powers of 1024. */
static double suffix(struct parser *p, double number)
{
	const char *s = *p->at ? strchr(suffixes, toupper((unsigned char)*p->at)) : NULL;

	if (!s)
		return take(p, "B") ? number / p->unit : number;
	p->at++;
	if (!strncasecmp(p->at, "ib", 2))
		p->at += 2;
	else if (toupper((unsigned char)*p->at) == 'B')
		p->at++;
	return ldexp(number, 10 * (int)(s - suffixes + 1)) / p->unit;
}

static double number(struct parser *p)
{
	char digits[40];
	size_t n = strspn(p->at, "0123456789.");
	char *end;
	double value;

	if (n == 0 || n >= sizeof(digits))
		return bad(p);
	memcpy(digits, p->at, n);
	digits[n] = 0;
	value = strtod(digits, &end);
	if (*end)
		return bad(p);
	p->at += n;
	if (*p->at == '%') {
		p->at++;
		return p->ram * value / 100;
	}
	return suffix(p, value);
}

static double pair(struct parser *p, bool largest)
{
	double a = sum(p), b;

	if (!take(p, ","))
		return bad(p);
	b = sum(p);
	if (!take(p, ")"))
		return bad(p);
	return largest == (a > b) ? a : b;
}

static double value(struct parser *p)
{
	double v;

	if (take(p, "min(") || take(p, "min ("))
		return pair(p, false);
	if (take(p, "max(") || take(p, "max ("))
		return pair(p, true);
	if (take(p, "ram"))
		return p->ram;
	if (!take(p, "("))
		return number(p);
	v = sum(p);
	return take(p, ")") ? v : bad(p);
}

static double product(struct parser *p)
{
	double v = value(p);

	for (;;) {
		if (take(p, "*"))
			v *= value(p);
		else if (take(p, "/"))
			v /= value(p);
		else
			return v;
	}
}

static double sum(struct parser *p)
{
	double v;

	if (p->bad || ++p->depth > DEPTH_MAX)
		return bad(p);
	v = product(p);
	for (;;) {
		if (take(p, "+"))
			v += product(p);
		else if (take(p, "-"))
			v -= product(p);
		else
			break;
	}
	p->depth--;
	return v;
}

static int parse(const char *text, double unit, uint64_t ram_bytes, uint64_t *bytes)
{
	struct parser p = { .at = text, .ram = (double)ram_bytes / unit, .unit = unit };
	double v = sum(&p) * unit;

	skip_blanks(&p);
	if (p.bad || *p.at || !isfinite(v) || v < 0 || v >= ldexp(1, 63))
		return -EINVAL;
	*bytes = (uint64_t)v;
	return 0;
}

/* 1.5, where the unit was forgotten. */
static bool is_part_of_a_byte(const char *text)
{
	return strchr(text, '.') && !text[strspn(text, " 0123456789.")];
}

int uz__size_parse(const char *text, uint64_t ram_bytes, uint64_t *bytes)
{
	return is_part_of_a_byte(text) ? -EINVAL : parse(text, 1, ram_bytes, bytes);
}

int uz__size_parse_mib(const char *text, uint64_t ram_bytes, uint64_t *bytes)
{
	return parse(text, MIB, ram_bytes, bytes);
}

const char *uz__size_exact(uint64_t bytes, char text[UZ_SIZE_TEXT])
{
	unsigned int i = 0;

	while (bytes && bytes % 1024 == 0 && i < 4) {
		bytes /= 1024;
		i++;
	}
	snprintf(text, UZ_SIZE_TEXT, "%llu%.1s", (unsigned long long)bytes,
		 i ? &suffixes[i - 1] : "");
	return text;
}

const char *uz__size_human(uint64_t bytes, char text[UZ_SIZE_TEXT])
{
	double v = (double)bytes;
	unsigned int i = 0;
	double rest;

	while (v >= 1023.95 && i < 5) {
		v /= 1024;
		i++;
	}
	rest = v - (double)(uint64_t)v;
	if (i == 0)
		snprintf(text, UZ_SIZE_TEXT, "%lluB", (unsigned long long)bytes);
	else if (rest < 0.05 || rest >= 0.95)
		snprintf(text, UZ_SIZE_TEXT, "%.0f%c", v, suffixes[i - 1]);
	else
		snprintf(text, UZ_SIZE_TEXT, "%.1f%c", v, suffixes[i - 1]);
	return text;
}
