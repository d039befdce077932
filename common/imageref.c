#include "common/imageref.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"

#define DEFAULT_REGISTRY "docker.io"
#define OLD_DEFAULT_REGISTRY "index.docker.io"
#define OFFICIAL "library/"

/* A run of bytes of the text being parsed. */
struct part {
    const char *at;
    size_t len;
};

static bool part_is(struct part p, const char *text)
{
    return p.len == strlen(text) && memcmp(p.at, text, p.len) == 0;
}

static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
    return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

static bool has_upper(struct part p)
{
    for (size_t i = 0; i < p.len; i++)
        if (p.at[i] >= 'A' && p.at[i] <= 'Z')
            return true;
    return false;
}

/* host-component: letters, digits, and hyphens that stand at neither end. */
static bool is_host_component(struct part p)
{
    if (p.len == 0 || p.at[0] == '-' || p.at[p.len - 1] == '-')
        return false;
    for (size_t i = 0; i < p.len; i++)
        if (!is_alnum(p.at[i]) && p.at[i] != '-')
            return false;
    return true;
}

static bool is_host_name(struct part p)
{
    for (;;) {
        const char *dot = p.len > 0 ? memchr(p.at, '.', p.len) : NULL;
        size_t len = dot != NULL ? (size_t)(dot - p.at) : p.len;

        if (!is_host_component((struct part){p.at, len}))
            return false;
        if (dot == NULL)
            return true;
        p.at += len + 1;
        p.len -= len + 1;
    }
}

static bool is_ipv6_literal(struct part p)
{
    if (p.len < 4 || p.at[0] != '[' || p.at[p.len - 1] != ']')
        return false;
    for (size_t i = 1; i < p.len - 1; i++)
        if (!isxdigit((unsigned char)p.at[i]) && p.at[i] != ':')
            return false;
    return true;
}

/* host [":" digits]; a colon within brackets belongs to the host. */
static bool is_registry(struct part p)
{
    size_t digits = 0;

    while (digits < p.len && isdigit((unsigned char)p.at[p.len - 1 - digits]))
        digits++;
    if (digits > 0 && digits < p.len && p.at[p.len - 1 - digits] == ':')
        p.len -= digits + 1;
    return is_host_name(p) || is_ipv6_literal(p);
}

/* The bytes of the separator at p: one '.', one or two '_', any number of '-'; 0 for none. */
static size_t separator_len(struct part p)
{
    size_t len = 0;

    if (p.len > 0 && p.at[0] == '.')
        return 1;
    if (p.len > 0 && p.at[0] == '_')
        return p.len > 1 && p.at[1] == '_' ? 2 : 1;
    while (len < p.len && p.at[len] == '-')
        len++;
    return len;
}

/* path-component: runs of lower-case letters and digits with separators between them. */
static bool is_path_component(struct part p)
{
    for (;;) {
        size_t run = 0, separator;

        while (run < p.len && is_lower_or_digit(p.at[run]))
            run++;
        if (run == 0)
            return false;
        p = (struct part){p.at + run, p.len - run};
        if (p.len == 0)
            return true;
        separator = separator_len(p);
        if (separator == 0)
            return false;
        p = (struct part){p.at + separator, p.len - separator};
    }
}

static bool is_repository(struct part p)
{
    for (;;) {
        const char *slash = p.len > 0 ? memchr(p.at, '/', p.len) : NULL;
        size_t len = slash != NULL ? (size_t)(slash - p.at) : p.len;

        if (!is_path_component((struct part){p.at, len}))
            return false;
        if (slash == NULL)
            return true;
        p = (struct part){p.at + len + 1, p.len - len - 1};
    }
}

static bool is_tag(struct part p)
{
    if (p.len == 0 || p.len > 128 || p.at[0] == '.' || p.at[0] == '-')
        return false;
    for (size_t i = 0; i < p.len; i++)
        if (!is_alnum(p.at[i]) && strchr("_.-", p.at[i]) == NULL)
            return false;
    return true;
}

/* 64 hex digits alone are an image ID wherever people type names, so they never are a name. */
static bool is_bare_id(struct part p)
{
    if (p.len != DIGEST_HEX)
        return false;
    for (size_t i = 0; i < p.len; i++)
        if (!isdigit((unsigned char)p.at[i]) && (p.at[i] < 'a' || p.at[i] > 'f'))
            return false;
    return true;
}

/* A first component that looks like a host, or that could not be part of a repository. */
static bool names_registry(struct part first)
{
    return memchr(first.at, '.', first.len) != NULL || memchr(first.at, ':', first.len) != NULL ||
           part_is(first, "localhost") || has_upper(first);
}

static void split_registry(struct part name, struct part *registry, struct part *repository)
{
    const char *slash = name.len > 0 ? memchr(name.at, '/', name.len) : NULL;
    struct part first = {name.at, slash != NULL ? (size_t)(slash - name.at) : 0};

    *registry = (struct part){DEFAULT_REGISTRY, strlen(DEFAULT_REGISTRY)};
    *repository = name;
    if (slash == NULL || !names_registry(first))
        return;
    *repository = (struct part){slash + 1, name.len - first.len - 1};
    if (!part_is(first, OLD_DEFAULT_REGISTRY))
        *registry = first;
}

/* Where it is wrong is told in characters of what was given. */
static int fail_at(struct err *err, const char *text, struct part p, const char *why)
{
    return err_set(err, ERR_CORRUPT, "image name \"%.200s\": %s at character %d", text, why,
                   (int)(p.at - text) + 1);
}

