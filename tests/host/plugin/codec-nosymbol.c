/* SPDX-License-Identifier: MIT */
/* A shared object, but no plugin. */
int uz_codec_plugin_other(void);

int uz_codec_plugin_other(void)
{
	return 0;
}
