#include <stdlib.h>
#include <string.h>

#include "agent/redact.h"
#include "agent/uplink_private.h"
#include "common/cleanup.h"
#include "common/log.h"

static void work_read(uv_work_t *work);
static void on_read(uv_work_t *work, int status);

int documents_init(struct uplink *u, struct err *err)
{
    struct uplink_documents *d = &u->documents;

    d->wanted = calloc(UPLINK_WANTS_MAX, sizeof(*d->wanted));
    if (d->wanted == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for the documents wanted");
    buf_init(&d->data, REC_DOCUMENT_BYTES);
    d->work.data = u;
    return 0;
}

/* A document being read is not waited for; its stream's number tells that it is late. */
void documents_reset(struct uplink_documents *d)
{
    d->count = 0;
    d->sending = false;
    if (!d->reading)
        buf_close(&d->data);
}

void documents_free(struct uplink_documents *d)
{
    buf_close(&d->data);
    free(d->wanted);
}

/* What does not fit is asked again when its lease ends. */
void documents_want(struct uplink *u, const struct rec_wanted *items, size_t count)
{
    struct uplink_documents *d = &u->documents;

    for (size_t i = 0; i < count && d->count < UPLINK_WANTS_MAX; i++) {
        d->wanted[(d->first + d->count) % UPLINK_WANTS_MAX] = items[i];
        d->count++;
    }
}

/* ---- in the pool ----------------------------------------------------------------------------- */

static bool may_have(const struct inventory_store *s, const struct rec_wanted *item)
{
    const struct rec_content *content = inventory_content(s);
    const struct rec_image key = {.id = item->digest};

    if (content == NULL)
        return false;
    if (item->kind != REC_DOC_CONFIG)
        return content->store.manifests;
    return bsearch(&key, content->images, content->image_count, sizeof(key), rec_image_cmp) != NULL;
}

/* The original bytes, from the first store that has them. */
static int read_original(struct uplink_documents *d, struct buf *out)
{
    char text[DIGEST_TEXT];

    err_set(&d->err, ERR_NOT_FOUND, "%s is not on this host", digest_text(&d->item.digest, text));
    for (size_t i = 0; i < d->inventory->store_count; i++) {
        const struct inventory_store *s = &d->inventory->stores[i];

        if (!may_have(s, &d->item))
            continue;
        buf_reset(out);
        if (s->root.driver->document(&s->root, d->item.kind, &d->item.digest, out, &d->err) == 0)
            return 0;
    }
    return -1;
}

static void work_read(uv_work_t *work)
{
    struct uplink *u = work->data;
    struct uplink_documents *d = &u->documents;
    AUTO(buf_close) struct buf original;

    buf_init(&original, REC_DOCUMENT_BYTES);
    d->cuts = 0;
    d->failed = read_original(d, &original);
    if (d->failed == 0)
        d->failed = redact_document(&original, &d->data, &d->cuts, &d->err);
}

/* ---- on the loop ----------------------------------------------------------------------------- */

static void decline(struct uplink *u)
{
    struct uplink_documents *d = &u->documents;
    uint32_t cuts = 0;
    AUTO_FREE char *reason = redact_text(d->err.text, &cuts);
    struct rec_declined item = {d->item.kind, d->item.digest, reason != NULL ? reason : ""};
    struct wire_agent_msg m = {.kind = WIRE_DECLINED};

    m.declined.items = &item;
    m.declined.count = 1;
    uplink_transmit(u, &m);
}

static void on_read(uv_work_t *work, int status)
{
    struct uplink *u = work->data;
    struct uplink_documents *d = &u->documents;

    d->reading = false;
    inventory_unref(&d->inventory);
    if (status == 0 && u->state == UPLINK_UP && d->stream == u->stream) {
        d->sending = true;
        d->offset = 0;
    } else {
        buf_close(&d->data);
    }
    uplink_pump(u);
    uplink_closed_one(u);
}

static bool start_reading(struct uplink *u)
{
    struct uplink_documents *d = &u->documents;

    if (d->reading || d->count == 0 || u->report.acked == NULL)
        return false;
    d->item = d->wanted[d->first];
    d->inventory = inventory_ref(u->report.acked);
    d->stream = u->stream;
    if (uv_queue_work(u->loop, &d->work, work_read, on_read) != 0) {
        inventory_unref(&d->inventory);
        return false;
    }
    d->first = (d->first + 1) % UPLINK_WANTS_MAX;
    d->count--;
    d->reading = true;
    u->open++;
    return false; /* nothing was sent yet */
}

static void send_piece(struct uplink *u)
{
    struct uplink_documents *d = &u->documents;
    size_t left = d->data.len - d->offset;
    struct wire_agent_msg m = {.kind = WIRE_DOCUMENT};

    m.document = (struct rec_document){
        .kind = d->item.kind,
        .digest = d->item.digest,
        .total = (uint32_t)d->data.len,
        .offset = d->offset,
        .data = d->data.data + d->offset,
        .len = (uint32_t)(left < REC_CHUNK_BYTES ? left : REC_CHUNK_BYTES),
        .rules = d->cuts > 0 ? REC_REDACTION_RULES : 0,
        .cuts = d->cuts,
    };
    d->offset += m.document.len;
    d->sending = d->offset < d->data.len;
    uplink_transmit(u, &m);
    if (!d->sending)
        buf_close(&d->data);
}

bool documents_next(struct uplink *u)
{
    struct uplink_documents *d = &u->documents;

    if (!d->sending)
        return start_reading(u);
    if (d->failed != 0) {
        d->sending = false;
        decline(u);
    } else {
        send_piece(u);
    }
    return true;
}
