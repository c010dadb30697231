/* SPDX-License-Identifier: MIT */
/* What the demo's instrumented part uses of the machine, and the other way round. */
#ifndef MACHINE_H
#define MACHINE_H

#include <stddef.h>
#include <stdint.h>

/* A second mapping of the demo's memory, in the upper half of the address space. */
#if defined(__aarch64__)
#define UPPER_HALF 0xffffff8000000000ul
#else
#define UPPER_HALF 0xffffffff80000000ul
#endif

/* demo.c */
void demo(void);
void demo_tick(void); /* in each interrupt */

/* machine.c */
void print(const char *text);
/* All of the pool is used. */
int pool_is_full(void);
void interrupt(void);
void kernel_main(void);

/* arch.c: interrupts a thousand times a second. */
void put(char c);
void timer_start(void);
void timer_stop(void);

#endif
