#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/h2_private.h"

/*
 * nghttp2 makes a buffer for the longest frame with each session and keeps it, 16 KiB of which an
 * idle connection has used the first few hundred bytes. From malloc() it would be what a TLS
 * handshake has just given back, with all of its pages in use; pages of its own are in use only
 * where something was written. All the rest is malloc()'s.
 */

#define OWN_PAGES_LEAST (8 * 1024)

/* NULL where there already is one, or where the kernel allows no more: then malloc() serves. */
static void *map_frame(struct h2 *h, size_t size)
{
    void *p;

    if (h->frame != NULL || size < OWN_PAGES_LEAST)
        return NULL;
    p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    h->frame = p;
    h->frame_size = size;
    return p;
}

static void unmap_frame(struct h2 *h)
{
    munmap(h->frame, h->frame_size);
    h->frame = NULL;
}

static void *on_malloc(size_t size, void *arg)
{
    void *p = map_frame(arg, size);

    return p != NULL ? p : malloc(size);
}

static void on_free(void *p, void *arg)
{
    struct h2 *h = arg;

    if (p != NULL && p == h->frame)
        unmap_frame(h);
    else
        free(p);
}

static void *on_calloc(size_t count, size_t size, void *arg)
{
    (void)arg;
    return calloc(count, size);
}

static void *on_realloc(void *p, size_t size, void *arg)
{
    struct h2 *h = arg;
    void *to;

    if (p == NULL)
        return on_malloc(size, arg);
    if (p != h->frame)
        return realloc(p, size);
    to = malloc(size);
    if (to == NULL)
        return NULL;
    memcpy(to, p, size < h->frame_size ? size : h->frame_size);
    unmap_frame(h);
    return to;
}

nghttp2_mem h2_memory(struct h2 *h)
{
    return (nghttp2_mem){.mem_user_data = h,
                         .malloc = on_malloc,
                         .free = on_free,
                         .calloc = on_calloc,
                         .realloc = on_realloc};
}
