#include "common/digest.h"

#include <endian.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"

#define PREFIX "sha256:"
#define PREFIX_LEN (sizeof(PREFIX) - 1)
#define QUOTED_MAX 80 /* bytes of a wrong digest that an error repeats */

struct digest digest_of(const void *data, size_t len)
{
    struct digest d;

    /* Fails only where OpenSSL itself cannot work (no default provider): nothing runs then. */
    check(EVP_Digest(data, len, d.bytes, NULL, EVP_sha256(), NULL) == 1);
    return d;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

static int fail_parse(struct err *err, const char *text, size_t len, const char *why)
{
    int quoted = len > QUOTED_MAX ? QUOTED_MAX : (int)len;

    return err_set(err, ERR_CORRUPT, "digest \"%.*s%s\": %s", quoted, text,
                   len > QUOTED_MAX ? "..." : "", why);
}

int digest_parse(struct digest *out, const char *text, size_t len, bool bare, struct err *err)
{
    struct digest d;
    const char *hex = text;
    size_t hex_len = len;
    const char *colon = len > 0 ? memchr(text, ':', len) : NULL;

    if (len >= PREFIX_LEN && memcmp(text, PREFIX, PREFIX_LEN) == 0) {
        hex += PREFIX_LEN;
        hex_len -= PREFIX_LEN;
    } else if (colon != NULL) {
        return fail_parse(err, text, len, "only the algorithm sha256 is supported");
    } else if (!bare) {
        return fail_parse(err, text, len, "expected sha256: and 64 hex digits");
    }
    if (hex_len != DIGEST_HEX)
        return fail_parse(err, text, len, "expected 64 hex digits");
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        int high = hex_value(hex[2 * i]);
        int low = hex_value(hex[2 * i + 1]);

        if (high < 0 || low < 0)
            return fail_parse(err, text, len, "expected lower-case hex digits");
        d.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *out = d;
    return 0;
}

char *digest_hex(const struct digest *d, char out[DIGEST_HEX + 1])
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        out[2 * i] = digits[d->bytes[i] >> 4];
        out[2 * i + 1] = digits[d->bytes[i] & 15];
    }
    out[DIGEST_HEX] = '\0';
    return out;
}

char *digest_text(const struct digest *d, char out[DIGEST_TEXT])
{
    memcpy(out, PREFIX, PREFIX_LEN);
    digest_hex(d, out + PREFIX_LEN);
    return out;
}

int digest_cmp(const struct digest *a, const struct digest *b)
{
    return memcmp(a->bytes, b->bytes, DIGEST_BYTES);
}

bool digest_eq(const struct digest *a, const struct digest *b)
{
    return digest_cmp(a, b) == 0;
}

bool digest_is_zero(const struct digest *d)
{
    static const struct digest zero;

    return digest_eq(d, &zero);
}

struct digest digest_chain(const struct digest *parent, const struct digest *diff)
{
    char pair[2 * DIGEST_TEXT]; /* two texts, the first one's NUL becomes the space between */

    if (parent == NULL)
        return *diff;
    digest_text(parent, pair);
    pair[DIGEST_TEXT - 1] = ' ';
    digest_text(diff, pair + DIGEST_TEXT);
    return digest_of(pair, sizeof(pair) - 1);
}

static void element_lanes(const void *element, size_t len, uint64_t lanes[4])
{
    struct digest d = digest_of(element, len);

    memcpy(lanes, d.bytes, DIGEST_BYTES);
    for (int i = 0; i < 4; i++)
        lanes[i] = le64toh(lanes[i]);
}

void setsum_add(struct setsum *s, const void *element, size_t len)
{
    uint64_t lanes[4];

    element_lanes(element, len, lanes);
    for (int i = 0; i < 4; i++)
        s->lane[i] += lanes[i];
}

void setsum_sub(struct setsum *s, const void *element, size_t len)
{
    uint64_t lanes[4];

    element_lanes(element, len, lanes);
    for (int i = 0; i < 4; i++)
        s->lane[i] -= lanes[i];
}

void setsum_merge(struct setsum *s, const struct setsum *other)
{
    for (size_t i = 0; i < 4; i++)
        s->lane[i] += other->lane[i];
}

void setsum_part(struct setsum *s, const struct setsum *other)
{
    for (size_t i = 0; i < 4; i++)
        s->lane[i] -= other->lane[i];
}

bool setsum_eq(const struct setsum *a, const struct setsum *b)
{
    return memcmp(a->lane, b->lane, sizeof(a->lane)) == 0;
}

void setsum_bytes(const struct setsum *s, uint8_t out[32])
{
    for (int i = 0; i < 4; i++) {
        uint64_t lane = htole64(s->lane[i]);

        memcpy(out + 8 * i, &lane, sizeof(lane));
    }
}

void setsum_from_bytes(struct setsum *s, const uint8_t in[32])
{
    for (int i = 0; i < 4; i++) {
        uint64_t lane;

        memcpy(&lane, in + 8 * i, sizeof(lane));
        s->lane[i] = le64toh(lane);
    }
}
