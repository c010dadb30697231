/* SPDX-License-Identifier: MIT */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * A socket or the store must not get a number that somebody prints to. What is printed there is an error as
 * on a closed one.
 */
static void open_standard_fds(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static int check_output(struct uz_error *e)
{
	return fflush(stdout) || ferror(stdout)
		       ? uz__error(e, EIO, "the output cannot be written: %s", strerror(errno))
		       : 0;
}

int main(int argc, char **argv)
{
	struct uz_command_line cl;
	struct uz_error e = { .code = 0 };
	int err;

	open_standard_fds();
	err = uz__command_line_parse(&cl, argc, argv, &e);

	if (!err && cl.server.value[OPT_HELP])
		uz__help_print(cl.command == UZ_CMD_HELP ? NULL : &uz__commands[cl.command]);
	else if (!err)
		err = uz__commands[cl.command].run(&cl, &e);
	if (!err && (cl.command != UZ_CMD_SERVE || cl.server.value[OPT_DUMP_CONFIG]))
		err = check_output(&e);
	uz__command_line_fini(&cl);
	return err ? uz__error_exit(&e) : 0;
}
