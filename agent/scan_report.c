#include "agent/scan_report.h"

#include <string.h>

#include "agent/engines/image_config.h"
#include "agent/redact.h"
#include "common/cleanup.h"

#define MS_PER_SECOND 1000

/* A half-made document without memory is NULL all over: json_object_set_new() of NULL fails, and
 * the caller's check of the whole finds it. */

static json_t *digest_json(const struct digest *d)
{
    char text[DIGEST_TEXT];

    return json_string(digest_text(d, text));
}

static json_t *key_json(const struct rec_key *key)
{
    char text[2 * sizeof(key->bytes) + 1];

    for (size_t i = 0; i < sizeof(key->bytes); i++)
        snprintf(text + 2 * i, 3, "%02x", key->bytes[i]);
    return json_string(text);
}

/* Text that is "" where it is not known. */
static json_t *known_text(const char *text)
{
    return text != NULL && text[0] != '\0' ? json_string(text) : json_null();
}

json_t *scan_report_host(const struct host *host)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "name", host->name, "os", host->os, "kernel",
                     host->kernel, "arch", host->arch);
}

/* ---- images ---------------------------------------------------------------------------------- */

static const char *copy_directory(const struct engine_reading *r, const struct digest *chain)
{
    size_t from = 0, to = r->copy_count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = digest_cmp(&r->copies[middle].chain, chain);

        if (order == 0)
            return r->copies[middle].directory;
        if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

static void put_sizes(json_t *layer, const struct measured_copy *copy)
{
    static const struct measured_copy unknown = {.state = MEASURED_NOT};
    const struct measured_copy *c = copy != NULL ? copy : &unknown;
    bool known = c->state == MEASURED_YES;
    bool own = known && !c->whole_tree; /* what is in the directory is the layer's own */
    const struct {
        const char *key;
        bool known;
        uint64_t value;
    } sizes[] = {
        {"allocated_bytes", known, c->allocated_bytes}, {"content_bytes", own, c->content_bytes},
        {"nominal_bytes", own, c->nominal_bytes},       {"files", own, c->files},
        {"directories", own, c->directories},
    };

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        json_object_set_new(layer, sizes[i].key,
                            sizes[i].known ? json_integer((json_int_t)sizes[i].value)
                                           : json_null());
}

static json_t *layers_json(const struct scan_report_store *in, const struct image_config *config)
{
    json_t *layers = json_array();
    struct digest chain;

    for (size_t i = 0; i < config->diff_count; i++) {
        json_t *layer = json_object();

        chain = digest_chain(i > 0 ? &chain : NULL, &config->diff_ids[i]);
        json_object_set_new(layer, "diff", digest_json(&config->diff_ids[i]));
        json_object_set_new(layer, "chain", digest_json(&chain));
        json_object_set_new(layer, "directory",
                            known_text(copy_directory(in->store->shared->reading, &chain)));
        put_sizes(layer, in->measured != NULL ? measured_find(in->measured, &chain) : NULL);
        json_array_append_new(layers, layer);
    }
    return layers;
}

/* What the config says, after redaction; nulls where it cannot be had. */
static void put_config(json_t *image, const struct scan_report_store *in,
                       const struct rec_image *from)
{
    const struct engine_root *root = &in->store->root;
    AUTO(buf_close) struct buf original;
    AUTO(buf_close) struct buf clean;
    AUTO(image_config_close) struct image_config config = {0};
    AUTO_JSON json_t *document = NULL;
    uint32_t cuts = 0;
    bool readable;

    buf_init(&original, REC_DOCUMENT_BYTES);
    buf_init(&clean, REC_DOCUMENT_BYTES);
    readable = from->identity == REC_BY_CONFIG &&
               root->driver->document(root, REC_DOC_CONFIG, &from->id, &original, NULL) == 0 &&
               redact_document(&original, &clean, &cuts, NULL) == 0 &&
               image_config_parse(&config, buf_str(&clean), clean.len, NULL) == 0;
    if (readable)
        document = json_parse(buf_str(&clean), clean.len, NULL);
    json_object_set_new(image, "created", known_text(json_str(document, "created")));
    json_object_set_new(image, "os", known_text(json_str(document, "os")));
    json_object_set_new(image, "architecture", known_text(json_str(document, "architecture")));
    json_object_set_new(image, "redacted", json_integer(cuts));
    json_object_set_new(image, "layers", readable ? layers_json(in, &config) : json_null());
}

static json_t *image_json(const struct scan_report_store *in, const struct rec_image *from)
{
    json_t *image = json_object();
    json_t *names = json_array();
    json_t *digests = json_array();

    for (size_t i = 0; i < from->name_count; i++)
        json_array_append_new(names, json_string(from->names[i]));
    for (size_t i = 0; i < from->repo_digest_count; i++) {
        json_t *item = json_object();

        json_object_set_new(item, "repository", json_string(from->repo_digests[i].repository));
        json_object_set_new(item, "digest", digest_json(&from->repo_digests[i].digest));
        json_array_append_new(digests, item);
    }
    json_object_set_new(image, "id", digest_json(&from->id));
    json_object_set_new(image, "identity",
                        json_string(from->identity == REC_BY_CONFIG ? "config" : "manifest"));
    json_object_set_new(image, "unpacked", json_boolean(from->unpacked));
    json_object_set_new(image, "parent",
                        from->has_parent ? digest_json(&from->parent) : json_null());
    json_object_set_new(image, "names", names);
    json_object_set_new(image, "repo_digests", digests);
    put_config(image, in, from);
    return image;
}

/* ---- stores ---------------------------------------------------------------------------------- */

static json_t *containers_json(const struct rec_use *use)
{
    json_t *list = json_array();

    for (size_t i = 0; i < use->container_count; i++) {
        const struct rec_container *c = &use->containers[i];
        json_t *item = json_object();

        json_object_set_new(item, "id", json_string(c->id));
        json_object_set_new(item, "name", known_text(c->name));
        json_object_set_new(item, "kube_namespace", known_text(c->kube_namespace));
        json_object_set_new(item, "kube_pod", known_text(c->kube_pod));
        json_object_set_new(item, "image", digest_json(&c->image));
        json_object_set_new(item, "state", json_string(rec_run_state_name(c->state)));
        json_object_set_new(item, "since_seconds",
                            c->since_age_ms >= 0 ? json_integer(c->since_age_ms / MS_PER_SECOND)
                                                 : json_null());
        json_array_append_new(list, item);
    }
    return list;
}

static json_t *origins_json(const struct rec_origins *origins)
{
    json_t *list = json_array();

    for (size_t i = 0; i < origins->origin_count; i++) {
        json_t *item = json_object();

        json_object_set_new(item, "diff", digest_json(&origins->origins[i].diff));
        json_object_set_new(item, "repository", json_string(origins->origins[i].repository));
        json_array_append_new(list, item);
    }
    return list;
}

static json_t *exceptions_json(const struct rec_content *content)
{
    json_t *list = json_array();

    for (size_t i = 0; i < content->exception_count; i++) {
        const struct rec_exception *e = &content->exceptions[i];
        json_t *item = json_object();

        json_object_set_new(item, "kind",
                            json_string(e->kind == REC_CHAIN_EXTRA ? "extra" : "missing"));
        json_object_set_new(item, "chain", digest_json(&e->chain));
        json_object_set_new(item, "diff", digest_json(&e->diff));
        json_array_append_new(list, item);
    }
    return list;
}

static void append_remark(json_t *list, const char *subject, const char *text)
{
    uint32_t cuts = 0;
    AUTO_FREE char *clean = redact_name(text, &cuts);

    json_array_append_new(
        list, json_pack("{s:s, s:s}", "subject", subject, "text", clean != NULL ? clean : ""));
}

static json_t *problems_json(const struct rec_store *store)
{
    json_t *list = json_array();

    for (size_t i = 0; i < store->problem_count; i++)
        append_remark(list, store->problems[i].subject, store->problems[i].text);
    return list;
}

static json_t *findings_json(const struct engine_findings *findings)
{
    json_t *list = json_array();

    for (size_t i = 0; findings != NULL && i < findings->count; i++)
        append_remark(list, findings->items[i].subject, findings->items[i].text);
    return list;
}

static json_t *spaces_json(const struct rec_spaces *spaces)
{
    static const char *const classes[] = {
        [REC_SPACE_COPIES] = "copies",   [REC_SPACE_BLOBS] = "blobs",
        [REC_SPACE_ORPHANS] = "orphans", [REC_SPACE_OUTSIDE] = "outside",
        [REC_SPACE_TOTAL] = "total",
    };
    json_t *list = json_array();

    for (size_t i = 0; i < spaces->space_count; i++) {
        const struct rec_space *s = &spaces->spaces[i];

        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:I, s:I, s:b}", "class", classes[s->klass],
                                        "kind", s->kind, "bytes", (json_int_t)s->bytes, "count",
                                        (json_int_t)s->count, "upper_bound", (int)s->upper_bound));
    }
    return list;
}

