#include "collector/rules/yaml_values.h"

#include <string.h>

static bool is_nothing(const struct yaml_node *node)
{
    return node == NULL || (node->kind == YAML_TEXT && node->text[0] == '\0');
}

int yaml_text(const struct yaml *y, const struct yaml_node *node, const char *what,
              const char **out, struct err *err)
{
    if (yaml_expect(y, node, YAML_TEXT, what, err) != 0)
        return -1;
    if (node->text[0] == '\0')
        return yaml_fail(y, node, err, "expected %s, found nothing", what);
    if (node->text[strspn(node->text, " \t\n")] == '\0')
        return yaml_fail(y, node, err, "expected %s, found only blanks", what);
    if (strlen(node->text) > REC_TEXT_BYTES)
        return yaml_fail(y, node, err, "expected %s, found a text over %d bytes", what,
                         REC_TEXT_BYTES);
    *out = node->text;
    return 0;
}

int yaml_maybe_text(const struct yaml *y, const struct yaml_node *node, const char *what,
                    const char **out, struct err *err)
{
    *out = "";
    return is_nothing(node) ? 0 : yaml_text(y, node, what, out, err);
}

int yaml_required(const struct yaml *y, const struct yaml_node *of, const char *key,
                  const char *what, const char **out, struct err *err)
{
    const struct yaml_node *node = yaml_get(of, key);

    if (node == NULL)
        return yaml_fail(y, of, err, "\"%s\" is missing: expected %s", key, what);
    return yaml_text(y, node, what, out, err);
}

int yaml_digest(const struct yaml *y, const struct yaml_node *node, struct digest *out,
                struct err *err)
{
    const char *text = "";
    struct err why;

    if (yaml_text(y, node, "a digest, as sha256: and 64 hex digits", &text, err) != 0)
        return -1;
    if (digest_parse(out, text, strlen(text), false, &why) == 0)
        return 0;
    if (strpbrk(text, "ABCDEF") != NULL)
        return yaml_fail(y, node, err, "expected a digest in lower case, found \"%.80s\"", text);
    return yaml_fail(y, node, err,
                     "expected a digest, as sha256: and 64 hex digits, found "
                     "\"%.80s\"",
                     text);
}

int yaml_texts(const struct yaml *y, const struct yaml_node *node, const char *what, size_t most,
               size_t *count, struct err *err)
{
    const char *text;

    if (is_nothing(node))
        return yaml_fail(y, node, err, "expected %s, found nothing", what);
    if (node->kind == YAML_MAP)
        return yaml_expect(y, node, YAML_LIST, what, err);
    *count = node->kind == YAML_TEXT ? 1 : node->count;
    if (*count == 0)
        return yaml_fail(y, node, err, "expected %s, found an empty list", what);
    if (*count > most)
        return yaml_fail(y, node, err, "expected %s, found over %zu values", what, most);
    for (size_t i = 0; i < *count; i++)
        if (yaml_text(y, yaml_item(node, i), what, &text, err) != 0)
            return -1;
    return 0;
}

const struct yaml_node *yaml_item(const struct yaml_node *node, size_t index)
{
    return node->kind == YAML_LIST ? &node->items[index] : node;
}

int yaml_labels(const struct yaml *y, const struct yaml_node *node, struct rec_pair **out,
                size_t *count, struct arena *arena, struct err *err)
{
    if (node == NULL)
        return 0;
    if (yaml_expect(y, node, YAML_MAP, "labels of hosts (key: value)", err) != 0 ||
        yaml_only(y, node, NULL, err) != 0)
        return -1;
    if (node->count == 0 || node->count > REC_LABELS_MAX)
        return yaml_fail(y, node, err, "expected 1 to %d labels of hosts (key: value)",
                         REC_LABELS_MAX);
    *out = arena_array(arena, node->count, sizeof(**out), err);
    if (*out == NULL)
        return -1;
    *count = node->count;
    for (size_t i = 0; i < node->count; i++) {
        struct rec_pair *pair = &(*out)[i];

        if (yaml_text(y, &node->items[2 * i], "a label's key", &pair->key, err) != 0 ||
            yaml_text(y, &node->items[2 * i + 1], "a label's value", &pair->value, err) != 0)
            return -1;
    }
    return 0;
}
