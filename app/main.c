/* SPDX-License-Identifier: MIT */
#include "command.h"

int main(int argc, char **argv)
{
	struct uz_command_line cl;
	struct uz_error e = { .code = 0 };
	int err = uz__command_line_parse(&cl, argc, argv, &e);

	if (!err && cl.server.value[OPT_HELP])
		uz__help_print(cl.command == UZ_CMD_HELP ? NULL : &uz__commands[cl.command]);
	else if (!err)
		err = uz__commands[cl.command].run(&cl, &e);
	uz__command_line_fini(&cl);
	return err ? uz__error_exit(&e) : 0;
}
