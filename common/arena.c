#include "common/arena.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"

#define BLOCK_LEAST ((size_t)2 << 10)
#define BLOCK_MOST                                                                                 \
    ((size_t)1 << 20) /* blocks double up to this; a larger piece has its own block */
#define ALIGNMENT alignof(max_align_t)

struct block {
    struct block *next;
    size_t size, used;
    alignas(max_align_t) uint8_t bytes[];
};

struct arena {
    atomic_uint owners;
    struct block *blocks; /* the first is the one that pieces are taken from */
    size_t next_size;     /* of the next block */
    size_t used, max;     /* bytes handed out, each piece rounded up to the alignment */
};

int arena_open(struct arena **out, size_t max_bytes, struct err *err)
{
    struct arena *a = calloc(1, sizeof(*a));

    if (a == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for an arena");
    atomic_init(&a->owners, 1);
    a->next_size = BLOCK_LEAST;
    a->max = max_bytes;
    *out = a;
    return 0;
}

struct arena *arena_share(struct arena *a)
{
    atomic_fetch_add(&a->owners, 1);
    return a;
}

void arena_close(struct arena **pp)
{
    struct arena *a = *pp;

    *pp = NULL;
    if (a == NULL || atomic_fetch_sub(&a->owners, 1) != 1)
        return;
    for (struct block *b = a->blocks, *next; b != NULL; b = next) {
        next = b->next;
        free(b);
    }
    free(a);
}

/* Puts a new block of at least `size` bytes in front; where it is for one large piece only, behind
 * the first, so that the rest of that one is not lost. */
static struct block *add_block(struct arena *a, size_t size)
{
    bool own = size > a->next_size;
    size_t bytes = own ? size : a->next_size;
    struct block *b = calloc(1, sizeof(*b) + bytes);

    if (b == NULL)
        return NULL;
    b->size = bytes;
    if (own && a->blocks != NULL) {
        b->next = a->blocks->next;
        a->blocks->next = b;
        return b;
    }
    b->next = a->blocks;
    a->blocks = b;
    if (a->next_size < BLOCK_MOST)
        a->next_size *= 2;
    return b;
}

void *arena_alloc(struct arena *a, size_t size, struct err *err)
{
    struct block *b = a->blocks;
    size_t rounded;
    void *piece;

    if (size > a->max - a->used || a->max - a->used - size < ALIGNMENT) {
        err_set(err, ERR_LIMIT, "%zu and %zu more bytes are over the limit of %zu", a->used, size,
                a->max);
        return NULL;
    }
    rounded = size == 0 ? ALIGNMENT : (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (b == NULL || rounded > b->size - b->used)
        b = add_block(a, rounded);
    if (b == NULL) {
        err_set(err, ERR_NO_MEMORY, "no memory for %zu bytes", rounded);
        return NULL;
    }
    piece = b->bytes + b->used;
    b->used += rounded;
    a->used += rounded;
    return piece;
}

void *arena_array(struct arena *a, size_t count, size_t size, struct err *err)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        err_set(err, ERR_LIMIT, "%zu items of %zu bytes are more than can be counted", count, size);
        return NULL;
    }
    return arena_alloc(a, bytes, err);
}

char *arena_text(struct arena *a, const char *text, size_t len, struct err *err)
{
    char *copy;

    check(len < SIZE_MAX);
    copy = arena_alloc(a, len + 1, err);
    if (copy != NULL && len > 0)
        memcpy(copy, text, len);
    return copy;
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}
