#include "common/utf8.h"

#include <stdbool.h>
#include <stdint.h>

static bool is_continuation(uint8_t byte)
{
    return (byte & 0xC0) == 0x80;
}

/* The second byte's range depends on the first: that excludes overlong forms and surrogates. */
static bool second_byte_fits(uint8_t first, uint8_t second)
{
    switch (first) {
    case 0xE0:
        return second >= 0xA0 && second <= 0xBF;
    case 0xED:
        return second >= 0x80 && second <= 0x9F;
    case 0xF0:
        return second >= 0x90 && second <= 0xBF;
    case 0xF4:
        return second >= 0x80 && second <= 0x8F;
    default:
        return is_continuation(second);
    }
}

static size_t length_by_first_byte(uint8_t first)
{
    if (first < 0x80)
        return 1;
    if (first >= 0xC2 && first <= 0xDF)
        return 2;
    if (first >= 0xE0 && first <= 0xEF)
        return 3;
    if (first >= 0xF0 && first <= 0xF4)
        return 4;
    return 0;
}

size_t utf8_sequence(const char *text, size_t len)
{
    const uint8_t *bytes = (const uint8_t *)text;
    size_t want = len > 0 ? length_by_first_byte(bytes[0]) : 0;

    if (want == 0 || want > len)
        return 0;
    if (want > 1 && !second_byte_fits(bytes[0], bytes[1]))
        return 0;
    for (size_t i = 2; i < want; i++)
        if (!is_continuation(bytes[i]))
            return 0;
    return want;
}

size_t utf8_cut(const char *text, size_t len)
{
    size_t start = len;

    while (start > 0 && len - start < 3 && is_continuation((uint8_t)text[start - 1]))
        start--;
    if (start == 0)
        return len;
    start--;
    return length_by_first_byte((uint8_t)text[start]) > len - start ? start : len;
}
