#include "agent/redact.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "agent/redact_rules.h"
#include "agent/redact_statement.h"
#include "common/json.h"

#define BUILD_ARGUMENT "build-arg:"
#define BUILD_INFO "moby.buildkit.buildinfo"
#define ARGUMENTS_MAX 256 /* a longer array is no command */

typedef void rule_fn(const struct redact_subject *s, struct redact_marks *marks);

static rule_fn *const all_rules[] = {
    redact_rule_instruction,
    redact_rule_assignment,
    redact_rule_command,
    redact_rule_url,
    redact_rule_token,
    redact_rule_random,
    NULL,
};
static rule_fn *const name_rules[] = {redact_rule_url, redact_rule_token, NULL};

/* ---- one text ----------------------------------------------------------------------------------
 */

void redact_mark(struct redact_marks *marks, size_t from, size_t to)
{
    if (from >= to || marks->failed)
        return;
    if (marks->count == marks->cap) {
        size_t cap = marks->cap == 0 ? 8 : marks->cap * 2;
        struct redact_mark *items = realloc(marks->items, cap * sizeof(*items));

        marks->failed = items == NULL;
        if (marks->failed)
            return;
        marks->items = items;
        marks->cap = cap;
    }
    marks->items[marks->count++] = (struct redact_mark){from, to};
}

static void marks_free(struct redact_marks *marks)
{
    free(marks->items);
}

static int by_start(const void *a, const void *b)
{
    const struct redact_mark *x = a;
    const struct redact_mark *y = b;

    return (x->from > y->from) - (x->from < y->from);
}

/* Sorts, and makes one of those that touch. */
static void merge(struct redact_marks *marks)
{
    size_t kept = 0;

    if (marks->count == 0)
        return;
    qsort(marks->items, marks->count, sizeof(*marks->items), by_start);
    for (size_t i = 1; i < marks->count; i++) {
        struct redact_mark *last = &marks->items[kept];

        if (marks->items[i].from > last->to)
            marks->items[++kept] = marks->items[i];
        else if (marks->items[i].to > last->to)
            last->to = marks->items[i].to;
    }
    marks->count = kept + 1;
}

/* The text with REDACT_MARK in place of each mark; NULL without memory. */
static char *apply(const char *text, size_t len, const struct redact_marks *marks)
{
    char *out = malloc(len + marks->count * strlen(REDACT_MARK) + 1);
    char *to = out;
    size_t at = 0;

    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < marks->count; i++) {
        to = mempcpy(to, text + at, marks->items[i].from - at);
        to = mempcpy(to, REDACT_MARK, strlen(REDACT_MARK));
        at = marks->items[i].to;
    }
    to = mempcpy(to, text + at, len - at);
    *to = '\0';
    return out;
}

static char *cut_with(rule_fn *const *rules, const char *name, const char *text, uint32_t *cuts)
{
    AUTO(marks_free) struct redact_marks marks = {.count = 0};
    struct redact_subject s = {.text = text, .len = strlen(text), .name = name};

    for (; *rules != NULL; rules++)
        (*rules)(&s, &marks);
    if (marks.failed)
        return NULL;
    merge(&marks);
    *cuts += (uint32_t)marks.count;
    return apply(text, s.len, &marks);
}

char *redact_text(const char *text, uint32_t *cuts)
{
    return cut_with(all_rules, "", text, cuts);
}

char *redact_name(const char *name, uint32_t *cuts)
{
    return cut_with(name_rules, "", name, cuts);
}

/* Names whose value is a secret as a whole, whatever it looks like. */
static bool is_secret_member(const char *name)
{
    return strncmp(name, BUILD_ARGUMENT, strlen(BUILD_ARGUMENT)) == 0 ||
           strncmp(name, BUILD_INFO, strlen(BUILD_INFO)) == 0 ||
           redact_name_is_secret(name, strlen(name));
}

char *redact_value(const char *name, const char *value, uint32_t *cuts)
{
    size_t len = strlen(value);

    if (!is_secret_member(name) || redact_value_is_harmless(name, strlen(name), value, len))
        return cut_with(all_rules, name, value, cuts);
    (*cuts)++;
    return strdup(REDACT_MARK);
}

/* ---- a document ---------------------------------------------------------------------------------
 */

/* The walk. Depth is bounded by json_parse(). */
struct walk {
    uint32_t cuts;
    struct err *err;
};

static int cut_object(struct walk *w, json_t *object, bool top);
static int cut_array(struct walk *w, const char *name, json_t *array);

static int no_memory(struct walk *w)
{
    return err_set(w->err, ERR_NO_MEMORY, "no memory to redact a document");
}

