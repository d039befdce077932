#include "collector/rules/patterns.h"

#include <stdio.h>
#include <string.h>

#define WILDCARDS "*?"
#define DOCKER_HUB "docker.io/"
#define OLD_DOCKER_HUB "index.docker.io/"
#define OFFICIAL "library/"
#define ANY_TAG ":*"
#define ANY_DIGEST "@*"

/* Where tag and digest begin: a colon behind the last slash, or '@'. The end where there are none.
 */
static size_t tag_at(const char *text)
{
    size_t len = strcspn(text, "@");
    size_t slash = len;

    while (slash > 0 && text[slash - 1] != '/')
        slash--;
    return slash + strcspn(text + slash, ":@");
}

static bool has_wildcard(const char *text, size_t len)
{
    return strcspn(text, WILDCARDS) < len;
}

/* Digests are compared as text, so that a pattern may hold a part of one. */
static bool is_digest_pattern(const char *text)
{
    size_t len = strlen(text);

    return len > 0 && len < DIGEST_TEXT &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789:*?") == len;
}

/* Something that the pattern would match has to be a name: no pattern is written that never
 * matches. */
static int check_form(const char *text, struct err *err)
{
    char name[IMAGEREF_MAX + 1];
    size_t len = strcspn(text, "@");
    struct imageref ref;
    struct err why;

    if (strlen(text) > IMAGEREF_MAX)
        return err_set(err, ERR_USAGE, "a pattern over %d bytes", IMAGEREF_MAX);
    if (text[len] == '@' && has_wildcard(text + len, strlen(text + len))) {
        if (!is_digest_pattern(text + len + 1))
            return err_set(err, ERR_USAGE, "\"%.100s\": expected a digest behind the @", text);
        snprintf(name, sizeof(name), "%.*s", (int)len, text);
    } else {
        snprintf(name, sizeof(name), "%s", text);
    }
    for (size_t i = 0; i < len; i++)
        if (strchr(WILDCARDS, name[i]) != NULL)
            name[i] = '1';
    return imageref_parse(&ref, name, &why) == 0
               ? 0
               : err_set(err, ERR_USAGE, "\"%.100s\" could match no image's name: %s", text,
                         why.text);
}

/* As names_registry() of imageref, for a first part in which a wildcard may stand for anything. */
static bool is_registry(const char *first, size_t len)
{
    return has_wildcard(first, len) || memchr(first, '.', len) != NULL ||
           memchr(first, ':', len) != NULL || (len == 9 && memcmp(first, "localhost", len) == 0);
}

/* The registry in front of the rest; "" for what is taken as it stands. */
static const char *registry_of(const char **rest)
{
    const char *text = *rest;
    size_t first = strcspn(text, "/");
    bool on_hub = text[first] == '\0' || !is_registry(text, first);

    if (strncmp(text, OLD_DOCKER_HUB, strlen(OLD_DOCKER_HUB)) == 0)
        *rest += strlen(OLD_DOCKER_HUB);
    else if (strncmp(text, DOCKER_HUB, strlen(DOCKER_HUB)) == 0)
        *rest += strlen(DOCKER_HUB);
    else if (text[0] == '*' || !on_hub)
        return "";
    if ((*rest)[0] == '*' || strchr(*rest, '/') != NULL)
        return DOCKER_HUB;
    return DOCKER_HUB OFFICIAL;
}

static char *join(const char *a, const char *b, size_t b_len, const char *c, struct arena *arena,
                  struct err *err)
{
    size_t size = strlen(a) + b_len + strlen(c) + 1;
    char *out = arena_alloc(arena, size, err);

    if (out != NULL)
        snprintf(out, size, "%s%.*s%s", a, (int)b_len, b, c);
    return out;
}

static int add_form(struct pattern_forms *out, const char *registry, const char *rest,
                    const char *tail, struct arena *arena, struct err *err)
{
    const char *text = join(registry, rest, strlen(rest), tail, arena, err);

    if (text == NULL || check_form(text, err) != 0)
        return -1;
    out->items[out->count++] = text;
    return 0;
}

int pattern_of_images(struct pattern_forms *out, const char *text, struct arena *arena,
                      struct err *err)
{
    const char *rest = text;
    size_t tag = tag_at(text);
    const char *registry;

    *out = (struct pattern_forms){.count = 0};
    if (text[0] == '\0')
        return err_set(err, ERR_USAGE, "expected an image's name, found nothing");
    if (memchr(text, '/', tag) == NULL && memchr(text, '.', tag) != NULL &&
        (text[0] != '*' || text[1] == '.'))
        return err_set(err, ERR_USAGE,
                       "\"%.100s\" is a registry: expected REGISTRY/NAME:TAG, or REGISTRY/* for "
                       "all that it holds",
                       text);
    registry = registry_of(&rest);
    if (text[tag] != '\0' || text[tag - 1] == '*') /* that star is any tag, too */
        return add_form(out, registry, rest, "", arena, err);
    return add_form(out, registry, rest, ANY_TAG, arena, err) == 0
               ? add_form(out, registry, rest, ANY_DIGEST, arena, err)
               : -1;
}

/* "quay.io", "localhost:5000", "*.example.com". */
static bool is_bare_registry(const char *text)
{
    size_t len = strcspn(text, "/:");

    return strchr(text, '/') == NULL &&
           (memchr(text, '.', len) != NULL || (len == 9 && memcmp(text, "localhost", len) == 0));
}

int pattern_of_repositories(const char **out, const char *text, struct arena *arena,
                            struct err *err)
{
    struct pattern_forms forms = {.count = 0};
    size_t len = strlen(text);
    const char *rest = text;
    const char *registry;

    if (len == 0)
        return err_set(err, ERR_USAGE, "expected a repository, found nothing");
    if (is_bare_registry(text)) {
        if (add_form(&forms, strcmp(text, "index.docker.io") == 0 ? "docker.io" : text, "", "/*",
                     arena, err) != 0)
            return -1;
        *out = forms.items[0];
        return 0;
    }
    if (text[tag_at(text)] != '\0')
        return err_set(err, ERR_USAGE,
                       "\"%.100s\" has a tag: expected REGISTRY/REPOSITORY, in which * is any text",
                       text);
    registry = registry_of(&rest);
    if (add_form(&forms, registry, rest, "", arena, err) != 0)
        return -1;
    *out = forms.items[0];
    return 0;
}

bool pattern_is_pair(const char *first, const char *second, size_t *len)
{
    size_t a = strlen(first), b = strlen(second);

    if (a != b || a <= strlen(ANY_TAG) || strcmp(first + a - strlen(ANY_TAG), ANY_TAG) != 0 ||
        strcmp(second + b - strlen(ANY_DIGEST), ANY_DIGEST) != 0)
        return false;
    *len = a - strlen(ANY_TAG);
    return memcmp(first, second, *len) == 0 && first[*len - 1] != '*' &&
           first[tag_at(first)] == ':' && tag_at(first) == *len;
}
