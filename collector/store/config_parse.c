#include "collector/store/config_parse.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/json.h"

#define MS_PER_SECOND 1000
#define YEAR_2_S (-62104060800LL) /* before: Go's zero time, which says that there is none */

/* A cleaned copy of a member that is a text; NULL where it is none. */
static int take_text(const json_t *object, const char *key, size_t max, bool lines,
                     struct arena *arena, const char **out, struct err *err)
{
    const json_t *value = json_object_get(object, key);

    *out = NULL;
    if (!json_is_string(value))
        return 0;
    *out =
        rec_text_clean(arena, json_string_value(value), json_string_length(value), max, lines, err);
    return *out != NULL ? 0 : -1;
}

static void parse_created(struct config *out)
{
    int64_t ms;

    if (out->created == NULL || clock_parse(&ms, out->created, NULL) != 0)
        return;
    out->created_s = ms / MS_PER_SECOND - (ms % MS_PER_SECOND < 0);
    out->has_created = out->created_s >= YEAR_2_S;
}

static int parse_words(const json_t *root, struct arena *arena, struct config *out, struct err *err)
{
    if (take_text(root, "os", CONFIG_WORD_BYTES, false, arena, &out->os, err) != 0 ||
        take_text(root, "architecture", CONFIG_WORD_BYTES, false, arena, &out->arch, err) != 0 ||
        take_text(root, "variant", CONFIG_WORD_BYTES, false, arena, &out->variant, err) != 0 ||
        take_text(root, "created", CONFIG_WORD_BYTES, false, arena, &out->created, err) != 0 ||
        take_text(root, "author", CONFIG_LINE_BYTES, true, arena, &out->author, err) != 0 ||
        take_text(root, "moby.buildkit.buildinfo.v1", CONFIG_TEXT_BYTES, false, arena,
                  &out->build_info, err) != 0)
        return -1;
    parse_created(out);
    return 0;
}

/* A member that must be a list where it is there; null and absent are none. */
static int take_list(const json_t *object, const char *key, size_t max, const json_t **out,
                     struct err *err)
{
    const json_t *value = json_object_get(object, key);

    *out = NULL;
    if (value == NULL || json_is_null(value))
        return 0;
    if (!json_is_array(value))
        return err_set(err, ERR_CORRUPT, "not an image config: %s is not a list", key);
    if (json_array_size(value) > max)
        return err_set(err, ERR_LIMIT, "image config with %zu entries in %s: at most %zu are read",
                       json_array_size(value), key, max);
    *out = value;
    return 0;
}

static int parse_layers(const json_t *root, struct arena *arena, struct config *out,
                        struct err *err)
{
    const json_t *rootfs = json_obj(root, "rootfs");
    const char *type = json_str(rootfs, "type");
    const json_t *list;
    size_t count;

    if (type == NULL || strcmp(type, "layers") != 0)
        return err_set(err, ERR_CORRUPT, "not an image config: no rootfs of type \"layers\"");
    if (take_list(rootfs, "diff_ids", CONFIG_LAYERS_MAX, &list, err) != 0)
        return -1;
    count = json_array_size(list);
    out->diffs = arena_array(arena, count, sizeof(*out->diffs), err);
    if (out->diffs == NULL)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_array_get(list, i);

        if (!json_is_string(value))
            return err_set(err, ERR_CORRUPT, "not an image config: diff_ids[%zu] is not a text", i);
        if (digest_parse(&out->diffs[i], json_string_value(value), json_string_length(value), false,
                         err) != 0)
            return err_wrap(err, "diff_ids[%zu]", i);
    }
    out->diff_count = count;
    return 0;
}

static int parse_step(const json_t *entry, struct arena *arena, struct config_step *out,
                      struct err *err)
{
    if (take_text(entry, "created", CONFIG_WORD_BYTES, false, arena, &out->created, err) != 0 ||
        take_text(entry, "created_by", CONFIG_TEXT_BYTES, true, arena, &out->created_by, err) !=
            0 ||
        take_text(entry, "comment", CONFIG_LINE_BYTES, true, arena, &out->comment, err) != 0)
        return -1;
    out->empty = json_flag(entry, "empty_layer", 0) != 0;
    return 0;
}

static int parse_history(const json_t *root, struct arena *arena, struct config *out,
                         struct err *err)
{
    const json_t *list;
    size_t count;

    if (take_list(root, "history", CONFIG_HISTORY_MAX, &list, err) != 0)
        return -1;
    count = json_array_size(list);
    out->steps = arena_array(arena, count, sizeof(*out->steps), err);
    if (out->steps == NULL)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (parse_step(json_array_get(list, i), arena, &out->steps[i], err) != 0)
            return -1;
    out->step_count = count;
    return 0;
}

static int cmp_label(const void *a, const void *b)
{
    return strcmp(((const struct rec_pair *)a)->key, ((const struct rec_pair *)b)->key);
}

/* Keys that differ only in what cleaning or cutting took away become one: the first stays. */
static void drop_twins(struct config *out)
{
    size_t kept = 0;

    if (out->label_count > 1)
        qsort(out->labels, out->label_count, sizeof(*out->labels), cmp_label);
    for (size_t i = 0; i < out->label_count; i++)
        if (kept == 0 || cmp_label(&out->labels[kept - 1], &out->labels[i]) != 0)
            out->labels[kept++] = out->labels[i];
    out->label_count = kept;
}

static int parse_labels(const json_t *root, struct arena *arena, struct config *out,
                        struct err *err)
{
    json_t *labels = json_object_get(json_obj(root, "config"), "Labels");
    const char *key;
    json_t *value;

    if (json_object_size(labels) > CONFIG_LABELS_MAX)
        return err_set(err, ERR_LIMIT, "image config with %zu labels: at most %d are read",
                       json_object_size(labels), CONFIG_LABELS_MAX);
    out->labels = arena_array(arena, json_object_size(labels), sizeof(*out->labels), err);
    if (out->labels == NULL)
        return -1;
    json_object_foreach (labels, key, value) {
        struct rec_pair *label = &out->labels[out->label_count];

        if (!json_is_string(value))
            continue;
        label->key = rec_text_clean(arena, key, strlen(key), CONFIG_LINE_BYTES, false, err);
        label->value = rec_text_clean(arena, json_string_value(value), json_string_length(value),
                                      CONFIG_TEXT_BYTES, true, err);
        if (label->key == NULL || label->value == NULL)
            return -1;
        out->label_count++;
    }
    drop_twins(out);
    return 0;
}

int config_parse(struct config *out, const uint8_t *data, size_t len, struct arena *arena,
                 struct err *err)
{
    AUTO_JSON json_t *root = json_parse((const char *)data, len, err);

    *out = (struct config){0};
    if (root == NULL)
        return -1;
    if (!json_is_object(root))
        return err_set(err, ERR_CORRUPT, "not an image config: not an object");
    if (parse_layers(root, arena, out, err) != 0 || parse_words(root, arena, out, err) != 0 ||
        parse_history(root, arena, out, err) != 0)
        return -1;
    return parse_labels(root, arena, out, err);
}
