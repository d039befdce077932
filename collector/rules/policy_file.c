#include "collector/rules/policy_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/rules/patterns.h"
#include "collector/rules/yaml_values.h"
#include "common/buf.h"
#include "common/cleanup.h"
#include "common/cli_nearest.h"
#include "common/clock.h"

#define DATE_LEN 10 /* YYYY-MM-DD */
#define DAY_S 86400
#define MODE_MAX 32
#define MODE_LEAST 3 /* letters of a mode that mean it, in a question */
#define INPUT_NAME "standard input"
#define INPUT_BYTES ((size_t)64 << 10) /* of one read of it */
#define NAME_MAX_BYTES 128             /* of a rule's name */

static const char *const rule_keys[] = {"name", "accept", "reject", "on", NULL};
static const char *const condition_keys[] = {"base",  "family", "version", "origin",     "digest",
                                             "chain", "image",  "unknown", "older-than", NULL};

/* What a policy is read from, and into. */
struct reader {
    const struct yaml *yaml;
    struct arena *arena;
    struct policy *policy;
};

/* A complaint from a place that does not know where it stands in the file. */
static int fail_value(const struct reader *r, const struct yaml_node *at, const struct err *why,
                      struct err *err)
{
    struct err copy = *why;

    if (copy.kind != ERR_USAGE)
        return err_set(err, copy.kind, "%s", copy.text);
    return yaml_fail(r->yaml, at, err, "%s", copy.text);
}

/* ---- mode ------------------------------------------------------------------------------------ */

/* Letters alone, in lower case: "White-list" and "white list" are the same. */
static void letters_of(const char *text, char out[MODE_MAX])
{
    size_t len = 0;

    for (; *text != '\0' && len + 1 < MODE_MAX; text++)
        if (strchr(" -_", *text) == NULL)
            out[len++] = (char)tolower((unsigned char)*text);
    out[len] = '\0';
}

static int read_mode(struct reader *r, const struct yaml_node *root, struct err *err)
{
    static const char what[] = "a mode: wild west, black list or white list";
    const char *text, *near = NULL;
    char letters[MODE_MAX], mode[MODE_MAX];
    size_t len;

    if (yaml_required(r->yaml, root, "mode", what, &text, err) != 0)
        return -1;
    letters_of(text, letters);
    len = strlen(letters);
    for (int m = POLICY_WILD_WEST; m <= POLICY_WHITE_LIST; m++) {
        struct cli_nearest offer = {.word = letters, .word_len = len};

        r->policy->mode = (enum policy_mode)m;
        letters_of(policy_mode_name(r->policy->mode), mode);
        if (strcmp(letters, mode) == 0)
            return 0;
        cli_nearest_offer(&offer, mode);
        if (offer.name != NULL || (len >= MODE_LEAST && strncmp(letters, mode, len) == 0))
            near = policy_mode_name(r->policy->mode);
    }
    if (near != NULL)
        return yaml_fail(r->yaml, yaml_get(root, "mode"), err,
                         "expected %s, found \"%.40s\"; did you mean \"%s\"?", what, text, near);
    return yaml_fail(r->yaml, yaml_get(root, "mode"), err, "expected %s, found \"%.40s\"", what,
                     text);
}

/* ---- conditions ------------------------------------------------------------------------------ */

static int add_word(const struct reader *r, struct policy_words *words, const char *word,
                    const struct yaml_node *at, struct err *err)
{
    if (words->count == POLICY_VALUES_MAX)
        return yaml_fail(r->yaml, at, err, "over %d values, where a name without a tag counts as 2",
                         POLICY_VALUES_MAX);
    words->items[words->count++] = word;
    return 0;
}

enum word_kind { WORD_PLAIN, WORD_IMAGE, WORD_REPOSITORY };

static int read_word(struct reader *r, const struct yaml_node *at, enum word_kind kind,
                     struct policy_words *out, struct err *err)
{
    struct pattern_forms forms = {.items = {at->text}, .count = 1};
    struct err why;
    int rc = 0;

