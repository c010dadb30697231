/* SPDX-License-Identifier: MIT */
/*
 * Names of codecs and pools: built in, by path, from the plugin folders; what is wrong with a
 * plugin is said in words that name the file; a store's names are never paths.
 */
#include "host_i.h"

#include <pthread.h>

#include "test.h"

static const char *build(void)
{
	const char *b = getenv("UZ_BUILD");

	return b ? b : "build";
}

static const char *toy_path(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/tests/host/plugin/codec-%s.so", build(), name);
	return path;
}

/* The codec must not be had, and the sentence must have both words in it. */
static void refused(const char *name, const char *word, const char *other)
{
	char why[512] = "";

	CHECK(uz_host_codec(name, NULL, 0) == NULL);
	CHECK(uz_host_codec(name, why, sizeof(why)) == NULL);
	CHECK_MSG(strstr(why, word) && strstr(why, other), "for '%s' it says '%s'", name, why);
}

static void test_built_in(void)
{
	CHECK(uz_host_codec("lz4", NULL, 0) == &uz_codec_lz4);
	CHECK(uz_host_codec("lz4hc", NULL, 0) == &uz_codec_lz4hc);
	CHECK(uz_host_codec("zstd", NULL, 0) == &uz_codec_zstd);
	CHECK(uz_host_codec("deflate", NULL, 0) == &uz_codec_deflate);
	for (unsigned int i = 0; uz_pools[i]; i++)
		CHECK(uz_host_pool(uz_pools[i]->name, NULL, 0) == uz_pools[i]);
}

static void test_refused(void)
{
	char short_why[8];

	refused("nosuch", "no codec is called 'nosuch'", "lz4, lz4hc, zstd, deflate");
	refused("nosuch", "codec-nosuch.so", UZ_LIBDIR "/uzram");
	refused("lz", "no codec is called 'lz'", "UZRAM_PLUGIN_PATH");
	refused("", "no codec is called ''", "built in");
	refused("./no/such.so", "cannot load codec plugin", "./no/such.so");
	refused("/dev/null", "cannot load codec plugin", "/dev/null");
	refused(toy_path("newabi"), "has ABI 2 and this uzram has ABI 1", "codec-newabi.so");
	refused(toy_path("short"), "table of 24 bytes", "codec-short.so");
	refused(toy_path("partial"), "is incomplete", "codec-partial.so");
	refused(toy_path("nothere"), "cannot run on this machine", "codec-nothere.so");
	refused(toy_path("nosymbol"), "does not export uz_codec_plugin_init", "codec-nosymbol.so");
	refused(toy_path("lz4copy"), "calls itself 'lz4'", "there is a codec of that name");
	CHECK(uz_host_pool(toy_path("toy"), short_why, sizeof(short_why)) == NULL);
	CHECK_EQ(strlen(short_why), sizeof(short_why) - 1);
}

static void test_folder(void)
{
	char path[600];

	refused("toy", "no codec is called 'toy'", "codec-toy.so");
	snprintf(path, sizeof(path), "/no/such/folder::%s/tests/host/plugin", build());
	CHECK_EQ(setenv("UZRAM_PLUGIN_PATH", path, 1), 0);
	refused("renamed", "calls itself 'realname'", "rename the file");
	refused("newabi", "has ABI 2", "rebuild");
	refused("still-none", "/no/such/folder", "/tests/host/plugin");
}

static void *load_toy(void *arg)
{
	(void)arg;
	return (void *)(uintptr_t)uz_host_codec("toy", NULL, 0);
}

/* By name from several threads at once, then by path: always the same table. */
static void test_loaded_once(void)
{
	const struct uz_registry *r = uz_host_registry();
	const struct uz_codec_ops *toy = NULL;
	pthread_t th[4];
	void *got;

	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&th[i], NULL, load_toy, NULL), 0);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(pthread_join(th[i], &got), 0);
		CHECK(got != NULL && (toy == NULL || got == toy));
		toy = got;
	}
	CHECK_EQ(strcmp(toy->name, "toy"), 0);
	CHECK(uz_host_codec(toy_path("toy"), NULL, 0) == toy);
	CHECK(r->codec(r, "toy") == toy);
	CHECK(r->codec(r, "zstd") == &uz_codec_zstd);
	CHECK(r->codec(r, toy_path("toy")) == NULL);
	CHECK(r->pool(r, "nosuch") == NULL);
}

static bool is_listed(const char *name)
{
	const char *at;
	int found = 0;

	for (unsigned int i = 0; (at = uz_host_codec_name(i)); i++)
		found += strcmp(at, name) == 0;
	CHECK(found <= 1);
	return found == 1;
}

static void test_names(void)
{
	CHECK_EQ(strcmp(uz_host_codec_name(0), "lz4"), 0);
	CHECK(is_listed("deflate"));
	CHECK(is_listed("toy"));
	CHECK(!is_listed("nosuch"));
}

int main(void)
{
	test_start();
	unsetenv("UZRAM_PLUGIN_PATH");
	test_built_in();
	CHECK(!is_listed("toy"));
	test_refused();
	test_folder();
	test_loaded_once();
	test_names();
	return 0;
}
