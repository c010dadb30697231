/* SPDX-License-Identifier: MIT */
/* Built for an ABI to come. */
#define TOY_NAME "newabi"
#define TOY_ABI (UZ_CODEC_ABI + 1)
#include "toy_i.h"
