/* What an image says of its base, in a config, a manifest or an attestation as any host may send
 * it. */
#include <string.h>

#include "collector/store/evidence_parse.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "common/imageref.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rows(const struct evidence_rows *rows, size_t layers)
{
    check(rows->count <= EVIDENCE_ROWS_MAX);
    for (size_t i = 0; i < rows->count; i++) {
        const struct fleet_evidence *row = &rows->items[i];
        size_t len = strlen(row->reference);
        struct imageref ref;

        check(i == 0 || rows->items[i - 1].source <= row->source);
        check(len <= IMAGEREF_MAX && rec_text_fault(row->reference, len, false) == len);
        check(row->layers == FLEET_UNKNOWN ||
              (row->layers >= 1 && (uint64_t)row->layers <= layers));
        /* A row says something. */
        check(len > 0 || row->layers != FLEET_UNKNOWN || !digest_is_zero(&row->digest) ||
              !digest_is_zero(&row->top));
        if (row->role == EVIDENCE_OF_BASE && len > 0)
            check(imageref_parse(&ref, row->reference, NULL) == 0 && !ref.has_digest);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct evidence_statement said;
    struct evidence_rows rows;
    struct config c;
    struct manifest m;
    struct err err;

    check(arena_open(&arena, CONFIG_ARENA_BYTES, &err) == 0);
    if (config_parse(&c, data, size, arena, &err) == 0) {
        check(evidence_of_config(&rows, &c, arena, &err) == 0);
        check_rows(&rows, c.diff_count);
    }
    if (manifest_parse(&m, data, size, arena, &err) == 0) {
        check(evidence_of_manifest(&rows, &m, arena, &err) == 0);
        check_rows(&rows, 0);
    }
    check(evidence_of_statement(&said, data, size, arena, &err) == 0);
    check(said.subject_count <= EVIDENCE_SUBJECTS_MAX);
    check_rows(&said.materials, 0);
    return 0;
}
