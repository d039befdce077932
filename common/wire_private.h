/*
 * wire_private: what the wire*.c files share; nobody else includes it.
 *
 * Decoding unpacks a message into the arena that its records then live in: texts and documents are
 * not copied a second time. Encoding builds the generated structs in a scratch arena, pointing into
 * the records, and packs them.
 *
 * Threads: pure functions.
 */
#ifndef COMMON_WIRE_PRIVATE_H
#define COMMON_WIRE_PRIVATE_H

#include "common/wire.h"
#include "proto/layercensus.pb-c.h"

#define PB_DESCRIPTOR(name) (&layercensus__v1__##name##__descriptor)
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* ---- decoding ------------------------------------------------------------------------------ */

struct wire_in {
    struct arena *arena;
    uint32_t unknown;
};

/* Unpacks into in->arena, whose maximum bounds what a small message can blow up to, and counts
 * fields that the schema does not have. ERR_LIMIT, ERR_PROTOCOL. */
ProtobufCMessage *wire_unpack(struct wire_in *in, const ProtobufCMessageDescriptor *descriptor,
                              const uint8_t *data, size_t len, struct err *err);
/* The most that a message of `len` bytes may take. */
size_t wire_memory_max(size_t len);

enum wire_text_flags {
    WIRE_REQUIRED = 1, /* not empty */
    WIRE_LINES = 2,    /* newlines and tabs are allowed */
};

struct wire_text {
    const char **out;
    const char *in; /* as wire_unpack() left it */
    size_t max;     /* bytes */
    const char *field;
    unsigned flags;
};

/* Checks length, UTF-8 and control characters of each, and gives it out uncopied. */
int wire_texts(const struct wire_text *texts, size_t count, struct err *err);

/* Bytes to their record; another length is ERR_PROTOCOL and names the field. */
int wire_digest(struct digest *out, const ProtobufCBinaryData *in, const char *field,
                struct err *err);
int wire_id(struct rec_id *out, const ProtobufCBinaryData *in, const char *field, struct err *err);
int wire_key(struct rec_key *out, const ProtobufCBinaryData *in, const char *field,
             struct err *err);
int wire_sum(struct setsum *out, const ProtobufCBinaryData *in, const char *field, struct err *err);
/* Lists to records in the arena, in their order; ERR_LIMIT, and ERR_PROTOCOL for a key named twice.
 * Capabilities that are not known are left out and counted. */
int wire_sums(struct wire_in *in, struct rec_store_sum **out, size_t *out_count,
              Layercensus__V1__StoreSum *const *sums, size_t count, struct err *err);
int wire_capabilities(struct wire_in *in, uint32_t **out, size_t *out_count, const uint32_t *list,
                      size_t count, struct err *err);

/* ERR_LIMIT where `value` is over `max`. */
int wire_at_most(uint64_t value, uint64_t max, const char *field, struct err *err);
/* A generation that must name one: 0 is ERR_PROTOCOL. */
int wire_generation(uint64_t value, const char *field, struct err *err);
/* Cuts an age to REC_AGE_MAX_MS both ways: arithmetic is safe then; whether it is sensible is for
 * the collector's clock to say. */
int64_t wire_age(int64_t age_ms);

/* Sorts where needed; the place of the first item that equals its predecessor, or `count`. */
size_t wire_sort(void *items, size_t count, size_t size, int (*cmp)(const void *, const void *));
/* wire_sort() for digests and keys; a duplicate is ERR_PROTOCOL and named. */
int wire_sort_digests(struct digest *list, size_t count, const char *field, struct err *err);
int wire_sort_keys(struct rec_key *list, size_t count, const char *field, struct err *err);

/* wire_inventory_decode.c. Records point into the message and the arena; ERR_LIMIT, ERR_PROTOCOL.
 */
int wire_decode_begin(const Layercensus__V1__InventoryBegin *in, struct rec_inventory_begin *out,
                      struct err *err);
