/* SPDX-License-Identifier: MIT */
/*
 * Takes memory out of the RAM budget of a running uzram for a moment, as a driver of a camera
 * behind an IOMMU would. Start `uzram serve` first; an argument is the size in MiB (16).
 *
 *	cc grant_client.c $(pkg-config --cflags --libs uzram) -o grant_client
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <uzram_grant.h>

int main(int argc, char **argv)
{
	uint64_t mib = argc > 1 ? strtoull(argv[1], NULL, 10) : 16;
	struct uz_client_grant g;
	char why[300];
	char *frames;

	if (uz_client_grant(NULL, mib << 20, &g, why, sizeof(why)) < 0) {
		fprintf(stderr, "grant_client: %s\n", why);
		return 1;
	}
	frames = mmap(NULL, g.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, g.fd, 0);
	if (frames == MAP_FAILED)
		return 1;
	memset(frames, 0x5a, g.bytes);
	printf("grant %u: %llu bytes are ours\n", g.id, (unsigned long long)g.bytes);
	munmap(frames, g.bytes);
	uz_client_grant_free(&g);
	return 0;
}
