#include "common/wire_private.h"

#include <inttypes.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"

/*
 * protobuf-c forgets how long a string was on the wire, so that a NUL inside of it would cut it
 * unseen. This allocator keeps the size of each piece in front of it, and text_len() asks for it.
 */
#define SIZE_ROOM alignof(max_align_t)

struct unpacking {
    struct arena *arena;
    struct err err; /* why an allocation failed, ERR_NONE as long as none did */
};

static void *keep(void *arg, size_t size)
{
    struct unpacking *u = arg;
    uint8_t *piece = NULL;

    if (size < SIZE_MAX - SIZE_ROOM)
        piece = arena_alloc(u->arena, size + SIZE_ROOM, &u->err);
    if (piece == NULL)
        return NULL;
    memcpy(piece, &size, sizeof(size));
    return piece + SIZE_ROOM;
}

/* The arena's owner frees all at once. */
static void keep_on(void *arg, void *piece)
{
    (void)arg;
    (void)piece;
}

static size_t text_len(const char *text)
{
    size_t size;

    if (text == protobuf_c_empty_string)
        return 0;
    memcpy(&size, text - SIZE_ROOM, sizeof(size));
    check(size > 0);
    return size - 1;
}

size_t wire_memory_max(size_t len)
{
    return ((size_t)256 << 10) + len * 24;
}

static uint32_t count_unknown(const ProtobufCMessage *m);

static uint32_t count_unknown_in(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *field)
{
    const uint8_t *base = (const uint8_t *)m;
    uint32_t count = 0;

    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t n = *(const size_t *)(base + field->quantifier_offset);
        ProtobufCMessage *const *list = *(ProtobufCMessage *const *const *)(base + field->offset);

        for (size_t i = 0; i < n; i++)
            count += count_unknown(list[i]);
        return count;
    }
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
        *(const uint32_t *)(base + field->quantifier_offset) != field->id)
        return 0;
    return count_unknown(*(ProtobufCMessage *const *)(base + field->offset));
}

/* Recursion ends with the schema, which does not contain itself. */
static uint32_t count_unknown(const ProtobufCMessage *m)
{
    uint32_t count;

    if (m == NULL)
        return 0;
    count = (uint32_t)m->n_unknown_fields;
    for (unsigned i = 0; i < m->descriptor->n_fields; i++)
        if (m->descriptor->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
            count += count_unknown_in(m, &m->descriptor->fields[i]);
    return count;
}

ProtobufCMessage *wire_unpack(struct wire_in *in, const ProtobufCMessageDescriptor *descriptor,
                              const uint8_t *data, size_t len, struct err *err)
{
    struct unpacking u = {.arena = in->arena};
    ProtobufCAllocator allocator = {.alloc = keep, .free = keep_on, .allocator_data = &u};
    ProtobufCMessage *m;

    if (wire_at_most(len, REC_MESSAGE_BYTES, "message bytes", err) != 0)
        return NULL;
    m = protobuf_c_message_unpack(descriptor, &allocator, len, data);
    if (m == NULL && u.err.kind == ERR_NONE)
        err_set(err, ERR_PROTOCOL, "not a valid protobuf message of %s", descriptor->name);
    else if (m == NULL)
        err_set(err, u.err.kind, "unpacked message: %s", u.err.text);
    else
        in->unknown += count_unknown(m);
    return m;
}

static int check_text(const struct wire_text *t, struct err *err)
{
    size_t len = text_len(t->in), fault;

    if (len == 0 && (t->flags & WIRE_REQUIRED) != 0)
        return err_set(err, ERR_PROTOCOL, "%s: missing", t->field);
    if (len > t->max)
        return err_set(err, ERR_LIMIT, "%s: %zu bytes are over the limit of %zu", t->field, len,
                       t->max);
    fault = rec_text_fault(t->in, len, (t->flags & WIRE_LINES) != 0);
    if (fault < len)
        return err_set(err, ERR_PROTOCOL,
                       "%s: byte 0x%02x at %zu is a control character or not UTF-8", t->field,
                       (unsigned char)t->in[fault], fault);
    *t->out = t->in;
    return 0;
}

int wire_texts(const struct wire_text *texts, size_t count, struct err *err)
{
    for (size_t i = 0; i < count; i++)
        if (check_text(&texts[i], err) != 0)
            return -1;
    return 0;
}

static int fixed(void *out, size_t size, const ProtobufCBinaryData *in, const char *field,
                 struct err *err)
{
    if (in->len != size)
        return err_set(err, ERR_PROTOCOL, "%s: %zu bytes, expected %zu", field, in->len, size);
    memcpy(out, in->data, size);
    return 0;
}

int wire_digest(struct digest *out, const ProtobufCBinaryData *in, const char *field,
                struct err *err)
{
    return fixed(out->bytes, sizeof(out->bytes), in, field, err);
}

int wire_id(struct rec_id *out, const ProtobufCBinaryData *in, const char *field, struct err *err)
{
    return fixed(out->bytes, sizeof(out->bytes), in, field, err);
}

int wire_key(struct rec_key *out, const ProtobufCBinaryData *in, const char *field, struct err *err)
{
    return fixed(out->bytes, sizeof(out->bytes), in, field, err);
}

int wire_sum(struct setsum *out, const ProtobufCBinaryData *in, const char *field, struct err *err)
{
    uint8_t bytes[DIGEST_BYTES];

    if (fixed(bytes, sizeof(bytes), in, field, err) != 0)
        return -1;
    setsum_from_bytes(out, bytes);
    return 0;
}

int wire_sums(struct wire_in *in, struct rec_store_sum **out, size_t *out_count,
              Layercensus__V1__StoreSum *const *sums, size_t count, struct err *err)
{
    struct rec_store_sum *list;
    struct rec_key *keys;

    if (wire_at_most(count, REC_STORES_MAX, "sums", err) != 0)
        return -1;
    list = arena_array(in->arena, count, sizeof(*list), err);
    keys = arena_array(in->arena, count, sizeof(*keys), err);
    if (list == NULL || keys == NULL)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (wire_key(&list[i].key, &sums[i]->key, "key", err) != 0 ||
            wire_sum(&list[i].sum, &sums[i]->sum, "sum", err) != 0)
            return err_wrap(err, "sums[%zu]", i);
        keys[i] = list[i].key;
    }
    *out = list;
    *out_count = count;
    return wire_sort_keys(keys, count, "sums", err);
}

