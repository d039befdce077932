#include "collector/census/os_release.h"

#include <stdbool.h>
#include <string.h>

/* Copies a shell value of `len` bytes without its quotes. */
static void unquote(char out[OS_RELEASE_VALUE_MAX], const char *value, size_t len)
{
    char quote = '\0';
    size_t at = 0;

    for (size_t i = 0; i < len && at + 1 < OS_RELEASE_VALUE_MAX; i++) {
        char c = value[i];

        if (quote == '\0' && (c == '"' || c == '\'')) {
            quote = c;
        } else if (c == quote && quote != '\0') {
            quote = '\0';
        } else if (c == '\\' && quote != '\'' && i + 1 < len) {
            out[at++] = value[++i];
        } else {
            out[at++] = c;
        }
    }
    out[at] = '\0';
}

static bool is_field(const char *line, size_t name_len, const char *name)
{
    return strlen(name) == name_len && memcmp(line, name, name_len) == 0;
}

static void take_line(struct os_release *out, const char *line, size_t len)
{
    const char *equals = memchr(line, '=', len);
    size_t name_len;

    if (equals == NULL)
        return;
    name_len = (size_t)(equals - line);
    if (is_field(line, name_len, "ID"))
        unquote(out->id, equals + 1, len - name_len - 1);
    else if (is_field(line, name_len, "VERSION_ID"))
        unquote(out->version_id, equals + 1, len - name_len - 1);
    else if (is_field(line, name_len, "PRETTY_NAME"))
        unquote(out->pretty_name, equals + 1, len - name_len - 1);
}

void os_release_parse(struct os_release *out, const char *text)
{
    *out = (struct os_release){0};
    while (text != NULL && *text != '\0') {
        size_t len = strcspn(text, "\r\n");

        take_line(out, text, len);
        text += len;
        text += strspn(text, "\r\n");
    }
}
