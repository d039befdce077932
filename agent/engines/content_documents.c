#include "agent/engines/content_documents.h"

#include <stdarg.h>
#include <string.h>

#include "agent/engines/image_config.h"
#include "common/cleanup.h"

static const char *subject_of(const char *what, const struct digest *digest, char *out, size_t size)
{
    char text[DIGEST_TEXT];

    snprintf(out, size, "%s %s", what, digest_text(digest, text));
    return out;
}

static const struct content_config *copy_config(const struct digest *diffs,
                                                const struct digest *chains, size_t count,
                                                struct arena *arena, struct err *err)
{
    struct content_config *config = arena_alloc(arena, sizeof(*config), err);
    struct digest *copies = arena_array(arena, count * 2, sizeof(*copies), err);

    if (config == NULL || copies == NULL)
        return NULL;
    *config = (struct content_config){.diffs = copies, .chains = copies + count, .count = count};
    if (count > 0)
        memcpy(copies, diffs, count * sizeof(*copies));
    if (count > 0 && chains != NULL)
        memcpy(copies + count, chains, count * sizeof(*copies));
    for (size_t i = 0; i < count && chains == NULL; i++)
        copies[count + i] = digest_chain(i == 0 ? NULL : &copies[count + i - 1], &copies[i]);
    return config;
}

/* What the last pass knew of the blob, if it is still that file. */
static int recall(struct content_look *look, const struct content_blob *blob,
                  struct content_document *document, struct err *err)
{
    const struct content_blob *last =
        look->last != NULL ? content_blobs_find(&look->last->blobs, &blob->digest) : NULL;
    const struct content_document *from;
    struct arena *arena = look->pass->arena;

    if (last == NULL || last->document == NULL || !file_stamp_eq(&last->stamp, &blob->stamp))
        return 0;
    from = last->document;
    if (from->manifest != NULL) {
        struct image_manifest *copy = arena_alloc(arena, sizeof(*copy), err);

        if (copy == NULL || image_manifest_copy(copy, from->manifest, arena, err) != 0)
            return -1;
        document->manifest = copy;
    }
    if (from->config != NULL)
        document->config =
            copy_config(from->config->diffs, from->config->chains, from->config->count, arena, err);
    return from->config == NULL || document->config != NULL ? 0 : -1;
}

/* Memory for what this blob is read as; NULL with *err. */
static struct content_document *open_document(struct content_look *look, struct content_blob *blob,
                                              struct err *err)
{
    struct content_document *document = blob->document;

    if (document != NULL)
        return document;
    document = arena_alloc(look->pass->arena, sizeof(*document), err);
    if (document == NULL || recall(look, blob, document, err) != 0)
        return NULL;
    blob->document = document;
    return document;
}

static int read_verified(struct content_look *look, const struct digest *digest, struct err *err)
{
    struct buf *file = &look->pass->file;
    struct digest found;

    if (look->read(look->context, digest, file, err) != 0)
        return -1;
    found = digest_of(buf_str(file), file->len);
    if (!digest_eq(&found, digest))
        return err_set(err, ERR_CORRUPT, "its bytes have another digest");
    return 0;
}

static int read_manifest(struct content_look *look, const struct digest *digest,
                         const struct image_manifest **out, struct err *err)
{
    struct arena *arena = look->pass->arena;
    struct buf *file = &look->pass->file;
    struct image_manifest *manifest = arena_alloc(arena, sizeof(*manifest), err);

    if (manifest == NULL || read_verified(look, digest, err) != 0 ||
        image_manifest_parse(manifest, buf_str(file), file->len, arena, err) != 0)
        return -1;
    *out = manifest;
    return 0;
}

static int read_config(struct content_look *look, const struct digest *digest,
                       const struct content_config **out, struct err *err)
{
    AUTO(image_config_close) struct image_config config = {0};
    struct buf *file = &look->pass->file;

    if (read_verified(look, digest, err) != 0 ||
        image_config_parse(&config, buf_str(file), file->len, err) != 0)
        return -1;
    *out = copy_config(config.diff_ids, NULL, config.diff_count, look->pass->arena, err);
    return *out != NULL ? 0 : -1;
}

int content_manifest_in(struct content_look *look, struct content_blob *blob,
                        const struct image_manifest **out, struct err *err)
{
    struct content_document *document = open_document(look, blob, err);
    char subject[DIGEST_TEXT + 16];
    struct err why = {0};

    if (document == NULL)
        return -1;
    if (document->manifest == NULL && !document->manifest_broken &&
        read_manifest(look, &blob->digest, &document->manifest, &why) != 0) {
        document->manifest_broken = true;
        subject_of("manifest", &blob->digest, subject, sizeof(subject));
        if (pass_entry_failed(look->pass, subject, &why, err) != 0)
            return -1;
    }
    *out = document->manifest;
    return 0;
}

int content_config_in(struct content_look *look, struct content_blob *blob,
                      const struct content_config **out, struct err *err)
{
    struct content_document *document = open_document(look, blob, err);
    char subject[DIGEST_TEXT + 16];
    struct err why = {0};

    if (document == NULL)
        return -1;
    if (document->config == NULL && !document->config_broken &&
        read_config(look, &blob->digest, &document->config, &why) != 0) {
        document->config_broken = true;
        subject_of("config", &blob->digest, subject, sizeof(subject));
        if (pass_entry_failed(look->pass, subject, &why, err) != 0)
            return -1;
    }
    *out = document->config;
    return 0;
}

int content_remark(struct content_look *look, const struct content_blob *blob, struct err *err,
                   const char *fmt, ...)
{
    char subject[DIGEST_TEXT + 16], text[ERR_TEXT_MAX];
    va_list args;

    if (blob->document->remarked)
        return 0;
    blob->document->remarked = true;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    subject_of("manifest", &blob->digest, subject, sizeof(subject));
    return pass_problem(look->pass, err, subject, "%s", text);
}
