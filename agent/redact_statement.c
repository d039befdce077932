#include "agent/redact_statement.h"

#include <stdlib.h>
#include <string.h>

#include "common/base64.h"
#include "common/digest.h"
#include "common/json.h"

static bool has_prefix(const char *text, const char *prefix)
{
    return text != NULL && strncmp(text, prefix, strlen(prefix)) == 0;
}

bool redact_is_statement(const json_t *document)
{
    return has_prefix(json_str(document, "_type"), "https://in-toto.io/Statement");
}

static bool is_text(const json_t *value)
{
    return json_is_string(value);
}

/* A digest in digits. */
static bool is_digits(const json_t *value)
{
    const char *text = json_string_value(value);

    return text != NULL && strlen(text) == DIGEST_HEX &&
           strspn(text, "0123456789abcdef") == DIGEST_HEX;
}

static bool is_image(const json_t *value)
{
    return has_prefix(json_string_value(value), "pkg:docker/");
}

static bool is_object(const json_t *value)
{
    return json_is_object(value);
}

static bool is_array(const json_t *value)
{
    return json_is_array(value);
}

/* A member that may stay where it is what it ought to be. */
struct kept {
    const char *key;
    bool (*fits)(const json_t *value);
};

/* Removes all other members. `kept` ends with a key of NULL. */
static void keep_only(json_t *object, const struct kept *kept, uint32_t *cuts)
{
    const char *key;
    json_t *value;
    void *next;

    json_object_foreach_safe(object, next, key, value)
    {
        const struct kept *k = kept;

        while (k->key != NULL && strcmp(k->key, key) != 0)
            k++;
        if (k->key != NULL && k->fits(value))
            continue;
        json_object_del(object, key);
        ++*cuts;
    }
}

/* Of each entry its digest, and its URI where `with_uri`: entries without one then go. */
static void keep_entries(json_t *list, bool with_uri, uint32_t *cuts)
{
    static const struct kept digests[] = {{"sha256", is_digits}, {NULL, NULL}};
    static const struct kept subject[] = {{"digest", is_object}, {NULL, NULL}};
    static const struct kept material[] = {{"uri", is_image}, {"digest", is_object}, {NULL, NULL}};

    for (size_t i = json_array_size(list); i-- > 0;) {
        json_t *entry = json_array_get(list, i);

        keep_only(entry, with_uri ? material : subject, cuts);
        if (!json_is_object(entry) || (with_uri && json_object_get(entry, "uri") == NULL)) {
            json_array_remove(list, i);
            ++*cuts;
            continue;
        }
        keep_only(json_object_get(entry, "digest"), digests, cuts);
    }
}

void redact_statement(json_t *document, uint32_t *cuts)
{
    static const struct kept statement[] = {{"_type", is_text},
                                            {"predicateType", is_text},
                                            {"subject", is_array},
                                            {"predicate", is_object},
                                            {NULL, NULL}};
    static const struct kept predicate[] = {
        {"materials", is_array}, {"buildDefinition", is_object}, {NULL, NULL}};
    static const struct kept definition[] = {{"resolvedDependencies", is_array}, {NULL, NULL}};
    json_t *said, *build;

    keep_only(document, statement, cuts);
    keep_entries(json_object_get(document, "subject"), false, cuts);
    said = json_object_get(document, "predicate");
    keep_only(said, predicate, cuts);
    build = json_object_get(said, "buildDefinition");
    keep_only(build, definition, cuts);
    keep_entries(json_object_get(said, "materials"), true, cuts);
    keep_entries(json_object_get(build, "resolvedDependencies"), true, cuts);
}

/* ---- build info ------------------------------------------------------------------------------ */

/* The JSON that the text is base64 of; NULL with 0 where it is none. */
static int parse_base64(const char *text, json_t **out, struct err *err)
{
    AUTO_FREE uint8_t *bytes = malloc(BASE64_BYTES(strlen(text)));
    struct err why = {.kind = ERR_NO_MEMORY};

    *out = bytes != NULL ? json_parse((const char *)bytes, base64_decode(text, bytes), &why) : NULL;
    if (*out == NULL && why.kind == ERR_NO_MEMORY)
        return err_set(err, ERR_NO_MEMORY, "no memory to redact build info");
    return 0;
}

static bool is_image_type(const json_t *value)
{
    return json_is_string(value) && strcmp(json_string_value(value), "docker-image") == 0;
}

static bool is_pin(const json_t *value)
{
    const char *text = json_string_value(value);
    struct digest digest;

    return text != NULL && digest_parse(&digest, text, strlen(text), false, NULL) == 0;
}

int redact_build_info(const char *text, json_t **out, uint32_t *cuts, struct err *err)
{
    static const struct kept info[] = {{"sources", is_array}, {NULL, NULL}};
    static const struct kept source[] = {
        {"type", is_image_type}, {"ref", is_text}, {"pin", is_pin}, {NULL, NULL}};
    json_t *list;

    if (parse_base64(text, out, err) != 0)
        return -1;
    keep_only(*out, info, cuts);
    list = json_object_get(*out, "sources");
    for (size_t i = json_array_size(list); i-- > 0;) {
        json_t *entry = json_array_get(list, i);

        keep_only(entry, source, cuts);
        if (json_object_get(entry, "type") == NULL || json_object_get(entry, "ref") == NULL) {
            json_array_remove(list, i);
            ++*cuts;
        }
    }
    return 0;
}

char *redact_build_info_text(const json_t *info)
{
    AUTO_FREE char *json = json_dumps(info, JSON_COMPACT | JSON_SORT_KEYS);
    char *text = json != NULL ? malloc(BASE64_TEXT(strlen(json))) : NULL;

    return text != NULL ? base64_encode(json, strlen(json), text) : NULL;
}
