#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""corpus.py DIR: writes a corpus of programs that use what was never written.

A shape is an object, the statement that writes the part that is used, and the value that is
read from it. A flow is how the statement is reached (and is not, in the bad variant), or the
way that the value goes from where it is read to where it is used. Each pair gives a bad
and a good function, which differ in one word. DIR/FLOW.c has all shapes of one flow; the
program runs each variant in a child and prints FLOW SHAPE bad|good EXIT-CODE.
"""

import re
import sys

# name: (type of the value, declarations, the write, the value)
SHAPES = {
    "char": ("char", "char x; SEEN(x)", "x = 1;", "x"),
    "short": ("short", "short x; SEEN(x)", "x = 1;", "x"),
    "int": ("int", "int x; SEEN(x)", "x = 1;", "x"),
    "long": ("long", "long x; SEEN(x)", "x = 1;", "x"),
    "wide": ("__int128", "__int128 x; SEEN(x)", "x = 1;", "x"),
    "float": ("float", "float x; SEEN(x)", "x = 1;", "x"),
    "double": ("double", "double x; SEEN(x)", "x = 1;", "x"),
    "bool": ("int", "_Bool x;", "x = 1;", "*HIDE(&x)"),
    "enum": ("int", "enum { A, B } x; SEEN(x)", "x = B;", "x"),
    "pointer": ("char *", "char *x; SEEN(x)", "x = known;", "x"),
    "through_pointer": ("int", "int x, *p = HIDE(&x);", "*p = 1;", "*p"),
    "pointer_to_pointer": ("int", "int x, *p = &x, **q = HIDE(&p);", "**q = 1;", "**q"),
    "bit_field": ("int", "struct { unsigned a : 3, b : 5; } s;", "s.b = 2;", "HIDE(&s)->b"),
    "volatile": ("int", "volatile int x;", "x = 1;", "x"),
    "array_whole": ("int", "int a[10]; SEEN(a)", "memset(a, 1, sizeof(a));", "a[HIDE(7)]"),
    "array_hole": ("int", "int a[10]; a[0] = a[9] = 1;", "a[5] = 1;", "a[HIDE(5)]"),
    "array_half": ("int", "int a[10]; for (int i = 0; i < 5; i++) a[i] = i;",
                   "for (int i = 5; i < 10; i++) a[i] = i;", "a[HIDE(8)]"),
    "array_rows": ("int", "int a[3][4]; memset(a[0], 0, sizeof(a[0]));",
                   "memset(a[1], 1, 2 * sizeof(a[1]));", "a[HIDE(2)][1]"),
    "struct_field": ("int", "struct pair s; s.a = 1;", "s.b = 1;", "HIDE(&s)->b"),
    "struct_nested": ("int", "struct outer s; s.first.a = s.first.b = s.second.a = 1;",
                      "s.second.b = 1;", "HIDE(&s)->second.b"),
    "struct_copied": ("int", "struct pair s, t; s.a = 1;", "s.b = 1;", "(t = *HIDE(&s), t.b)"),
    "struct_array": ("int", "struct pair s[4]; SEEN(s) for (int i = 0; i < 4; i++) s[i].a = 1;",
                     "for (int i = 0; i < 4; i++) s[i].b = 1;", "s[HIDE(3)].b"),
    "union": ("int", "union { char small; int large; } u; u.small = 1;", "u.large = 1;",
              "HIDE(&u)->large"),
    "heap_int": ("int", "int *p = HIDE(malloc(sizeof(*p)));", "*p = 1;", "*p"),
    "heap_struct": ("int", "struct pair *p = HIDE(malloc(sizeof(*p))); p->a = 1;", "p->b = 1;",
                    "p->b"),
    "heap_grown": ("int", "char *p = HIDE(malloc(8)); memset(p, 1, 8); p = HIDE(realloc(p, 64));",
                   "memset(p + 8, 1, 56);", "p[HIDE(40)]"),
    "vla": ("int", "int n = HIDE(6), a[n]; a[0] = 1;", "a[4] = 1;", "a[HIDE(4)]"),
    "string": ("long", "char s[16]; memset(HIDE(s), 'x', 4);", "s[4] = 0;",
               "(s[15] = 0, (long)strlen(HIDE(s)))"),
    "memcpy_part": ("int", "int a[4], b[4]; a[0] = a[1] = 1; memcpy(b, HIDE(a), 8);",
                    "b[2] = b[3] = 1;", "b[HIDE(3)]"),
    "out_parameter": ("int", "int x;", "set(&x);", "*HIDE(&x)"),
}

# name: how the write is reached; TRUE is 1 in the good variant and 0 in the bad one
CONTROL = {
    "if_constant": "if (TRUE) { WRITE }",
    "if_variable": "int reach = HIDE(TRUE); if (reach) { WRITE }",
    "if_global": "wanted = TRUE; if (wanted) { WRITE }",
    "if_function": "if (is_true(TRUE)) { WRITE }",
    "switch": "switch (HIDE(TRUE)) { case 1: WRITE break; default: break; }",
    "while": "int reach = HIDE(TRUE); while (reach) { WRITE reach = 0; }",
    "for": "for (int j = 0; j < HIDE(TRUE); j++) { WRITE }",
    "goto": "if (!HIDE(TRUE)) goto skip; { WRITE } skip:;",
}
# name: what stands before the function, and how the value v of type T is used
CARRIED = {
    "direct": ("", "USE(v)"),
    "helper": ("static NOINLINE void F(T v) { USE(v) }", "F(v);"),
    "helpers": ("static NOINLINE void F1(T v) { USE(v) }\nstatic NOINLINE void F(T v) { F1(v); }",
                "F(v);"),
    "by_pointer": ("static NOINLINE void F(T *v) { USE(*v) }", "F(&v);"),
    "by_two_pointers": ("static NOINLINE void F(T **v) { USE(**v) }", "T *p1 = &v; F(&p1);"),
    "function_pointer": ("static NOINLINE void F(T v) { USE(v) }",
                         "void (*fn)(T) = HIDE(F); fn(v);"),
    "global": ("static T G;\nstatic NOINLINE void F(void) { USE(G) }", "G = v; F();"),
    "thread_local": ("static __thread T G;\nstatic NOINLINE void F(void) { USE(G) }", "G = v; F();"),
    "in_struct": ("struct S { char c; T v; };\nstatic NOINLINE void F(struct S s) { USE(s.v) }",
                  "struct S s1; memset(HIDE(&s1), 0, sizeof(s1)); s1.v = v; F(s1);"),
    "in_array": ("static NOINLINE void F(T *a) { USE(a[2]) }",
                 "T a1[4]; memset(HIDE(a1), 0, sizeof(a1)); a1[2] = v; F(HIDE(a1));"),
    "copied_to_heap": ("", "T *h = HIDE(malloc(sizeof(T))); memcpy(h, HIDE(&v), sizeof(T)); USE(*h)"),
    "returned": ("static NOINLINE T F(T *v) { return *v; }", "T r = F(HIDE(&v)); USE(r)"),
    "variadic": ("static NOINLINE void F(int n, ...) { va_list ap; va_start(ap, n); "
                 "WIDER v = va_arg(ap, WIDER); va_end(ap); USE(v) }", "F(1, (WIDER)v);"),
}

HEAD = r"""/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))
#define HIDE(p) ({ __typeof__((p) + 0) h_ = (p); __asm__ volatile("" : "+r"(h_) : : "memory"); h_; })
/* For all that the compiler knows, something has written to x: else it drops what is undefined. */
#define SEEN(x) __asm__ volatile("" : : "r"(&(x)) : "memory");
/* The value itself is the argument: of undefined values a compiler folds what is computed from them. */
#define USE(v) \
	_Generic((v), char: use_char, short: use_short, int: use_int, unsigned: use_int, \
		 long: use_long, __int128: use_wide, float: use_float, double: use_double, \
		 char *: use_pointer)(v);

