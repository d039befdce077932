#include "common/json_walk.h"

#include <string.h>

#include "common/json.h"
#include "common/utf8.h"

#define KEY_BYTES 64 /* the longest text that json_span_is() compares with */

static int fail(const struct json_walk *w, const char *why, struct err *err)
{
    return err_set(err, ERR_CORRUPT, "JSON byte %zu: %s", (size_t)(w->at - w->begin), why);
}

int json_walk_open(struct json_walk *w, const char *data, size_t len, struct err *err)
{
    if (len > JSON_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "JSON of %zu bytes: at most %u are read", len,
                       JSON_BYTES_MAX);
    *w = (struct json_walk){.begin = data, .at = data, .end = data + len};
    if (json_walk_peek(w) != '{' && json_walk_peek(w) != '[')
        return fail(w, "neither an object nor an array", err);
    return 0;
}

char json_walk_peek(struct json_walk *w)
{
    while (w->at < w->end && (*w->at == ' ' || *w->at == '\n' || *w->at == '\t' || *w->at == '\r'))
        w->at++;
    return w->at < w->end ? *w->at : '\0';
}

int json_walk_end(struct json_walk *w, struct err *err)
{
    json_walk_peek(w);
    return w->at == w->end ? 0 : fail(w, "more behind its end", err);
}

/* ---- strings --------------------------------------------------------------------------------- */

/* The four digits behind "\u", or -1. */
static int hex4(const char *at, const char *end)
{
    int value = 0;

    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;

        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* Bytes of the escape at `at`; 0 where it is none: a surrogate without its other half, a NUL. */
static size_t escape_len(const char *at, const char *end)
{
    int unit, low;

    if (end - at < 2)
        return 0;
    if (at[1] != 'u')
        return at[1] != '\0' && strchr("\"\\/bfnrt", at[1]) != NULL ? 2 : 0;
    unit = hex4(at + 2, end);
    if (unit <= 0 || (unit >= 0xDC00 && unit <= 0xDFFF))
        return 0;
    if (unit < 0xD800 || unit > 0xDFFF)
        return 6;
    if (end - at < 12 || at[6] != '\\' || at[7] != 'u')
        return 0;
    low = hex4(at + 8, end);
    return low >= 0xDC00 && low <= 0xDFFF ? 12 : 0;
}

int json_walk_string(struct json_walk *w, struct json_span *out, struct err *err)
{
    if (json_walk_peek(w) != '"')
        return fail(w, "no string where one must be", err);
    w->at++;
    w->fresh = false;
    out->text = w->at;
    while (w->at < w->end && *w->at != '"') {
        unsigned char c = (unsigned char)*w->at;
        size_t len = 1;

        if (c == '\\')
            len = escape_len(w->at, w->end);
        else if (c >= 0x80)
            len = utf8_sequence(w->at, (size_t)(w->end - w->at));
        if (len == 0 || c < 0x20)
            return fail(w, "a string that breaks the rules", err);
        w->at += len;
    }
    if (w->at == w->end)
        return fail(w, "a string without end", err);
    out->len = (size_t)(w->at - out->text);
    w->at++;
    return 0;
}

/* The character of an escape that is ASCII, else '\0'. */
static char unescape(const char *at, const char *end)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const char *simple;
    int unit;

    if (at[1] == 'u') {
        unit = hex4(at + 2, end);
        return unit > 0 && unit < 0x80 ? (char)unit : '\0';
    }
    simple = strchr(from, at[1]);
    return simple != NULL ? to[simple - from] : at[1];
}

bool json_span_ascii(const struct json_span *span, char *out, size_t size)
{
    const char *end = span->text + span->len;
    size_t len = 0;

    for (const char *at = span->text; at < end; at += *at == '\\' ? escape_len(at, end) : 1) {
        char c = *at == '\\' ? unescape(at, end) : *at;

        if (len + 1 >= size || c <= 0)
            return false;
        out[len++] = c;
    }
    out[len] = '\0';
    return true;
}

