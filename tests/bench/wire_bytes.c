/*
 * wire_bytes IMAGES: bytes of protobuf that a host's first report has when all its images are known
 * (inventory begin, part, end), and that a heartbeat has. Beside it the flat form: the same report
 * in which each image says all of its names and repositories in full, and the digests of its LAYERS
 * layers, as a protocol must that assumes nothing to be known.
 */
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/wire.h"
#include "tests/bench/rig.h"

enum {
    LAYERS = 10,
    DIGEST_FIELD = 34, /* 32 bytes, tag and length */
    BASES = 5,
    SEED = 7,
};

static size_t encoded(const struct wire_agent_msg *m)
{
    AUTO(buf_close) struct buf out;
    struct err err;

    buf_init(&out, 64 << 20);
    bench_must(wire_agent_encode(m, &out, &err), &err, "encode");
    return out.len;
}

static size_t report_bytes(struct rec_content *content)
{
    struct rec_store_sum sum = {content->store.key, rec_content_sum(content)};
    struct wire_agent_msg begin = {.kind = WIRE_INVENTORY_BEGIN, .begin = {1, 1, 0}};
    struct wire_agent_msg part = {.kind = WIRE_INVENTORY_PART, .part = *content};
    struct wire_agent_msg end = {.kind = WIRE_INVENTORY_END, .end = {1, &sum, 1}};

    return encoded(&begin) + encoded(&part) + encoded(&end);
}

/* Of an image in full: ID, identity, unpacked; its own tag and length take three. */
static size_t flat_image(const struct rec_image *image)
{
    size_t bytes = 3 + DIGEST_FIELD + 2 + 2 + LAYERS * DIGEST_FIELD;

    for (size_t i = 0; i < image->name_count; i++)
        bytes += 2 + strlen(image->names[i]);
    for (size_t i = 0; i < image->repo_digest_count; i++)
        bytes += 2 + 2 + strlen(image->repo_digests[i].repository) + DIGEST_FIELD;
    return bytes;
}

static size_t flat_bytes(struct rec_content *content)
{
    struct rec_content none = *content;
    size_t bytes;

    none.image_count = 0;
    bytes = report_bytes(&none);
    for (size_t i = 0; i < content->image_count; i++)
        bytes += flat_image(&content->images[i]);
    return bytes;
}

int main(int argc, char **argv)
{
    AUTO(arena_close) struct arena *arena = NULL;
    AUTO(catalogue_close) struct cat_images *catalogue = NULL;
    struct wire_agent_msg heartbeat = {.kind = WIRE_HEARTBEAT, .heartbeat = {1000000, 60000}};
    struct holding holding;
    struct rec_content content;
    struct err err;
    size_t images, full, flat, bare;

    if (argc != 2) {
        fprintf(stderr, "usage: wire_bytes IMAGES\n");
        return 2;
    }
    images = bench_number(argv[1]);
    bench_must(arena_open(&arena, 64 << 20, &err), &err, "memory");
    bench_must(catalogue_open(&catalogue, 2 * images, BASES, SEED, &err), &err, "catalogue");
    bench_must(holding_init(&holding, catalogue, 0, images, false, SEED, &err), &err, "host");
    bench_must(holding_content(&holding, arena, &content, &err), &err, "content");
    full = report_bytes(&content);
    flat = flat_bytes(&content);
    for (size_t i = 0; i < content.image_count; i++)
        content.images[i].name_count = content.images[i].repo_digest_count = 0;
    bare = report_bytes(&content);
    printf("{\"report\": %zu, \"flat\": %zu, \"identities\": %zu, \"identities_flat\": %zu, "
           "\"heartbeat\": %zu}\n",
           full, flat, bare, flat_bytes(&content), encoded(&heartbeat));
    holding_close(&holding);
    return 0;
}