int wire_decode_part(struct wire_in *ctx, const Layercensus__V1__InventoryPart *in,
                     struct rec_content *out, struct err *err);
int wire_decode_end(struct wire_in *ctx, const Layercensus__V1__InventoryEnd *in,
                    struct rec_inventory_end *out, struct err *err);
int wire_decode_difference(struct wire_in *ctx, const Layercensus__V1__Difference *in,
                           struct rec_difference *out, struct err *err);

/* wire_image.c. The same; `field` names the list. Sorted by ID, each once. */
int wire_decode_images(struct wire_in *ctx, Layercensus__V1__Image *const *in, size_t count,
                       struct rec_image **out, const char *field, struct err *err);

/* wire_facts_decode.c. The same. */
/* Whether the protocol knows this kind of document. */
bool wire_is_document_kind(int kind);
int wire_decode_document(struct wire_in *ctx, const Layercensus__V1__AgentMessage *m,
                         struct wire_agent_msg *msg, struct err *err);
int wire_decode_layer_facts(struct wire_in *ctx, const Layercensus__V1__AgentMessage *m,
                            struct wire_agent_msg *msg, struct err *err);
int wire_decode_copies(struct wire_in *ctx, const Layercensus__V1__AgentMessage *m,
                       struct wire_agent_msg *msg, struct err *err);
int wire_decode_spaces(struct wire_in *ctx, const Layercensus__V1__AgentMessage *m,
                       struct wire_agent_msg *msg, struct err *err);

/* wire_origins.c. The same; sorted, each once. */
int wire_decode_origins(struct wire_in *ctx, const Layercensus__V1__AgentMessage *m,
                        struct wire_agent_msg *msg, struct err *err);

/* ---- encoding ------------------------------------------------------------------------------ */

#define WIRE_SCRATCH_MAX ((size_t)128 << 20)

/* Views of the record's own bytes: nothing is copied. */
ProtobufCBinaryData wire_out_bytes(const void *data, size_t len);
ProtobufCBinaryData wire_out_digest(const struct digest *d);
ProtobufCBinaryData wire_out_key(const struct rec_key *key);
/* Digests of stores, copied into the arena. */
int wire_out_sum(struct arena *a, ProtobufCBinaryData *out, const struct setsum *sum,
                 struct err *err);
int wire_out_sums(struct arena *a, Layercensus__V1__StoreSum ***out, size_t *out_count,
                  const struct rec_store_sum *sums, size_t count, struct err *err);

/* A list of `count` messages of `size` bytes side by side, each initialised by its descriptor, and
 * the pointers to them as protobuf-c wants them. NULL with *err. */
void *wire_out_list(struct arena *a, size_t count, const ProtobufCMessageDescriptor *descriptor,
                    struct err *err);

/* Appends the packed message. ERR_LIMIT over REC_MESSAGE_BYTES. */
int wire_pack(const ProtobufCMessage *message, struct buf *out, struct err *err);

/* wire_image.c. In the order in which their names take least; `out` points into the records and the
 * arena. */
int wire_encode_images(struct arena *a, const struct rec_image *in, size_t count,
                       Layercensus__V1__Image ***out, size_t *out_count, struct err *err);

/* wire_origins.c. Grouped by repository; `body` points into the records and the arena. */
int wire_encode_origins(struct arena *a, const struct wire_agent_msg *m, void *body,
                        struct err *err);

/* wire_inventory_encode.c. `out` points into the records and the arena. */
int wire_encode_part(struct arena *a, const struct rec_content *in,
                     Layercensus__V1__InventoryPart *out, struct err *err);
int wire_encode_end(struct arena *a, const struct rec_inventory_end *in,
                    Layercensus__V1__InventoryEnd *out, struct err *err);
int wire_encode_difference(struct arena *a, const struct rec_difference *in,
                           Layercensus__V1__Difference *out, struct err *err);

#endif
