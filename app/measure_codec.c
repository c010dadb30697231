/* SPDX-License-Identifier: MIT */
/* Codecs to be measured, and dictionaries made of what they are measured with. */
#include "measure.h"

#include "codec_params.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uz/bits.h>

#define DICT_BYTES (16u << 10) /* as the command train makes them */

static bool is_trained(const struct uz_measure_codec *c)
{
	return !strcmp(c->spec.dict, UZ_MEASURE_TRAIN);
}

static int check(const struct uz_measure_codec *c, struct uz_error *e)
{
	struct uz_codec_params p = { .level = c->spec.level,
				     .dict = c->dict,
				     .dict_bytes = c->dict_bytes };

	if (is_trained(c) && uz__codec_train_check(c->ops, e))
		return -e->code;
	return uz__codec_params_check(c->ops, &p, e);
}

int uz__measure_codec_init(struct uz_measure_codec *c, const char *text, const char *where,
			   struct uz_error *e)
{
	int err;

	*c = (struct uz_measure_codec){ .dict = NULL };
	err = uz__codec_spec_parse(&c->spec, text, where, e);
	if (err)
		return err;
	c->ops = uz__codec_find(c->spec.name, e);
	if (!c->ops)
		return -e->code;
	if (!is_trained(c))
		err = uz__dict_load(c->spec.dict, -1, &c->dict, &c->dict_bytes, e);
	return err ? err : check(c, e);
}

/* Pages at equal distances: a dictionary is of all the data, not of its beginning. */
static size_t choose(const struct uz_measure_sample *s, char *pages)
{
	size_t nr = UZ_MIN(s->nr, (size_t)UZ_TRAIN_PAGES);

	for (size_t i = 0; i < nr; i++)
		memcpy(pages + (i << UZ_PAGE_SHIFT), s->pages + (i * s->nr / nr << UZ_PAGE_SHIFT),
		       UZ_PAGE_SIZE);
	return nr;
}

int uz__measure_codec_train(struct uz_measure_codec *c, const struct uz_measure_sample *s,
			    struct uz_error *e)
{
	char *pages;
	int bytes = -ENOMEM;

	if (!is_trained(c))
		return 0;
	pages = malloc((size_t)UZ_TRAIN_PAGES << UZ_PAGE_SHIFT);
	c->dict = malloc(DICT_BYTES);
	if (pages && c->dict)
		bytes = c->ops->train(pages, (uint32_t)choose(s, pages), c->dict, DICT_BYTES);
	free(pages);
	if (bytes <= 0)
		return uz__error(e, bytes ? -bytes : ENODATA,
				 "codec %s: no dictionary can be made of this sample: %s",
				 c->ops->name, strerror(bytes ? -bytes : ENODATA));
	c->dict_bytes = (uint32_t)bytes;
	return 0;
}

void uz__measure_codec_fini(struct uz_measure_codec *c)
{
	free(c->dict);
}
