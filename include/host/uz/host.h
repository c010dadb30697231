/* SPDX-License-Identifier: MIT */
/*
 * host: uzram on Linux. The platform (three backings), the hosted codecs, the
 * registry with its loadable pools and codecs, the background thread.
 */
#ifndef UZ_HOST_H
#define UZ_HOST_H

#include <uz/backing.h>

enum uz_host_backing {
	UZ_HOST_PRIVATE, /* anonymous memory, huge pages where the system allows */
	UZ_HOST_MEMFD, /* a memfd of our own, or one handed in */
	UZ_HOST_FILE, /* a file, to be kept on tmpfs; created if missing */
};

struct uz_host_config {
	enum uz_host_backing backing;
	const char *path; /* FILE */
	int fd; /* MEMFD: -1 to create one; otherwise it is used and closed by uz_host_close */
};

struct uz_host;

/*
 * -EBUSY: another process has the store open. -EINVAL, -ENOMEM, or what open(2) says.
 * The returned platform is used by one store.
 */
int uz_host_open(const struct uz_host_config *c, struct uz_host **out);
void uz_host_close(struct uz_host *h); /* accepts NULL */
struct uz_plat *uz_host_plat(struct uz_host *h);

/*
 * After a start that failed and before uz_host_close, the store closed: a file that was missing or
 * empty when it was opened is so again. Other stores stay as they are. What the system says if the
 * file cannot be removed or emptied.
 */
int uz_host_discard(struct uz_host *h);

/* Store memory that the system has charged to us, in bytes (resident), or -errno. */
int64_t uz_host_resident(struct uz_host *h);

/*
 * Told when memory goes back by another method from now on, because what goes by the old one costs
 * @percent of what it will. On the thread that does background work; set before that starts.
 */
typedef void uz_host_switch_fn(void *arg, const char *from, const char *to, uint32_t percent);
void uz_host_on_return_switch(struct uz_host *h, uz_host_switch_fn *fn, void *arg);

/* Memory this process may use: the smallest of RAM and cgroup limits, in bytes. */
uint64_t uz_host_ram_bytes(void);

/*
 * The registry of this process. A name with '/' is a path to a shared object; a name that is not
 * built in is looked for as $libdir/uzram/{pool,codec}-NAME.so, UZRAM_PLUGIN_PATH (colon-separated)
 * first. Loaded objects stay loaded. Thread-safe. On failure @why (if not NULL) gets a sentence.
 */
const struct uz_registry *uz_host_registry(void);
const struct uz_codec_ops *uz_host_codec(const char *name, char *why, size_t why_bytes);
const struct uz_pool_ops *uz_host_pool(const char *name, char *why, size_t why_bytes);

/* Names built in or found in the plugin folders, i = 0, 1, ...; NULL ends. */
const char *uz_host_codec_name(unsigned int i);
const char *uz_host_pool_name(unsigned int i);

extern const struct uz_codec_ops uz_codec_lz4, uz_codec_lz4hc, uz_codec_zstd, uz_codec_deflate;

/*
 * A backing for a disk: a file (made if missing, sparse) or a block device, locked until it is closed.
 * On failure -errno, and @why (if not NULL) gets a sentence. The disk is given it by
 * uz_dev_set_backing; close it when the disk is gone or the store is closed.
 */
int uz_host_backing_open(const char *path, struct uz_backing_dev **out, char *why,
			 size_t why_bytes);
void uz_host_backing_close(struct uz_backing_dev *b); /* accepts NULL */

/* As uz_backing_free, and a file gives its space back. */
int uz_host_backing_free(struct uz_backing_dev *b);

/* One thread that does uz_store_background until stopped. */
struct uz_background;
int uz_background_start(struct uz_store *s, struct uz_background **out);
void uz_background_stop(struct uz_background *b); /* waits for it; accepts NULL */

/*
 * Where a server's control socket is, into @path: @given if it is not NULL, else $UZRAM_CONTROL,
 * else $XDG_RUNTIME_DIR/uzram.sock, else /run/uzram.sock. An empty one counts as not given.
 */
void uz_host_control_path(const char *given, char *path, size_t bytes);

#endif