struct pair { int a, b; };
struct outer { struct pair first, second; };

static char known[4];
static volatile int wanted, sunk;

static NOINLINE void taken(void) { sunk++; }
#define CONSUMER(name, type) \
	NOINLINE void use_##name(type v) { if (v) taken(); __asm__ volatile(""); }
CONSUMER(char, char)
CONSUMER(short, short)
CONSUMER(int, int)
CONSUMER(long, long)
CONSUMER(wide, __int128)
CONSUMER(float, float)
CONSUMER(double, double)
CONSUMER(pointer, char *)
static NOINLINE int is_true(int v) { return HIDE(v); }
static NOINLINE void set(int *x) { *x = 1; }

"""
MAIN = """
static const struct { const char *shape; void (*run[2])(void); } list[] = { LIST };

int main(void)
{
	(void)known, (void)wanted, (void)is_true, (void)set;
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		for (int good = 0; good < 2; good++) {
			int status;
			pid_t pid = fork();

			if (!pid) {
				list[i].run[good]();
				exit(0);
			}
			waitpid(pid, &status, 0);
			printf("FLOW %s %s %d\\n", list[i].shape, good ? "good" : "bad",
			       WIFEXITED(status) ? WEXITSTATUS(status) : 128);
			fflush(stdout);
		}
	return 0;
}
"""
WIDER = {"char": "int", "short": "int", "float": "double"}


def function(shape, flow, good):
    kind, declare, write, value = SHAPES[shape]
    name = f"{shape}_{'good' if good else 'bad'}"
    before, use = CARRIED.get(flow, ("", "USE(v)"))
    reach = CONTROL.get(flow, "if (TRUE) { WRITE }")
    reach = reach.replace("TRUE", str(int(good))).replace("WRITE", write)
    text = f"{before}\nstatic void {name}(void) {{ {declare} {reach} T v = {value}; {use} }}\n"
    names = {"WIDER": WIDER.get(kind, kind), "T": kind, "F": f"{name}_f", "F1": f"{name}_f1",
             "G": f"{name}_g", "S": f"{name}_s"}
    return re.sub(r"\b(WIDER|T|F|F1|G|S)\b", lambda m: names[m.group(1)], text)


def source(flow):
    text = HEAD + "".join(function(s, flow, g) for s in SHAPES for g in (False, True))
    rows = ", ".join(f'{{ "{s}", {{ {s}_bad, {s}_good }} }}' for s in SHAPES)
    return text + MAIN.replace("LIST", rows).replace("FLOW", flow)


FLOWS = [*CONTROL, *CARRIED]


def main():
    for flow in FLOWS:
        with open(f"{sys.argv[1]}/{flow}.c", "w", encoding="utf-8") as f:
            f.write(source(flow))
    print(len(SHAPES), "shapes,", len(FLOWS), "flows")


if __name__ == "__main__":
    main()
