/* SPDX-License-Identifier: MIT */
/*
 * The choice of the method by which free memory goes back. Which call is cheapest is a property
 * of kernel, backing, page size and threads, and changes with a kernel update, so it is measured and
 * watched. For each method the cost of a page has two parts, the call and what it costs to have
 * the page again, and two chances: p that it is wanted within the half second after which a lazy
 * page is taken by force, and q that it is wanted at all.
 *
 *   eager = advice + q * refault
 *   lazy  = advice + p * refault + (1 - p) * forced + (q - p) * refault of eager
 *
 * p and q come from one account of frames gone and frames come, the same whatever the method: a frame
 * that is populated is one of those that went last. So what a lazy method would save is known while
 * an eager one is in use.
 *
 * Methods are first tried beside each other on memory that is on its way back anyway, then the one in use
 * is watched. It is left when another is better by more than a tenth. When it is p and q that have changed,
 * the figures of the last probe are as good as a new one's, and nothing is tried. When a watched average
 * rises, a probe says whether the call became slower or the machine did. Else probes come after 60 s,
 * then twice as long up to 1 h while they change nothing. They never cost more than a fortieth of
 * what was returned since the last one, or than the better method would have saved.
 * Integers only, no clock and no calls: a test turns the clock and names the costs.
 */
#include "return.h"

#define WEIGHT 8 /* of the past in an average */
#define STEEP \
	4 /* one sample counts at most as so many times the average: a thread was put to sleep */
#define ONE 1024ull /* chances are parts of this */
#define STEP_NS (UZ__LAZY_MAX_NS / UZ__COMEBACK_STEPS)
#define HISTORY_FRAMES 65536ull /* after so many the account counts half */
#define KEEP_NS 10000000000ull /* a method, before p and q alone may change it again */
#define GAP_MIN_NS 60000000000ull
#define GAP_MAX_NS 3600000000000ull
#define DOUBT_MIN_NS 1000000000ull
#define PROBE_PART 40 /* a probe costs at most one part in so many of what it is about */
#define LOOK_NS 250000000ull
#define PRESSED_NS 10000000000ull

enum basis { PROBED, WATCHED }; /* of a cost: what the last probe found, and how it rose since */

void uz__return_init(struct uz__return *r, const struct uz_plat *pl)
{
	*r = (struct uz__return){ .method = pl->methods,
				  .nr_methods = UZ_MIN(pl->nr_methods, UZ__METHODS_MAX),
				  .fallback = (uint8_t)pl->default_method };
	for (unsigned int s = 0; s < NR_SHAPES; s++) {
		struct uz__chooser *c = &r->chooser[s];

		c->current = r->fallback;
		c->cost[r->fallback].legal = true;
		c->gap_ns = GAP_MIN_NS;
		c->doubt_ns = DOUBT_MIN_NS;
	}
}

/* @sample into @average, 0 being none yet. */
static void follow(uint64_t *average, uint64_t sample)
{
	if (!*average)
		*average = UZ_MAX(sample, 1ull);
	else
		*average += (UZ_MIN(sample, *average * STEEP) + WEIGHT - 1) / WEIGHT -
			    *average / WEIGHT;
}

static uint64_t ps_a_frame(uint64_t spent_ns, uint64_t frames)
{
	return spent_ns * 1000 / frames;
}

/* The account of what went and came. */

static void turn(struct uz__comeback *b, uint64_t now_ns)
{
	if (!b->next_ns || now_ns > b->next_ns + 2 * UZ__LAZY_MAX_NS) {
		for (unsigned int i = 0; i < UZ__COMEBACK_STEPS; i++) {
			b->missed += b->gone[i];
			b->older += b->gone[i];
			b->gone[i] = 0;
		}
		b->next_ns = now_ns + STEP_NS;
	}
	for (; now_ns >= b->next_ns; b->next_ns += STEP_NS) {
		b->newest = (b->newest + 1) % UZ__COMEBACK_STEPS;
		b->missed += b->gone[b->newest];
		b->older += b->gone[b->newest];
		b->gone[b->newest] = 0;
	}
	if (b->soon + b->missed > HISTORY_FRAMES) {
		b->soon /= 2;
		b->missed /= 2;
		b->late /= 2;
	}
}

