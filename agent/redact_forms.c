#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "agent/redact_rules.h"

/* ---- user information in URLs ------------------------------------------------------------------
 */

/* Users without a secret, as in ssh://git@host. */
static bool is_public_user(const char *user, size_t len)
{
    static const char *const users[] = {"git", "hg", "svn", "anonymous", NULL};

    for (const char *const *u = users; *u != NULL; u++)
        if (strlen(*u) == len && memcmp(*u, user, len) == 0)
            return true;
    return redact_value_is_harmless("", 0, user, len);
}

/* Where the user information of the URL whose authority begins at `from` ends, or NULL. A password
 * may hold a bare '/', '?' or '#', which would end the authority: what stands behind a colon there
 * and is no port belongs to one. */
static const char *user_end(const char *from)
{
    static const char ends[] = " \t\r\n'\"`<>\\)";
    size_t len = strcspn(from, "/?# \t\r\n'\"`<>\\)");
    const char *sign = memrchr(from, '@', len);
    const char *colon = memchr(from, ':', len);
    size_t port;

    if (sign != NULL || colon == NULL || from[0] == '[' || strchr("/?#", from[len]) == NULL)
        return sign;
    port = strspn(colon + 1, "0123456789");
    if (colon + 1 + port == from + len || colon[1] == '$' || colon[1] == '{')
        return NULL;
    return memchr(from + len, '@', strcspn(from + len, ends));
}

void redact_rule_url(const struct redact_subject *s, struct redact_marks *marks)
{
    const char *at = s->text;
    const char *end = s->text + s->len;

    while ((at = memmem(at, (size_t)(end - at), "://", 3)) != NULL) {
        const char *from = at + 3;
        const char *sign = user_end(from);

        if (sign != NULL && at > s->text && isalnum((unsigned char)at[-1]) &&
            !is_public_user(from, (size_t)(sign - from)))
            redact_mark(marks, (size_t)(from - s->text), (size_t)(sign - s->text));
        at = from;
    }
}

/* ---- tokens by their form -----------------------------------------------------------------------
 */

struct token_form {
    const char *prefix;
    const char *others; /* bytes besides letters and digits */
    size_t least;       /* bytes behind the prefix */
};

/* As their issuers publish them, for secret scanners. */
static const struct token_form forms[] = {
    {"AKIA", "", 16},
    {"ASIA", "", 16},
    {"ghp_", "", 20},
    {"gho_", "", 20},
    {"ghu_", "", 20},
    {"ghs_", "", 20},
    {"ghr_", "", 20},
    {"github_pat_", "_", 20},
    {"glpat-", "_-.", 16},
    {"gldt-", "_-.", 16},
    {"glrt-", "_-.", 16},
    {"glcbt-", "_-.", 16},
    {"xoxa-", "-", 10},
    {"xoxb-", "-", 10},
    {"xoxp-", "-", 10},
    {"xoxr-", "-", 10},
    {"xoxs-", "-", 10},
    {"xoxe-", "-", 10},
    {"xapp-", "-", 10},
    {"npm_", "", 30},
    {"sk-", "_-", 20},
    {"sk_live_", "", 16},
    {"sk_test_", "", 16},
    {"rk_live_", "", 16},
    {"AIza", "_-", 30},
    {"ya29.", "_-", 20},
    {"dckr_pat_", "_-", 20},
    {"dckr_oat_", "_-", 20},
    {"hvs.", "_-", 20},
    {"pypi-AgE", "_-", 20},
    {"SG.", "_-.", 40},
    {"dop_v1_", "", 32},
    {"shpat_", "", 32},
    {"hf_", "", 30},
    {"LTAI", "", 16},
    {"eyJ", "_-.+/=", 20},
    {"xoxc-", "-", 10},
    {"xoxd-", "-%", 10},
    {"whsec_", "", 20},
    {"tskey-", "-", 16},
    {"glsa_", "_", 20},
    {"AGE-SECRET-KEY-1", "", 20},
    {"hooks.slack.com/services/", "/", 10},
    {"discord.com/api/webhooks/", "/_-", 10},
    {"discordapp.com/api/webhooks/", "/_-", 10},
    {"api.telegram.org/bot", ":_-", 10},
};

