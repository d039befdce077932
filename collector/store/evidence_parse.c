#include "collector/store/evidence_parse.h"

#include <string.h>

#include "collector/store/evidence_private.h"

/* ---- annotations, and labels in their place -------------------------------------------------- */

static int take_base(struct evidence_reading *r, enum fleet_evidence_source source,
                     const char *name, const char *digest)
{
    struct evidence_image image = {.name = ""};

    if (name != NULL && evidence_read_name(name, &image) == NAMED_SCRATCH)
        return 0;
    evidence_read_digest(digest, &image);
    if (image.name[0] == '\0' && digest_is_zero(&image.digest))
        return 0;
    return evidence_set_image(r, evidence_add(r, source, EVIDENCE_OF_BASE, FLEET_UNKNOWN), &image);
}

static int take_label(struct evidence_reading *r)
{
    return take_base(r, EVIDENCE_LABEL, evidence_label(r->config, MANIFEST_BASE_NAME),
                     evidence_label(r->config, MANIFEST_BASE_DIGEST));
}

/* ---- history --------------------------------------------------------------------------------- */

/* Whether history has a step for each layer: only then steps tell boundaries. */
static bool history_fits(const struct config *c)
{
    size_t made = 0;

    for (size_t i = 0; i < c->step_count; i++)
        made += !c->steps[i].empty;
    return made == c->diff_count;
}

/* What stands behind the last "FROM " of a comment. Old versions of buildah put nothing between a
 * comment and theirs, newer ones a space. */
static enum evidence_named read_comment(const char *comment, struct evidence_image *out)
{
    static const char word[] = "FROM ";
    const char *from = NULL;
    char text[IMAGEREF_MAX + 1];
    size_t len;

    *out = (struct evidence_image){.name = ""};
    for (const char *at = comment; at != NULL && (at = strstr(at, word)) != NULL;)
        from = at += sizeof(word) - 1;
    if (from == NULL)
        return NAMED_NOTHING;
    len = strcspn(from, " \t\n");
    if (len >= sizeof(text) || from[len + strspn(from + len, " \t\n")] != '\0')
        return NAMED_NOTHING;
    memcpy(text, from, len);
    text[len] = '\0';
    return evidence_read_name(text, out);
}

struct from_step {
    const char *comment;
    int64_t layers; /* made by the steps below it */
};

static int take_from(struct evidence_reading *r)
{
    const struct config *c = r->config;
    struct from_step found[EVIDENCE_FROM_MAX];
    bool fits = history_fits(c);
    struct evidence_image image;
    int64_t layers = 0, own = 0; /* where the uppermost step image ends that was made over a base */
    size_t n = 0;

    for (size_t i = 0; i < c->step_count; i++) {
        enum evidence_named named = read_comment(c->steps[i].comment, &image);

        if (named == NAMED_IMAGE) {
            found[n++ % EVIDENCE_FROM_MAX] = (struct from_step){c->steps[i].comment, layers};
            own = 0;
        } else if (named == NAMED_ID && n > 0) {
            own = layers;
        }
        layers += !c->steps[i].empty;
    }
    for (size_t i = n > EVIDENCE_FROM_MAX ? n - EVIDENCE_FROM_MAX : 0; i < n; i++) {
        const struct from_step *from = &found[i % EVIDENCE_FROM_MAX];

        read_comment(from->comment, &image);
        if (evidence_set_image(r,
                               evidence_add(r, EVIDENCE_FROM, EVIDENCE_OF_BASE,
                                            fits ? from->layers : FLEET_UNKNOWN),
                               &image) != 0)
            return -1;
    }
    if (fits && own > 0)
        evidence_add(r, EVIDENCE_FROM, EVIDENCE_OF_STEPS, own);
    return 0;
}

/* Whether the step says what the image runs: `/bin/sh -c #(nop)  CMD ["sh"]`, `CMD ["sh"]`. */
static bool says_what_runs(const struct config_step *step)
{
    const char *text = step->created_by != NULL ? step->created_by : "";
    const char *nop = strstr(text, "#(nop)");
    size_t word;

    if (nop != NULL)
        text = nop + strlen("#(nop)");
    text += strspn(text, " ");
    word = strcspn(text, " [");
    return text[word] != '\0' && ((word == 3 && memcmp(text, "CMD", 3) == 0) ||
                                  (word == 10 && memcmp(text, "ENTRYPOINT", 10) == 0));
}

/* A step that says what runs is the last one of most images. It may have made a layer itself, where
 * a builder writes one for a whole file of instructions. */
static int take_history(struct evidence_reading *r)
{
    const struct config *c = r->config;
    int64_t found[EVIDENCE_HISTORY_MAX];
    int64_t layers = 0, last = 0;
    size_t n = 0;

    if (!history_fits(c))
        return 0;
    for (size_t i = 0; i < c->step_count; i++) {
        layers += !c->steps[i].empty;
        if (layers == last || layers == (int64_t)c->diff_count || !says_what_runs(&c->steps[i]))
            continue;
        last = layers;
        found[n++ % EVIDENCE_HISTORY_MAX] = layers;
    }
    for (size_t i = n > EVIDENCE_HISTORY_MAX ? n - EVIDENCE_HISTORY_MAX : 0; i < n; i++)
        evidence_add(r, EVIDENCE_HISTORY, EVIDENCE_OF_BASE, found[i % EVIDENCE_HISTORY_MAX]);
    return 0;
}

/* ---- source-to-image ------------------------------------------------------------------------- */

static int take_s2i(struct evidence_reading *r)
{
    const char *text = evidence_label(r->config, "io.openshift.s2i.build.image");
    struct evidence_image image;

    if (text == NULL || evidence_read_name(text, &image) != NAMED_IMAGE)
        return 0;
    if (evidence_set_image(r, evidence_add(r, EVIDENCE_S2I, EVIDENCE_OF_BASE, FLEET_UNKNOWN),
                           &image) != 0)
        return -1;
    return evidence_set_image(r, evidence_add(r, EVIDENCE_S2I, EVIDENCE_OF_BUILDER, FLEET_UNKNOWN),
                              &image);
}

/* ---- either ---------------------------------------------------------------------------------- */

int evidence_of_config(struct evidence_rows *out, const struct config *c, struct arena *arena,
                       struct err *err)
{
    static int (*const parts[])(struct evidence_reading *) = {
        take_label,   take_from, take_s2i, evidence_of_buildpacks, evidence_of_build_info,
        take_history,
    };
    struct evidence_reading r = {out, c, arena, err};

    out->count = 0;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (parts[i](&r) != 0)
            return -1;
    return 0;
}

int evidence_of_manifest(struct evidence_rows *out, const struct manifest *m, struct arena *arena,
                         struct err *err)
{
    struct evidence_reading r = {out, NULL, arena, err};

    out->count = 0;
    return take_base(&r, EVIDENCE_ANNOTATION, m->base_name, m->base_digest);
}

int64_t evidence_seq(const struct evidence_rows *rows, size_t i)
{
    size_t first = i;

    while (first > 0 && rows->items[first - 1].source == rows->items[i].source)
        first--;
    return (int64_t)(i - first);
}
