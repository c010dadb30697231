/* SPDX-License-Identifier: MIT */
/* What is checked of a codec and of its parameters before either is used. */
#include <uz/codec.h>

static bool name_valid(const char *name)
{
	uint32_t n = 0;

	for (; name[n]; n++) {
		char c = name[n];

		if (n + 1 == UZ_CODEC_NAME_MAX)
			return false;
		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '_' &&
		    c != '.')
			return false;
	}
	return n != 0;
}

int uz_codec_ops_check(const struct uz_codec_ops *ops)
{
	if (ops->abi_version != UZ_CODEC_ABI || ops->struct_size < sizeof(*ops))
		return -UZ_ENOTSUP;
	if (!ops->name || !name_valid(ops->name))
		return -UZ_EINVAL;
	if (!ops->shared_bytes || !ops->state_bytes || !ops->open || !ops->state_open ||
	    !ops->compress || !ops->decompress)
		return -UZ_EINVAL;
	if (ops->level_min > ops->level_default || ops->level_default > ops->level_max)
		return -UZ_EINVAL;
	return ops->level_min == UZ_LEVEL_DEFAULT ? -UZ_EINVAL : 0;
}

int uz_codec_params_check(const struct uz_codec_ops *ops, const struct uz_codec_params *p)
{
	if (p->level != UZ_LEVEL_DEFAULT &&
	    (p->level < ops->level_min || p->level > ops->level_max))
		return -UZ_EINVAL;
	if (p->dict_bytes == 0)
		return 0;
	if (!ops->takes_dict || !p->dict || p->dict_bytes > UZ_DICT_MAX)
		return -UZ_EINVAL;
	return 0;
}
