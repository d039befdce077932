#include "tests/support/fake_collector.h"

#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "common/cleanup.h"

void fake_collector_say(struct fake_collector *c, const struct wire_collector_msg *m)
{
    AUTO(buf_close) struct buf b;

    buf_init(&b, REC_MESSAGE_BYTES);
    check(c->call != NULL && wire_collector_encode(m, &b, NULL) == 0);
    check(grpc_call_send(c->call, b.data, b.len, NULL) == 0);
}

void fake_collector_acknowledge(struct fake_collector *c, uint64_t generation)
{
    struct wire_collector_msg m = {.kind = WIRE_ACKNOWLEDGEMENT, .acknowledged = generation};

    fake_collector_say(c, &m);
}

void fake_collector_want(struct fake_collector *c, enum rec_document_kind kind,
                         const struct digest *digest)
{
    struct rec_wanted item = {kind, *digest};
    struct wire_collector_msg m = {.kind = WIRE_WANT};

    m.want.items = &item;
    m.want.count = 1;
    m.want.lease_ms = 60000;
    fake_collector_say(c, &m);
}

/* ---- hearing --------------------------------------------------------------------------------- */

static void hold(struct fake_collector *c, const struct rec_key *key, const struct setsum *sum)
{
    size_t i = 0;

    while (i < c->sum_count && !rec_key_eq(&c->sums[i].key, key))
        i++;
    check(i < FAKE_STORES);
    c->sums[i] = (struct rec_store_sum){*key, *sum};
    c->sum_count += i == c->sum_count;
}

static void drop(struct fake_collector *c, const struct rec_key *key)
{
    for (size_t i = 0; i < c->sum_count; i++)
        if (rec_key_eq(&c->sums[i].key, key))
            c->sums[i--] = c->sums[--c->sum_count];
}

static void keep(struct fake_collector *c, uint64_t generation)
{
    c->generation = generation;
    if (!c->no_ack)
        fake_collector_acknowledge(c, generation);
}

static void hear_hello(struct fake_collector *c, const struct rec_hello *hello)
{
    struct wire_collector_msg m = {.kind = WIRE_WELCOME};
    uint32_t capability = REC_CAP_ORIGINS;

    c->hello_generation = hello->generation;
    if (c->silent)
        return;
    m.welcome.collector_version = "0.1.0";
    m.welcome.collector.bytes[0] = 1; /* the null ID names nobody */
    m.welcome.host_name = hello->host_name;
    m.welcome.generation = c->generation;
    m.welcome.sums = c->sums;
    m.welcome.sum_count = c->sum_count;
    m.welcome.heartbeat_ms = c->heartbeat_ms;
    m.welcome.capabilities = &capability;
    m.welcome.capability_count = c->takes_origins;
    fake_collector_say(c, &m);
}

static void hear_part(struct fake_collector *c, const struct rec_content *part)
{
    c->images += part->image_count;
    c->state = part->store.state;
    for (size_t i = 1; i < part->image_count; i++)
        c->unsorted += digest_cmp(&part->images[i - 1].id, &part->images[i].id) >= 0;
}

static void hear_end(struct fake_collector *c, const struct rec_inventory_end *end)
{
    c->sum_count = 0;
    for (size_t i = 0; i < end->sum_count; i++)
        hold(c, &end->sums[i].key, &end->sums[i].sum);
    keep(c, end->generation);
}

static void hear_difference(struct fake_collector *c, const struct rec_difference *d)
{
    c->base = d->base;
    c->images = c->removed = 0;
    c->store_count = d->store_count;
    c->gone = d->gone_count;
    for (size_t i = 0; i < d->store_count; i++) {
        c->images += d->stores[i].changed_count;
        c->removed += d->stores[i].removed_count;
        c->state = d->stores[i].store.state;
        hold(c, &d->stores[i].store.key, &d->stores[i].sum);
    }
    for (size_t i = 0; i < d->gone_count; i++)
        drop(c, &d->gone[i]);
    keep(c, d->generation);
}

static void hear_document(struct fake_collector *c, const struct rec_document *d)
{
    if (d->offset == 0)
        buf_reset(&c->document);
    check(d->offset == c->document.len && buf_add(&c->document, d->data, d->len, NULL) == 0);
    c->last_document = *d;
}

