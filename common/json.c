#include "common/json.h"

#include <stdbool.h>
#include <string.h>

/* How deep and how many the values of a document are, found without building anything. */
struct scan {
    size_t depth, deepest;
    size_t commas;
};

static void scan_value_byte(struct scan *s, char c)
{
    switch (c) {
    case '{':
    case '[':
        s->depth++;
        if (s->depth > s->deepest)
            s->deepest = s->depth;
        break;
    case '}':
    case ']':
        if (s->depth > 0)
            s->depth--;
        break;
    case ',':
        s->commas++;
        break;
    default:
        break;
    }
}

static void scan_document(struct scan *s, const char *data, size_t len)
{
    bool in_string = false;

    for (size_t i = 0; i < len; i++) {
        if (data[i] == '"')
            in_string = !in_string;
        else if (in_string && data[i] == '\\')
            i++;
        else if (!in_string)
            scan_value_byte(s, data[i]);
    }
}

static int refuse_large(const char *data, size_t len, struct err *err)
{
    struct scan s = {0};

    if (len > JSON_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "JSON of %zu bytes: at most %u are read", len,
                       JSON_BYTES_MAX);
    scan_document(&s, data, len);
    if (s.deepest > JSON_DEPTH_MAX)
        return err_set(err, ERR_LIMIT, "JSON nested %zu deep: at most %d are read", s.deepest,
                       JSON_DEPTH_MAX);
    if (s.commas >= JSON_VALUES_MAX)
        return err_set(err, ERR_LIMIT, "JSON of more than %u values: no more are read",
                       JSON_VALUES_MAX);
    return 0;
}

/* Jansson quotes the document behind " near "; a document may hold secrets, an error must not. */
static int reason_len(const json_error_t *e)
{
    const char *near = strstr(e->text, " near '");

    return (int)(near != NULL ? (size_t)(near - e->text) : strlen(e->text));
}

json_t *json_parse(const char *data, size_t len, struct err *err)
{
    json_error_t e;
    json_t *j;

    if (refuse_large(data, len, err) != 0)
        return NULL;
    j = json_loadb(len > 0 ? data : "", len, JSON_REJECT_DUPLICATES, &e);
    if (j == NULL && json_error_code(&e) == json_error_out_of_memory)
        err_set(err, ERR_NO_MEMORY, "no memory for JSON of %zu bytes", len);
    else if (j == NULL && json_error_code(&e) == json_error_duplicate_key)
        err_set(err, ERR_CORRUPT, "JSON line %d, column %d: a key twice in one object", e.line,
                e.column);
    else if (j == NULL)
        err_set(err, ERR_CORRUPT, "JSON line %d, column %d: %.*s", e.line, e.column, reason_len(&e),
                e.text);
    return j;
}

const char *json_str(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

const json_t *json_obj(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_object(value) ? value : NULL;
}

const json_t *json_arr(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_array(value) ? value : NULL;
}

long long json_int(const json_t *object, const char *key, long long otherwise)
{
    const json_t *value = json_object_get(object, key);

    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

int json_flag(const json_t *object, const char *key, int otherwise)
{
    const json_t *value = json_object_get(object, key);

    return json_is_boolean(value) ? json_is_true(value) : otherwise;
}
