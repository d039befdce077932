/*
 * bolt_maker: bolt files of a test's own making, laid out as bbolt does: small buckets inside their
 * parents' pages, large ones as trees of branch and leaf pages, long values over several pages.
 *
 * Every function ends the program where the machine refuses.
 */
#ifndef TESTS_SUPPORT_BOLT_MAKER_H
#define TESTS_SUPPORT_BOLT_MAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/buf.h"

/* A bucket, or the whole. */
struct bolt_made;

/* An empty file's outermost bucket. */
struct bolt_made *bolt_made_open(void);
/* With all buckets in it. */
void bolt_made_close(struct bolt_made **root);

/* The bucket of this name, made where it is not there. It is the root's to free. */
struct bolt_made *bolt_made_bucket(struct bolt_made *in, const char *name);
/* A value, replaced where it is there. */
void bolt_made_put(struct bolt_made *in, const char *name, const void *value, size_t len);
void bolt_made_put_text(struct bolt_made *in, const char *name, const char *text);
bool bolt_made_has(const struct bolt_made *in, const char *name);
/* A value or bucket that is there. */
void bolt_made_remove(struct bolt_made *in, const char *name);

struct bolt_form {
    uint32_t page_size;
    size_t page_elements; /* at most, in one page: few make deep trees */
    uint64_t txid;
};

/* The file, in place of what `out` holds. */
void bolt_made_write(struct bolt_made *root, const struct bolt_form *form, struct buf *out);
/* Makes the meta page (0 or 1) right again after something in it was changed. */
void bolt_made_sign(struct buf *file, uint32_t page_size, unsigned meta);

#endif
