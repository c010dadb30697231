/* SPDX-License-Identifier: MIT */
/*
 * uzram serve. Sockets are bound before memory is taken, so that a wrong address costs nothing, and
 * clients that connect meanwhile wait in the backlog. SIGTERM and SIGINT are a clean end: running
 * requests are answered, sockets are removed, a store in a file is left ready to be adopted.
 */
#include "cleanup.h"
#include "control.h"
#include "endpoint.h"
#include "notify.h"
#include "pid_file.h"
#include "size.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <uz/listen.h>
#include <uz/nbd.h>

#define CONTROL_NAME "control" /* of a socket passed by systemd */

struct serve {
	struct uz_config config;
	struct uz_server server;
	struct uz_control *control;
	struct uz_listener nbd[UZ_NBD_LISTEN_MAX], control_at;
	unsigned int nr_nbd;
};

static int listen_at(struct serve *v, const char *address, unsigned int mode,
		     struct uz_listener *out, struct uz_error *e)
{
	bool insecure = uz__option_is_on(NULL, &v->config.server, OPT_LISTEN_INSECURE);
	struct uz_listen_options o = { .mode = mode, .flags = insecure ? UZ_LISTEN_INSECURE : 0 };
	char why[512] = "";
	int err = uz_listen(address, &o, out, why, sizeof(why));

	return err ? uz__error(e, err == -EPERM ? EINVAL : -err, "%s", why) : 0;
}

static int add_nbd(struct serve *v, const char *address, struct uz_error *e)
{
	const char *mode = uz__option_value(NULL, &v->config.server, OPT_SOCKET_MODE);
	int err;

	if (v->nr_nbd == UZ_NBD_LISTEN_MAX)
		return uz__error(e, EINVAL, "--nbd: a server listens at no more than %d sockets",
				 UZ_NBD_LISTEN_MAX);
	err = listen_at(v, address, (unsigned int)strtoul(mode, NULL, 8), &v->nbd[v->nr_nbd], e);
	v->nr_nbd += !err;
	return err;
}

/* Whoever named no socket gets one in a folder that need not be his: then the message says what to do. */
static int explain_default(int err, const char *option, struct uz_error *e)
{
	char why[sizeof(e->text)];

	if (err != -EACCES && err != -ENOENT && err != -EROFS && err != -EPERM && err != -EINVAL)
		return err;
	snprintf(why, sizeof(why), "%s", e->text);
	return uz__error(e, -err,
			 "%s: this is where it goes by default: choose another place with %s, or "
			 "set XDG_RUNTIME_DIR to a folder of your own",
			 why, option);
}

static int default_nbd(struct serve *v, struct uz_error *e)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char address[UZ_ENDPOINT_TEXT];

	snprintf(address, sizeof(address), "unix:%s/uzram-nbd.sock",
		 runtime && *runtime ? runtime : "/run");
	return explain_default(add_nbd(v, address, e), "--nbd unix:PATH", e);
}

static int listen_nbd(struct serve *v, struct uz_error *e)
{
	const char *lines = v->config.server.value[OPT_NBD];
	UZ_FREE char *copy = lines ? strdup(lines) : NULL;
	char *rest = copy, *line;
	int err = 0;

	while (!err && (line = strsep(&rest, "\n")))
		err = add_nbd(v, line, e);
	return err || v->nr_nbd ? err : default_nbd(v, e);
}

static int take_passed(struct serve *v, struct uz_error *e)
{
	struct uz_listener passed[UZ_NBD_LISTEN_MAX];
	char why[512] = "";
	int nr = uz_listen_inherited(passed, UZ_NBD_LISTEN_MAX, why, sizeof(why));

	if (nr < 0)
		return uz__error(e, -nr, "%s", why);
	for (int i = 0; i < nr; i++)
		if (strcmp(passed[i].name, CONTROL_NAME) != 0)
			v->nbd[v->nr_nbd++] = passed[i];
		else if (v->control_at.fd < 0)
			v->control_at = passed[i];
		else
			return uz__error(
				e, EINVAL,
				"two of the sockets passed are named \"control\", and there "
				"is one: leave one out, or name it otherwise to serve NBD");
	return 0;
}

static int listen_control(struct serve *v, struct uz_error *e)
{
	const char *given = v->config.server.value[OPT_CONTROL], *env = getenv("UZRAM_CONTROL");
	char path[512], address[UZ_ENDPOINT_TEXT + 8];
	int err;

	if (v->control_at.fd >= 0)
		return 0;
	uz__control_path(&v->config.server, path, sizeof(path));
	snprintf(address, sizeof(address), "unix:%s", path);
	for (unsigned int i = 0; i < v->nr_nbd; i++)
		if (!strcmp(v->nbd[i].path, path))
			return uz__error(
				e, EINVAL,
				"--control %s is also a socket of --nbd: give each its own", path);
	err = listen_at(v, address, 0600, &v->control_at, e);
	if (given || (env && *env))
		return err;
	return explain_default(err, "--control PATH (or $UZRAM_CONTROL)", e);
}

/* The front closes its own. */
static int listen_copy(struct serve *v, int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	int err = copy < 0 ? -errno : uz_nbd_listen(v->server.nbd, copy);

	if (err && copy >= 0)
		close(copy);
	return err;
}