    if (kind == WORD_IMAGE)
        rc = pattern_of_images(&forms, at->text, r->arena, &why);
    else if (kind == WORD_REPOSITORY)
        rc = pattern_of_repositories(&forms.items[0], at->text, r->arena, &why);
    if (rc != 0)
        return fail_value(r, at, &why, err);
    for (size_t i = 0; i < forms.count; i++)
        if (add_word(r, out, forms.items[i], at, err) != 0)
            return -1;
    return 0;
}

static int read_words(struct reader *r, const struct yaml_node *map, const char *key,
                      const char *what, enum word_kind kind, struct policy_words *out,
                      struct err *err)
{
    const struct yaml_node *node = yaml_get(map, key);
    size_t count;

    if (node == NULL)
        return 0;
    if (yaml_texts(r->yaml, node, what, POLICY_VALUES_MAX, &count, err) != 0)
        return -1;
    out->items = arena_array(r->arena,
                             POLICY_VALUES_MAX < count * PATTERN_FORMS ? POLICY_VALUES_MAX
                                                                       : count * PATTERN_FORMS,
                             sizeof(*out->items), err);
    if (out->items == NULL)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (read_word(r, yaml_item(node, i), kind, out, err) != 0)
            return -1;
    return 0;
}

static int read_digests(struct reader *r, const struct yaml_node *map, const char *key,
                        struct policy_digests *out, struct err *err)
{
    const struct yaml_node *node = yaml_get(map, key);

    if (node == NULL)
        return 0;
    if (yaml_texts(r->yaml, node, "a digest, or a list of digests", POLICY_VALUES_MAX, &out->count,
                   err) != 0)
        return -1;
    out->items = arena_array(r->arena, out->count, sizeof(*out->items), err);
    if (out->items == NULL)
        return -1;
    for (size_t i = 0; i < out->count; i++)
        if (yaml_digest(r->yaml, yaml_item(node, i), &out->items[i], err) != 0)
            return -1;
    return 0;
}

/* What is meant by itself is no place of a line. */
static int read_images(struct reader *r, const struct yaml_node *map, struct policy_rule *out,
                       struct err *err)
{
    static const char *const keys[] = {"base", "digest", "chain"};
    const struct yaml_node *node = yaml_get(map, "image");

    for (size_t i = 0; node != NULL && i < sizeof(keys) / sizeof(keys[0]); i++)
        if (yaml_get(map, keys[i]) != NULL)
            return yaml_fail(r->yaml, node, err,
                             "image and %s do not go together: an image is meant by itself, and %s "
                             "is asked of its line",
                             keys[i], keys[i]);
    return read_digests(r, map, "image", &out->images, err);
}

static int read_age(struct reader *r, const struct yaml_node *map, int64_t *out_s, struct err *err)
{
    static const char what[] = "an age with its unit, as 90d or 12h";
    const struct yaml_node *node = yaml_get(map, "older-than");
    const char *text;
    struct err why;
    int64_t ms;

    if (node == NULL)
        return 0;
    if (yaml_text(r->yaml, node, what, &text, err) != 0)
        return -1;
    if (isdigit((unsigned char)text[strlen(text) - 1]) ||
        clock_parse_duration(&ms, text, &why) != 0 || ms < 1000)
        return yaml_fail(r->yaml, node, err, "expected %s, found \"%.40s\"", what, text);
    *out_s = ms / 1000;
    return 0;
}

static int read_unknown(struct reader *r, const struct yaml_node *map, struct policy_rule *out,
                        struct err *err)
{
    static const char what[] = "the word \"base\", the word \"declaration\", or a list of both";
    const struct yaml_node *node = yaml_get(map, "unknown");
    size_t count;

