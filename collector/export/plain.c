#include "collector/export/plain.h"

#include <stdbool.h>
#include <string.h>

#include "common/digest.h"
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

/* ---- cutting --------------------------------------------------------------------------------- */

#define LIST_GAP ", "

static size_t width_of(const char *text, size_t bytes)
{
    size_t width = 0;

    for (size_t i = 0; i < bytes; i++)
        width += !continues(text[i]);
    return width;
}

/* Each of these writes at most `width` characters and returns how many. */

static size_t keep_end(FILE *out, const char *text, size_t bytes, size_t width)
{
    static const char mark[] = "@" DIGEST_ALGORITHM, left_out[] = "@" PLAIN_ELLIPSIS;
    const char *digest = memmem(text, bytes, mark, strlen(mark));
    size_t have = width_of(text, bytes), from, room = width > 2 ? width - 2 : 0;

    if (have <= width) {
        fwrite(text, 1, bytes, out);
        return have;
    }
    if (digest > text && room > 0) {
        have = keep_end(out, text, (size_t)(digest - text), room);
        fputs(left_out, out);
        return have + 2;
    }
    from = plain_bytes(text, have - width + 1);
    fputs(PLAIN_ELLIPSIS, out);
    fwrite(text + from, 1, bytes - from, out);
    return width;
}

/* How many bytes of a list are its first items that fit into `width`; 0: not one. */
static size_t whole_items(const char *list, size_t width)
{
    size_t fits = 0;

    for (const char *gap = strstr(list, LIST_GAP); gap != NULL;
         gap = strstr(gap + strlen(LIST_GAP), LIST_GAP)) {
        if (width_of(list, (size_t)(gap - list)) > width)
            break;
        fits = (size_t)(gap - list);
    }
    return fits;
}

/* Of a list that does not fit. */
static size_t keep_first(FILE *out, const char *list, size_t width)
{
    static const char and_more[] = LIST_GAP PLAIN_ELLIPSIS;
    const char *gap = strstr(list, LIST_GAP);
    size_t more = plain_width(and_more), items, have;

    if (gap == NULL || width <= more)
        return keep_end(out, list, strlen(list), width);
    items = whole_items(list, width - more);
    if (items > 0) {
        fwrite(list, 1, items, out);
        have = width_of(list, items);
    } else {
        have = keep_end(out, list, (size_t)(gap - list), width - more);
    }
    fputs(and_more, out);
    return have + more;
}

size_t plain_put_cut(FILE *out, const char *text, size_t width, enum plain_cut how)
{
    size_t have = plain_width(text);

    if (have <= width) {
        fputs(text, out);
        return have;
    }
    if (width == 0)
        return 0;
    if (how == PLAIN_KEEP_END)
        return keep_end(out, text, strlen(text), width);
    if (how == PLAIN_KEEP_FIRST)
        return keep_first(out, text, width);
    fwrite(text, 1, plain_bytes(text, width - 1), out);
    fputs(PLAIN_ELLIPSIS, out);
    return width;
}

/* ---- wrapping -------------------------------------------------------------------------------- */

void plain_put_lines(FILE *out, const char *text, size_t width, size_t used, size_t indent)
{
    bool begins = true; /* nothing of the text is in this line */

    while (*text != '\0') {
        size_t spaces = strspn(text, " "), word = strcspn(text + spaces, " ");
        size_t chars = spaces + width_of(text + spaces, word);

        if (width > 0 && !begins && used + chars > width) {
            fprintf(out, "\n%*s", (int)indent, "");
            text += spaces;
            chars -= spaces;
            spaces = 0;
            used = indent;
        }
        fwrite(text, 1, spaces + word, out);
        text += spaces + word;
        used += chars;
        begins = false;
    }
    fputc('\n', out);
}
