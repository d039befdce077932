#include "collector/export/plain.h"

#include <stdbool.h>

#include "common/utf8.h"

void plain_clean(struct buf *b, size_t from)
{
    for (size_t i = from; i < b->len;) {
        if (b->data[i] >= 0x20 && b->data[i] < 0x7F) { /* most of all bytes */
            i++;
            continue;
        }

        size_t len = utf8_sequence((const char *)b->data + i, b->len - i);
        bool c1 = len == 2 && b->data[i] == 0xC2 && b->data[i + 1] < 0xA0;

        if (len == 0 || b->data[i] < 0x20 || b->data[i] == 0x7F)
            b->data[i] = '?';
        else if (c1)
            b->data[i] = b->data[i + 1] = '?';
        i += len > 0 ? len : 1;
    }
}

static bool continues(char byte)
{
    return ((unsigned char)byte & 0xC0) == 0x80;
}

size_t plain_width(const char *text)
{
    size_t width = 0;

    for (; *text != '\0'; text++)
        width += !continues(*text);
    return width;
}

size_t plain_bytes(const char *text, size_t width)
{
    size_t bytes = 0;

    for (; text[bytes] != '\0'; bytes++)
        if (!continues(text[bytes]) && width-- == 0)
            break;
    return bytes;
}
