/* SPDX-License-Identifier: MIT */
/* Its table ends too early. */
#define TOY_NAME "short"
#define TOY_BYTES 24
#include "toy_i.h"