/* Puts `text` in place of the string. `text` NULL: there was no memory for it. */
static int replace(struct walk *w, json_t *string, const char *text)
{
    if (text == NULL)
        return no_memory(w);
    if (strcmp(text, json_string_value(string)) == 0)
        return 0;
    if (json_string_set(string, text) != 0)
        return err_set(w->err, ERR_NO_MEMORY, "no memory to redact a document");
    return 0;
}

/* Build info of which nothing can be kept goes as a whole, as other values of secret names do. */
static int cut_build_info(struct walk *w, json_t *value)
{
    uint32_t before = w->cuts;
    AUTO_JSON json_t *info = NULL;
    AUTO_FREE char *text = NULL;

    if (redact_build_info(json_string_value(value), &info, &w->cuts, w->err) != 0)
        return -1;
    if (!json_is_object(info)) {
        w->cuts = before + 1;
        return replace(w, value, REDACT_MARK);
    }
    if (cut_object(w, info, false) != 0)
        return -1;
    if (w->cuts == before)
        return 0;
    text = redact_build_info_text(info);
    return replace(w, value, text);
}

static int cut_value(struct walk *w, const char *name, json_t *value)
{
    AUTO_FREE char *text = NULL;

    if (json_is_object(value))
        return cut_object(w, value, false);
    if (json_is_array(value))
        return cut_array(w, name, value);
    if (!json_is_string(value))
        return 0;
    if (strcmp(name, REDACT_BUILD_INFO) == 0)
        return cut_build_info(w, value);
    text = redact_value(name, json_string_value(value), &w->cuts);
    return replace(w, value, text);
}

/* An element NAME=value of an environment: the value is all the rest, blanks included. */
static int cut_variable(struct walk *w, const char *name, json_t *element)
{
    const char *text = json_string_value(element);
    size_t len = strcspn(text, "=");
    AUTO_FREE char *whole = NULL;

    if (text[len] != '=' || !redact_name_is_secret(text, len) ||
        redact_value_is_harmless(text, len, text + len + 1, strlen(text + len + 1)))
        return cut_value(w, name, element);
    if (asprintf(&whole, "%.*s=%s", (int)len, text, REDACT_MARK) < 0)
        whole = NULL;
    w->cuts++;
    return replace(w, element, whole);
}

/* Everything behind '=' of a build argument. */
static int cut_build_argument(struct walk *w, json_t *element)
{
    const char *text = json_string_value(element);
    size_t len = strcspn(text, "=");
    AUTO_FREE char *whole = NULL;

    if (text[len] == '\0' || text[len + 1] == '\0')
        return 0;
    if (asprintf(&whole, "%.*s=%s", (int)len, text, REDACT_MARK) < 0)
        whole = NULL;
    w->cuts++;
    return replace(w, element, whole);
}

/* What an element of an argument vector says about the next: "|2" announces two build arguments,
 * "--password" one secret. */
struct announcement {
    unsigned long arguments;
    bool secret;
};

static void announce(const char *text, struct announcement *next)
{
    size_t len = strlen(text);

    next->secret = len > 2 && text[0] == '-' && strchr(text, '=') == NULL &&
                   strchr(text, ' ') == NULL && redact_name_is_secret(text, len);
    if (text[0] == '|' && isdigit((unsigned char)text[1]))
        next->arguments = strtoul(text + 1, NULL, 10);
}

/* The array's texts as one command line, where all are short texts; NULL where they are not, or
 * without memory (the marks then have failed). */
static char *command_line(const json_t *array, struct redact_marks *marks)
{
    AUTO_FREE char *line = NULL;
    size_t len = 0, i;
    const json_t *element;
    char *to;

    json_array_foreach (array, i, element) {
        if (!json_is_string(element) || i >= ARGUMENTS_MAX)
            return NULL;
        len += strlen(json_string_value(element)) + 1;
    }
    line = to = malloc(len + 1);
    marks->failed = line == NULL;
    if (line == NULL)
        return NULL;
    json_array_foreach (array, i, element) {
        to = stpcpy(to, json_string_value(element));
        *to++ = ' ';
    }
    *to = '\0';
    return steal(&line);
}

/* Passwords that are known by their command: ["redis-cli", "-a", "x"]. What was marked in the
 * command line is cut from the element that it lies in. */