static int set_name(struct imageref *r, const char *text, struct part name, struct err *err)
{
    struct part registry, repository;
    bool official;

    split_registry(name, &registry, &repository);
    official = part_is(registry, DEFAULT_REGISTRY) && repository.len > 0 &&
               memchr(repository.at, '/', repository.len) == NULL;
    if (!is_registry(registry))
        return fail_at(err, text, registry, "no valid registry");
    if (is_repository(repository) && is_bare_id(name))
        return fail_at(err, text, name, "an ID, not a name,");
    if (!is_repository(repository))
        return fail_at(err, text, repository,
                       has_upper(repository) ? "upper case in the repository that begins"
                                             : "no valid repository");
    if (registry.len >= sizeof(r->registry))
        return fail_at(err, text, registry, "a registry over 255 bytes");
    if (repository.len + (official ? strlen(OFFICIAL) : 0) >= sizeof(r->repository))
        return fail_at(err, text, repository, "a repository over 255 bytes");
    snprintf(r->registry, sizeof(r->registry), "%.*s", (int)registry.len, registry.at);
    snprintf(r->repository, sizeof(r->repository), "%s%.*s", official ? OFFICIAL : "",
             (int)repository.len, repository.at);
    return 0;
}

/* Cuts "@digest" off `name`. */
static int take_digest(struct imageref *r, struct part *name, struct err *err)
{
    const char *sign = memchr(name->at, '@', name->len);
    size_t rest;

    if (sign == NULL)
        return 0;
    rest = name->len - (size_t)(sign + 1 - name->at);
    if (digest_parse(&r->digest, sign + 1, rest, false, err) != 0)
        return err_wrap(err, "image name \"%.200s\"", name->at);
    r->has_digest = true;
    name->len = (size_t)(sign - name->at);
    return 0;
}

/* Cuts ":tag" off `name`: a colon behind the last slash. "host:5000" alone is name and tag. */
static int take_tag(struct imageref *r, const char *text, struct part *name, struct err *err)
{
    const char *slash = memrchr(name->at, '/', name->len);
    const char *from = slash != NULL ? slash : name->at;
    const char *colon = memchr(from, ':', name->len - (size_t)(from - name->at));
    struct part tag;

    if (colon == NULL)
        return 0;
    tag = (struct part){colon + 1, name->len - (size_t)(colon + 1 - name->at)};
    if (!is_tag(tag))
        return fail_at(err, text, tag, "no valid tag");
    memcpy(r->tag, tag.at, tag.len);
    name->len = (size_t)(colon - name->at);
    return 0;
}

static void append(char *out, size_t *len, const char *text)
{
    size_t more = strlen(text);

    check(*len + more <= IMAGEREF_MAX);
    memcpy(out + *len, text, more + 1);
    *len += more;
}

/* Always fits: what was given fits, and only short names get "docker.io/library/" before them. */
static char *print(char *out, const struct imageref *r, bool with_registry, const char *repository)
{
    char digest[DIGEST_TEXT];
    size_t len = 0;

    if (with_registry) {
        append(out, &len, r->registry);
        append(out, &len, "/");
    }
    append(out, &len, repository);
    if (r->tag[0] != '\0') {
        append(out, &len, ":");
        append(out, &len, r->tag);
    }
    if (r->has_digest) {
        append(out, &len, "@");
        append(out, &len, digest_text(&r->digest, digest));
    }
    return out;
}

int imageref_parse(struct imageref *out, const char *text, struct err *err)
{
    struct imageref r = {0};
    struct part name = {text, strnlen(text, IMAGEREF_MAX + 1)};

    if (name.len == 0)
        return err_set(err, ERR_CORRUPT, "image name: empty");
    if (name.len > IMAGEREF_MAX)
        return err_set(err, ERR_CORRUPT, "image name \"%.60s...\": over %d bytes", text,
                       IMAGEREF_MAX);
    if (take_digest(&r, &name, err) != 0 || take_tag(&r, text, &name, err) != 0 ||
        set_name(&r, text, name, err) != 0)
        return -1;
    *out = r;
    return 0;
}

int imageref_repository(const char *name, char *out)
{
    struct imageref ref;
    int len;

    if (imageref_parse(&ref, name, NULL) != 0)
        return -1;
    len = snprintf(out, IMAGEREF_MAX + 1, "%s/%s", ref.registry, ref.repository);
    return len <= IMAGEREF_MAX ? 0 : -1;
}

bool imageref_same_repository(const struct imageref *a, const struct imageref *b)
{
    return strcmp(a->registry, b->registry) == 0 && strcmp(a->repository, b->repository) == 0;
}

char *imageref_text(const struct imageref *r, char *out)
{
    return print(out, r, true, r->repository);
}

char *imageref_familiar(const struct imageref *r, char *out)
{
    const char *repository = r->repository;
    size_t first = strcspn(repository, "/");
    bool is_default = strcmp(r->registry, DEFAULT_REGISTRY) == 0;

    if (is_default && strncmp(repository, OFFICIAL, strlen(OFFICIAL)) == 0 &&
        strchr(repository + strlen(OFFICIAL), '/') == NULL)
        repository += strlen(OFFICIAL);
    else if (repository[first] == '/' && names_registry((struct part){repository, first}))
        is_default = false; /* "docker.io/my.team/x" would be read as a registry "my.team" */
    return print(out, r, !is_default, repository);
}

const char *imageref_shown(const char *name, char *out)
{
    struct imageref r;

    if (strncmp(name, DEFAULT_REGISTRY "/", strlen(DEFAULT_REGISTRY "/")) != 0 ||
        imageref_parse(&r, name, NULL) != 0)
        return name;
    return imageref_familiar(&r, out);
}
