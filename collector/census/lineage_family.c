#include "collector/census/lineage_private.h"
#include "collector/census/os_release.h"
#include "common/imageref.h"

/* ---- families and versions ------------------------------------------------------------------- */

/* The catalogue's entry for a chain; NULL: none. */
static const struct catalogue_base *entry_of(const struct lineage *l, const struct catalogue *c,
                                             uint32_t chain)
{
    uint32_t entry = l->naming->entry[chain];

    return entry == FLEET_NONE ? NULL : &c->bases[entry];
}

static const char *find_os_release(const struct fleet *f, uint32_t chain)
{
    for (uint32_t c = chain; c != FLEET_NONE; c = f->chains[c].parent) {
        uint32_t layer = f->chains[c].layer;
        const char *text = layer == FLEET_NONE ? NULL : f->layers[layer].os_release;

        if (text != NULL && text[0] != '\0')
            return text;
    }
    return "";
}

static const char *keep(const char *text, struct arena *arena, struct err *err)
{
    return arena_text(arena, text, strlen(text), err);
}

/* The family that the operator gives to a repository which the name was pulled from. */
static const char *given_family(const struct catalogue *c, const struct naming_claim *title)
{
    char repository[IMAGEREF_MAX + 1];

    if (title == NULL || title->strength < NAME_PULLED ||
        imageref_repository(title->name, repository) != 0)
        return NULL;
    return catalogue_family_of(c, repository);
}

/* "debian" of "docker.io/library/debian:12", "unknown" where nothing names it. */
static const char *family_of_name(const struct naming_claim *title, struct arena *arena,
                                  struct err *err)
{
    struct imageref ref;
    const char *slash;

    if (title == NULL || imageref_parse(&ref, title->name, NULL) != 0)
        return "unknown";
    slash = strrchr(ref.repository, '/');
    return keep(slash != NULL ? slash + 1 : ref.repository, arena, err);
}

static const char *version_of_name(const struct naming_claim *title, struct arena *arena,
                                   struct err *err)
{
    struct imageref ref;

    if (title == NULL || imageref_parse(&ref, title->name, NULL) != 0)
        return "";
    return keep(ref.tag, arena, err);
}

/* When the oldest of the images was made that end there and have a firm name; 0. Whoever may make
 * images of these layers without a name for others dates no base. */
static int64_t oldest_of(const struct lineage *l, const struct fleet *f, uint32_t chain)
{
    int64_t oldest_s = 0;

    for (uint32_t i = l->first_ending[chain]; i != FLEET_NONE; i = l->next_ending[i]) {
        int64_t made_s = l->facts->is_named[i] ? naming_made_s(&f->images[i]) : 0;

        if (made_s != 0 && (oldest_s == 0 || made_s < oldest_s))
            oldest_s = made_s;
    }
    return oldest_s;
}

/* The catalogue's word; else when it was made; else when the fleet first heard of it. */
static void find_date(struct lineage_family *out, const struct lineage *l, const struct fleet *f,
                      const struct catalogue_base *entry, uint32_t chain)
{
    int64_t heard_s = l->first_s[chain];

    out->date_s = entry != NULL ? naming_believed_s(entry->created_s, heard_s) : 0;
    if (out->date_s == 0)
        out->date_s = naming_believed_s(oldest_of(l, f, chain), heard_s);
    out->from_created = out->date_s != 0;
    if (!out->from_created)
        out->date_s = heard_s;
}

int lineage_family_of(struct lineage_family *out, const struct lineage *l, const struct fleet *f,
                      const struct catalogue *c, uint32_t chain, struct arena *arena,
                      struct err *err)
{
    const struct naming_claim *title = naming_title(l->naming, chain);
    const struct catalogue_base *entry = entry_of(l, c, chain);
    struct os_release os;

