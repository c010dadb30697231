/* SPDX-License-Identifier: MIT */
/*
 * Start and end of a hosted program. All of the runtime works before kmsan__init has run
 * (stacks then have one pc, origins are unknown), so the order of constructors is no matter.
 */
#include "kmsan_i.h"

static char text[32768];

static const char *environment(const char *name)
{
	size_t n = kmsan__sys_read_file("/proc/self/environ", text, sizeof(text));
	size_t length = kmsan__strlen(name);
	const char *s;

	for (s = text; s < text + n; s += kmsan__strlen(s) + 1)
		if (!kmsan__memcmp(s, name, length) && s[length] == '=')
			return s + length + 1;
	return "";
}

/* Defined by the link of a program that kmsan-cc --no-origins builds. */
extern const char kmsan__no_origins[] __attribute__((weak, visibility("hidden")));

static void read_options(void)
{
	static struct kmsan__out o = { .fd = 2 };
	char buf[512];
	const char *error;

	if (kmsan__no_origins)
		kmsan__options.origins = 0;
	error = kmsan__options_parse(&kmsan__options, environment("KMSAN_OPTIONS"), buf,
				     sizeof(buf));
	if (!error)
		return;
	kmsan__print(&o, "kmsan: %s\n", error);
	kmsan__out_flush(&o);
	kmsan__sys_exit(2);
}

static uintptr_t hex(const char **s)
{
	uintptr_t v = 0;
	char c;

	for (; (c = **s) && c != '-' && c != ' '; (*s)++)
		v = v * 16 + (uintptr_t)(c <= '9' ? c - '0' : c - 'a' + 10);
	return v;
}

/* The line of /proc/self/maps that holds a; its bounds. The stack may grow down by 8 MiB. */
static void find_stack(uintptr_t a)
{
	uintptr_t low, high;
	const char *s = text;

	kmsan__sys_read_file("/proc/self/maps", text, sizeof(text));
	while (*s) {
		low = hex(&s);
		s += *s == '-';
		high = hex(&s);
		if (a >= low && a < high) {
			kmsan__thread_start(high - (64ul << 20) < low ? high - (64ul << 20) : low,
					    high);
			return;
		}
		while (*s && *s++ != '\n')
			;
	}
}

__attribute__((constructor(101))) void kmsan__init(void)
{
	static uint32_t done;

	if (kmsan__swap(&done, 1))
		return;
	read_options();
	kmsan__depot_init((size_t)kmsan__options.depot_mib << 20);
	find_stack((uintptr_t)__builtin_frame_address(0));
}
