#include "collector/rules/yaml_write.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/utf8.h"

/* A text that means itself wherever a value stands: no sign of YAML in it, and none at its ends. */
static bool is_plain(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    static const char inside[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                 "./_-@*?:+";
    size_t len = strlen(text);

    return len > 0 && strspn(text, inside) == len && strchr(letters, text[0]) != NULL &&
           text[len - 1] != ':';
}

static uint32_t code_point(const char *text, size_t len)
{
    static const uint8_t first_bits[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t code = (uint8_t)text[0] & first_bits[len];

    for (size_t i = 1; i < len; i++)
        code = code << 6 | ((uint8_t)text[i] & 0x3F);
    return code;
}

/* What YAML 1.1 does not allow as it is, or takes for the end of a line. */
static bool needs_number(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code <= 0xA0) || code == 0x2028 || code == 0x2029 ||
           code == 0xFEFF || (code & 0xFFFE) == 0xFFFE;
}

static int write_character(struct buf *out, const char *text, size_t len, struct err *err)
{
    uint32_t code = code_point(text, len);

    if (code == '\n')
        return buf_add_str(out, "\\n", err);
    if (code == '\t')
        return buf_add_str(out, "\\t", err);
    if (code == '"' || code == '\\')
        return buf_printf(out, err, "\\%c", (char)code);
    if (needs_number(code))
        return buf_printf(out, err, "\\U%08X", (unsigned)code);
    return buf_add(out, text, len, err);
}

int yaml_write_text(struct buf *out, const char *text, struct err *err)
{
    size_t len = strlen(text);

    if (is_plain(text))
        return buf_add(out, text, len, err);
    if (buf_add_str(out, "\"", err) != 0)
        return -1;
    for (size_t at = 0, step; at < len; at += step) {
        step = utf8_sequence(text + at, len - at);
        if (step == 0)
            return err_set(err, ERR_CORRUPT, "a text that is no UTF-8");
        if (write_character(out, text + at, step, err) != 0)
            return -1;
    }
    return buf_add_str(out, "\"", err);
}

int yaml_write_pair(struct buf *out, const char *indent, const char *key, const char *text,
                    struct err *err)
{
    if (text[0] == '\0')
        return 0;
    return buf_add_str(out, indent, err) == 0 && yaml_write_text(out, key, err) == 0 &&
                   buf_add_str(out, ": ", err) == 0 && yaml_write_text(out, text, err) == 0
               ? buf_add_str(out, "\n", err)
               : -1;
}

int yaml_write_digest(struct buf *out, const struct digest *digest, struct err *err)
{
    char text[DIGEST_TEXT];

    return buf_add_str(out, digest_text(digest, text), err);
}