static void hear(struct fake_collector *c, const struct wire_agent_msg *m)
{
    switch (m->kind) {
    case WIRE_HELLO:
        hear_hello(c, &m->hello);
        break;
    case WIRE_INVENTORY_BEGIN:
        c->images = 0;
        c->store_count = m->begin.store_count;
        break;
    case WIRE_INVENTORY_PART:
        hear_part(c, &m->part);
        break;
    case WIRE_INVENTORY_END:
        hear_end(c, &m->end);
        break;
    case WIRE_DIFFERENCE:
        hear_difference(c, &m->difference);
        break;
    case WIRE_USE:
        c->containers = m->use.container_count;
        break;
    case WIRE_ORIGINS:
        c->origins = (m->origins.continued ? c->origins : 0) + m->origins.origin_count;
        break;
    case WIRE_DOCUMENT:
        hear_document(c, &m->document);
        break;
    case WIRE_DECLINED:
        snprintf(c->declined, sizeof(c->declined), "%s", m->declined.items[0].reason);
        break;
    case WIRE_HEARTBEAT:
        c->look_age_ms = m->heartbeat.look_age_ms;
        break;
    default:
        break;
    }
}

static void on_message(struct grpc_call *call, const uint8_t *data, size_t len, void *arg)
{
    struct fake_collector *c = arg;
    AUTO(wire_agent_msg_close) struct wire_agent_msg *m = NULL;
    struct err err = {0};

    if (call != c->call)
        return;
    if (wire_agent_decode(&m, data, len, &err) != 0) {
        fprintf(stderr, "the agent said what nobody understands: %s\n", err.text);
        c->unsorted++;
        return;
    }
    c->heard[m->kind]++;
    if (m->kind != WIRE_HEARTBEAT && c->kind_count < FAKE_LOG)
        c->kinds[c->kind_count++] = m->kind;
    hear(c, m);
}

static void on_call_closed(struct grpc_call *call, int status, const char *message, void *arg)
{
    struct fake_collector *c = arg;

    (void)status;
    (void)message;
    if (call == c->call)
        c->call = NULL;
}

static int open_report(struct grpc_call *call, void *arg, struct err *err)
{
    static const struct grpc_handler handler = {.on_message = on_message,
                                                .on_closed = on_call_closed};
    struct fake_collector *c = arg;

    (void)err;
    grpc_call_set(call, &handler, c);
    c->call = call;
    c->streams++;
    return 0;
}

/* ---- life ------------------------------------------------------------------------------------ */

void fake_collector_open(struct fake_collector *c, uv_loop_t *loop)
{
    static const struct grpc_method methods[] = {{WIRE_PATH_REPORT, open_report}, {NULL, NULL}};
    struct uvx_address address;
    struct grpc_limits limits;
    struct err err = {0};

    c->loop = loop;
    if (c->heartbeat_ms == 0)
        c->heartbeat_ms = 60000;
    buf_init(&c->document, REC_DOCUMENT_BYTES);
    grpc_limits_default(&limits);
    check(grpc_server_open(&c->server, loop, &limits, methods, c, &err) == 0);
    check(uvx_address_parse(&address, "127.0.0.1:0", NULL, &err) == 0);
    check(grpc_server_listen(c->server, &address, NULL, &err) == 0);
}

struct uvx_address fake_collector_address(const struct fake_collector *c)
{
    struct uvx_address a = {.host = "127.0.0.1"};

    snprintf(a.port, sizeof(a.port), "%d", grpc_server_port(c->server));
    return a;
}

void fake_collector_hang_up(struct fake_collector *c)
{
    grpc_call_finish(c->call, GRPC_UNAVAILABLE, "go away");
}

static void on_server_closed(void *arg)
{
    struct fake_collector *c = arg;

    c->closed = true;
}

void fake_collector_close(struct fake_collector *c)
{
    grpc_server_close(c->server, on_server_closed, c);
    while (!c->closed)
        uv_run(c->loop, UV_RUN_ONCE);
    buf_close(&c->document);
}