/* The last to go are the first to come. */
static void came(struct uz__comeback *b, uint64_t now_ns, uint64_t frames)
{
	uint64_t n;

	turn(b, now_ns);
	for (uint32_t age = 0; age < UZ__COMEBACK_STEPS && frames; age++) {
		uint64_t *gone = &b->gone[(b->newest - age) % UZ__COMEBACK_STEPS];

		n = UZ_MIN(frames, *gone);
		*gone -= n;
		b->soon += n;
		frames -= n;
	}
	n = UZ_MIN(frames, b->older);
	b->older -= n;
	b->late += n;
}

static uint64_t chance(const struct uz__comeback *b, uint64_t frames)
{
	uint64_t all = b->soon + b->missed;

	return all ? UZ_MIN(frames * ONE / all, ONE) : 0;
}

/* Costs and the choice. */

/* The probe's, and as much above them as the live ones are above what they were after it. */
static uint64_t risen(uint64_t probe_ps, uint64_t live_ps, uint64_t calm_ps)
{
	return live_ps > calm_ps && calm_ps ? probe_ps * live_ps / calm_ps : probe_ps;
}

static struct uz__figures figures(const struct uz__return *r, enum uz__shape shape,
				  unsigned int method, enum basis basis)
{
	const struct uz__method_cost *c = &r->chooser[shape].cost[method];

	if (basis == PROBED)
		return c->probe;
	return (struct uz__figures){
		risen(c->probe.advice_ps, c->live.advice_ps, c->calm.advice_ps),
		risen(c->probe.refault_ps, c->live.refault_ps, c->calm.refault_ps),
	};
}

static uint64_t eager_cost(const struct uz__return *r, struct uz__figures f)
{
	uint64_t q = chance(&r->comeback, r->comeback.soon + r->comeback.late);

	return f.advice_ps + q * f.refault_ps / ONE;
}

static unsigned int best_eager(const struct uz__return *r, enum uz__shape shape, enum basis basis)
{
	const struct uz__chooser *c = &r->chooser[shape];
	unsigned int best = r->fallback;

	if (!uz__return_is_lazy(r, c->current))
		return c->current;
	for (unsigned int m = 0; m < r->nr_methods; m++)
		if (c->cost[m].legal && !uz__return_is_lazy(r, m) &&
		    eager_cost(r, figures(r, shape, m, basis)) <
			    eager_cost(r, figures(r, shape, best, basis)))
			best = m;
	return best;
}

/* Expected cost of a page that goes by @method, ps: its way out, and back if it is wanted. */
static uint64_t cost(const struct uz__return *r, enum uz__shape shape, unsigned int method,
		     enum basis basis)
{
	struct uz__figures f = figures(r, shape, method, basis), eager;
	uint64_t p = chance(&r->comeback, r->comeback.soon);
	uint64_t q = chance(&r->comeback, r->comeback.soon + r->comeback.late);

	if (!uz__return_is_lazy(r, method))
		return eager_cost(r, f);
	eager = figures(r, shape, best_eager(r, shape, basis), basis);
	return f.advice_ps + p * f.refault_ps / ONE + (ONE - p) * eager.advice_ps / ONE +
	       (q - p) * eager.refault_ps / ONE;
}

static bool allowed(const struct uz__return *r, enum uz__shape shape, unsigned int method)
{
	if (!r->chooser[shape].cost[method].legal)
		return false;
	if (shape == SHAPE_PART || r->policy == UZ_RETURN_EAGER || r->pressed)
		return !uz__return_is_lazy(r, method);
	return true;
}

