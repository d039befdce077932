#include "agent/engines/storage/storage_formats.h"

#include <string.h>

#include "common/check.h"
#include "common/json.h"
#include "common/record.h"

/* ---- what all have --------------------------------------------------------------------------- */

/* Go writes an empty file nowhere, but reads one as an empty list, as it does `null`. */
static bool is_nothing(const char *data, size_t len)
{
    return len == 0 || (len == 4 && memcmp(data, "null", 4) == 0);
}

/* The list that the file is; *out stays NULL for an empty one. */
static int parse_list(json_t **out, const char *data, size_t len, size_t max, struct err *err)
{
    AUTO_JSON json_t *document = NULL;

    if (is_nothing(data, len))
        return 0;
    document = json_parse(data, len, err);
    if (document == NULL)
        return -1;
    if (!json_is_array(document))
        return err_set(err, ERR_CORRUPT, "it is no list");
    if (json_array_size(document) > max)
        return err_set(err, ERR_LIMIT, "%zu entries: at most %zu are read",
                       json_array_size(document), max);
    *out = steal(&document);
    return 0;
}

static bool take_id(struct digest *out, const char *text)
{
    return text != NULL && strlen(text) == DIGEST_HEX &&
           digest_parse(out, text, DIGEST_HEX, true, NULL) == 0;
}

static const char *text_of(const char *text, size_t max, struct arena *arena, struct err *err)
{
    if (text == NULL)
        return arena_text(arena, "", 0, err);
    return rec_text_clean(arena, text, strlen(text), max, false, err);
}

/* The entry's ID, as text, and as bytes where it is one. *broken says why not. */
static int read_id(const json_t *entry, struct digest *id, const char **id_text,
                   const char **broken, struct arena *arena, struct err *err)
{
    const char *text = json_str(entry, "id");

    *id_text = text_of(text, DIGEST_TEXT, arena, err);
    if (*id_text == NULL)
        return -1;
    *broken = take_id(id, text) ? NULL : "its id is not 64 hex digits";
    return 0;
}

/* ---- containers.json ------------------------------------------------------------------------- */

/* CRI-O names a pod "k8s_<pod>_<namespace>_<uid>_<attempt>" (none of them holds '_'), and has it in
 * the metadata of each container of the pod; the namespace stands there alone, too, for some. */
static int read_pod(struct storage_container *c, const json_t *metadata, struct arena *arena,
                    struct err *err)
{
    const char *pod = json_str(metadata, "pod-name");
    const char *space = json_str(metadata, "namespace");
    size_t pod_len = pod != NULL ? strlen(pod) : 0;
    size_t space_len = space != NULL ? strlen(space) : 0;

    if (pod_len > 0 && strncmp(pod, "k8s_", 4) == 0) {
        pod += 4;
        pod_len = strcspn(pod, "_");
        if (space_len == 0 && pod[pod_len] == '_') {
            space = pod + pod_len + 1;
            space_len = strcspn(space, "_");
        }
    }
    c->kube_pod =
        rec_text_clean(arena, pod_len > 0 ? pod : "", pod_len, REC_NAME_BYTES, false, err);
    c->kube_namespace =
        rec_text_clean(arena, space_len > 0 ? space : "", space_len, REC_NAME_BYTES, false, err);
    return c->kube_pod != NULL && c->kube_namespace != NULL ? 0 : -1;
}

/* A text that holds JSON of the engine's own; one that holds none says nothing of a pod. */
static int read_metadata(struct storage_container *c, const json_t *entry, struct arena *arena,
                         struct err *err)
{
    const char *text = json_str(entry, "metadata");
    AUTO_JSON json_t *metadata =
        text != NULL && text[0] != '\0' ? json_parse(text, strlen(text), NULL) : NULL;

    return read_pod(c, metadata, arena, err);
}

static int read_container(struct storage_container *c, const json_t *entry, struct arena *arena,
                          struct err *err)
{
    const char *image = json_str(entry, "image");

    if (read_id(entry, &c->id, &c->id_text, &c->broken, arena, err) != 0)
        return -1;
    if (c->broken != NULL)
        return 0;
    c->has_image = image != NULL && image[0] != '\0';
    if (c->has_image && !take_id(&c->image, image))
        c->broken = "its image is not 64 hex digits";
    if (!take_id(&c->layer, json_str(entry, "layer")))
        c->broken = "its layer is not 64 hex digits";
    c->name = text_of(json_string_value(json_array_get(json_arr(entry, "names"), 0)),
                      REC_NAME_BYTES, arena, err);
    return c->name != NULL ? read_metadata(c, entry, arena, err) : -1;
}

int storage_containers_parse(struct storage_containers *out, const char *data, size_t len,
                             struct arena *arena, struct err *err)
{
    AUTO_JSON json_t *list = NULL;
    const json_t *entry;
    size_t i;

    *out = (struct storage_containers){0};
    if (parse_list(&list, data, len, REC_CONTAINERS_MAX, err) != 0)
        return -1;
    out->items = arena_array(arena, json_array_size(list), sizeof(*out->items), err);
    if (out->items == NULL)
        return -1;
    json_array_foreach (list, i, entry) {
        if (read_container(&out->items[out->count++], entry, arena, err) != 0)
            return -1;
    }
    return 0;
}

/* ---- mountpoints.json ------------------------------------------------------------------------ */

static int compare_digests(const void *a, const void *b)
{
    return digest_cmp(a, b);
}

int storage_mounts_parse(struct storage_mounts *out, const char *data, size_t len,
                         struct arena *arena, struct err *err)
{
    AUTO_JSON json_t *list = NULL;
    const json_t *entry;
    size_t i;

    *out = (struct storage_mounts){0};
    if (parse_list(&list, data, len, STORAGE_LAYERS_MAX, err) != 0)
        return -1;
    out->items = arena_array(arena, json_array_size(list), sizeof(*out->items), err);
    if (out->items == NULL)
        return -1;
    json_array_foreach (list, i, entry) {
        if (json_int(entry, "count", 0) > 0 &&
            take_id(&out->items[out->count], json_str(entry, "id")))
            out->count++;
    }
    if (out->count > 0)
        qsort(out->items, out->count, sizeof(*out->items), compare_digests);
    return 0;
}

/* ---- big data -------------------------------------------------------------------------------- */

static char *base64(const char *text, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = (const unsigned char *)text;
    size_t len = strlen(text);

    for (size_t i = 0; i < len; i += 3) {
        unsigned b0 = in[i], b1 = i + 1 < len ? in[i + 1] : 0, b2 = i + 2 < len ? in[i + 2] : 0;

        *out++ = digits[b0 >> 2];
        *out++ = digits[(b0 & 3) << 4 | b1 >> 4];
        *out++ = i + 1 < len ? digits[(b1 & 15) << 2 | b2 >> 6] : '=';
        *out++ = i + 2 < len ? digits[b2 & 63] : '=';
    }
    *out = '\0';
    return out;
}

char *storage_big_data_name(const char *key, char out[STORAGE_BIG_DATA_NAME])
{
    size_t len = strlen(key);

    check(len <= 128);
    if (strspn(key, "0123456789abcdefghijklmnopqrstuvwxyz.") == len) {
        memcpy(out, key, len + 1);
        return out;
    }
    out[0] = '=';
    base64(key, out + 1);
    return out;
}