    if (node == NULL)
        return 0;
    if (yaml_texts(r->yaml, node, what, POLICY_VALUES_MAX, &count, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct yaml_node *item = yaml_item(node, i);

        if (strcmp(item->text, "base") == 0)
            out->unknown = true;
        else if (strcmp(item->text, "declaration") == 0)
            out->unverified = true;
        else
            return yaml_fail(r->yaml, item, err, "expected %s, found \"%.40s\"", what, item->text);
    }
    return 0;
}

static int read_conditions(struct reader *r, const struct yaml_node *map, struct policy_rule *out,
                           struct err *err)
{
    if (yaml_expect(r->yaml, map, YAML_MAP, "conditions, as base: debian:12", err) != 0 ||
        yaml_only(r->yaml, map, condition_keys, err) != 0)
        return -1;
    if (map->count == 0)
        return yaml_fail(r->yaml, map, err, "expected conditions, as base: debian:12");
    if (read_words(r, map, "base", "an image's name, or a list of names", WORD_IMAGE, &out->bases,
                   err) != 0 ||
        read_words(r, map, "family", "a family, or a list of families", WORD_PLAIN, &out->families,
                   err) != 0 ||
        read_words(r, map, "version", "a version, or a list of versions", WORD_PLAIN,
                   &out->versions, err) != 0 ||
        read_words(r, map, "origin", "a repository, or a list of repositories", WORD_REPOSITORY,
                   &out->origins, err) != 0)
        return -1;
    return read_digests(r, map, "digest", &out->digests, err) == 0 &&
                   read_digests(r, map, "chain", &out->chains, err) == 0 &&
                   read_images(r, map, out, err) == 0 &&
                   read_age(r, map, &out->older_than_s, err) == 0
               ? read_unknown(r, map, out, err)
               : -1;
}

/* Somebody has to say what a white list accepts; how old it is nobody can say of an unknown one but
 * the image itself. */
static int check_acceptance(const struct reader *r, const struct yaml_node *map,
                            const struct policy_rule *rule, struct err *err)
{
    if (r->policy->mode != POLICY_WHITE_LIST || !rule->accept || map->count > 1 ||
        rule->older_than_s == 0)
        return 0;
    return yaml_fail(r->yaml, map, err,
                     "rule \"%.60s\": an age alone accepts nothing: add what it is the age of, as "
                     "base: debian:12",
                     rule->name);
}

/* ---- rules ----------------------------------------------------------------------------------- */

static int read_rule_name(struct reader *r, const struct yaml_node *map, struct policy_rule *out,
                          struct err *err)
{
    if (yaml_required(r->yaml, map, "name", "a name for the rule", &out->name, err) != 0)
        return -1;
    if (strlen(out->name) > NAME_MAX_BYTES ||
        rec_text_fault(out->name, strlen(out->name), false) != strlen(out->name))
        return yaml_fail(r->yaml, yaml_get(map, "name"), err,
                         "expected a name for the rule: one line of at most %d bytes",
                         NAME_MAX_BYTES);
    for (size_t i = 0; i < r->policy->rule_count; i++)
        if (strcmp(r->policy->rules[i].name, out->name) == 0)
            return yaml_fail(r->yaml, yaml_get(map, "name"), err,
                             "a rule named \"%.60s\" stands in line %d already", out->name,
                             r->policy->rules[i].line);
    return 0;
}

static int read_rule(struct reader *r, const struct yaml_node *map, struct err *err)
{
    struct policy_rule *out = &r->policy->rules[r->policy->rule_count];
    const struct yaml_node *accept, *reject;

    if (yaml_expect(r->yaml, map, YAML_MAP, "a rule, as name: and accept: or reject:", err) != 0 ||
        yaml_only(r->yaml, map, rule_keys, err) != 0)
        return -1;
    *out = (struct policy_rule){.line = map->line};
    if (read_rule_name(r, map, out, err) != 0)
        return -1;
    accept = yaml_get(map, "accept");
    reject = yaml_get(map, "reject");
    if ((accept == NULL) == (reject == NULL))
        return yaml_fail(r->yaml, map, err, "rule \"%.60s\": expected accept: or reject:, %s",
                         out->name, accept == NULL ? "found neither" : "found both");
    out->accept = accept != NULL;
    if (read_conditions(r, accept != NULL ? accept : reject, out, err) != 0 ||
        check_acceptance(r, accept != NULL ? accept : reject, out, err) != 0 ||
        yaml_labels(r->yaml, yaml_get(map, "on"), &out->labels, &out->label_count, r->arena, err) !=
            0)
        return -1;
    r->policy->rule_count++;
    return 0;
}

/* A list that may be missing or have nothing: its length, within the limit. */
static int list_length(const struct reader *r, const struct yaml_node *list, const char *what,
                       size_t most, size_t *out, struct err *err)
{
    *out = 0;
    if (list == NULL || (list->kind == YAML_TEXT && list->text[0] == '\0'))
        return 0;
    if (yaml_expect(r->yaml, list, YAML_LIST, what, err) != 0)
        return -1;
    if (list->count > most)
        return yaml_fail(r->yaml, list, err, "expected %s, found over %zu", what, most);
    *out = list->count;
    return 0;
}

static int read_rules(struct reader *r, const struct yaml_node *list, struct err *err)
{
    size_t count;

    if (list_length(r, list, "a list of rules", POLICY_RULES_MAX, &count, err) != 0)
        return -1;
    r->policy->rules = arena_array(r->arena, count, sizeof(*r->policy->rules), err);
    if (r->policy->rules == NULL)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (read_rule(r, &list->items[i], err) != 0)
            return -1;
    return 0;
}

/* ---- exceptions ------------------------------------------------------------------------------ */

static int check_rule(const struct reader *r, const struct yaml_node *map, const char *name,
                      struct err *err)
{
    struct cli_nearest near = {.word = name, .word_len = strlen(name)};

