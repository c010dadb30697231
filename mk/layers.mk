# SPDX-License-Identifier: MIT
#
# Which layers a layer may include. A wrong #include does not compile.
#
#   app -> front -> device -> { codec, pool } -> arena -> plat      base: all

USES_base     := base
USES_arena    := base plat arena
USES_codec    := base codec
USES_pool     := base plat arena pool
USES_device   := base plat arena pool codec device
USES_host     := $(USES_device) host
USES_front    := $(USES_host) front
USES_lib      := $(USES_front) lib
USES_app      := $(USES_lib) app
USES_examples := $(USES_host) lib
USES_tests    := $(USES_app)
USES_bench    := $(USES_app)
USES_fuzz     := $(USES_app)

CORE_LAYERS := base arena pool codec device

# core/pool/x.c -> pool, host/plugin/x.c -> host, tests/pool/x.c -> tests
layer_of = $(if $(filter core/%,$1),$(word 2,$(subst /, ,$1)),$(firstword $(subst /, ,$1)))

# The folder of a layer's private headers, found by #include "x_i.h".
private_of = $(patsubst %,-iquote %,$(if $(filter core/%,$1),core/$(layer_of),$(layer_of)))

# A test also sees the private headers of the layer that it is named after.
test_private_of = $(foreach l,$(word 2,$(subst /, ,$1)),-iquote core/$l -iquote front/$l -iquote $l)

includes_of = $(patsubst %,-Iinclude/%,$(USES_$(call layer_of,$1))) -Iport/user \
	$(call private_of,$1) \
	$(if $(filter tests/%,$1),$(call test_private_of,$1)) \
	$(if $(filter tests/% bench/% fuzz/%,$1),-Itests/lib -Ibench/lib)
