/*
 * digest: SHA-256 digests in the form of the OCI image spec ("sha256:" + 64 hex digits,
 * descriptor.md, "Digests"), and chainIDs (config.md, "Layer ChainID").
 *
 * Only sha256 is spoken: every engine in use writes it. Another algorithm is a clear
 * ERR_CORRUPT at the place where it is read.
 *
 * Threads: pure functions, any thread.
 */
#ifndef COMMON_DIGEST_H
#define COMMON_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define DIGEST_BYTES 32
#define DIGEST_HEX 64
#define DIGEST_TEXT 72  /* "sha256:" + 64 + NUL */
#define DIGEST_SHORT 12 /* hex digits, as the engines' own tables show */
#define DIGEST_ALGORITHM "sha256:"

struct digest {
    uint8_t bytes[DIGEST_BYTES];
};

/* The digest of `len` bytes at `data`. */
struct digest digest_of(const void *data, size_t len);

/* Parses "sha256:<64 lower hex>" (bare = also accepts the 64 hex digits alone).
 * ERR_CORRUPT names the text (cut to a readable length). */
int digest_parse(struct digest *out, const char *text, size_t len, bool bare, struct err *err);

/* Writes "sha256:<hex>" / "<hex>", terminated. Both return `out`. */
char *digest_text(const struct digest *d, char out[DIGEST_TEXT]);
char *digest_hex(const struct digest *d, char out[DIGEST_HEX + 1]);

/* Order of the bytes, as memcmp(). */
int digest_cmp(const struct digest *a, const struct digest *b);
bool digest_eq(const struct digest *a, const struct digest *b);

/* All bytes are zero: what stands for "none" where a digest may be missing. */
bool digest_is_zero(const struct digest *d);

/* chainID of `diff` on top of `parent` (NULL: diff is the first layer):
 * c0 = diff0; cn = sha256("sha256:<c(n-1)> sha256:<diffn>"). */
struct digest digest_chain(const struct digest *parent, const struct digest *diff);

/* An order-free digest of a set: the lane-wise sum modulo 2^64 of the SHA-256 of its elements,
 * read as four little-endian 64-bit lanes. add/sub of the same element cancel out; an empty set
 * is all zeros. Both ends keep it up from differences (docs/protocol.md, "Store digest"). */
struct setsum {
    uint64_t lane[4];
};

void setsum_add(struct setsum *s, const void *element, size_t len);
void setsum_sub(struct setsum *s, const void *element, size_t len);
/* Adds, or takes away, a whole other set. */
void setsum_merge(struct setsum *s, const struct setsum *other);
void setsum_part(struct setsum *s, const struct setsum *other);
bool setsum_eq(const struct setsum *a, const struct setsum *b);
void setsum_bytes(const struct setsum *s, uint8_t out[32]); /* lanes little-endian */
void setsum_from_bytes(struct setsum *s, const uint8_t in[32]);

#endif
