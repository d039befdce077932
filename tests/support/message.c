#include "tests/support/message.h"

#include <string.h>

#include "common/check.h"

/* protobuf's wire types. */
enum { VARINT = 0, BYTES = 2 };

struct buf message_new(void)
{
    struct buf m;

    buf_init(&m, 1 << 20);
    return m;
}

static void put_varint(struct buf *m, uint64_t n)
{
    uint8_t byte;

    do {
        byte = (uint8_t)((n & 0x7f) | (n > 0x7f ? 0x80 : 0));
        check(buf_add(m, &byte, 1, NULL) == 0);
        n >>= 7;
    } while (n > 0);
}

static void put_bytes(struct buf *m, unsigned field, const void *data, size_t len)
{
    put_varint(m, field << 3 | BYTES);
    put_varint(m, len);
    check(buf_add(m, data, len, NULL) == 0);
}

void message_put_number(struct buf *m, unsigned field, uint64_t n)
{
    put_varint(m, field << 3 | VARINT);
    put_varint(m, n);
}

void message_put_text(struct buf *m, unsigned field, const char *text)
{
    put_bytes(m, field, text, strlen(text));
}

void message_put_pair(struct buf *m, unsigned field, const char *key, const char *value)
{
    struct buf pair = message_new();

    message_put_text(&pair, 1, key);
    message_put_text(&pair, 2, value);
    message_put(m, field, &pair);
}

void message_put(struct buf *m, unsigned field, struct buf *inner)
{
    put_bytes(m, field, buf_str(inner), inner->len);
    buf_close(inner);
}
