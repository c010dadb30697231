/* SPDX-License-Identifier: MIT */
/*
 * From a pc to function, file and line, inside the process, by the libbacktrace that comes
 * with gcc. It maps its own memory and reads the program once, at the first report. Where
 * it is missing, or knows nothing, a place is a module and an offset in it, which
 * addr2line -e MODULE OFFSET turns into a line later.
 */
#include "kmsan_i.h"

#ifdef KMSAN_LIBBACKTRACE
#include <backtrace.h>
#endif

static char maps[65536];

static uintptr_t hex(const char **s)
{
	uintptr_t v = 0;
	char c;

	while ((c = **s) && ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
		v = v * 16 + (uintptr_t)(c <= '9' ? c - '0' : c - 'a' + 10);
		(*s)++;
	}
	return v;
}

static const char *end_of_line(const char *s)
{
	while (*s && *s != '\n')
		s++;
	return s;
}

/* The path at the end of a line of maps, in name. */
static void path_of(const char *line, char *name, size_t size)
{
	const char *end = end_of_line(line), *s = end;
	size_t i;

	while (s > line && s[-1] != ' ')
		s--;
	for (i = 0; i + 1 < size && s + i < end; i++)
		name[i] = s[i];
	name[i] = 0;
}

/* low-high perms offset device inode path */
static bool line_holds(const char *s, uintptr_t pc, uintptr_t *offset)
{
	uintptr_t low = hex(&s), high;

	s++;
	high = hex(&s);
	if (pc < low || pc >= high)
		return false;
	s += 6;
	*offset = pc - low + hex(&s);
	return true;
}

static void find_module(uintptr_t pc, struct kmsan__place *place)
{
	static char name[256];
	const char *s = maps;

	place->module = "?";
	place->offset = pc;
	for (kmsan__sys_read_file("/proc/self/maps", maps, sizeof(maps)); *s;
	     s = end_of_line(s), s += *s == '\n') {
		if (!line_holds(s, pc, &place->offset))
			continue;
		path_of(s, name, sizeof(name));
		place->module = name;
		return;
	}
}

#ifdef KMSAN_LIBBACKTRACE
struct request {
	struct kmsan__place place; /* module and offset */
	kmsan__place_fn *fn;
	void *arg;
	bool found;
};

static void on_error(void *data, const char *message, int number)
{
	(void)data, (void)message, (void)number;
}

/*
 * Of a file named absolutely with DWARF 5, gcc 12's libbacktrace says FOLDER//PATH; what follows
 * the last two slashes is the name.
 */
static const char *real_name(const char *file)
{
	const char *name = file;

	for (; file && *file; file++)
		if (file[0] == '/' && file[1] == '/')
			name = file + 1;
	return name;
}

static int on_line(void *data, uintptr_t pc, const char *file, int line, const char *function)
{
	struct request *q = data;
	struct kmsan__place place = q->place;

	(void)pc;
	if (!function && !file)
		return 0;
	place.function = function;
	place.file = real_name(file);
	place.line = line;
	q->found = true;
	q->fn(&place, q->arg);
	return 0;
}

static void on_symbol(void *data, uintptr_t pc, const char *name, uintptr_t value, uintptr_t size)
{
	struct request *q = data;
	struct kmsan__place place = q->place;

	(void)pc, (void)value, (void)size;
	place.function = name;
	q->found = true;
	q->fn(&place, q->arg);
}

static bool by_debug_info(uintptr_t pc, struct request *q)
{
	static struct backtrace_state *state;

	if (!kmsan__options.symbolize)
		return false;
	if (!state)
		state = backtrace_create_state(NULL, 0, on_error, NULL);
	if (!state)
		return false;
	backtrace_pcinfo(state, pc, on_line, on_error, q);
	if (!q->found)
		backtrace_syminfo(state, pc, on_symbol, on_error, q);
	return q->found;
}
#endif

/* A return address lies behind the call that it is about. */
void kmsan__symbolize(uintptr_t pc, kmsan__place_fn *fn, void *arg)
{
	struct kmsan__place place = { NULL, NULL, 0, NULL, 0 };

	find_module(pc - 1, &place);
#ifdef KMSAN_LIBBACKTRACE
	struct request q = { place, fn, arg, false };

	if (by_debug_info(pc - 1, &q))
		return;
#endif
	fn(&place, arg);
}
