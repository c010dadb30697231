/* SPDX-License-Identifier: MIT */
/*
 * contig: grants of memory out of a server's RAM budget. The grant lives as long as the
 * connection does, so alloc stays: as itself, or as the command that it turns into.
 */
#include "cleanup.h"
#include "command.h"
#include "control.h"
#include "size.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>

static int usage(struct uz_error *e)
{
	return uz__error(e, EINVAL, "usage: uzram contig %s", uz__commands[UZ_CMD_CONTIG].args);
}

static int ask(struct uz_call *call, const struct uz_command_line *cl, const char *cmd,
	       const char *key, const char *value, struct uz_error *e)
{
	struct uz_message m;
	int err;

	*call = (struct uz_call){ .wire.fd = -1 };
	err = uz__message_begin(&m, cmd, e);
	if (err)
		return err;
	if (key)
		uz__json_put_text(&m.out, key, value);
	return uz__message_send(&m, call, &cl->server, NULL, 0, e);
}

/* alloc SIZE --scatter, or alloc NAME [SIZE] */
static int ask_alloc(struct uz_call *call, const struct uz_command_line *cl, struct uz_error *e)
{
	const char *deadline = uz__option_value(NULL, &cl->server, OPT_DEADLINE);
	bool scatter = uz__option_is_on(NULL, &cl->server, OPT_SCATTER);
	const char *size = scatter ? cl->arg[1] : cl->nr_words > 2 ? cl->arg[2] : NULL;
	struct uz_message m;
	int err;

	*call = (struct uz_call){ .wire.fd = -1 };
	err = uz__message_begin(&m, "contig-alloc", e);
	if (err)
		return err;
	if (scatter) {
		uz__json_put_bool(&m.out, "scatter", true);
	} else {
		uz__json_put_text(&m.out, "region", cl->arg[1]);
		uz__json_put_u64(&m.out, "deadline_ms", strtoul(deadline, NULL, 10));
	}
	if (size)
		uz__json_put_text(&m.out, "size", size);
	return uz__message_send(&m, call, &cl->server, NULL, 0, e);
}

static uint64_t member(const struct uz_json *j, uint32_t object, const char *key)
{
	uint64_t n = 0;

	return uz__json_u64(j, uz__json_get(j, object, key), &n) ? n : 0;
}

/* The server takes down who asks: the command, which this process is about to become. */
static void take_name(const char *command)
{
	const char *slash = strrchr(command, '/');

	prctl(PR_SET_NAME, slash ? slash + 1 : command);
}

static void export(const char *name, uint64_t value)
{
	char number[24];

	snprintf(number, sizeof(number), "%" PRIu64, value);
	setenv(name, number, 1);
}

/* The command inherits grant and connection: when it ends, so does the grant. */
static int become(const struct uz_command_line *cl, int fd, const struct uz_call *call,
		  struct uz_error *e)
{
	const char *argv[UZ_ARGS_MAX + 1] = { NULL };

	for (unsigned int i = cl->nr_words; i < cl->nr_args; i++)
		argv[i - cl->nr_words] = cl->arg[i];
	export("UZRAM_GRANT_FD", (uint64_t)fd);
	export("UZRAM_GRANT_OFFSET", member(&call->json, 0, "offset"));
	export("UZRAM_GRANT_BYTES", member(&call->json, 0, "bytes"));
	fcntl(fd, F_SETFD, 0);
	fcntl(call->wire.fd, F_SETFD, 0);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	return uz__error(e, errno, "%s: %s", argv[0], strerror(errno));
}

/* Until a signal, or until the server ends the connection because the grant was freed. */
static int hold(int connection, struct uz_error *e)
{
	struct pollfd p[2] = { { .fd = connection, .events = POLLIN }, { .events = POLLIN } };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	p[1].fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (p[1].fd < 0 || poll(p, 2, -1) < 0)
		return uz__error(e, errno, "the grant cannot be held: %s", strerror(errno));
	if (p[1].revents)
		return 0;
	return uz__error(e, EPIPE, "the grant is gone: it was freed, or the server ended");
}

