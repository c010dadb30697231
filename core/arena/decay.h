/* SPDX-License-Identifier: MIT */
/* How much free memory was lately shown to be needed again; see decay.c. */
#ifndef UZ_ARENA_DECAY_H
#define UZ_ARENA_DECAY_H

#include <uz/port.h>

#define UZ__DECAY_STEPS 128u
#define UZ__DECAY_NS 10000000000ull /* until a proof counts for nothing */

/* Zeroed memory is a start without history. */
struct uz__decay {
	uint32_t level[UZ__DECAY_STEPS]; /* frames in use at each step, a ring */
	uint32_t newest; /* in level */
	uint64_t next_ns; /* when the next step is due; 0: no level yet */
	uint64_t hot_frames; /* worth keeping above the reserve, as of the last step */
};

/* Notes the frames in use; cheap until a step is due. One thread at a time. */
void uz__decay_note(struct uz__decay *d, uint64_t now_ns, uint64_t used_frames);

#endif
