/* SPDX-License-Identifier: MIT */
/*
 * Transmission. A batch is what one receive brought: all its requests are executed
 * in order, straight from the receive buffer, their replies gathered and sent
 * with one system call. At queue depth 32 that is 0.06 system calls a request.
 * Writes that are there whole are batch.c's.
 *
 * Another write's payload may arrive in pieces or be larger than the buffer. It is
 * handed to the disk as it comes, cut where pages end, so that no page is
 * compressed twice. A write that is refused has its payload received and dropped.
 *
 * Unaligned requests are the device's business. FUA and FLUSH are done when they
 * arrive: there is no cache, a write that was answered is in the store, for all connections.
 * NO_HOLE is a plain zero: the protocol wants room set aside, which a thin disk cannot do.
 */
#include <errno.h>

#include "nbd_i.h"

#define FUA NBD_CMD_FLAG_FUA

struct command {
	uint16_t flags; /* that it takes */
	bool ranged; /* offset and length are a range of the disk */
	bool writes;
	int past_end; /* what a range past the disk's end is */
	int too_long; /* what more than UZ_NBD_PAYLOAD_MAX is; 0: allowed */
	void (*run)(struct uz_nbd_conn *c, const struct uz_nbd_request *rq);
};

static void run_done(struct uz_nbd_conn *c, const struct uz_nbd_request *rq)
{
	uz__nbd_reply(c, rq, 0, NULL);
}

static void run_disc(struct uz_nbd_conn *c, const struct uz_nbd_request *rq)
{
	(void)rq;
	c->closing = true;
}

static void run_trim(struct uz_nbd_conn *c, const struct uz_nbd_request *rq)
{
	uz__nbd_reply(c, rq, uz_dev_discard(c->dev, c->stream, rq->offset, rq->length), NULL);
}

static void run_zero(struct uz_nbd_conn *c, const struct uz_nbd_request *rq)
{
	uz__nbd_reply(c, rq, uz_dev_zero(c->dev, c->stream, rq->offset, rq->length), NULL);
}

static const struct command commands[] = {
	[NBD_CMD_READ] = { FUA | NBD_CMD_FLAG_DF, true, false, -EINVAL, -EOVERFLOW, uz__nbd_read },
	[NBD_CMD_WRITE] = { FUA, true, true, -ENOSPC, -EINVAL, NULL },
	[NBD_CMD_DISC] = { 0xffff, false, false, 0, 0, run_disc },
	[NBD_CMD_FLUSH] = { FUA, false, false, 0, 0, run_done },
	[NBD_CMD_TRIM] = { FUA, true, true, -EINVAL, 0, run_trim },
	[NBD_CMD_CACHE] = { FUA, true, false, -EINVAL, 0, run_done },
	[NBD_CMD_WRITE_ZEROES] = { FUA | NBD_CMD_FLAG_NO_HOLE | NBD_CMD_FLAG_FAST_ZERO, true, true,
				   -ENOSPC, 0, run_zero },
	[NBD_CMD_BLOCK_STATUS] = { FUA | NBD_CMD_FLAG_REQ_ONE, true, false, -EINVAL, 0,
				   uz__nbd_block_status },
};

static const struct command *command_of(const struct uz_nbd_request *rq)
{
	static const struct command unknown;

	return rq->type < sizeof(commands) / sizeof(commands[0]) ? &commands[rq->type] : &unknown;
}

int uz__nbd_check(struct uz_nbd_conn *c, const struct uz_nbd_request *rq, const char **why)
{
	const struct command *cmd = command_of(rq);
	uint64_t size = uz_dev_size(c->dev);
	bool df = rq->flags & NBD_CMD_FLAG_DF;

	*why = NULL;
	if (UZ_UNLIKELY(c->refusing))
		return -ESHUTDOWN;
	*why = "a command flag that this command does not take, or that was not negotiated";
	if (UZ_UNLIKELY((rq->flags & ~cmd->flags) || (df && !c->structured)))
		return -EINVAL;
	*why = "the disk is served read-only";
	if (UZ_UNLIKELY(cmd->writes && c->read_only))
		return -EPERM;
	*why = "longer than 32 MiB";
	if (UZ_UNLIKELY(cmd->too_long && rq->length > UZ_NBD_PAYLOAD_MAX))
		return cmd->too_long;
	*why = "past the end of the disk";
	if (UZ_UNLIKELY(cmd->ranged && (rq->offset > size || rq->length > size - rq->offset)))
		return cmd->past_end;
	*why = NULL;
	return 0;
}

/* What of the payload can be used now: all that is there, but whole pages while more is to come. */
static uint32_t usable(const struct uz_nbd_write *w, uint32_t avail)
{
	uint64_t end;

	if (avail >= w->left)
		return w->left;
	if (w->error)
		return avail;
	end = (w->offset + avail) & ~(uint64_t)(UZ_PAGE_SIZE - 1);
	return end > w->offset ? (uint32_t)(end - w->offset) : 0;
}

/* Takes payload from the buffer. False: more must be received first. */
static bool write_more(struct uz_nbd_conn *c)
{
	struct uz_nbd_write *w = &c->write;
	uint32_t bytes = usable(w, uz__nbd_avail(c));

	if (!bytes && w->left)
		return false;
	if (!w->error)
		w->error = uz_dev_write(c->dev, c->stream, w->offset, c->rx + c->rx_pos, bytes, 0);
	c->rx_pos += bytes;
	w->offset += bytes;
	w->left -= bytes;
	if (!w->left) {
		uz__nbd_reply(c, &w->request, w->error, w->why);
		w->active = false;
	}
	return true;
}

static void start(struct uz_nbd_conn *c, const struct uz_nbd_request *rq)
{
	const struct command *cmd = command_of(rq);
	const char *why;
	int err = uz__nbd_check(c, rq, &why);

	c->nr_requests++;
	if (rq->type == NBD_CMD_WRITE)
		c->write = (struct uz_nbd_write){ *rq, rq->offset, rq->length, err, why, true };
	else if (rq->type == NBD_CMD_DISC)
		run_disc(c, rq);
	else if (err)
		uz__nbd_reply(c, rq, err, why);
	else if (!cmd->run)
		uz__nbd_reply(c, rq, -EINVAL, "an unknown command");
	else
		cmd->run(c, rq);
}

/* One step of the batch; false when it needs more bytes, or is over. */
static bool step(struct uz_nbd_conn *c)
{
	struct uz_nbd_request rq;

	if (c->lost || c->closing)
		return false;
	if (c->write.active)
		return write_more(c);
	if (uz__nbd_batch(c))
		return true;
	if (uz__nbd_avail(c) < NBD_REQUEST_BYTES || !uz__nbd_parse(c, c->rx + c->rx_pos, &rq))
		return false;
	c->rx_pos += NBD_REQUEST_BYTES;
	start(c, &rq);
	return true;
}

void uz__nbd_serve(struct uz_nbd_conn *c)
{
	do {
		while (step(c))
			;
		uz__nbd_flush(c);
		c->refusing = uz_load_acquire(&c->ending);
	} while (!c->closing && uz__nbd_receive(c));
}