    for (size_t i = 0; i < r->policy->rule_count; i++) {
        if (strcmp(r->policy->rules[i].name, name) == 0)
            return 0;
        cli_nearest_offer(&near, r->policy->rules[i].name);
    }
    if (near.name != NULL)
        return yaml_fail(r->yaml, yaml_get(map, "rule"), err,
                         "no rule is named \"%.60s\"; did you mean \"%.60s\"?", name, near.name);
    return yaml_fail(r->yaml, yaml_get(map, "rule"), err, "no rule is named \"%.60s\"", name);
}

/* The day itself is the last one. */
static int read_expiry(const struct reader *r, const struct yaml_node *map, int64_t *out_s,
                       struct err *err)
{
    static const char what[] = "the last day that it holds, as 2026-12-31";
    const char *text;
    struct err why;
    int64_t ms;

    if (yaml_required(r->yaml, map, "expires", what, &text, err) != 0)
        return -1;
    if (strlen(text) != DATE_LEN || clock_parse(&ms, text, &why) != 0)
        return yaml_fail(r->yaml, yaml_get(map, "expires"), err, "expected %s, found \"%.40s\"",
                         what, text);
    *out_s = ms / 1000 + DAY_S;
    return 0;
}

static int read_excused(struct reader *r, const struct yaml_node *map, struct pattern_forms *out,
                        struct err *err)
{
    static const char what[] = "an image's name, or its ID as sha256: and 64 hex digits";
    struct digest id;
    const char *text;
    struct err why;