/* The length of what may stand behind the prefix. */
static size_t tail_len(const char *text, size_t len, const char *others)
{
    size_t i = 0;

    while (i < len && text[i] != '\0' &&
           (isalnum((unsigned char)text[i]) || strchr(others, text[i]) != NULL))
        i++;
    return i;
}

/* Words have no digits: "sk-learn-preprocessing-tools" is none. */
static bool has_digit(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (isdigit((unsigned char)text[i]))
            return true;
    return false;
}

#define FORMS (sizeof(forms) / sizeof(forms[0]))

/* The forms by the byte that they begin with: lists that end with FORMS. */
struct form_index {
    uint8_t first[256], next[FORMS];
};

static void index_forms(struct form_index *index)
{
    memset(index->first, FORMS, sizeof(index->first));
    for (size_t k = FORMS; k-- > 0;) {
        uint8_t *first = &index->first[(unsigned char)forms[k].prefix[0]];

        index->next[k] = *first;
        *first = (uint8_t)k;
    }
}

/* Where this form stands at `at`: marks it, and returns what is behind it; else 0. */
static size_t mark_form(const struct redact_subject *s, const struct token_form *form, size_t at,
                        struct redact_marks *marks)
{
    size_t prefix = strlen(form->prefix);
    const char *text = s->text + at;
    size_t tail;

    if (s->len - at < prefix || memcmp(text, form->prefix, prefix) != 0)
        return 0;
    tail = tail_len(text + prefix, s->len - at - prefix, form->others);
    if (tail >= form->least && has_digit(text + prefix, tail))
        redact_mark(marks, at, at + prefix + tail);
    return at + prefix + tail;
}

/* A token begins where a word does. */
static void mark_forms(const struct redact_subject *s, struct redact_marks *marks)
{
    struct form_index index;
    size_t behind[FORMS] = {0}; /* of each form: nothing before is looked at again */

    _Static_assert(FORMS < 256, "an index is a byte");
    index_forms(&index);
    for (size_t i = 0; i < s->len; i++) {
        if (i > 0 && isalnum((unsigned char)s->text[i - 1]))
            continue;
        for (size_t k = index.first[(unsigned char)s->text[i]]; k < FORMS; k = index.next[k]) {
            size_t end = i >= behind[k] ? mark_form(s, &forms[k], i, marks) : 0;

            if (end > 0)
                behind[k] = end;
        }
    }
}

/* A PEM block of a private key (RFC 7468), also with its line ends escaped, and also cut short. */
static void mark_private_keys(const struct redact_subject *s, struct redact_marks *marks)
{
    const char *at = s->text;
    const char *end = s->text + s->len;

    while ((at = memmem(at, (size_t)(end - at), "-----BEGIN ", 11)) != NULL) {
        const char *label = at + 11;
        const char *dashes = memmem(label, (size_t)(end - label), "-----", 5);
        const char *close = memmem(label, (size_t)(end - label), "-----END ", 9);
        const char *until = end;

        if (dashes == NULL)
            dashes = end;
        if (close != NULL) {
            until = memmem(close + 9, (size_t)(end - close - 9), "-----", 5);
            until = until != NULL ? until + 5 : end;
        }
        if (memmem(label, (size_t)(dashes - label), "PRIVATE", 7) != NULL)
            redact_mark(marks, (size_t)(at - s->text), (size_t)(until - s->text));
        at = label;
    }
}

/* Bearer x, also outside of a header. */
static void mark_bearer(const struct redact_subject *s, struct redact_marks *marks)
{
    for (size_t i = 0; i + 7 < s->len; i++) {
        size_t tail;

        if (strncasecmp(s->text + i, "bearer ", 7) != 0)
            continue;
        tail = tail_len(s->text + i + 7, s->len - i - 7, "_-.+/=~");
        if (tail >= 8 && has_digit(s->text + i + 7, tail))
            redact_mark(marks, i + 7, i + 7 + tail);
    }
}

void redact_rule_token(const struct redact_subject *s, struct redact_marks *marks)
{
    mark_forms(s, marks);
    mark_private_keys(s, marks);
    mark_bearer(s, marks);
}

