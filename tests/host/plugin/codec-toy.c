/* SPDX-License-Identifier: MIT */
/* A good one. */
#define TOY_NAME "toy"
#include "toy_i.h"
