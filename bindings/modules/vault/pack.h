/* Compressing files by zstd, and summing them by SHA-256. No Lua, no database. */
#ifndef SIGNALBOX_VAULT_PACK_H
#define SIGNALBOX_VAULT_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_TEXT 65 /* 64 digits in lower case, and a NUL */

/* What went through, unpacked and packed. */
typedef struct PackSums {
    int64_t size, packed_size;
    char sha256[SHA256_TEXT], packed_sha256[SHA256_TEXT];
} PackSums;

/* Called after each few MiB with the bytes so far, unpacked; false breaks off. */
typedef bool PackProgress(void *context, int64_t done);

/* All give 0; or an errno, ECANCELED where `progress` broke it off, EBADMSG for what isn't zstd, is
 * damaged or ends too early. Descriptors are read from and written to where they stand, and stay
 * open; nothing is synced. */
int pack_file(int from, int to, int level, PackProgress *progress, void *context, PackSums *sums);

/* `to` -1: checks only. Any number of frames, as `zstd -d` takes. Without `summed` the SHA-256 of
 * what comes out is left empty; zstd's own checksum of it is compared in any case. */
int unpack_file(int from, int to, bool summed, PackProgress *progress, void *context,
                PackSums *sums);

int sum_file(int from, PackProgress *progress, void *context, int64_t *size,
             char sha256[SHA256_TEXT]);
int sum_text(const char *text, size_t size, char sha256[SHA256_TEXT]);

#endif
