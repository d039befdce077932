#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "collector/rules/patterns.h"
#include "collector/rules/policy_file.h"
#include "collector/rules/yaml.h"
#include "collector/rules/yaml_write.h"
#include "common/cleanup.h"
#include "common/clock.h"

#define DATE_LEN 10 /* YYYY-MM-DD */
#define RULE_INDENT "    "
#define CONDITION_INDENT "      "
#define ITEM_INDENT "        "

/* The text, or of images where it and the next one are the forms of a name without a tag, that
 * name. Returns how many of the words it took, or -1. */
static int write_word(struct buf *b, const char *const *words, size_t left, bool of_images,
                      struct err *err)
{
    char name[IMAGEREF_MAX + 1];
    size_t len;

    if (!of_images || left < PATTERN_FORMS || !pattern_is_pair(words[0], words[1], &len) ||
        len > IMAGEREF_MAX)
        return yaml_write_text(b, words[0], err) == 0 ? 1 : -1;
    memcpy(name, words[0], len);
    name[len] = '\0';
    return yaml_write_text(b, name, err) == 0 ? PATTERN_FORMS : -1;
}

static int write_words(struct buf *b, const char *key, const struct policy_words *words,
                       bool of_images, struct err *err)
{
    size_t at = 0;

    if (words->count == 0)
        return 0;
    if (buf_printf(b, err, CONDITION_INDENT "%s:\n", key) != 0)
        return -1;
    while (at < words->count) {
        int taken;

        if (buf_add_str(b, ITEM_INDENT "- ", err) != 0)
            return -1;
        taken = write_word(b, words->items + at, words->count - at, of_images, err);
        if (taken < 0 || buf_add_str(b, "\n", err) != 0)
            return -1;
        at += (size_t)taken;
    }
    return 0;
}

static int write_digests(struct buf *b, const char *key, const struct policy_digests *digests,
                         struct err *err)
{
    if (digests->count > 0 && buf_printf(b, err, CONDITION_INDENT "%s:\n", key) != 0)
        return -1;
    for (size_t i = 0; i < digests->count; i++)
        if (buf_add_str(b, ITEM_INDENT "- ", err) != 0 ||
            yaml_write_digest(b, &digests->items[i], err) != 0 || buf_add_str(b, "\n", err) != 0)
            return -1;
    return 0;
}

static int write_labels(struct buf *b, const struct rec_pair *labels, size_t count, struct err *err)
{
    if (count > 0 && buf_add_str(b, RULE_INDENT "on:\n", err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (yaml_write_pair(b, CONDITION_INDENT, labels[i].key, labels[i].value, err) != 0)
            return -1;
    return 0;
}

static int write_age(struct buf *b, int64_t older_than_s, struct err *err)
{
    static const struct {
        int64_t seconds;
        char unit;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    size_t u = 0;

    if (older_than_s == 0)
        return 0;
    while (older_than_s % units[u].seconds != 0)
        u++;
    return buf_printf(b, err, CONDITION_INDENT "older-than: %" PRId64 "%c\n",
                      older_than_s / units[u].seconds, units[u].unit);
}

static int write_unknown(struct buf *b, const struct policy_rule *rule, struct err *err)
{
    static const char *const words[2][2] = {{NULL, "declaration"}, {"base", "[base, declaration]"}};
    const char *word = words[rule->unknown][rule->unverified];

    return word != NULL ? buf_printf(b, err, CONDITION_INDENT "unknown: %s\n", word) : 0;
}

static int write_rule(struct buf *b, const struct policy_rule *rule, struct err *err)
{
    if (yaml_write_pair(b, "  - ", "name", rule->name, err) != 0 ||
        buf_printf(b, err, RULE_INDENT "%s:\n", rule->accept ? "accept" : "reject") != 0 ||
        write_words(b, "base", &rule->bases, true, err) != 0 ||
        write_words(b, "family", &rule->families, false, err) != 0 ||
        write_words(b, "version", &rule->versions, false, err) != 0 ||
        write_words(b, "origin", &rule->origins, false, err) != 0 ||
        write_digests(b, "digest", &rule->digests, err) != 0 ||
        write_digests(b, "chain", &rule->chains, err) != 0 ||
        write_digests(b, "image", &rule->images, err) != 0 ||
        write_age(b, rule->older_than_s, err) != 0)
        return -1;
    if (write_unknown(b, rule, err) != 0)
        return -1;
    return write_labels(b, rule->labels, rule->label_count, err);
}

static int write_exception(struct buf *b, const struct policy_exception *e, const char *image,
                           struct err *err)
{
    char day[CLOCK_TEXT];

    clock_text((e->expires_s - 1) * 1000, day);
    day[DATE_LEN] = '\0';
    if (yaml_write_pair(b, "  - ", "image", image, err) != 0 ||
        yaml_write_pair(b, RULE_INDENT, "rule", e->rule, err) != 0 ||
        yaml_write_pair(b, RULE_INDENT, "owner", e->owner, err) != 0 ||
        yaml_write_pair(b, RULE_INDENT, "reason", e->reason, err) != 0 ||
        yaml_write_pair(b, RULE_INDENT, "expires", day, err) != 0)
        return -1;
    return write_labels(b, e->labels, e->label_count, err);
}

/* Those of one line are what a name without a tag became. */
static int write_exceptions(struct buf *b, const struct policy *p, struct err *err)
{
    char name[IMAGEREF_MAX + 1];
    size_t len;

    for (size_t i = 0; i < p->exception_count; i++) {
        const struct policy_exception *e = &p->exceptions[i];
        const char *image = e->image;

        if (i + 1 < p->exception_count && e[1].line == e->line &&
            pattern_is_pair(image, e[1].image, &len) && len <= IMAGEREF_MAX) {
            memcpy(name, image, len);
            name[len] = '\0';
            image = name;
            i++;
        }
        if (write_exception(b, e, image, err) != 0)
            return -1;
    }
    return 0;
}

static int write_all(struct buf *b, const struct policy *policy, struct err *err)
{
    if (buf_printf(b, err, "mode: %s\n", policy_mode_name(policy->mode)) != 0)
        return -1;
    if (policy->rule_count > 0 && buf_add_str(b, "\nrules:\n", err) != 0)
        return -1;
    for (size_t i = 0; i < policy->rule_count; i++)
        if (write_rule(b, &policy->rules[i], err) != 0)
            return -1;
    if (policy->exception_count > 0 && buf_add_str(b, "\nexceptions:\n", err) != 0)
        return -1;
    return write_exceptions(b, policy, err);
}

int policy_write(const struct policy *policy, FILE *out, struct err *err)
{
    AUTO(buf_close) struct buf b;

    buf_init(&b, YAML_BYTES_MAX);
    if (write_all(&b, policy, err) != 0)
        return -1;
    if (fwrite(buf_str(&b), 1, b.len, out) != b.len || fflush(out) != 0)
        return err_errno(err, ERR_IO, errno, "write the policy");
    return 0;
}
