#include <string.h>

#include "common/check.h"
#include "common/cleanup.h"
#include "common/wire_private.h"

/* protobuf-c's structs are not const, but packing only reads. */
ProtobufCBinaryData wire_out_bytes(const void *data, size_t len)
{
    return (ProtobufCBinaryData){.len = len, .data = (uint8_t *)data};
}

ProtobufCBinaryData wire_out_digest(const struct digest *d)
{
    return wire_out_bytes(d->bytes, sizeof(d->bytes));
}

ProtobufCBinaryData wire_out_key(const struct rec_key *key)
{
    return wire_out_bytes(key->bytes, sizeof(key->bytes));
}

int wire_out_sum(struct arena *a, ProtobufCBinaryData *out, const struct setsum *sum,
                 struct err *err)
{
    uint8_t *bytes = arena_alloc(a, DIGEST_BYTES, err);

    if (bytes == NULL)
        return -1;
    setsum_bytes(sum, bytes);
    *out = wire_out_bytes(bytes, DIGEST_BYTES);
    return 0;
}

int wire_out_sums(struct arena *a, Layercensus__V1__StoreSum ***out, size_t *out_count,
                  const struct rec_store_sum *sums, size_t count, struct err *err)
{
    Layercensus__V1__StoreSum **list = wire_out_list(a, count, PB_DESCRIPTOR(store_sum), err);

    if (list == NULL)
        return -1;
    for (size_t i = 0; i < count; i++) {
        list[i]->key = wire_out_key(&sums[i].key);
        if (wire_out_sum(a, &list[i]->sum, &sums[i].sum, err) != 0)
            return -1;
    }
    *out = list;
    *out_count = count;
    return 0;
}

void *wire_out_list(struct arena *a, size_t count, const ProtobufCMessageDescriptor *descriptor,
                    struct err *err)
{
    size_t size = descriptor->sizeof_message;
    uint8_t *items = arena_array(a, count, size, err);
    void **pointers = arena_array(a, count, sizeof(*pointers), err);

    if (items == NULL || pointers == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        pointers[i] = items + i * size;
        descriptor->message_init(pointers[i]);
    }
    return pointers;
}

int wire_pack(const ProtobufCMessage *message, struct buf *out, struct err *err)
{
    size_t len = protobuf_c_message_get_packed_size(message);
    uint8_t *room;

    if (wire_at_most(len, REC_MESSAGE_BYTES, "message bytes", err) != 0)
        return -1;
    room = buf_reserve(out, len, err);
    if (room == NULL)
        return -1;
    check(protobuf_c_message_pack(message, room) == len);
    buf_commit(out, len);
    return 0;
}

int wire_probe_encode(const struct wire_probe_answer *answer, struct buf *out, struct err *err)
{
    Layercensus__V1__ProbeAnswer m = LAYERCENSUS__V1__PROBE_ANSWER__INIT;

    m.version = (char *)answer->version;
    m.collector = wire_out_bytes(answer->collector.bytes, sizeof(answer->collector.bytes));
    m.connected = answer->connected;
    m.hosts = answer->hosts;
    return wire_pack(&m.base, out, err);
}

int wire_probe_decode(struct wire_probe_answer *out, const uint8_t *data, size_t len,
                      struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct wire_probe_answer answer = {.connected = 0};
    struct wire_in in = {.arena = NULL};
    Layercensus__V1__ProbeAnswer *m;
    const char *version;

    if (arena_open(&arena, wire_memory_max(len), err) != 0)
        return -1;
    in.arena = arena;
    m = (Layercensus__V1__ProbeAnswer *)wire_unpack(&in, PB_DESCRIPTOR(probe_answer), data, len,
                                                    err);
    if (m == NULL)
        return -1;

    const struct wire_text texts[] = {
        {&version, m->version, sizeof(answer.version) - 1, "version", 0}};

    if (wire_texts(texts, LENGTH(texts), err) != 0 ||
        wire_id(&answer.collector, &m->collector, "collector", err) != 0)
        return -1;
    memcpy(answer.version, version, strlen(version));
    answer.connected = m->connected;
    answer.hosts = m->hosts;
    *out = answer;
    return 0;
}
