/* Any bytes as a document, and as a text. What left must be JSON again, and must leave the same way
 * a second time: hosts that redact what another redacted must come to the same bytes. */
#include <string.h>

#include "agent/redact.h"
#include "common/check.h"
#include "common/cleanup.h"

#define INPUT_MAX (1 << 20)
#define OUTPUT_MAX (16 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void redact_as_document(const struct buf *in)
{
    AUTO(buf_close) struct buf once;
    AUTO(buf_close) struct buf twice;
    struct err err = {.kind = ERR_NONE};
    uint32_t cuts = 0, more = 0;

    buf_init(&once, OUTPUT_MAX);
    buf_init(&twice, OUTPUT_MAX);
    if (redact_document(in, &once, &cuts, &err) != 0) {
        check(err.kind != ERR_NONE && once.len == 0);
        return;
    }
    check(cuts > 0 || (once.len == in->len && memcmp(once.data, in->data, in->len) == 0));
    check(redact_document(&once, &twice, &more, &err) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf_close) struct buf in;
    AUTO_FREE char *text = NULL;
    uint32_t cuts = 0;

    buf_init(&in, INPUT_MAX);
    if (size == 0 || buf_add(&in, data, size, NULL) != 0)
        return 0;
    redact_as_document(&in);
    text = redact_text(buf_str(&in), &cuts);
    check(text != NULL);
    return 0;
}