unsigned int uz__return_pick(const struct uz__return *r, enum uz__shape shape, bool lazy)
{
	const struct uz__chooser *c = &r->chooser[shape];

	lazy = lazy && shape == SHAPE_WHOLE && !r->pressed;
	if (lazy && r->policy == UZ_RETURN_LAZY)
		for (unsigned int m = 0; m < r->nr_methods; m++)
			if (c->cost[m].legal && uz__return_is_lazy(r, m))
				return m;
	if (lazy && r->policy == UZ_RETURN_AUTO)
		return c->current;
	return best_eager(r, shape, WATCHED);
}

bool uz__return_probe_due(const struct uz__return *r, enum uz__shape shape, uint64_t now_ns)
{
	const struct uz__chooser *c = &r->chooser[shape];

	return r->nr_methods && now_ns >= c->probe_at_ns &&
	       (c->doubted || c->spent_ns >= c->probe_cost_ns * PROBE_PART);
}

void uz__return_probed(struct uz__return *r, enum uz__shape shape, unsigned int method,
		       uint64_t now_ns, bool legal, uint64_t advice_ps, uint64_t refault_ps)
{
	struct uz__method_cost *c = &r->chooser[shape].cost[method];

	*c = (struct uz__method_cost){ .legal = legal || method == r->fallback };
	if (!legal)
		return;
	c->probe = (struct uz__figures){ UZ_MAX(advice_ps, 1ull), UZ_MAX(refault_ps, 1ull) };
	c->probed_ns = now_ns;
}

void uz__return_probe_done(struct uz__return *r, enum uz__shape shape, uint64_t now_ns,
			   uint64_t cost_ns)
{
	struct uz__chooser *c = &r->chooser[shape];

	c->probe_cost_ns = cost_ns;
	c->spent_ns = 0;
	c->doubted = false;
	c->fresh = true;
	if (!c->cost[c->current].legal)
		c->current = r->fallback;
	c->probe_at_ns = now_ns + c->gap_ns;
	c->gap_ns = UZ_MIN(2 * c->gap_ns, GAP_MAX_NS);
}

/* The first samples after a probe say what is calm. */
static void watch(uint64_t *live, uint64_t *calm, uint32_t *nr, uint64_t probe, uint64_t sample)
{
	follow(live, sample);
	if ((*nr)++ < WEIGHT)
		*calm = UZ_MIN(*live, 2 * probe);
}

void uz__return_gone(struct uz__return *r, enum uz__shape shape, unsigned int method,
		     uint64_t now_ns, uint64_t frames, uint64_t spent_ns)
{
	struct uz__method_cost *c = &r->chooser[shape].cost[method];
	struct uz__comeback *b = &r->comeback;

	r->chooser[shape].spent_ns += spent_ns;
	watch(&c->live.advice_ps, &c->calm.advice_ps, &c->nr_advice, c->probe.advice_ps,
	      ps_a_frame(spent_ns, frames));
	if (uz__return_is_lazy(r, method))
		r->lazy_frames += frames;
	else
		r->eager_frames += frames;
	turn(b, now_ns);
	b->gone[b->newest] += frames;
}

void uz__return_came(struct uz__return *r, enum uz__shape shape, unsigned int method,
		     uint64_t now_ns, uint64_t frames, uint64_t spent_ns)
{
	struct uz__method_cost *c;

	came(&r->comeback, now_ns, frames);
	if (method == UZ__METHODS_MAX)
		return;
	r->chooser[shape].spent_ns += spent_ns;
	c = &r->chooser[shape].cost[method];
	watch(&c->live.refault_ps, &c->calm.refault_ps, &c->nr_refault, c->probe.refault_ps,
	      ps_a_frame(spent_ns, frames));
	r->refault_ns += spent_ns;
}

void uz__return_refused(struct uz__return *r, enum uz__shape shape, unsigned int method)
{
	struct uz__chooser *c = &r->chooser[shape];

	c->cost[method].legal = method == r->fallback;
	if (c->current == method)
		c->current = r->fallback;
}

