/* An image's manifest, or an index, as any host may send it to the collector. */
#include <string.h>

#include "collector/store/manifest_parse.h"
#include "common/check.h"
#include "common/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct err err = {.kind = ERR_NONE};
    struct manifest m;

    check(arena_open(&arena, MANIFEST_ARENA_BYTES, &err) == 0);
    if (manifest_parse(&m, data, size, arena, &err) != 0) {
        check(err.kind == ERR_CORRUPT || err.kind == ERR_LIMIT);
        return 0;
    }
    check(m.kind == REC_DOC_MANIFEST || (m.kind == REC_DOC_INDEX && m.blob_count == 0));
    check(m.blob_count <= MANIFEST_LAYERS_MAX);
    for (size_t i = 0; i < m.blob_count; i++) {
        const char *type = m.blobs[i].media_type;

        check(m.blobs[i].bytes <= REC_BYTES_MAX && strlen(type) <= MANIFEST_WORD_BYTES);
        check(rec_text_fault(type, strlen(type), false) == strlen(type));
    }
    return 0;
}
