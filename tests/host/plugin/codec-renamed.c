/* SPDX-License-Identifier: MIT */
/* Its file has another name. */
#define TOY_NAME "realname"
#include "toy_i.h"