static int cut_command(struct walk *w, json_t *array)
{
    AUTO(marks_free) struct redact_marks marks = {.count = 0};
    AUTO_FREE char *line = command_line(array, &marks);
    struct redact_subject s = {.text = line, .len = line != NULL ? strlen(line) : 0, .name = ""};
    size_t start = 0, i;
    json_t *element;

    if (line != NULL)
        redact_rule_command(&s, &marks);
    if (marks.failed)
        return no_memory(w);
    merge(&marks);
    json_array_foreach (array, i, element) {
        const char *text = json_is_string(element) ? json_string_value(element) : "";
        size_t len = strlen(text);
        AUTO(marks_free) struct redact_marks own = {.count = 0};
        AUTO_FREE char *cut = NULL;

        for (size_t k = 0; k < marks.count; k++)
            if (marks.items[k].from >= start && marks.items[k].from < start + len)
                redact_mark(&own, marks.items[k].from - start,
                            marks.items[k].to < start + len ? marks.items[k].to - start : len);
        start += len + 1;
        w->cuts += (uint32_t)own.count;
        cut = own.count > 0 ? apply(text, len, &own) : NULL;
        if (own.failed || (own.count > 0 && replace(w, element, cut) != 0))
            return own.failed ? no_memory(w) : -1;
    }
    return 0;
}

static int cut_array(struct walk *w, const char *name, json_t *array)
{
    struct announcement next = {.arguments = 0};
    size_t i;
    json_t *element;

    json_array_foreach (array, i, element) {
        bool secret = next.secret;
        int rc;

        next.secret = false;
        if (!json_is_string(element)) {
            rc = cut_value(w, name, element);
        } else if (next.arguments > 0) {
            next.arguments--;
            rc = cut_build_argument(w, element);
        } else if (secret && json_string_value(element)[0] != '-') {
            w->cuts++;
            rc = replace(w, element, REDACT_MARK);
        } else {
            announce(json_string_value(element), &next);
            rc = cut_variable(w, name, element);
        }
        if (rc != 0)
            return -1;
    }
    return cut_command(w, array);
}

/* What an image consists of and runs on; digests and times hold no secret. */
static bool is_protected(const char *key, const json_t *value)
{
    static const char *const texts[] = {"created", "os",         "architecture",
                                        "variant", "os.version", NULL};

    if (strcmp(key, "rootfs") == 0)
        return json_is_array(json_object_get(value, "diff_ids"));
    for (const char *const *t = texts; *t != NULL; t++)
        if (strcmp(key, *t) == 0)
            return json_is_string(value);
    return false;
}

/* A member whose key holds a token goes under the key without it. */
static int rename_key(struct walk *w, json_t *object, const char *key, json_t *value)
{
    AUTO_FREE char *name = redact_name(key, &w->cuts);

    if (name == NULL)
        return no_memory(w);
    if (strcmp(name, key) == 0)
        return 0;
    json_incref(value);
    json_object_del(object, key); /* `key` is gone with it */
    if (json_object_set_new(object, name, value) != 0)
        return no_memory(w);
    return 0;
}

/* A descriptor (OCI image spec, descriptor.md) may hold the bytes that it names, in base64: perhaps
 * a config, whose secrets no rule can see. "{}", the empty config, is harmless. */
static bool is_embedded(const json_t *object, const char *key, const json_t *value)
{
    return strcmp(key, "data") == 0 && json_is_string(value) &&
           json_is_string(json_object_get(object, "digest")) &&
           json_is_string(json_object_get(object, "mediaType")) &&
           strcmp(json_string_value(value), "e30=") != 0;
}

static int cut_embedded(struct walk *w, json_t *value)
{
    w->cuts++;
    return replace(w, value, REDACT_MARK);
}

static int cut_object(struct walk *w, json_t *object, bool top)
{
    const char *key;
    json_t *value;
    void *next;

    json_object_foreach_safe(object, next, key, value)
    {
        if (top && is_protected(key, value))
            continue;
        if (is_embedded(object, key, value) ? cut_embedded(w, value) != 0
                                            : cut_value(w, key, value) != 0)
            return -1;
        if (rename_key(w, object, key, value) != 0)
            return -1;
    }
    return 0;
}

static int dump(const json_t *document, struct buf *out, struct err *err)
{
    AUTO_FREE char *text = json_dumps(document, JSON_COMPACT | JSON_SORT_KEYS);

    if (text == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory to write a redacted document");
    return buf_add_str(out, text, err);
}

int redact_document(const struct buf *in, struct buf *out, uint32_t *cuts, struct err *err)
{
    AUTO_JSON json_t *document = json_parse((const char *)in->data, in->len, err);
    struct walk w = {.err = err};

    if (document == NULL)
        return -1;
    if (redact_is_statement(document))
        redact_statement(document, &w.cuts);
    if ((json_is_object(document) ? cut_object(&w, document, true) : cut_array(&w, "", document)) !=
        0)
        return -1;
    buf_reset(out);
    if ((w.cuts == 0 ? buf_add(out, in->data, in->len, err) : dump(document, out, err)) != 0)
        return -1;
    *cuts = w.cuts;
    return 0;
}
