/* SPDX-License-Identifier: MIT */
#include "host_i.h"

void uz_host_control_path(const char *given, char *path, size_t bytes)
{
	const char *control = given ? given : getenv("UZRAM_CONTROL");
	const char *runtime = getenv("XDG_RUNTIME_DIR");

	if (control && *control)
		snprintf(path, bytes, "%s", control);
	else
		snprintf(path, bytes, "%s/uzram.sock", runtime && *runtime ? runtime : "/run");
}