/* ---- what looks random ----------------------------------------------------------------------- */

#define RANDOM_LEAST 32 /* bytes of a run that are looked at */
#define CHANGES_PERCENT                                                                            \
    40 /* of neighbours that are of different classes: base64 of random bytes                      \
          has 62, file names and words have below 30 */

enum byte_class { LOWER, UPPER, DIGIT, OTHER, CLASSES };

static enum byte_class class_of(char c)
{
    if (islower((unsigned char)c))
        return LOWER;
    if (isupper((unsigned char)c))
        return UPPER;
    return isdigit((unsigned char)c) ? DIGIT : OTHER;
}

static bool looks_random(const char *run, size_t len)
{
    size_t count[CLASSES] = {0};
    size_t changes = 0;

    for (size_t i = 0; i < len; i++) {
        count[class_of(run[i])]++;
        changes += i > 0 && class_of(run[i]) != class_of(run[i - 1]);
    }
    return count[LOWER] > 0 && count[UPPER] > 0 && count[DIGIT] > 0 && count[OTHER] * 4 < len &&
           changes * 100 >= len * CHANGES_PERCENT;
}

static bool is_hex(const char *run, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!isxdigit((unsigned char)run[i]))
            return false;
    return true;
}

/* MD5, SHA-1 (also git and OpenPGP), SHA-224, -256, -384, -512. */
static bool is_hash_len(size_t len)
{
    return len == 32 || len == 40 || len == 56 || len == 64 || len == 96 || len == 128;
}

/* A name that announces a hash, as the last word before the run. */
static bool announced(const struct redact_subject *s, size_t at)
{
    size_t end = at;
    size_t start;

    if (end > 0 && (s->text[end - 1] == '/' || s->text[end - 1] == '@'))
        return true;
    while (end > 0 && !isalnum((unsigned char)s->text[end - 1]))
        end--;
    for (start = end;
         start > 0 && (isalnum((unsigned char)s->text[start - 1]) || s->text[start - 1] == '_');)
        start--;
    return redact_name_is_hash(s->text + start, end - start);
}

/* A command that works with hashes: its checksums and key fingerprints are public. */
static bool is_about_hashes(const struct redact_subject *s)
{
    static const char *const words[] = {
        "sha1",   "sha256",   "sha384",    "sha512",   "md5",         "gpg", "pgp",
        "digest", "checksum", "keyserver", "checkout", "fingerprint", NULL};

    for (const char *const *w = words; *w != NULL; w++)
        for (size_t i = 0; i + strlen(*w) <= s->len; i++)
            if (strncasecmp(s->text + i, *w, strlen(*w)) == 0)
                return true;
    return redact_name_is_hash(s->name, strlen(s->name));
}

static bool is_run_byte(char c)
{
    return c != '\0' && (isalnum((unsigned char)c) || strchr("+/_-", c) != NULL);
}

/* A run of hex digits on its own, between bytes that are neither. */
static void mark_hex(const struct redact_subject *s, size_t from, size_t to, bool about_hashes,
                     struct redact_marks *marks)
{
    for (size_t i = from; i < to;) {
        size_t len = 0;

        while (i + len < to && isalnum((unsigned char)s->text[i + len]))
            len++;
        if (len >= RANDOM_LEAST && is_hex(s->text + i, len) && has_digit(s->text + i, len) &&
            !(is_hash_len(len) && (about_hashes || announced(s, i))))
            redact_mark(marks, i, i + len);
        i += len > 0 ? len : 1;
    }
}

void redact_rule_random(const struct redact_subject *s, struct redact_marks *marks)
{
    int about_hashes = -1; /* looked for when first needed */

    for (size_t i = 0; i < s->len;) {
        size_t len = 0;

        while (i + len < s->len && is_run_byte(s->text[i + len]))
            len++;
        if (len >= RANDOM_LEAST) {
            if (about_hashes < 0)
                about_hashes = is_about_hashes(s);
            if (looks_random(s->text + i, len) && !about_hashes && !announced(s, i))
                redact_mark(marks, i, i + len);
            mark_hex(s, i, i + len, about_hashes != 0, marks);
        }
        i += len > 0 ? len : 1;
    }
}