int wire_capabilities(struct wire_in *in, uint32_t **out, size_t *out_count, const uint32_t *list,
                      size_t count, struct err *err)
{
    uint32_t *known;

    if (wire_at_most(count, REC_CAPABILITIES_MAX, "capabilities", err) != 0)
        return -1;
    known = arena_array(in->arena, count, sizeof(*known), err);
    if (known == NULL)
        return -1;
    *out = known;
    *out_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (list[i] >= REC_CAP_DOCUMENTS && list[i] <= REC_CAP_ATTESTATIONS)
            known[(*out_count)++] = list[i];
        else
            in->unknown++;
    }
    return 0;
}

int wire_at_most(uint64_t value, uint64_t max, const char *field, struct err *err)
{
    if (value > max)
        return err_set(err, ERR_LIMIT, "%s: %" PRIu64 " is over the limit of %" PRIu64, field,
                       value, max);
    return 0;
}

int wire_generation(uint64_t value, const char *field, struct err *err)
{
    if (value == 0)
        return err_set(err, ERR_PROTOCOL, "%s: missing", field);
    return wire_at_most(value, REC_GENERATION_MAX, field, err);
}

int64_t wire_age(int64_t age_ms)
{
    if (age_ms > REC_AGE_MAX_MS)
        return REC_AGE_MAX_MS;
    return age_ms < -REC_AGE_MAX_MS ? -REC_AGE_MAX_MS : age_ms;
}

size_t wire_sort(void *items, size_t count, size_t size, int (*cmp)(const void *, const void *))
{
    uint8_t *bytes = items;
    size_t i = 1;

    while (i < count && cmp(bytes + (i - 1) * size, bytes + i * size) < 0)
        i++;
    if (i >= count)
        return count;
    qsort(items, count, size, cmp);
    for (i = 1; i < count; i++)
        if (cmp(bytes + (i - 1) * size, bytes + i * size) == 0)
            return i;
    return count;
}

static int cmp_digests(const void *a, const void *b)
{
    return digest_cmp(a, b);
}

int wire_sort_digests(struct digest *list, size_t count, const char *field, struct err *err)
{
    char text[DIGEST_TEXT];
    size_t twice = wire_sort(list, count, sizeof(*list), cmp_digests);

    if (twice < count)
        return err_set(err, ERR_PROTOCOL, "%s: %s is there twice", field,
                       digest_text(&list[twice], text));
    return 0;
}

static int cmp_keys(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct rec_key));
}

int wire_sort_keys(struct rec_key *list, size_t count, const char *field, struct err *err)
{
    char hex[2 * sizeof(struct rec_key) + 1];
    size_t twice = wire_sort(list, count, sizeof(*list), cmp_keys);

    if (twice == count)
        return 0;
    for (size_t i = 0; i < sizeof(struct rec_key); i++)
        snprintf(hex + 2 * i, 3, "%02x", list[twice].bytes[i]);
    return err_set(err, ERR_PROTOCOL, "%s: store %s is there twice", field, hex);
}
