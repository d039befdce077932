#include <string.h>

#include "collector/store/evidence_private.h"
#include "common/check.h"

#define SHORT_ID 12 /* digits of an image ID where it is shortened */

struct fleet_evidence *evidence_add(struct evidence_reading *r, enum fleet_evidence_source source,
                                    enum fleet_evidence_role role, int64_t layers)
{
    struct fleet_evidence *row = &r->out->items[r->out->count++];

    check(r->out->count <= EVIDENCE_ROWS_MAX);
    *row = (struct fleet_evidence){
        .image = FLEET_NONE,
        .source = source,
        .role = role,
        .reference = "",
        .layers = layers > 0 ? layers : FLEET_UNKNOWN,
    };
    return row;
}

bool evidence_has_image(const struct evidence_rows *rows, size_t from,
                        const struct evidence_image *image)
{
    for (size_t i = from; i < rows->count; i++)
        if (strcmp(rows->items[i].reference, image->name) == 0 &&
            digest_eq(&rows->items[i].digest, &image->digest))
            return true;
    return false;
}

int evidence_parse_json(const char *text, size_t len, json_t **out, struct err *err)
{
    struct err why;

    *out = json_parse(text, len, &why);
    if (*out == NULL && why.kind == ERR_NO_MEMORY)
        return err_set(err, ERR_NO_MEMORY, "read what an image says of its base");
    return 0;
}

const char *evidence_label(const struct config *c, const char *key)
{
    for (size_t i = 0; i < c->label_count; i++)
        if (strcmp(c->labels[i].key, key) == 0)
            return c->labels[i].value;
    return NULL;
}

/* ---- names of images ------------------------------------------------------------------------- */

/* An ID stands where a name does: its digits alone, perhaps shortened, or "sha256:" and them. */
static bool is_id(const char *text)
{
    const char *digits = strncmp(text, "sha256:", 7) == 0 ? text + 7 : text;
    size_t len = strlen(digits);

    return len >= SHORT_ID && len <= DIGEST_HEX && strspn(digits, "0123456789abcdef") == len;
}

enum evidence_named evidence_read_name(const char *text, struct evidence_image *out)
{
    static const char latest[] = "latest";
    struct imageref ref;

    *out = (struct evidence_image){.name = ""};
    if (strcmp(text, "scratch") == 0)
        return NAMED_SCRATCH;
    if (is_id(text))
        return NAMED_ID;
    if (imageref_parse(&ref, text, NULL) != 0)
        return NAMED_NOTHING;
    if (!ref.has_digest && ref.tag[0] == '\0')
        memcpy(ref.tag, latest, sizeof(latest));
    /* What was added may be more than a name can have. */
    if (strlen(ref.registry) + strlen(ref.repository) + strlen(ref.tag) + 2 > IMAGEREF_MAX)
        return NAMED_NOTHING;
    if (ref.has_digest)
        out->digest = ref.digest;
    ref.has_digest = false;
    imageref_text(&ref, out->name);
    return NAMED_IMAGE;
}

int evidence_set_image(struct evidence_reading *r, struct fleet_evidence *row,
                       const struct evidence_image *image)
{
    row->digest = image->digest;
    row->reference = arena_text(r->arena, image->name, strlen(image->name), r->err);
    return row->reference != NULL ? 0 : -1;
}

void evidence_read_digest(const char *text, struct evidence_image *out)
{
    struct digest digest;

    if (text != NULL && digest_parse(&digest, text, strlen(text), false, NULL) == 0)
        out->digest = digest;
}