static int start(struct serve *v, struct uz_error *e)
{
	int err = uz__server_open(&v->server, &v->config, e);

	if (err)
		return err;
	for (unsigned int i = 0; !err && i < v->nr_nbd; i++)
		err = listen_copy(v, v->nbd[i].fd);
	if (!err) {
		err = uz__control_start(&v->server, v->control_at.fd, &v->control);
		v->control_at.fd = -1;
	}
	return err ? uz__error(e, -err, "the server does not start: %s", strerror(-err)) : 0;
}

static void say_disks(struct serve *v)
{
	char size[UZ_SIZE_TEXT], uri[700];
	struct uz_codec_info info = { .name = "?" };
	struct uz_disk *d;

	for (unsigned int i = 0; (d = uz__disks_at(&v->server.disks, i)); i++) {
		uz__disk_codec(&v->server, d, &info);
		printf("disk %s: disk size %s, pool %s, codec %s\n", d->name,
		       uz__size_exact(uz_dev_size(d->dev), size), uz_dev_pool(d->dev)->name,
		       info.name);
		for (unsigned int n = 0; n < v->nr_nbd; n++) {
			uz__endpoint_uri(v->nbd[n].fd, d->name, uri, sizeof(uri));
			printf("  %s\n", uri);
		}
		uz__disks_put(&v->server.disks, d);
	}
}

static void say_region(const struct uz_region_spec *spec)
{
	char size[UZ_SIZE_TEXT], memory[UZ_REGION_MEMORY_TEXT];
	bool in_place = uz__region_in_place(spec);

	printf("region %s: %s%s%s, the disks use it until 'uzram contig alloc %s'\n", spec->name,
	       uz__size_exact(spec->bytes, size), in_place ? " in place on " : "",
	       in_place ? uz__region_memory(spec, memory) : "", spec->name);
}

static void say_regions(struct serve *v)
{
	for (unsigned int i = 0; i < v->server.nr_regions; i++)
		say_region(&v->server.region[i].spec);
}

/* Clients are served already: what they can change is read under its lock. */
static void say(struct serve *v)
{
	const struct uz_section *o = &v->config.server;
	char size[UZ_SIZE_TEXT];
	uint64_t ram_bytes;

	say_disks(v);
	say_regions(v);
	pthread_mutex_lock(&v->server.admin);
	ram_bytes = v->server.ram_bytes;
	pthread_mutex_unlock(&v->server.admin);
	printf("RAM budget of all disks together: %s%s\n", uz__size_human(ram_bytes, size),
	       o->value[OPT_RAM] ? "" : " (choose another with --ram)");
	if (o->value[OPT_MEMORY])
		printf("memory: %s%s\n", o->value[OPT_MEMORY],
		       v->server.adopted ? ", adopted with the disks in it" : "");
	if (v->control_at.path[0])
		printf("control: %s\n", v->control_at.path);
	fflush(stdout);
}

static void finish(struct serve *v)
{
	uz__control_stop(v->control);
	if (v->server.host || v->server.defaults)
		uz__server_close(&v->server);
	for (unsigned int i = 0; i < v->nr_nbd; i++) {
		close(v->nbd[i].fd);
		uz_listen_unlink(&v->nbd[i]);
	}
	uz__close_fd(&v->control_at.fd);
	uz_listen_unlink(&v->control_at);
	uz__config_fini(&v->config);
}

/* The pid file is made before the start, which could not be undone once clients have written. */
static int run(struct serve *v, const sigset_t *signals, struct uz_error *e)
{
	const char *pid_path = v->config.server.value[OPT_PID_FILE];
	FILE *pid_file = NULL;
	int err = take_passed(v, e), got;

	if (!err)
		err = listen_nbd(v, e);
	if (!err)
		err = listen_control(v, e);
	if (!err)
		err = uz__pid_file_open(pid_path, &pid_file, e);
	if (!err)
		err = start(v, e);
	if (!err)
		err = uz__pid_file_write(pid_path, pid_file, e);
	if (!err) {
		say(v);
		uz__notify("READY=1");
		sigwait(signals, &got);
		uz__notify("STOPPING=1");
	}
	uz__pid_file_close(pid_path, pid_file);
	return err;
}

/* Threads inherit the mask, so the signals wait for sigwait. False: the parent is gone already. */
static bool prepare_process(const struct uz_section *o, sigset_t *signals)
{
	pid_t parent = getppid();

	sigemptyset(signals);
	sigaddset(signals, SIGTERM);
	sigaddset(signals, SIGINT);
	sigaddset(signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (!uz__option_is_on(NULL, o, OPT_EXIT_WITH_PARENT))
		return true;
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	return getppid() == parent;
}

int uz__cmd_serve(const struct uz_command_line *cl, struct uz_error *e)
{
	struct serve v = { .control_at.fd = -1 };
	sigset_t signals;
	int err = uz__config_load(&v.config, cl, e);

	if (!err && uz__option_is_on(NULL, &v.config.server, OPT_DUMP_CONFIG)) {
		uz__config_dump(&v.config, stdout);
	} else if (!err && prepare_process(&v.config.server, &signals)) {
		err = run(&v, &signals, e);
	}
	finish(&v);
	return err;
}
