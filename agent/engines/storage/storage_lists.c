/* storage_lists: images.json and layers.json, of which one store can have megabytes: read in one
 * walk, without a tree. Nobody writes a key twice into one entry; of such a one the last text
 * counts, and lists are joined. */
#include <string.h>

#include "agent/engines/storage/storage_formats.h"
#include "common/json_walk.h"
#include "common/record.h"

#define ROOM_MIN 4
#define NO_ID "its id is not 64 hex digits"

/* ---- what both have -------------------------------------------------------------------------- */

/* The array with room for one item more than `count`: its room is ROOM_MIN, and then each power of
 * two. NULL without memory. */
static void *grow(void *items, size_t count, size_t size, struct arena *arena, struct err *err)
{
    void *grown;

    if (count > 0 && (count < ROOM_MIN || (count & (count - 1)) != 0))
        return items;
    grown = arena_array(arena, count < ROOM_MIN ? ROOM_MIN : 2 * count, size, err);
    if (grown != NULL && count > 0)
        memcpy(grown, items, count * size);
    return grown;
}

/* The engines' keys have no escapes. */
static bool is(const struct json_span *span, const char *text)
{
    size_t len = strlen(text);

    return span->len == len && memcmp(span->text, text, len) == 0;
}

static bool take_id(struct digest *out, const struct json_span *span)
{
    return span->len == DIGEST_HEX && digest_parse(out, span->text, span->len, true, NULL) == 0;
}

static bool take_digest(struct digest *out, const char *text, size_t len)
{
    return digest_parse(out, text, len, false, NULL) == 0;
}

/* The string that comes next; an empty one for a value of another type. */
static int walk_text(struct json_walk *w, struct json_span *out, struct err *err)
{
    *out = (struct json_span){.text = ""};
    return json_walk_peek(w) == '"' ? json_walk_string(w, out, err) : json_walk_skip(w, err);
}

static const char *text_of(const struct json_span *span, size_t max, struct arena *arena,
                           struct err *err)
{
    char plain[2 * REC_NAME_BYTES];

    if (memchr(span->text, '\\', span->len) != NULL && json_span_ascii(span, plain, sizeof(plain)))
        return rec_text_clean(arena, plain, strlen(plain), max, false, err);
    return rec_text_clean(arena, span->text, span->len, max, false, err);
}

/* The entry's ID, as text, and as bytes where it is one. *broken says why not. */
static int walk_id(struct json_walk *w, struct digest *id, const char **id_text,
                   const char **broken, struct arena *arena, struct err *err)
{
    struct json_span span;

    if (walk_text(w, &span, err) != 0)
        return -1;
    *id_text = text_of(&span, DIGEST_TEXT, arena, err);
    *broken = take_id(id, &span) ? NULL : NO_ID;
    return *id_text != NULL ? 0 : -1;
}

/* The ID of another entry, which may be absent, empty or null. *broken stays where it is one. */
static int walk_other_id(struct json_walk *w, struct digest *out, bool *has, const char **broken,
                         const char *what, struct err *err)
{
    struct json_span span;

    if (walk_text(w, &span, err) != 0)
        return -1;
    *has = span.len > 0;
    if (*has && !take_id(out, &span))
        *broken = what;
    return 0;
}

/* Enters the container that comes next; 0 where the value is something else, and skipped. */
static int enter(struct json_walk *w, char open, struct err *err)
{
    if (json_walk_peek(w) != open)
        return json_walk_skip(w, err) != 0 ? -1 : 0;
    return json_walk_enter(w, err) != 0 ? -1 : 1;
}

/* Go writes an empty file nowhere, but reads one as an empty list, as it does `null`. */
static bool is_nothing(const char *data, size_t len)
{
    return len == 0 || (len == 4 && memcmp(data, "null", 4) == 0);
}

/* Goes into the list that the file is. */
static int open_list(struct json_walk *w, const char *data, size_t len, struct err *err)
{
    if (json_walk_open(w, data, len, err) != 0)
        return -1;
    if (json_walk_peek(w) != '[')
        return err_set(err, ERR_CORRUPT, "it is no list");
    return json_walk_enter(w, err);
}

/* ---- images.json ----------------------------------------------------------------------------- */