/* After a probe the next one is soon: what was slow may be good again. */
static void change(struct uz__return *r, enum uz__shape shape, unsigned int to, uint64_t now_ns)
{
	struct uz__chooser *c = &r->chooser[shape];
	uint64_t was = cost(r, shape, c->current, PROBED);
	uint64_t is = UZ_MAX(cost(r, shape, to, PROBED), 1ull);

	r->from = c->current;
	r->to = c->current = (uint8_t)to;
	r->ratio_percent = (uint32_t)UZ_MIN(was * 100 / is, (uint64_t)UINT32_MAX);
	r->switches++;
	c->keep_ns = now_ns + KEEP_NS;
	c->doubt_ns = DOUBT_MIN_NS;
	if (!c->fresh)
		return;
	c->gap_ns = GAP_MIN_NS;
	c->probe_at_ns = now_ns + c->gap_ns;
}

/* The cheapest, and the one in use when nothing is better by more than a tenth. */
static unsigned int best_of(const struct uz__return *r, enum uz__shape shape, enum basis basis)
{
	unsigned int current = r->chooser[shape].current, best = current;

	for (unsigned int m = 0; m < r->nr_methods; m++)
		if (allowed(r, shape, m) && cost(r, shape, m, basis) < cost(r, shape, best, basis))
			best = m;
	if (cost(r, shape, best, basis) * 11 < cost(r, shape, current, basis) * 10)
		return best;
	return current;
}

/*
 * A probe shall say whether it is so, once @best would have saved what it costs; the next one later,
 * since it did not when we come here again.
 */
static void doubt(struct uz__return *r, enum uz__shape shape, unsigned int best, uint64_t now_ns)
{
	struct uz__chooser *c = &r->chooser[shape];
	uint64_t is = cost(r, shape, c->current, WATCHED);
	uint64_t less = is - cost(r, shape, best, WATCHED);

	if (now_ns < c->doubted_ns + c->doubt_ns || c->spent_ns * less / is < c->probe_cost_ns)
		return;
	c->doubted = true;
	c->doubt_ns = UZ_MIN(2 * c->doubt_ns, GAP_MAX_NS);
	c->doubted_ns = now_ns;
	c->probe_at_ns = now_ns;
}

void uz__return_decide(struct uz__return *r, enum uz__shape shape, uint64_t now_ns)
{
	struct uz__chooser *c = &r->chooser[shape];
	unsigned int probed = best_of(r, shape, PROBED), watched = best_of(r, shape, WATCHED);

	if (!c->cost[c->current].probed_ns)
		return;
	if (probed == c->current && watched != c->current)
		doubt(r, shape, watched, now_ns);
	if (probed != c->current && (c->fresh || now_ns >= c->keep_ns))
		change(r, shape, probed, now_ns);
	c->fresh = false;
}

/* Nothing goes lazily where no method is lazy, or none is wanted. */
bool uz__return_look_due(struct uz__return *r, uint64_t now_ns)
{
	const struct uz__chooser *c = &r->chooser[SHAPE_WHOLE];
	bool lazy = r->policy == UZ_RETURN_LAZY || uz__return_is_lazy(r, c->current);

	if (!lazy || r->policy == UZ_RETURN_EAGER || now_ns < r->look_ns)
		return false;
	r->look_ns = now_ns + LOOK_NS;
	return true;
}

void uz__return_looked(struct uz__return *r, uint64_t now_ns, bool pressed)
{
	if (pressed)
		r->calm_ns = now_ns + PRESSED_NS;
	r->pressed = now_ns < r->calm_ns;
}

void uz__return_stats(const struct uz__return *r, struct uz_arena_stats *st)
{
	unsigned int method = uz__return_pick(r, SHAPE_WHOLE, true);

	st->returned_eager_bytes = r->eager_frames << UZ_FRAME_SHIFT;
	st->returned_lazy_bytes = r->lazy_frames << UZ_FRAME_SHIFT;
	st->refault_ns = r->refault_ns;
	st->return_switches = r->switches;
	st->return_method = method < r->nr_methods ? r->method[method].name : "decommit";
}
