#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "collector/store/evidence_private.h"
#include "common/base64.h"

#define WORD_BYTES 200 /* a buildpack's ID, or its version */

/* ---- buildpacks ------------------------------------------------------------------------------ */

/* The run image's name. Lifecycles of old say it under "stack", or only in the reference that they
 * pulled, which is an ID where they used a daemon. */
static void read_run_image(const json_t *root, struct evidence_image *out)
{
    const json_t *run = json_obj(root, "runImage");
    const json_t *stack = json_obj(json_obj(root, "stack"), "runImage");
    const char *const texts[] = {
        json_str(run, "image"),
        json_str(stack, "image"),
        json_str(run, "reference"),
        json_string_value(json_array_get(json_arr(run, "mirrors"), 0)),
        json_string_value(json_array_get(json_arr(stack, "mirrors"), 0)),
    };
    const char *reference = json_str(run, "reference");
    struct evidence_image pulled;

    *out = (struct evidence_image){.name = ""};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && out->name[0] == '\0'; i++)
        if (texts[i] != NULL)
            evidence_read_name(texts[i], out);
    if (reference != NULL && evidence_read_name(reference, &pulled) == NAMED_IMAGE &&
        !digest_is_zero(&pulled.digest))
        out->digest = pulled.digest;
}

/* How many layers there are up to the uppermost that is `top`; 0 none is. */
static int64_t layers_up_to(const struct config *c, const struct digest *top)
{
    for (size_t i = c->diff_count; i > 0; i--)
        if (digest_eq(&c->diffs[i - 1], top))
            return (int64_t)i;
    return 0;
}

static int take_run_image(struct evidence_reading *r, const json_t *root)
{
    const char *text = json_str(json_obj(root, "runImage"), "topLayer");
    struct evidence_image image, top = {.name = ""};
    struct fleet_evidence *row;

    read_run_image(root, &image);
    evidence_read_digest(text, &top);
    if (image.name[0] == '\0' && digest_is_zero(&top.digest))
        return 0;
    row = evidence_add(r, EVIDENCE_BUILDPACKS, EVIDENCE_OF_BASE,
                       layers_up_to(r->config, &top.digest));
    row->top = top.digest;
    return evidence_set_image(r, row, &image);
}

/* Buildpack IDs and versions (spec, buildpack.md) are plain words. */
static bool is_word(const char *text)
{
    size_t len = text != NULL ? strlen(text) : 0;

    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)text[i]) && strchr("./_-+~:", text[i]) == NULL)
            return false;
    return len > 0 && len <= WORD_BYTES;
}

static int take_buildpack(struct evidence_reading *r, const char *id, const char *version)
{
    char text[2 * WORD_BYTES + 2];
    int len;

    if (!is_word(id))
        return 0;
    len = is_word(version) ? snprintf(text, sizeof(text), "%s@%s", id, version)
                           : snprintf(text, sizeof(text), "%s", id);
    evidence_add(r, EVIDENCE_BUILDPACKS, EVIDENCE_OF_BUILDER, FLEET_UNKNOWN)->reference =
        arena_text(r->arena, text, (size_t)len, r->err);
    return r->out->items[r->out->count - 1].reference != NULL ? 0 : -1;
}

static int take_buildpacks_of(struct evidence_reading *r, const json_t *root, const char *key)
{
    const json_t *list = json_arr(root, "buildpacks");
    size_t limit = r->out->count + EVIDENCE_BUILDPACKS_MAX;

    for (size_t i = 0; i < json_array_size(list) && r->out->count < limit; i++) {
        const json_t *entry = json_array_get(list, i);

        if (take_buildpack(r, json_str(entry, key), json_str(entry, "version")) != 0)
            return -1;
    }
    return 0;
}

static int parse_label(const struct evidence_reading *r, const char *key, json_t **out)
{
    const char *text = evidence_label(r->config, key);

    *out = NULL;
    return text != NULL ? evidence_parse_json(text, strlen(text), out, r->err) : 0;
}

int evidence_of_buildpacks(struct evidence_reading *r)
{
    AUTO_JSON json_t *lifecycle = NULL;
    AUTO_JSON json_t *build = NULL;

    if (parse_label(r, "io.buildpacks.lifecycle.metadata", &lifecycle) != 0 ||
        parse_label(r, "io.buildpacks.build.metadata", &build) != 0)
        return -1;
    if (take_run_image(r, lifecycle) != 0)
        return -1;
    return json_array_size(json_arr(lifecycle, "buildpacks")) > 0
               ? take_buildpacks_of(r, lifecycle, "key")
               : take_buildpacks_of(r, build, "id");
}

/* ---- buildinfo ------------------------------------------------------------------------------- */

static int take_sources(struct evidence_reading *r, const json_t *list)
{
    size_t first = r->out->count;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *source = json_array_get(list, i);
        const char *type = json_str(source, "type"), *ref = json_str(source, "ref");
        struct evidence_image image;

        if (type == NULL || strcmp(type, "docker-image") != 0 || ref == NULL ||
            evidence_read_name(ref, &image) != NAMED_IMAGE)
            continue;
        evidence_read_digest(json_str(source, "pin"), &image);
        if (evidence_has_image(r->out, first, &image) ||
            r->out->count - first == EVIDENCE_SOURCES_MAX)
            continue;
        if (evidence_set_image(r,
                               evidence_add(r, EVIDENCE_BUILDINFO, EVIDENCE_OF_BASE, FLEET_UNKNOWN),
                               &image) != 0)
            return -1;
    }
    return 0;
}

int evidence_of_build_info(struct evidence_reading *r)
{
    AUTO_JSON json_t *root = NULL;
    const char *text = r->config->build_info;
    uint8_t *bytes;

    if (text == NULL)
        return 0;
    bytes = arena_alloc(r->arena, BASE64_BYTES(strlen(text)), r->err);
    if (bytes == NULL ||
        evidence_parse_json((const char *)bytes, base64_decode(text, bytes), &root, r->err) != 0)
        return -1;
    return take_sources(r, json_arr(root, "sources"));
}