/* One entry under way. */
struct image_work {
    struct storage_image *image;
    struct digest *configs; /* all big data that may be its config */
    size_t config_count;
    const char *broken; /* all but the ID */
    struct arena *arena;
};

/* Names longer than a record's may be stay as long as that and one byte, for the caller to see. */
static int walk_names(struct json_walk *w, struct image_work *work, const char ***names,
                      size_t *count, struct err *err)
{
    int more = enter(w, '[', err);

    if (more <= 0)
        return more;
    while ((more = json_walk_item(w, err)) == 1) {
        bool text = json_walk_peek(w) == '"';
        struct json_span span;

        if (walk_text(w, &span, err) != 0)
            return -1;
        if (!text) {
            work->broken = "one of its names is no text";
            continue;
        }
        *names = grow(*names, *count, sizeof(**names), work->arena, err);
        if (*names == NULL)
            return -1;
        (*names)[*count] = text_of(&span, REC_NAME_BYTES + 1, work->arena, err);
        if ((*names)[(*count)++] == NULL)
            return -1;
    }
    return more;
}

static int add_digest(struct digest **items, size_t *count, const struct digest *digest,
                      struct arena *arena, struct err *err)
{
    if (*count >= STORAGE_MANIFESTS_MAX)
        return 0;
    *items = grow(*items, *count, sizeof(**items), arena, err);
    if (*items == NULL)
        return -1;
    (*items)[(*count)++] = *digest;
    return 0;
}

static int take_key(struct image_work *work, const struct json_span *key, struct err *err)
{
    static const char prefix[] = "manifest-";
    const size_t skip = sizeof(prefix) - 1;
    struct storage_image *image = work->image;
    struct digest digest;

    if (is(key, "manifest")) {
        image->has_manifest = true;
        return 0;
    }
    if (key->len > skip && memcmp(key->text, prefix, skip) == 0)
        return !take_digest(&digest, key->text + skip, key->len - skip)
                   ? 0
                   : add_digest(&image->manifests, &image->manifest_count, &digest, work->arena,
                                err);
    if (!take_digest(&digest, key->text, key->len))
        return 0;
    return add_digest(&work->configs, &work->config_count, &digest, work->arena, err);
}

static int walk_big_data(struct json_walk *w, struct image_work *work, struct err *err)
{
    int more = enter(w, '[', err);
    struct json_span key;

    if (more <= 0)
        return more;
    while ((more = json_walk_item(w, err)) == 1) {
        if (walk_text(w, &key, err) != 0 || take_key(work, &key, err) != 0)
            return -1;
    }
    return more;
}

/* What the big data "manifest" is to hold. */
static int walk_digests(struct json_walk *w, struct storage_image *image, struct err *err)
{
    int more = enter(w, '{', err);
    struct json_span key, value;

    if (more <= 0)
        return more;
    while ((more = json_walk_member(w, &key, err)) == 1) {
        if (walk_text(w, &value, err) != 0)
            return -1;
        if (is(&key, "manifest"))
            image->has_current = take_digest(&image->current, value.text, value.len);
    }
    return more;
}

static int walk_image_member(struct json_walk *w, struct image_work *work,
                             const struct json_span *key, struct err *err)
{
    struct storage_image *i = work->image;

    if (is(key, "id"))
        return walk_id(w, &i->id, &i->id_text, &i->broken, work->arena, err);
    if (is(key, "names"))
        return walk_names(w, work, &i->names, &i->name_count, err);
    if (is(key, "names-history"))
        return walk_names(w, work, &i->history, &i->history_count, err);
    if (is(key, "layer"))
        return walk_other_id(w, &i->top, &i->has_top, &work->broken,
                             "its layer is not 64 hex digits", err);
    if (is(key, "big-data-names"))
        return walk_big_data(w, work, err);
    if (is(key, "big-data-digests"))
        return walk_digests(w, i, err);
    return json_walk_skip(w, err);
}

static void settle_config(struct image_work *work)
{
    struct storage_image *image = work->image;

    image->has_config = work->config_count > 0;
    for (size_t i = 0; i < work->config_count; i++) {
        if (i == 0 || digest_eq(&work->configs[i], &image->id))
            image->config = work->configs[i];
    }
}

