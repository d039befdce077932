/*
 * wire: protobuf <-> plain validated records; the only user of generated code.
 *
 * Decoding checks everything a peer says: lengths, counts, nesting, enum ranges, sortedness and
 * uniqueness where promised, UTF-8 and control characters in texts. What is unknown (fields, enum
 * values, kinds) is ignored and counted; what is wrong is ERR_PROTOCOL, what is too much ERR_LIMIT,
 * each naming the field. Nothing from a message is used before all of it is valid.
 *
 * Values of a newer version: a capability, a class of space or a kind of document wanted or
 * declined is left out; a lifetime is taken as lasting, a run state as unknown, a reason for
 * rejection as REC_REJECT_UNKNOWN, a store's state as REC_STORE_CORRUPT with an error text (its
 * content counts, but "all is well" was not said). A piece of a document of an unknown kind makes
 * the message WIRE_AGENT_UNKNOWN. An identity or a kind of exception is ERR_PROTOCOL: the store's
 * digest covers them, so a newer agent uses them only where the collector's capabilities allow.
 *
 * Lists are sorted by the decoder, so that any client may send them in any order; an item that is
 * there twice is ERR_PROTOCOL. Encoding does not check texts: see rec_text_clean().
 *
 * Threads: pure functions; a message belongs to one thread at a time.
 */
#ifndef COMMON_WIRE_H
#define COMMON_WIRE_H

#include "common/arena.h"
#include "common/buf.h"
#include "common/record.h"

#define WIRE_PATH_REPORT "/layercensus.v1.Census/Report"
#define WIRE_PATH_PROBE "/layercensus.v1.Census/Probe"
#define WIRE_PACKAGE "layercensus.v1"

enum wire_agent_kind {
    WIRE_AGENT_UNKNOWN = 0, /* a kind of a newer version: ignore and count */
    WIRE_HELLO,
    WIRE_INVENTORY_BEGIN,
    WIRE_INVENTORY_PART, /* content */
    WIRE_INVENTORY_END,
    WIRE_DIFFERENCE,
    WIRE_USE,
    WIRE_DOCUMENT,
    WIRE_LAYER_FACTS,
    WIRE_COPIES,
    WIRE_SPACES,
    WIRE_DECLINED,
    WIRE_HEARTBEAT,
    WIRE_ORIGINS,
};

struct wire_agent_msg {
    enum wire_agent_kind kind;
    uint32_t unknown; /* fields and values ignored */
    union {
        struct rec_hello hello;
        struct rec_inventory_begin begin;
        struct rec_content part; /* generation checked by order of begin and end */
        struct rec_inventory_end end;
        struct rec_difference difference;
        struct rec_use use;
        struct rec_document document; /* data points into the arena */
        struct {
            struct rec_layer_facts *items;
            size_t count;
        } layer_facts;
        struct rec_copies copies;
        struct rec_spaces spaces;
        struct rec_origins origins;
        struct {
            struct rec_declined *items;
            size_t count;
        } declined;
        struct {
            uint64_t generation;
            int64_t look_age_ms; /* since the last good look at all stores; negative: none yet */
        } heartbeat;
    };
    struct arena *arena; /* owns all of it; wire_agent_msg_close() */
};

enum wire_collector_kind {
    WIRE_COLLECTOR_UNKNOWN = 0,
    WIRE_WELCOME,
    WIRE_ACKNOWLEDGEMENT,
    WIRE_WANT,
    WIRE_MEASURE,
    WIRE_RESYNC,
    WIRE_REJECTION,
};

struct wire_collector_msg {
    enum wire_collector_kind kind;
    uint32_t unknown;
    union {
        struct rec_welcome welcome;
        uint64_t acknowledged; /* generation that is durable */
        struct {
            uint32_t lease_ms;
            struct rec_wanted *items;
            size_t count;
        } want;
        struct {
            uint32_t lease_ms;
            struct rec_measure_wanted *items;
            size_t count;
        } measure;
        const char *resync; /* why the whole inventory is wanted */
        struct rec_rejection rejection;
    };
    struct arena *arena;
};

/* Allocates *out with its arena. */
int wire_agent_decode(struct wire_agent_msg **out, const uint8_t *data, size_t len,
                      struct err *err);
int wire_collector_decode(struct wire_collector_msg **out, const uint8_t *data, size_t len,
                          struct err *err);
void wire_agent_msg_close(struct wire_agent_msg **m);
void wire_collector_msg_close(struct wire_collector_msg **m);

/* Appends the encoded message to `out`. `m->arena` is not looked at. */
int wire_agent_encode(const struct wire_agent_msg *m, struct buf *out, struct err *err);
int wire_collector_encode(const struct wire_collector_msg *m, struct buf *out, struct err *err);

/* The unary Probe: an empty question; the answer says who serves (version, collector ID, hosts
 * connected). */
struct wire_probe_answer {
    char version[32];
    struct rec_id collector;
    uint64_t connected;
    uint64_t hosts; /* known to the database */
};
int wire_probe_encode(const struct wire_probe_answer *answer, struct buf *out, struct err *err);
int wire_probe_decode(struct wire_probe_answer *out, const uint8_t *data, size_t len,
                      struct err *err);

#endif
