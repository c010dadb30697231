/* SPDX-License-Identifier: MIT */
/* Which method memory goes back by; see return.c. */
#ifndef UZ_ARENA_RETURN_H
#define UZ_ARENA_RETURN_H

#include <uz/arena.h>

#define UZ__METHODS_MAX 8u
/*
 * What went lazily is taken by force after that. It counts as used until then: with 2 s what a client
 * discarded would still be there 2 s later.
 */
#define UZ__LAZY_MAX_NS 500000000ull
#define UZ__COMEBACK_STEPS 32u

/* How an arena block goes: all 2 MiB of it, or pieces with what is in use between them. */
enum uz__shape { SHAPE_WHOLE, SHAPE_PART, NR_SHAPES };

/* Picoseconds a page of 4 KiB; 0: not measured. */
struct uz__figures {
	uint64_t advice_ps, refault_ps;
};

/*
 * @live are averages over the last eight samples or so, of memory that was in use, so they lie above
 * those of a probe; @calm is what they were after it, or twice the probe's if that is less.
 */
struct uz__method_cost {
	struct uz__figures live, calm, probe;
	uint32_t nr_advice, nr_refault; /* samples since the probe */
	uint64_t probed_ns; /* when it was last tried beside the others; 0: never */
	bool legal; /* the system has it here, and it frees */
};

struct uz__chooser {
	struct uz__method_cost cost[UZ__METHODS_MAX];
	uint8_t current;
	uint64_t probe_at_ns; /* 0: now */
	uint64_t gap_ns; /* to the probe after it, when nothing changes */
	uint64_t doubt_ns; /* as gap_ns, for probes because of what was seen */
	uint64_t doubted_ns;
	bool doubted; /* the next probe is because of that */
	bool fresh; /* nothing was decided since the last probe */
	uint64_t keep_ns; /* until then p and q alone change nothing */
	uint64_t probe_cost_ns,
		spent_ns; /* of the last probe, and by returns and the way back since */
};

/* What was given back and when, in steps of UZ__LAZY_MAX_NS / 32; and what of it was wanted again. */
struct uz__comeback {
	uint64_t gone[UZ__COMEBACK_STEPS]; /* frames, a ring */
	uint32_t newest;
	uint64_t next_ns; /* when the next step begins */
	uint64_t older; /* gone for longer, and not wanted yet */
	uint64_t soon, late, missed; /* wanted within UZ__LAZY_MAX_NS, after it; not within it */
};

struct uz__return {
	const struct uz_return_method *method;
	uint32_t nr_methods; /* 0: there is no choice */
	uint8_t fallback;
	uint8_t policy; /* enum uz_return_policy */
	bool pressed; /* the system is short of memory: nothing goes lazily */
	uint64_t look_ns, calm_ns; /* when to look for that again, when it is over */
	struct uz__chooser chooser[NR_SHAPES];
	struct uz__comeback comeback;
	uint64_t switches, eager_frames, lazy_frames, refault_ns;
	/* The last switch, for who logs it: names and the ratio of costs in percent. */
	uint8_t from, to;
	uint32_t ratio_percent;
};

void uz__return_init(struct uz__return *r, const struct uz_plat *pl);

static inline bool uz__return_is_lazy(const struct uz__return *r, unsigned int method)
{
	return method < r->nr_methods && r->method[method].lazy;
}

/* The method for memory of that shape; @lazy: one that frees later will do. */
unsigned int uz__return_pick(const struct uz__return *r, enum uz__shape shape, bool lazy);

/* True when the methods should be tried beside each other. */
bool uz__return_probe_due(const struct uz__return *r, enum uz__shape shape, uint64_t now_ns);

/* What a probe found of one method: nothing but that it is not legal, or its costs. */
void uz__return_probed(struct uz__return *r, enum uz__shape shape, unsigned int method,
		       uint64_t now_ns, bool legal, uint64_t advice_ps, uint64_t refault_ps);
void uz__return_probe_done(struct uz__return *r, enum uz__shape shape, uint64_t now_ns,
			   uint64_t cost_ns);

/* Frames went by @method, which took @spent_ns. */
void uz__return_gone(struct uz__return *r, enum uz__shape shape, unsigned int method,
		     uint64_t now_ns, uint64_t frames, uint64_t spent_ns);

/* Frames were populated; @method: by which they had gone, UZ__METHODS_MAX: they were never there. */
void uz__return_came(struct uz__return *r, enum uz__shape shape, unsigned int method,
		     uint64_t now_ns, uint64_t frames, uint64_t spent_ns);

/* The method does not work here after all. */
void uz__return_refused(struct uz__return *r, enum uz__shape shape, unsigned int method);

/* Changes the method if another is better by more than a tenth, or sees to a probe that says so. */
void uz__return_decide(struct uz__return *r, enum uz__shape shape, uint64_t now_ns);

/*
 * Whether pressure would matter and a look at it is due; what it showed. It counts for 10 s.
 */
bool uz__return_look_due(struct uz__return *r, uint64_t now_ns);
void uz__return_looked(struct uz__return *r, uint64_t now_ns, bool pressed);

/* Fills in what is about returns. */
void uz__return_stats(const struct uz__return *r, struct uz_arena_stats *st);

#endif
