/* SPDX-License-Identifier: MIT */
/* The example's pool: it has no move, so no region may be beside it. */
#include "../../../examples/pool-example/solo.c"
