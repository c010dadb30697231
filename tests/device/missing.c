/* SPDX-License-Identifier: MIT */
/*
 * A store that needs a codec or a pool which is not here, or is of another version, is refused by name and is
 * whole when they are back.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dev_rig.h"
#include "self_page.h"

static const char *hidden; /* this name is not found */
static const char *changed; /* this one has another version */

static const struct uz_codec_ops *find_codec(const struct uz_registry *r, const char *name)
{
	static struct uz_codec_ops other;
	const struct uz_registry *real = uz_host_registry();
	const struct uz_codec_ops *ops = real->codec(real, name);

	(void)r;
	if (hidden && strcmp(name, hidden) == 0)
		return NULL;
	if (!ops || !changed || strcmp(name, changed) != 0)
		return ops;
	other = *ops;
	other.abi_version++;
	return &other;
}

static const struct uz_pool_ops *find_pool(const struct uz_registry *r, const char *name)
{
	static struct uz_pool_ops other;
	const struct uz_registry *real = uz_host_registry();
	const struct uz_pool_ops *ops = real->pool(real, name);

	(void)r;
	if (hidden && strcmp(name, hidden) == 0)
		return NULL;
	if (!ops || !changed || strcmp(name, changed) != 0)
		return ops;
	other = *ops;
	other.abi_version++;
	return &other;
}

static void refused(struct dev_rig *rig, const char *name)
{
	static const struct uz_registry some = { find_codec, find_pool };
	struct uz_host_config hc = { .backing = UZ_HOST_MEMFD, .fd = dup(rig->memfd) };
	struct uz_store_config sc = { .arena = { .limit_bytes = 32 << 20 },
				      .registry = &some,
				      .attach = true };
	struct uz_store_error err = { "" };
	struct uz_store *s;
	struct uz_host *h;

	CHECK_EQ(uz_host_open(&hc, &h), 0);
	CHECK_EQ(uz_store_open(uz_host_plat(h), &sc, &s, &err), -ENOENT);
	printf("%s\n", err.what);
	CHECK_MSG(strstr(err.what, name), "\"%s\" does not name %s", err.what, name);
	CHECK_EQ(uz_store_open(uz_host_plat(h), &sc, &s, NULL), -ENOENT);
	uz_host_close(h);
}

static void each_name(struct dev_rig *rig, const char *const *names, const char **how)
{
	for (; *names; names++) {
		*how = *names;
		refused(rig, *names);
		*how = NULL;
	}
}

int main(void)
{
	static const char *const names[] = { "zstd", "lz4", "zbud", "zsmalloc", NULL };
	struct dev_rig_config c = { .size_bytes = 64 * UZ_PAGE_SIZE,
				    .limit_bytes = 32 << 20,
				    .pool = "zsmalloc" };
	unsigned char buf[UZ_PAGE_SIZE];
	struct dev_rig rig;
	uint32_t seq;

	test_start();
	dev_rig_open(&rig, &c);
	for (uint32_t p = 0; p < 64; p++) {
		if (p == 32) {
			CHECK_EQ(uz_dev_set_pool(rig.dev, &uz_pool_zbud), 0);
			CHECK_EQ(uz_dev_set_codec(rig.dev, dev_rig_codec(&rig, "zstd", 1, false)),
				 0);
		}
		dev_rig_put(&rig, rig.dev, p, 1, SELF_EASY);
	}
	uz_stream_close(rig.st);
	uz_store_close(rig.store);
	uz_host_close(rig.host);
	rig.st = NULL;
	rig.store = NULL;
	rig.host = NULL;
	each_name(&rig, names, &hidden);
	each_name(&rig, names, &changed);
	dev_rig_adopt(&rig);
	for (uint32_t p = 0; p < 64; p++) {
		CHECK_EQ(uz_dev_read(rig.dev, rig.st, (uint64_t)p << UZ_PAGE_SHIFT, buf,
				     sizeof(buf), 0),
			 0);
		CHECK_EQ(self_page_read(buf, p, test_seed(), SELF_EASY, &seq), SELF_OK);
	}
	dev_rig_close(&rig);
	return 0;
}
