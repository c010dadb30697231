/* SPDX-License-Identifier: MIT */
/*
 * codec: turns one page into fewer bytes. A codec is a const table of
 * callbacks; all memory is the caller's. Two kinds of state:
 *   shared  one per codec entry, read-only after open: parameters, prepared dictionaries
 *   state   one per stream (thread): compressor and decompressor scratch
 * Every page is compressed on its own; state left by one page must not change the next.
 */
#ifndef UZ_CODEC_H
#define UZ_CODEC_H

#include <uz/port.h>

#define UZ_PAGE_SHIFT 12
#define UZ_PAGE_SIZE (1u << UZ_PAGE_SHIFT)

#define UZ_CODEC_ABI 1
#define UZ_CODEC_NAME_MAX 16
#define UZ_DICT_MAX (64u << 10)
#define UZ_LEVEL_DEFAULT INT32_MIN

struct uz_codec_params {
	int32_t level; /* UZ_LEVEL_DEFAULT or in [level_min, level_max] */
	uint32_t dict_bytes; /* 0: none; at most UZ_DICT_MAX */
	const void *dict; /* the caller's; stays valid and unchanged until close */
};

struct uz_codec_ops {
	uint32_t abi_version; /* UZ_CODEC_ABI */
	uint32_t struct_size; /* sizeof(struct uz_codec_ops); new members are added at the end */
	const char *name; /* as users type it, shorter than UZ_CODEC_NAME_MAX */
	int32_t level_min, level_max, level_default; /* all 0: no levels */
	bool takes_dict;

	/* Required. Bytes of shared and state memory; 64-byte aligned memory will be given. */
	size_t (*shared_bytes)(const struct uz_codec_params *p);
	size_t (*state_bytes)(const void *shared);

	/* Required. Prepare the memory. 0, -EINVAL (a parameter), -ENOMEM. Any one thread. */
	int (*open)(void *shared, const struct uz_codec_params *p);
	int (*state_open)(const void *shared, void *state);

	/* Optional: free what open took besides the memory given. Never called before open. */
	void (*close)(void *shared);
	void (*state_close)(const void *shared, void *state);

	/*
	 * Required. One page (UZ_PAGE_SIZE bytes at @src, any alignment) into at most @cap bytes.
	 * The number of bytes (1..cap), or -ENOSPC when it would need more; @dst is then undefined.
	 * Any other result is taken as that: the page is stored as it is.
	 * A codec may refuse already when fewer than 64 bytes of @cap would be left over.
	 * Writes nothing past @cap. The thread that owns @state.
	 */
	int (*compress)(const void *shared, void *state, const void *src, void *dst, uint32_t cap);

	/*
	 * Required. Exactly one page into @dst: 0, or -EBADMSG for any @src that does not
	 * decode to exactly UZ_PAGE_SIZE bytes; never reads or writes outside. @src is untrusted.
	 */
	int (*decompress)(const void *shared, void *state, const void *src, uint32_t len,
			  void *dst);

	/*
	 * Optional (takes_dict). Builds a dictionary from @nr pages at @pages (concatenated) into
	 * @dict, at most @cap bytes; the bytes used, or -errno. May allocate; not on the I/O path.
	 */
	int (*train)(const void *pages, uint32_t nr, void *dict, uint32_t cap);
};

/* What a codec's shared object exports. NULL when it cannot run here. */
const struct uz_codec_ops *uz_codec_plugin_init(void);

/* Checks a table before first use: 0, -EINVAL (a required member missing), -ENOTSUP (ABI). */
int uz_codec_ops_check(const struct uz_codec_ops *ops);

/* Checks @p against @ops: 0 or -EINVAL. */
int uz_codec_params_check(const struct uz_codec_ops *ops, const struct uz_codec_params *p);

#endif