    if (yaml_required(r->yaml, map, "image", what, &text, err) != 0)
        return -1;
    *out = (struct pattern_forms){.items = {text}, .count = 1};
    if (strncmp(text, "sha256:", 7) == 0)
        return yaml_digest(r->yaml, yaml_get(map, "image"), &id, err);
    if (pattern_of_images(out, text, r->arena, &why) != 0)
        return fail_value(r, yaml_get(map, "image"), &why, err);
    return 0;
}

static int read_exception(struct reader *r, const struct yaml_node *map, struct err *err)
{
    static const char *const keys[] = {"image", "rule", "owner", "reason", "expires", "on", NULL};
    struct policy_exception out = {.line = map->line};
    struct pattern_forms forms;

    if (yaml_expect(r->yaml, map, YAML_MAP,
                    "an exception, as image:, owner:, reason:, expires:", err) != 0 ||
        yaml_only(r->yaml, map, keys, err) != 0 || read_excused(r, map, &forms, err) != 0 ||
        yaml_maybe_text(r->yaml, yaml_get(map, "rule"), "a rule's name", &out.rule, err) != 0)
        return -1;
    if (out.rule[0] != '\0' && check_rule(r, map, out.rule, err) != 0)
        return -1;
    if (yaml_required(r->yaml, map, "owner", "who answers for it", &out.owner, err) != 0 ||
        yaml_required(r->yaml, map, "reason", "why it is needed", &out.reason, err) != 0 ||
        read_expiry(r, map, &out.expires_s, err) != 0 ||
        yaml_labels(r->yaml, yaml_get(map, "on"), &out.labels, &out.label_count, r->arena, err) !=
            0)
        return -1;
    out.written = yaml_get(map, "image")->text;
    for (size_t i = 0; i < forms.count; i++) {
        out.image = forms.items[i];
        r->policy->exceptions[r->policy->exception_count++] = out;
    }
    return 0;
}

static int read_exceptions(struct reader *r, const struct yaml_node *list, struct err *err)
{
    size_t count;

    if (list_length(r, list, "a list of exceptions", POLICY_EXCEPTIONS_MAX / PATTERN_FORMS, &count,
                    err) != 0)
        return -1;
    r->policy->exceptions =
        arena_array(r->arena, count * PATTERN_FORMS, sizeof(*r->policy->exceptions), err);
    if (r->policy->exceptions == NULL)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (read_exception(r, &list->items[i], err) != 0)
            return -1;
    return 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static int from_tree(struct policy *out, const struct yaml *yaml, struct arena *arena,
                     struct err *err)
{
    static const char *const keys[] = {"mode", "rules", "exceptions", NULL};
    struct reader r = {.yaml = yaml, .arena = arena, .policy = out};

    *out = (struct policy){.path = yaml->path};
    if (yaml_expect(yaml, yaml->root, YAML_MAP, "a policy, as mode: black list", err) != 0 ||
        yaml_only(yaml, yaml->root, keys, err) != 0 || read_mode(&r, yaml->root, err) != 0)
        return -1;
    return read_rules(&r, yaml_get(yaml->root, "rules"), err) == 0
               ? read_exceptions(&r, yaml_get(yaml->root, "exceptions"), err)
               : -1;
}

int policy_parse(struct policy *out, const char *path, const char *data, size_t len,
                 struct arena *arena, struct err *err)
{
    struct yaml yaml;

    return yaml_parse(&yaml, path, data, len, arena, err) == 0 ? from_tree(out, &yaml, arena, err)
                                                               : -1;
}

/* What has an end, but no length. */
static int read_all(struct policy *out, int fd, const char *name, struct arena *arena,
                    struct err *err)
{
    AUTO(buf_close) struct buf data;
    ssize_t got;

    buf_init(&data, YAML_BYTES_MAX);
    do {
        uint8_t *room = buf_reserve(&data, INPUT_BYTES, err);

        if (room == NULL)
            return err_wrap(err, "%s", name);
        got = read(fd, room, INPUT_BYTES);
        if (got < 0 && errno != EINTR)
            return err_errno(err, ERR_IO, errno, "read %s", name);
        buf_commit(&data, got > 0 ? (size_t)got : 0);
    } while (got != 0);
    return policy_parse(out, name, buf_str(&data), data.len, arena, err);
}

int policy_read(struct policy *out, const char *path, struct arena *arena, struct err *err)
{
    struct yaml yaml;

    return yaml_read(&yaml, path, arena, err) == 0 ? from_tree(out, &yaml, arena, err) : -1;
}

int policy_read_stream(struct policy *out, const char *path, struct arena *arena, struct err *err)
{
    AUTO_FD int fd = -1;
    struct stat st;

    if (strcmp(path, "-") == 0)
        return read_all(out, STDIN_FILENO, INPUT_NAME, arena, err);
    if (stat(path, &st) != 0 || S_ISREG(st.st_mode) || S_ISDIR(st.st_mode))
        return policy_read(out, path, arena, err);
    fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(err, ERR_IO, errno, "open %s", path);
    return read_all(out, fd, path, arena, err);
}
