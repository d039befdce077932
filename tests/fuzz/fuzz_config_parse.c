/* An image config as any host may send it to the collector. */
#include <string.h>

#include "collector/store/config_parse.h"
#include "common/check.h"
#include "common/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t max)
{
    if (text != NULL)
        check(strlen(text) <= max && rec_text_fault(text, strlen(text), true) == strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct err err = {.kind = ERR_NONE};
    struct config c;

    check(arena_open(&arena, CONFIG_ARENA_BYTES, &err) == 0);
    if (config_parse(&c, data, size, arena, &err) != 0) {
        check(err.kind == ERR_CORRUPT || err.kind == ERR_LIMIT);
        return 0;
    }
    check(c.diff_count <= CONFIG_LAYERS_MAX && c.step_count <= CONFIG_HISTORY_MAX);
    check_text(c.os, CONFIG_WORD_BYTES);
    check_text(c.created, CONFIG_WORD_BYTES);
    for (size_t i = 0; i < c.step_count; i++)
        check_text(c.steps[i].created_by, CONFIG_TEXT_BYTES);
    for (size_t i = 0; i < c.label_count; i++)
        check(i == 0 || strcmp(c.labels[i - 1].key, c.labels[i].key) < 0);
    return 0;
}