bool json_span_is(const struct json_span *span, const char *text)
{
    char plain[KEY_BYTES];

    return json_span_ascii(span, plain, sizeof(plain)) && strcmp(plain, text) == 0;
}

/* ---- containers ------------------------------------------------------------------------------ */

int json_walk_enter(struct json_walk *w, struct err *err)
{
    char c = json_walk_peek(w);

    if (c != '{' && c != '[')
        return fail(w, "no container where one must be", err);
    if (w->depth == JSON_DEPTH_MAX)
        return err_set(err, ERR_LIMIT, "JSON nested more than %d deep: no more is read",
                       JSON_DEPTH_MAX);
    w->at++;
    w->depth++;
    w->fresh = true;
    return 0;
}

/* To the next member or item: past its comma. 1, 0 at `close`, or -1. */
static int next(struct json_walk *w, char close, struct err *err)
{
    char c = json_walk_peek(w);

    if (c == close) {
        w->at++;
        w->depth--;
        w->fresh = false;
        return 0;
    }
    if (w->fresh)
        return 1;
    if (c != ',')
        return fail(w, "no comma where one must be", err);
    if (++w->values >= JSON_VALUES_MAX)
        return err_set(err, ERR_LIMIT, "JSON of more than %u values: no more are read",
                       JSON_VALUES_MAX);
    w->at++;
    return 1;
}

int json_walk_item(struct json_walk *w, struct err *err)
{
    return next(w, ']', err);
}

int json_walk_member(struct json_walk *w, struct json_span *key, struct err *err)
{
    int rc = next(w, '}', err);

    if (rc != 1)
        return rc;
    if (json_walk_string(w, key, err) != 0)
        return -1;
    if (json_walk_peek(w) != ':')
        return fail(w, "no colon where one must be", err);
    w->at++;
    return 1;
}

/* ---- values ---------------------------------------------------------------------------------- */

static bool digits(struct json_walk *w)
{
    const char *start = w->at;

    while (w->at < w->end && *w->at >= '0' && *w->at <= '9')
        w->at++;
    return w->at > start;
}

static bool take(struct json_walk *w, const char *any)
{
    if (w->at == w->end || *w->at == '\0' || strchr(any, *w->at) == NULL)
        return false;
    w->at++;
    return true;
}

static int skip_number(struct json_walk *w, struct err *err)
{
    bool good;

    take(w, "-");
    good = take(w, "0") || digits(w);
    if (good && take(w, "."))
        good = digits(w);
    if (good && take(w, "eE")) {
        take(w, "+-");
        good = digits(w);
    }
    return good ? 0 : fail(w, "no value where one must be", err);
}

static int skip_word(struct json_walk *w, const char *word, struct err *err)
{
    size_t len = strlen(word);

    if ((size_t)(w->end - w->at) < len || memcmp(w->at, word, len) != 0)
        return fail(w, "no value where one must be", err);
    w->at += len;
    return 0;
}

static int skip_scalar(struct json_walk *w, char first, struct err *err)
{
    struct json_span text;

    w->fresh = false;
    switch (first) {
    case '"':
        return json_walk_string(w, &text, err);
    case 't':
        return skip_word(w, "true", err);
    case 'f':
        return skip_word(w, "false", err);
    case 'n':
        return skip_word(w, "null", err);
    default:
        return skip_number(w, err);
    }
}

/* As deep as the document nests, which json_walk_enter() limits. */
int json_walk_skip(struct json_walk *w, struct err *err)
{
    char first = json_walk_peek(w);
    struct json_span key;
    int rc;

    if (first != '{' && first != '[')
        return skip_scalar(w, first, err);
    if (json_walk_enter(w, err) != 0)
        return -1;
    do {
        rc = first == '{' ? json_walk_member(w, &key, err) : json_walk_item(w, err);
        if (rc == 1 && json_walk_skip(w, err) != 0)
            return -1;
    } while (rc == 1);
    return rc;
}
