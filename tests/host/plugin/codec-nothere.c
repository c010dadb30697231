/* SPDX-License-Identifier: MIT */
/* Cannot run on this machine. */
#include <uz/codec.h>

const struct uz_codec_ops *uz_codec_plugin_init(void)
{
	return NULL;
}
