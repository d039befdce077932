/* docker_refs: repositories.json, that is the names and repo digests of images. Its form:
 * {"Repositories":{"inv/base":{"inv/base:1":"sha256:<image>",
 *                              "inv/base@sha256:<manifest>":"sha256:<image>"}}} */
#include <string.h>

#include "agent/engines/docker/docker.h"
#include "common/cleanup.h"
#include "common/imageref.h"

static int compare_refs(const void *a, const void *b)
{
    const struct docker_ref *x = a, *y = b;
    int order = digest_cmp(&x->image, &y->image);

    if (order == 0)
        order = (int)x->kind - (int)y->kind;
    if (order == 0)
        order = strcmp(x->text, y->text);
    if (order == 0)
        order = digest_cmp(&x->manifest, &y->manifest);
    return order;
}

static bool take_digest(struct digest *out, const char *text)
{
    return digest_parse(out, text, strlen(text), false, NULL) == 0;
}

/* The repository as everybody writes it ("docker.io/library/debian" for "debian"); as it stands
 * where it breaks the grammar, which a daemon would not have accepted. */
static char *repository_text(struct arena *arena, const char *text, size_t len, struct err *err)
{
    AUTO_FREE char *bare = strndup(text, len);
    struct imageref ref;
    char normal[sizeof(ref.registry) + sizeof(ref.repository) + 1];

    if (bare == NULL) {
        err_set(err, ERR_NO_MEMORY, "no memory for a repository");
        return NULL;
    }
    if (imageref_parse(&ref, bare, NULL) != 0)
        return arena_text(arena, bare, len, err);
    snprintf(normal, sizeof(normal), "%s/%s", ref.registry, ref.repository);
    return arena_text(arena, normal, strlen(normal), err);
}

static int read_ref(struct docker_ref *out, const char *key, const json_t *value,
                    struct arena *arena, struct err *err)
{
    const char *image = json_string_value(value);
    const char *at = strrchr(key, '@');

    *out = (struct docker_ref){.kind = DOCKER_REF_BROKEN};
    if (image == NULL || strlen(key) > REC_NAME_BYTES || !take_digest(&out->image, image) ||
        (at != NULL && !take_digest(&out->manifest, at + 1))) {
        out->image = (struct digest){{0}};
        out->text = arena_text(arena, key, strlen(key), err);
    } else if (at != NULL) {
        out->kind = DOCKER_REF_DIGEST;
        out->text = repository_text(arena, key, (size_t)(at - key), err);
    } else {
        out->kind = DOCKER_REF_NAME;
        out->text = arena_text(arena, key, strlen(key), err);
    }
    return out->text != NULL ? 0 : -1;
}

static int count_refs(const json_t *repositories, size_t *count, struct err *err)
{
    const char *repository;
    json_t *refs;

    *count = 0;
    json_object_foreach ((json_t *)repositories, repository, refs) {
        if (!json_is_object(refs))
            return err_set(err, ERR_CORRUPT, "repositories.json: a repository is no object");
        *count += json_object_size(refs);
    }
    if (*count > DOCKER_REFS_MAX)
        return err_set(err, ERR_LIMIT, "repositories.json: %zu names: at most %d are read", *count,
                       DOCKER_REFS_MAX);
    return 0;
}

static int read_repositories(struct docker_ref *refs, const json_t *repositories,
                             struct arena *arena, struct err *err)
{
    const char *repository, *key;
    json_t *entries, *value;

    json_object_foreach ((json_t *)repositories, repository, entries) {
        json_object_foreach (entries, key, value) {
            if (read_ref(refs++, key, value, arena, err) != 0)
                return -1;
        }
    }
    return 0;
}

int docker_refs_parse(struct docker_ref **out, size_t *count, const char *data, size_t len,
                      struct arena *arena, struct err *err)
{
    AUTO_JSON json_t *document = json_parse(data, len, err);
    const json_t *repositories = json_obj(document, "Repositories");
    struct docker_ref *refs;
    size_t n;

    if (document == NULL)
        return err_wrap(err, "repositories.json");
    if (repositories == NULL && json_object_get(document, "Repositories") != NULL)
        return err_set(err, ERR_CORRUPT, "repositories.json: Repositories is no object");
    if (repositories == NULL && !json_is_object(document))
        return err_set(err, ERR_CORRUPT, "repositories.json: no object");
    if (count_refs(repositories, &n, err) != 0)
        return -1;
    refs = arena_array(arena, n, sizeof(*refs), err);
    if (refs == NULL || read_repositories(refs, repositories, arena, err) != 0)
        return -1;
    if (n > 0)
        qsort(refs, n, sizeof(*refs), compare_refs);
    *out = refs;
    *count = n;
    return 0;
}

static int take_refs(struct docker_pass *p, struct err *err)
{
    const struct docker_kept *last = p->last_kept;

    p->refs = arena_array(p->base.arena, last->ref_count, sizeof(*p->refs), err);
    if (p->refs == NULL)
        return -1;
    for (; p->ref_count < last->ref_count; p->ref_count++) {
        struct docker_ref *ref = &p->refs[p->ref_count];

        *ref = last->refs[p->ref_count];
        ref->text = arena_text(p->base.arena, ref->text, strlen(ref->text), err);
        if (ref->text == NULL)
            return -1;
    }
    return 0;
}

/* A broken file fails the pass: published without names, every image would look untagged. */
static int read_refs(struct docker_pass *p, int fd, struct err *err)
{
    struct err why = {0};

    if (docker_read_file(&p->base.file, fd, ".", "repositories.json", &why) != 0) {
        if (why.kind == ERR_NOT_FOUND) /* Docker writes it with the first name */
            return 0;
        return err_set(err, why.kind, "%s", why.text);
    }
    return docker_refs_parse(&p->refs, &p->ref_count, buf_str(&p->base.file), p->base.file.len,
                             p->base.arena, err);
}

int docker_read_refs(struct docker_pass *p, struct err *err)
{
    AUTO_FD int fd = docker_open_metadata(p->base.root, "", err);
    struct docker_kept *kept = p->kept;
    bool stand;

    if (fd < 0)
        return -1;
    kept->repositories = file_stamp_at(fd, "repositories.json");
    stand = p->last_kept != NULL && file_stamp_eq(&p->last_kept->repositories, &kept->repositories);
    if ((stand ? take_refs(p, err) : read_refs(p, fd, err)) != 0)
        return -1;
    kept->refs = p->refs;
    kept->ref_count = p->ref_count;
    return 0;
}
