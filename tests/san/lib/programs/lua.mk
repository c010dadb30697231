# SPDX-License-Identifier: MIT
lua: $(patsubst %.c,%.o,$(filter-out luac.c,$(wildcard *.c)))
	$(CC) $(CFLAGS) -o $@ $^ -Wl,-E -lm -ldl