static int walk_image(struct json_walk *w, struct storage_image *image, struct arena *arena,
                      struct err *err)
{
    struct image_work work = {.image = image, .arena = arena};
    int more = enter(w, '{', err);
    struct json_span key;

    image->id_text = "";
    image->broken = NO_ID;
    while (more == 1 && (more = json_walk_member(w, &key, err)) == 1) {
        if (walk_image_member(w, &work, &key, err) != 0)
            return -1;
    }
    if (image->broken == NULL)
        image->broken = work.broken;
    settle_config(&work);
    return more;
}

int storage_images_parse(struct storage_images *out, const char *data, size_t len,
                         struct arena *arena, struct err *err)
{
    struct json_walk w;
    int more;

    *out = (struct storage_images){0};
    if (is_nothing(data, len))
        return 0;
    if (open_list(&w, data, len, err) != 0)
        return -1;
    while ((more = json_walk_item(&w, err)) == 1) {
        if (out->count == REC_IMAGES_MAX)
            return err_set(err, ERR_LIMIT, "at most %d entries are read", REC_IMAGES_MAX);
        out->items = grow(out->items, out->count, sizeof(*out->items), arena, err);
        if (out->items == NULL || walk_image(&w, &out->items[out->count++], arena, err) != 0)
            return -1;
    }
    return more == 0 ? json_walk_end(&w, err) : -1;
}

/* ---- layers.json ----------------------------------------------------------------------------- */

static int walk_diff(struct json_walk *w, struct storage_layer *layer, const char **broken,
                     struct err *err)
{
    struct json_span span;

    if (walk_text(w, &span, err) != 0)
        return -1;
    layer->has_diff = span.len > 0;
    if (layer->has_diff && !take_digest(&layer->diff, span.text, span.len))
        *broken = "its diff-digest is no sha256 digest";
    return 0;
}

static int walk_flags(struct json_walk *w, struct storage_layer *layer, struct err *err)
{
    int more = enter(w, '{', err);
    struct json_span key;

    if (more <= 0)
        return more;
    while ((more = json_walk_member(w, &key, err)) == 1) {
        if (is(&key, "incomplete"))
            layer->incomplete = json_walk_peek(w) == 't';
        if (json_walk_skip(w, err) != 0)
            return -1;
    }
    return more;
}

static int walk_layer(struct json_walk *w, struct storage_layer *layer, struct arena *arena,
                      struct err *err)
{
    const char *broken = NULL;
    int more = enter(w, '{', err);
    struct json_span key;
    int rc = 0;

    layer->id_text = "";
    layer->broken = NO_ID;
    while (rc == 0 && more == 1 && (more = json_walk_member(w, &key, err)) == 1) {
        if (is(&key, "id"))
            rc = walk_id(w, &layer->id, &layer->id_text, &layer->broken, arena, err);
        else if (is(&key, "parent"))
            rc = walk_other_id(w, &layer->parent, &layer->has_parent, &broken,
                               "its parent is not 64 hex digits", err);
        else if (is(&key, "diff-digest"))
            rc = walk_diff(w, layer, &broken, err);
        else if (is(&key, "flags"))
            rc = walk_flags(w, layer, err);
        else
            rc = json_walk_skip(w, err);
    }
    if (layer->broken == NULL)
        layer->broken = broken;
    return rc != 0 ? -1 : more;
}

int storage_layers_parse(struct storage_layers *out, const char *data, size_t len,
                         struct arena *arena, struct err *err)
{
    struct json_walk w;
    int more;

    *out = (struct storage_layers){0};
    if (is_nothing(data, len))
        return 0;
    if (open_list(&w, data, len, err) != 0)
        return -1;
    while ((more = json_walk_item(&w, err)) == 1) {
        if (out->count == STORAGE_LAYERS_MAX)
            return err_set(err, ERR_LIMIT, "at most %d entries are read", STORAGE_LAYERS_MAX);
        out->items = grow(out->items, out->count, sizeof(*out->items), arena, err);
        if (out->items == NULL || walk_layer(&w, &out->items[out->count++], arena, err) != 0)
            return -1;
    }
    return more == 0 ? json_walk_end(&w, err) : -1;
}
