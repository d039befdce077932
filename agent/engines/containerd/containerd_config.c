/* containerd_config: the places that a config.toml names. No TOML reader is here: three lines are
 * looked for, in the form in which everybody writes them. */
#include <string.h>

#include "agent/engines/containerd/containerd_pass.h"

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    return at;
}

/* "..." or '...', without escapes; nothing but a comment behind it. */
static void take_string(char out[ENGINE_PATH_MAX], const char *at, const char *end)
{
    const char *close;
    char quote;

    if (at == end || (*at != '"' && *at != '\''))
        return;
    quote = *at++;
    close = memchr(at, quote, (size_t)(end - at));
    if (close == NULL || close - at >= ENGINE_PATH_MAX ||
        rec_text_fault(at, (size_t)(close - at), false) != (size_t)(close - at) ||
        (quote == '"' && memchr(at, '\\', (size_t)(close - at)) != NULL))
        return;
    memcpy(out, at, (size_t)(close - at));
    out[close - at] = '\0';
}

/* <key> = "..."; false where the line has another key. */
static bool take_key(const char *key, char out[ENGINE_PATH_MAX], const char *at, const char *end)
{
    size_t len = strlen(key);

    if ((size_t)(end - at) < len || memcmp(at, key, len) != 0)
        return false;
    at = skip_blanks(at + len, end);
    if (at == end || *at != '=')
        return false;
    take_string(out, skip_blanks(at + 1, end), end);
    return true;
}

/* Whether a line that begins with '[' is the head of [grpc]. */
static bool is_grpc(const char *at, const char *end)
{
    static const char name[] = "grpc";

    at = skip_blanks(at + 1, end);
    if ((size_t)(end - at) < sizeof(name) - 1 || memcmp(at, name, sizeof(name) - 1) != 0)
        return false;
    at = skip_blanks(at + sizeof(name) - 1, end);
    return at < end && *at == ']';
}

void containerd_config_parse(struct containerd_config *out, const char *data, size_t len)
{
    enum { TOP, GRPC, OTHER } table = TOP;
    const char *end = data + len;

    *out = (struct containerd_config){.root = ""};
    for (const char *line = data; line < end;) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        const char *line_end = next != NULL ? next : end;
        const char *at = skip_blanks(line, line_end);

        if (at < line_end && *at == '[')
            table = is_grpc(at, line_end) ? GRPC : OTHER;
        else if (table == TOP && !take_key("root", out->root, at, line_end))
            take_key("state", out->state, at, line_end);
        else if (table == GRPC)
            take_key("address", out->address, at, line_end);
        line = line_end + 1;
    }
}
