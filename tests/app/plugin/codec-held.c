/* SPDX-License-Identifier: MIT */
/*
 * A codec whose pages say how long reading them takes: "HELD", milliseconds in 4 bytes, any 2492
 * bytes, zeros. A reader keeps its page in place meanwhile, so a grant meets a page that is in use.
 * The file $UZ_HELD gets a byte when one begins.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <uz/codec.h>

#define KEPT 2500u

static size_t held_shared_bytes(const struct uz_codec_params *p)
{
	(void)p;
	return 1;
}

static size_t held_state_bytes(const void *shared)
{
	(void)shared;
	return 1;
}

static int held_open(void *shared, const struct uz_codec_params *p)
{
	(void)shared;
	(void)p;
	return 0;
}

static int held_state_open(const void *shared, void *state)
{
	(void)shared;
	(void)state;
	return 0;
}

static int held_compress(const void *shared, void *state, const void *src, void *dst, uint32_t cap)
{
	const char *page = src;

	(void)shared;
	(void)state;
	for (uint32_t i = KEPT; i < UZ_PAGE_SIZE; i++)
		if (page[i])
			return -UZ_ENOSPC;
	if (cap < KEPT || memcmp(page, "HELD", 4) != 0)
		return -UZ_ENOSPC;
	memcpy(dst, page, KEPT);
	return (int)KEPT;
}

static void tell(void)
{
	const char *path = getenv("UZ_HELD");
	int fd = path ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;

	if (fd >= 0 && write(fd, "+", 1) == 1)
		close(fd);
}

static int held_decompress(const void *shared, void *state, const void *src, uint32_t len,
			   void *dst)
{
	uint32_t ms;

	(void)shared;
	(void)state;
	if (len != KEPT)
		return -UZ_EBADMSG;
	memcpy(dst, src, KEPT);
	memset((char *)dst + KEPT, 0, UZ_PAGE_SIZE - KEPT);
	memcpy(&ms, (const char *)src + 4, sizeof(ms));
	tell();
	nanosleep(&(struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 }, NULL);
	return 0;
}

static const struct uz_codec_ops held = {
	.abi_version = UZ_CODEC_ABI,
	.struct_size = sizeof(struct uz_codec_ops),
	.name = "held",
	.shared_bytes = held_shared_bytes,
	.state_bytes = held_state_bytes,
	.open = held_open,
	.state_open = held_state_open,
	.compress = held_compress,
	.decompress = held_decompress,
};

const struct uz_codec_ops *uz_codec_plugin_init(void)
{
	return &held;
}
