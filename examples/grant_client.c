/* SPDX-License-Identifier: MIT */
/*
 * Takes memory out of the RAM budget of a running uzram for a moment, as the driver of a camera would.
 * Start `uzram serve --region cam0:64M` first; arguments are the size in MiB (16), the name of the
 * region and how many milliseconds it may take to empty it (100). Without a region it is what the
 * budget has left.
 *
 *	cc grant_client.c $(pkg-config --cflags --libs uzram) -o grant_client
 *	./grant_client 16 cam0 50
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <uzram_grant.h>

int main(int argc, char **argv)
{
	uint64_t mib = argc > 1 ? strtoull(argv[1], NULL, 10) : 16;
	unsigned int deadline_ms = argc > 3 ? (unsigned int)strtoul(argv[3], NULL, 10) : 100;
	struct uz_client_grant g = { .struct_size = sizeof(g) };
	char why[1024];
	char *frames;
	int rc;

	if (argc > 2)
		rc = uz_client_grant_region(NULL, argv[2], mib << 20, deadline_ms, &g, why,
					    sizeof(why));
	else
		rc = uz_client_grant(NULL, mib << 20, &g, why, sizeof(why));
	if (rc < 0) {
		fprintf(stderr, "grant_client: %s\n", why);
		return 1;
	}
	frames = mmap(NULL, g.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, g.fd,
		      (off_t)g.offset_bytes);
	if (frames == MAP_FAILED) {
		perror("grant_client: the grant cannot be mapped");
		return 1;
	}
	memset(frames, 0x5a, g.bytes);
	printf("grant %u: %llu bytes are ours\n", g.id, (unsigned long long)g.bytes);
	munmap(frames, g.bytes);
	uz_client_grant_free(&g);
	return 0;
}
