/* SPDX-License-Identifier: MIT */
/* What the demo's instrumented part uses of the machine. */
#ifndef MACHINE_H
#define MACHINE_H

void print(const char *text);
void demo(void);

#endif
