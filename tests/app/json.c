/* SPDX-License-Identifier: MIT */
/* The JSON reader: what is JSON, what is not, what is too much, and that what we write reads back. */
#include "json.h"
#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TOKENS 64

static struct uz_json_token tokens[TOKENS];

static int parse(struct uz_json *j, const char *text)
{
	size_t at;

	return uz__json_parse(j, text, strlen(text), tokens, TOKENS, &at);
}

static const char *const good[] = {
	"{}",
	"[]",
	" [ ] ",
	"0",
	"-0",
	"1.5e+3",
	"\"\"",
	"null",
	"true",
	"{\"a\":{\"b\":[1,2,{}]}}",
	"\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"",
	"[\"\\u00e4\\n\\\"\"]",
	"\t{\r\n\"a\" : 1 , \"b\":false}\n",
};

static const char *const bad[] = {
	"",	     " ",	    "{",       "}",
	"[1,]",	     "[,1]",	    "{\"a\"}", "{\"a\":}",
	"{a:1}",     "{\"a\":1,}",  "01",      "1.",
	".5",	     "+1",	    "1e",      "-",
	"nul",	     "truex",	    "\"\n\"",  "\"\\x\"",
	"\"\\u12\"", "\"\\u12g4\"", "\"abc",   "\"\\",
	"{} {}",     "[1 2]",	    "'a'",     "{\"a\":1 \"b\":2}",
	"NaN",	     "// x",
};

static void texts(void)
{
	struct uz_json j;
	size_t at;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		CHECK_MSG(!parse(&j, good[i]), "refused: %s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		CHECK_MSG(parse(&j, bad[i]) == -EINVAL, "taken: %s", bad[i]);
	CHECK_EQ(parse(&j, "[[[[[[[[1]]]]]]]]"), 0);
	CHECK_EQ(parse(&j, "[[[[[[[[[1]]]]]]]]]"), -E2BIG);
	CHECK_EQ(uz__json_parse(&j, "[1,2,3]", 7, tokens, 3, &at), -E2BIG);
	CHECK_EQ(uz__json_parse(&j, "[1,2,3]", 6, tokens, TOKENS, &at), -EINVAL);
}

static void members(void)
{
	struct uz_json j;
	char text[16];
	uint64_t v;

	CHECK_EQ(
		parse(&j,
		      "{\"a\":[1,{\"n\":7}],\"n\":18446744073709551615,\"s\":\"x\\u20ac\\ud83d\\ude00\","
		      "\"t\":true,\"z\":\"\\u0000\",\"m\":-1,\"o\":18446744073709551616}"),
		0);
	CHECK(uz__json_u64(&j, uz__json_get(&j, 0, "n"), &v) && v == UINT64_MAX);
	CHECK(!uz__json_u64(&j, uz__json_get(&j, 0, "o"), &v));
	CHECK(!uz__json_u64(&j, uz__json_get(&j, 0, "m"), &v));
	CHECK(!uz__json_u64(&j, uz__json_get(&j, 0, "s"), &v));
	CHECK(!uz__json_get(&j, 0, "none") && !uz__json_u64(&j, 0, &v));
	CHECK(uz__json_is_true(&j, uz__json_get(&j, 0, "t")));
	CHECK_EQ(uz__json_copy(&j, uz__json_get(&j, 0, "s"), text, sizeof(text)), 0);
	CHECK(!strcmp(text, "x\xe2\x82\xac\xf0\x9f\x98\x80"));
	CHECK_EQ(uz__json_copy(&j, uz__json_get(&j, 0, "s"), text, 8), -E2BIG);
	CHECK_EQ(uz__json_copy(&j, uz__json_get(&j, 0, "z"), text, sizeof(text)), -EINVAL);
	CHECK_EQ(uz__json_copy(&j, uz__json_get(&j, 0, "a"), text, sizeof(text)), -EINVAL);
}

static void written(struct test_rng *rng)
{
	char in[40], out[40], *text = NULL;
	size_t bytes = 0, at;
	struct uz_json_out o = { .f = open_memstream(&text, &bytes) };
	uint64_t n = test_random(rng), back;
	struct uz_json j;

	for (size_t i = 0; i + 1 < sizeof(in); i++)
		in[i] = (char)(1 + test_below(rng, 126));
	in[sizeof(in) - 1] = 0;
	uz__json_open(&o, NULL, '{');
	uz__json_put_text(&o, "text", in);
	uz__json_open(&o, "list", '[');
	uz__json_put_i64(&o, NULL, -5);
	uz__json_put_bool(&o, NULL, false);
	uz__json_close(&o, ']');
	uz__json_put_u64(&o, "n", n);
	uz__json_close(&o, '}');
	fclose(o.f);
	CHECK_EQ(uz__json_parse(&j, text, bytes, tokens, TOKENS, &at), 0);
	CHECK_EQ(uz__json_copy(&j, uz__json_get(&j, 0, "text"), out, sizeof(out)), 0);
	CHECK_MEM(out, in, sizeof(in));
	CHECK(uz__json_u64(&j, uz__json_get(&j, 0, "n"), &back) && back == n);
	free(text);
}

int main(void)
{
	struct test_rng rng = test_start();

	texts();
	members();
	for (test_step = 0; test_step < 200; test_step++)
		written(&rng);
	return 0;
}
