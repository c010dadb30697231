/* SPDX-License-Identifier: MIT */
/*
 * Start of a hosted program. All of the runtime works before it (stacks then have one pc,
 * origins are unknown), so the order of constructors is no matter. glibc gives constructors
 * what main gets; on the stack that lies above every frame.
 */
#include "kmsan_i.h"

/* More than this of the main thread's stack is not looked through. */
#define STACK_MOST (64ul << 20)

static const char *value_of(char **environment, const char *name)
{
	size_t length = kmsan__strlen(name);

	for (; *environment; environment++)
		if (!kmsan__memcmp(*environment, name, length) && (*environment)[length] == '=')
			return *environment + length + 1;
	return "";
}

/* Defined by the link of a program that kmsan-cc --no-origins builds. */
extern const char kmsan__no_origins[] __attribute__((weak, visibility("hidden")));

static void read_options(const char *text)
{
	static struct kmsan__out o = { .fd = 2 };
	char buf[512];
	const char *error;

	if (kmsan__no_origins)
		kmsan__options.origins = 0;
	error = kmsan__options_parse(&kmsan__options, text, buf, sizeof(buf));
	if (!error)
		return;
	kmsan__print(&o, "kmsan: %s\n", error);
	kmsan__out_flush(&o);
	kmsan__sys_exit(2);
}

__attribute__((constructor(101))) static void start(int argc, char **argv, char **environment)
{
	(void)argc;
	read_options(value_of(environment, "KMSAN_OPTIONS"));
	kmsan__depot_init((size_t)kmsan__options.depot_mib << 20);
	kmsan__thread_start((uintptr_t)argv - STACK_MOST, (uintptr_t)argv);
}
