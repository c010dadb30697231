/* SPDX-License-Identifier: MIT */
/* Cannot compress. */
#define TOY_NAME "partial"
#define TOY_COMPRESS NULL
#include "toy_i.h"