static void put_attributes(json_t *store, const struct rec_store *from)
{
    json_object_set_new(store, "key", key_json(&from->key));
    json_object_set_new(store, "engine", json_string(from->engine));
    json_object_set_new(store, "version", known_text(from->version));
    json_object_set_new(store, "driver", known_text(from->driver));
    json_object_set_new(store, "space", known_text(from->space));
    json_object_set_new(store, "root", json_string(from->root));
    json_object_set_new(store, "owner", json_integer(from->owner));
    json_object_set_new(store, "fs_type", known_text(from->fs_type));
    json_object_set_new(store, "block_size", json_integer(from->block_size));
    json_object_set_new(store, "state", json_string(rec_store_state_name(from->state)));
    json_object_set_new(store, "error", known_text(from->error));
    json_object_set_new(store, "sample", json_boolean(from->sample));
}

static void put_content(json_t *store, const struct scan_report_store *in)
{
    const struct rec_content *content = inventory_content(in->store);
    const struct engine_reading *reading = in->store->shared->reading;
    json_t *images = json_array();

    for (size_t i = 0; i < content->image_count; i++)
        json_array_append_new(images, image_json(in, &content->images[i]));
    json_object_set_new(store, "images", images);
    json_object_set_new(store, "containers", containers_json(&reading->use));
    json_object_set_new(store, "copies", json_integer((json_int_t)reading->copy_count));
    json_object_set_new(store, "origins", origins_json(&reading->origins));
    json_object_set_new(store, "exceptions", exceptions_json(content));
    json_object_set_new(store, "spaces",
                        in->accounted ? spaces_json(&in->measured->account.spaces) : json_null());
}

json_t *scan_report_store(const struct scan_report_store *in)
{
    static const char *const unread[] = {"images",     "containers", "copies", "origins",
                                         "exceptions", "spaces",     NULL};
    json_t *store = json_object();
    const struct engine_findings *f = in->findings;

    put_attributes(store, &in->store->store);
    json_object_set_new(store, "read_from", json_string(in->store->root.by_api ? "api" : "disk"));
    if (inventory_content(in->store) != NULL)
        put_content(store, in);
    else
        for (const char *const *key = unread; *key != NULL; key++)
            json_object_set_new(store, *key, json_null());
    json_object_set_new(store, "problems", problems_json(&in->store->store));
    json_object_set_new(store, "problems_more",
                        json_integer((json_int_t)in->store->store.problems_more));
    json_object_set_new(store, "findings", findings_json(f));
    json_object_set_new(store, "findings_more", json_integer(f != NULL ? (json_int_t)f->more : 0));
    return store;
}
