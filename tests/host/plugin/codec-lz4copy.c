/* SPDX-License-Identifier: MIT */
/* Takes the name of a built-in codec. */
#define TOY_NAME "lz4"
#include "toy_i.h"
