/* A catalogue as somebody may write it. */
#include "collector/rules/catalogue_file.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "common/imageref.h"

#define ARENA_BYTES ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_base(const struct catalogue_base *b)
{
    struct err err = {.kind = ERR_NONE};
    struct imageref ref;
    struct digest chain;

    check(b->layers > 0 && b->layers <= CATALOGUE_LAYERS_MAX);
    chain = b->diffs[0];
    for (size_t i = 1; i < b->layers; i++)
        chain = digest_chain(&chain, &b->diffs[i]);
    check(digest_eq(&chain, &b->chain));
    check(imageref_parse(&ref, b->name, &err) == 0 && (ref.tag[0] != '\0' || ref.has_digest));
    check(b->platform != NULL && b->family != NULL && b->version != NULL && b->source != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct err err = {.kind = ERR_NONE};
    struct catalogue c;

    check(arena_open(&arena, ARENA_BYTES, &err) == 0);
    if (catalogue_parse(&c, "c.yaml", (const char *)data, size, arena, &err) != 0) {
        check(err.kind == ERR_USAGE || err.kind == ERR_LIMIT);
        return 0;
    }
    for (size_t i = 0; i < c.base_count; i++)
        check_base(&c.bases[i]);
    for (size_t i = 0; i < c.namer_count; i++)
        check(c.namers[i].host[0] != '\0' && c.namers[i].root != NULL);
    return 0;
}
