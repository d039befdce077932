#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "collector/store/evidence_private.h"

/* ---- package URLs (the purl specification; type docker) -------------------------------------- */

static int hex_value(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c != '\0' ? strchr(digits, tolower((unsigned char)c)) : NULL;

    return at != NULL ? (int)(at - digits) : -1;
}

/* Undoes %XX in `len` bytes of text. False where it does not fit, or where it gives no text. */
static bool decode_percents(const char *text, size_t len, char *out, size_t size)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (c == '%') {
            int high = i + 2 < len ? hex_value(text[i + 1]) : -1;
            int low = high >= 0 ? hex_value(text[i + 2]) : -1;

            if (low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0' || n + 1 >= size)
            return false;
        out[n++] = c;
    }
    out[n] = '\0';
    return true;
}

/* The image that "pkg:docker/<name>@<tag or digest>?..." names. */
static bool read_url(const char *url, struct evidence_image *out)
{
    static const char scheme[] = "pkg:docker/";
    char name[IMAGEREF_MAX + 1], version[IMAGEREF_MAX + 1] = "", text[2 * IMAGEREF_MAX + 3];
    size_t len, name_len;
    const char *at;

    if (strncmp(url, scheme, sizeof(scheme) - 1) != 0)
        return false;
    url += sizeof(scheme) - 1;
    len = strcspn(url, "?#");
    at = memrchr(url, '@', len);
    name_len = at != NULL ? (size_t)(at - url) : len;
    if (!decode_percents(url, name_len, name, sizeof(name)) ||
        (at != NULL && !decode_percents(at + 1, len - name_len - 1, version, sizeof(version))))
        return false;
    snprintf(text, sizeof(text), "%s%s%s", name,
             version[0] == '\0'                    ? ""
             : strncmp(version, "sha256:", 7) == 0 ? "@"
                                                   : ":",
             version);
    return evidence_read_name(text, out) == NAMED_IMAGE;
}

/* ---- statements ------------------------------------------------------------------------------ */

/* in-toto writes a digest as its digits, under the name of the algorithm. */
static bool read_sha256(const json_t *entry, struct digest *out)
{
    const char *hex = json_str(json_obj(entry, "digest"), "sha256");
    char text[DIGEST_TEXT];

    if (hex == NULL || strlen(hex) != DIGEST_HEX)
        return false;
    snprintf(text, sizeof(text), "sha256:%s", hex);
    return digest_parse(out, text, strlen(text), false, NULL) == 0;
}

static bool has_subject(const struct evidence_statement *s, const struct digest *subject)
{
    for (size_t i = 0; i < s->subject_count; i++)
        if (digest_eq(&s->subjects[i], subject))
            return true;
    return false;
}

/* False where it names subjects, none of which can be read: it is about something else. */
static bool take_subjects(struct evidence_statement *out, const json_t *root)
{
    const json_t *list = json_arr(root, "subject");
    struct digest digest;

    for (size_t i = 0; i < json_array_size(list) && out->subject_count < EVIDENCE_SUBJECTS_MAX; i++)
        if (read_sha256(json_array_get(list, i), &digest) && !has_subject(out, &digest))
            out->subjects[out->subject_count++] = digest;
    return out->subject_count > 0 || json_array_size(list) == 0;
}

static const json_t *materials_of(const json_t *root)
{
    const json_t *predicate = json_obj(root, "predicate");
    const json_t *list = json_arr(predicate, "materials");

    return list != NULL ? list
                        : json_arr(json_obj(predicate, "buildDefinition"), "resolvedDependencies");
}

/* Whether the statement's predicate is SLSA provenance: other ones have materials of their own. */
static bool is_provenance(const json_t *root)
{
    static const char type[] = "https://slsa.dev/provenance/";
    const char *said = json_str(root, "predicateType");

    return said != NULL && strncmp(said, type, sizeof(type) - 1) == 0;
}

static int take_materials(struct evidence_reading *r, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list) && r->out->count < EVIDENCE_MATERIALS_MAX; i++) {
        const json_t *entry = json_array_get(list, i);
        const char *url = json_str(entry, "uri");
        struct evidence_image image;

        if (url == NULL || !read_url(url, &image))
            continue;
        read_sha256(entry, &image.digest);
        if (evidence_has_image(r->out, 0, &image))
            continue;
        if (evidence_set_image(
                r, evidence_add(r, EVIDENCE_PROVENANCE, EVIDENCE_OF_BASE, FLEET_UNKNOWN), &image) !=
            0)
            return -1;
    }
    return 0;
}

int evidence_of_statement(struct evidence_statement *out, const uint8_t *data, size_t len,
                          struct arena *arena, struct err *err)
{
    struct evidence_reading r = {&out->materials, NULL, arena, err};
    AUTO_JSON json_t *root = NULL;

    out->subject_count = out->materials.count = 0;
    if (len > EVIDENCE_STATEMENT_BYTES)
        return 0;
    if (evidence_parse_json((const char *)data, len, &root, err) != 0)
        return -1;
    if (!is_provenance(root) || !take_subjects(out, root))
        return 0;
    return take_materials(&r, materials_of(root));
}