static void say(const struct uz_call *call, const struct uz_command_line *cl, int fd)
{
	const struct uz_json *j = &call->json;
	bool in_place = uz__json_is_true(j, uz__json_get(j, 0, "in_place"));
	char human[UZ_SIZE_TEXT];

	printf("grant %" PRIu64 ": %s", member(j, 0, "grant"),
	       uz__size_human(member(j, 0, "bytes"), human));
	if (!uz__option_is_on(NULL, &cl->server, OPT_SCATTER))
		printf(" of region %s, emptied in %.1f ms", cl->arg[1],
		       (double)member(j, 0, "evacuate_us") / 1e3);
	if (in_place)
		printf(", in place at byte %" PRIu64, member(j, 0, "offset"));
	else if (!uz__option_is_on(NULL, &cl->server, OPT_SCATTER))
		printf(", cleared in %.1f ms", (double)member(j, 0, "commit_us") / 1e3);
	printf(", /proc/%ld/fd/%d, until this process ends\n", (long)getpid(), fd);
	fflush(stdout);
}

static int cmd_alloc(const struct uz_command_line *cl, struct uz_error *e)
{
	bool scatter = uz__option_is_on(NULL, &cl->server, OPT_SCATTER);
	struct uz_call call;
	int fd, err;

	if (cl->nr_words > 2 && scatter)
		return usage(e);
	if (scatter && cl->server.value[OPT_DEADLINE])
		return uz__error(e, EINVAL,
				 "--deadline is for emptying a region: leave it out, or --scatter");
	if (cl->nr_args > cl->nr_words)
		take_name(cl->arg[cl->nr_words]);
	err = ask_alloc(&call, cl, e);
	fd = err ? -1 : uz__wire_claim(&call.wire, 0);
	if (!err && fd < 0)
		err = uz__error(e, EPROTO, "the server's answer came without a descriptor");
	if (!err && cl->nr_args > cl->nr_words) {
		err = become(cl, fd, &call, e);
	} else if (!err) {
		say(&call, cl, fd);
		err = hold(call.wire.fd, e);
	}
	uz__close_fd(&fd);
	uz__call_fini(&call);
	return err;
}

static int cmd_free(const struct uz_command_line *cl, struct uz_error *e)
{
	struct uz_call call;
	int err = ask(&call, cl, "contig-free", "grant", cl->arg[1], e);

	uz__call_fini(&call);
	return err;
}

/* Options that only one of the words takes. */
static int check_options(const struct uz_section *o, const char *word, struct uz_error *e)
{
	static const struct {
		enum uz_option_id id;
		const char *word;
	} of[] = { { OPT_SCATTER, "alloc" },
		   { OPT_DEADLINE, "alloc" },
		   { OPT_JSON, "stat" },
		   { OPT_SYSFS, "stat" } };

	for (size_t i = 0; i < sizeof(of) / sizeof(*of); i++)
		if (o->value[of[i].id] && strcmp(word, of[i].word) != 0)
			return uz__error(e, EINVAL,
					 "--%s does not belong to 'uzram contig %s', but to 'uzram "
					 "contig %s'; see 'uzram help contig'",
					 uz__options[of[i].id].name, word, of[i].word);
	return 0;
}

int uz__cmd_contig(const struct uz_command_line *cl, struct uz_error *e)
{
	static const struct word {
		const char *word;
		unsigned int min, max; /* words */
		bool command; /* may follow them */
		int (*run)(const struct uz_command_line *cl, struct uz_error *e);
	} words[] = { { "alloc", 2, 3, true, cmd_alloc },
		      { "free", 2, 2, false, cmd_free },
		      { "stat", 1, 1, false, uz__contig_stat },
		      { .word = NULL } };
	const struct word *w = words;
	int err;

	while (w->word && strcmp(cl->arg[0], w->word) != 0)
		w++;
	if (!w->word || cl->nr_words < w->min || cl->nr_words > w->max ||
	    (!w->command && cl->nr_words != cl->nr_args))
		return usage(e);
	err = check_options(&cl->server, w->word, e);
	return err ? err : w->run(cl, e);
}
