#include "common/base64.h"

#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t base64_decode(const char *text, uint8_t *out)
{
    size_t used = strspn(text, digits), padding = strspn(text + used, "="), len = 0;
    uint32_t bits = 0;

    if (text[used + padding] != '\0' || used % 4 == 1 ||
        (padding > 0 && (padding > 2 || (used + padding) % 4 != 0)))
        return 0;
    for (size_t i = 0; i < used; i++) {
        bits = bits << 6 | (uint32_t)(strchr(digits, text[i]) - digits);
        if (i % 4 != 0)
            out[len++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
    }
    return len;
}

char *base64_encode(const void *data, size_t len, char *out)
{
    const uint8_t *bytes = data;
    char *to = out;

    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t bits = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                        (left > 2 ? bytes[i + 2] : 0);

        *to++ = digits[bits >> 18];
        *to++ = digits[bits >> 12 & 63];
        *to++ = left > 1 ? digits[bits >> 6 & 63] : '=';
        *to++ = left > 2 ? digits[bits & 63] : '=';
    }
    *to = '\0';
    return out;
}