    *out = (struct lineage_family){.os_release = find_os_release(f, chain)};
    os_release_parse(&os, out->os_release);
    if (entry != NULL && entry->family[0] != '\0')
        out->family = entry->family;
    if (out->family == NULL)
        out->family = given_family(c, title);
    if (out->family == NULL)
        out->family =
            os.id[0] != '\0' ? keep(os.id, arena, err) : family_of_name(title, arena, err);
    if (entry != NULL && entry->version[0] != '\0')
        out->version = entry->version;
    if (out->version == NULL)
        out->version = os.version_id[0] != '\0' ? keep(os.version_id, arena, err)
                                                : version_of_name(title, arena, err);
    find_date(out, l, f, entry, chain);
    return out->family != NULL && out->version != NULL ? 0 : -1;
}

/* ---- families without doubt ------------------------------------------------------------------ */

static int find_sure_family(struct lineage_facts *l, uint32_t chain, struct err *err)
{
    struct os_release os;

    if (chain == FLEET_NONE || l->family[chain] != NULL)
        return 0;
    os_release_parse(&os, find_os_release(l->f, chain));
    if (os.id[0] == '\0')
        return 0;
    l->family[chain] = keep(os.id, l->arena, err);
    return l->family[chain] != NULL ? 0 : -1;
}

int lineage_find_families(struct lineage_facts *l, struct err *err)
{
    for (size_t i = 0; i < l->c->base_count; i++) {
        uint32_t chain = l->naming->catalogue_chain[i];

        if (chain != FLEET_NONE && l->c->bases[i].family[0] != '\0')
            l->family[chain] = l->c->bases[i].family;
        else if (find_sure_family(l, chain, err) != 0)
            return -1;
    }
    for (size_t i = 0; i < l->f->image_count; i++)
        if (find_sure_family(l, l->out->images[i].core, err) != 0)
            return -1;
    return 0;
}

/* ---- stable names ---------------------------------------------------------------------------- */

const char *base_kind_name(enum base_kind kind)
{
    static const char *const names[] = {
        [BASE_NAMED] = "named", [BASE_UNNAMED] = "unnamed", [BASE_SCRATCH] = "scratch"};

    return names[kind];
}

const char *lineage_method_name(enum lineage_method method)
{
    static const char *const names[] = {
        [LINEAGE_NONE] = "none",         [LINEAGE_DECLARED] = "declared",
        [LINEAGE_CONTAINS] = "contains", [LINEAGE_BRANCH] = "branch",
        [LINEAGE_CLAIMED] = "claimed",   [LINEAGE_HISTORY] = "history",
        [LINEAGE_OS] = "os-release",     [LINEAGE_SELF] = "itself",
    };

    return names[method];
}

const char *lineage_confidence_name(enum lineage_confidence confidence)
{
    static const char *const names[] = {
        [CONFIDENCE_NONE] = "none",
        [CONFIDENCE_LOW] = "low",
        [CONFIDENCE_MEDIUM] = "medium",
        [CONFIDENCE_HIGH] = "high",
    };

    return names[confidence];
}

const char *lineage_outcome_name(enum lineage_outcome outcome)
{
    static const char *const names[] = {
        [OUTCOME_CONFIRMED] = "confirmed",
        [OUTCOME_CONTRADICTED] = "contradicted",
        [OUTCOME_UNVERIFIABLE] = "unverifiable",
        [OUTCOME_INHERITED] = "inherited",
    };

    return names[outcome];
}

const char *evidence_source_name(enum fleet_evidence_source source)
{
    static const char *const names[] = {
        [EVIDENCE_ANNOTATION] = "oci-annotation", [EVIDENCE_LABEL] = "oci-label",
        [EVIDENCE_FROM] = "history-from",         [EVIDENCE_S2I] = "source-to-image",
        [EVIDENCE_BUILDPACKS] = "buildpacks",     [EVIDENCE_BUILDINFO] = "buildkit-buildinfo",
        [EVIDENCE_PROVENANCE] = "provenance",     [EVIDENCE_CONTENT_MANIFEST] = "content-manifest",
        [EVIDENCE_HISTORY] = "history",
    };

    return names[source];
}
