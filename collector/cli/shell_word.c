#include "collector/cli/shell_word.h"

#include <string.h>

#include "collector/export/plain.h"

#define PLAIN_LETTERS                                                                              \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/:@-" /* of no shell's own */

int shell_word(struct buf *out, const char *text, struct err *err)
{
    size_t from = out->len;

    if (text[0] != '\0' && text[strspn(text, PLAIN_LETTERS)] == '\0')
        return buf_add_str(out, text, err);
    if (buf_add_str(out, "'", err) != 0)
        return -1;
    for (;;) {
        size_t len = strcspn(text, "'");

        if (buf_add(out, text, len, err) != 0)
            return -1;
        if (text[len] == '\0')
            break;
        if (buf_add_str(out, "'\\''", err) != 0)
            return -1;
        text += len + 1;
    }
    if (buf_add_str(out, "'", err) != 0)
        return -1;
    plain_clean(out, from);
    return 0;
}
