/* SPDX-License-Identifier: MIT */
#include "codec_params.h"

#include "cleanup.h"
#include "codec_spec.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <uz/host.h>

const struct uz_codec_ops *uz__codec_find(const char *name, struct uz_error *e)
{
	char why[512] = "";
	const struct uz_codec_ops *ops = uz_host_codec(name, why, sizeof(why));

	if (!ops)
		uz__error(e, EINVAL, "%s", why);
	return ops;
}

static int read_dict(int fd, const char *path, void **bytes, uint32_t *nr, struct uz_error *e)
{
	UZ_FREE char *buf = malloc(UZ_DICT_MAX + 1);
	size_t n = 0;
	ssize_t got;

	if (!buf)
		return uz__error(e, ENOMEM, "out of memory");
	do {
		got = pread(fd, buf + n, UZ_DICT_MAX + 1 - n, (off_t)n);
		n += got > 0 ? (size_t)got : 0;
	} while (got > 0 && n <= UZ_DICT_MAX);
	if (got < 0)
		return uz__error(e, errno, "dictionary %s: %s", path, strerror(errno));
	if (n == 0 || n > UZ_DICT_MAX)
		return uz__error(e, EINVAL,
				 "dictionary %s: it is %s; a dictionary has 1 to %u bytes", path,
				 n ? "too large" : "empty", UZ_DICT_MAX);
	*bytes = buf;
	*nr = (uint32_t)n;
	buf = NULL;
	return 0;
}

int uz__dict_load(const char *path, int fd, void **bytes, uint32_t *nr, struct uz_error *e)
{
	UZ_CLOSE int own = -1;

	if (!*path || !strcmp(path, UZ_NO_DICT))
		return 0;
	if (fd < 0) {
		own = open(path, O_RDONLY | O_CLOEXEC);
		fd = own;
	}
	if (fd < 0)
		return uz__error(e, EINVAL, "dictionary %s: %s", path, strerror(errno));
	return read_dict(fd, path, bytes, nr, e);
}

int uz__codec_train_check(const struct uz_codec_ops *ops, struct uz_error *e)
{
	return ops->train ? 0
			  : uz__error(e, EINVAL, "codec %s makes no dictionaries: use zstd or lz4",
				      ops->name);
}

int uz__codec_params_check(const struct uz_codec_ops *ops, const struct uz_codec_params *p,
			   struct uz_error *e)
{
	bool levels = ops->level_min || ops->level_max;

	if (p->dict_bytes && !ops->takes_dict)
		return uz__error(e, EINVAL, "codec %s takes no dictionary: leave dict= out",
				 ops->name);
	if (uz_codec_params_check(ops, p) == 0)
		return 0;
	if (!levels)
		return uz__error(e, EINVAL, "codec %s has no levels: leave level= out", ops->name);
	return uz__error(e, EINVAL, "codec %s takes levels from %d to %d, not %d", ops->name,
			 ops->level_min, ops->level_max, p->level);
}
