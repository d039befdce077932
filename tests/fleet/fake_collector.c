/*
 * fake_collector: just enough of a collector to test the player with. It keeps everything in
 * memory, believes the digests that it is told, acknowledges at once, and wants the config of each
 * image once: from another host where one lies, falls silent past the lease, or leaves.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/check.h"
#include "common/cleanup.h"
#include "common/cli.h"
#include "common/grpc.h"
#include "common/list.h"
#include "common/wire.h"

#define HEARTBEAT_MS 500
#define TICK_MS 50

struct fake_options {
    char *listen;
    int64_t lease_ms, resync_every;
};

/* What is known of a host; it outlives the host's streams. One store a host. */
struct host {
    struct list node;
    struct rec_id incarnation;
    uint64_t generation;
    struct rec_store_sum sum;
    struct digest *images;
    size_t count, room;
    struct grpc_call *call; /* NULL: not connected */
    struct fake *fake;
    struct buf document;
    uint32_t inventories;
};

struct wanted {
    struct list node;
    struct digest id;
    bool given;
    struct host *asked; /* NULL: nobody now */
    uint64_t until_ms;
};

struct fake {
    uv_loop_t loop;
    uv_timer_t tick;
    uv_signal_t term;
    struct grpc_server *server;
    struct fake_options options;
    struct list hosts, wanted;
    uint64_t messages, wants, wrong, given;
};

/* ---- speaking ------------------------------------------------------------------------------ */

static void say(struct host *h, const struct wire_collector_msg *m)
{
    AUTO(buf_close) struct buf bytes;
    struct err err;

    buf_init(&bytes, REC_MESSAGE_BYTES);
    if (h->call == NULL)
        return;
    if (wire_collector_encode(m, &bytes, &err) != 0 ||
        grpc_call_send(h->call, bytes.data, bytes.len, &err) != 0)
        grpc_call_finish(h->call, grpc_status_of(err.kind), err.text);
}

static void acknowledge(struct host *h, uint64_t generation)
{
    struct wire_collector_msg m = {.kind = WIRE_ACKNOWLEDGEMENT, .acknowledged = generation};

    h->generation = generation;
    say(h, &m);
}

/* ---- documents ----------------------------------------------------------------------------- */

static bool host_has(const struct host *h, const struct digest *id)
{
    for (size_t i = 0; i < h->count; i++)
        if (digest_eq(&h->images[i], id))
            return true;
    return false;
}

static struct wanted *find_wanted(struct fake *f, const struct digest *id)
{
    list_each (it, &f->wanted) {
        struct wanted *w = list_entry(it, struct wanted, node);

        if (digest_eq(&w->id, id))
            return w;
    }
    return NULL;
}

/* Asks the next connected host behind the one that was asked last. */
static void ask_someone(struct fake *f, struct wanted *w, const struct host *not_this)
{
    struct rec_wanted item = {REC_DOC_CONFIG, w->id};
    struct wire_collector_msg m = {.kind = WIRE_WANT,
                                   .want = {(uint32_t)f->options.lease_ms, &item, 1}};

    w->asked = NULL;
    list_each (it, &f->hosts) {
        struct host *h = list_entry(it, struct host, node);

        if (h == not_this || h->call == NULL || h->generation == 0 || !host_has(h, &w->id))
            continue;
        w->asked = h;
        w->until_ms = uv_now(&f->loop) + (uint64_t)f->options.lease_ms;
        f->wants++;
        list_remove(&h->node); /* to the end: another one is next */
        list_push(&f->hosts, &h->node);
        say(h, &m);
        return;
    }
}

static void want_all_of(struct host *h)
{
    for (size_t i = 0; i < h->count; i++) {
        struct wanted *w = find_wanted(h->fake, &h->images[i]);

        if (w != NULL)
            continue;
        w = calloc(1, sizeof(*w));
        check(w != NULL);
        w->id = h->images[i];
        list_push(&h->fake->wanted, &w->node);
        ask_someone(h->fake, w, NULL);
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct fake *f = timer->data;

    list_each (it, &f->wanted) {
        struct wanted *w = list_entry(it, struct wanted, node);

        if (!w->given && (w->asked == NULL || w->until_ms < uv_now(&f->loop)))
            ask_someone(f, w, w->asked);
    }
}

static int on_document(struct host *h, const struct rec_document *d, struct err *err)
{
    struct wanted *w = find_wanted(h->fake, &d->digest);
    struct wire_collector_msg no = {
        .kind = WIRE_REJECTION,
        .rejection = {REC_REJECT_WRONG_DIGEST, 0, "a document", "its bytes have another digest"}};
    struct digest real;

    if (d->offset != h->document.len)
        return err_set(err, ERR_PROTOCOL, "document: offset %u, expected %zu", d->offset,
                       h->document.len);
    if (buf_add(&h->document, d->data, d->len, err) != 0)
        return -1;
    if (h->document.len < d->total || w == NULL)
        return 0;
    real = digest_of(h->document.data, h->document.len);
    buf_reset(&h->document);
    if (digest_eq(&real, &d->digest)) {
        h->fake->given += !w->given;
        w->given = true;
        return 0;
    }
    h->fake->wrong++;
    say(h, &no);
    ask_someone(h->fake, w, h);
    return 0;
}

/* ---- inventories --------------------------------------------------------------------------- */

static void add_image(struct host *h, const struct digest *id)
{
    if (host_has(h, id))
        return;
    if (h->count == h->room) {
        h->room = h->room * 2 + 16;
        h->images = realloc(h->images, h->room * sizeof(*h->images));
        check(h->images != NULL);
    }
    h->images[h->count++] = *id;
}

static void remove_image(struct host *h, const struct digest *id)
{
    for (size_t i = 0; i < h->count; i++)
        if (digest_eq(&h->images[i], id))
            h->images[i] = h->images[--h->count];
}

/* Now and then the whole inventory is asked for again. */
static void take_end(struct host *h, const struct rec_inventory_end *end)
{
    struct wire_collector_msg again = {.kind = WIRE_RESYNC, .resync = "a test"};
    int64_t every = h->fake->options.resync_every;

    if (end->sum_count == 1)
        h->sum = end->sums[0];
    if (every > 0 && ++h->inventories % every == 0) {
        say(h, &again);
        return;
    }
    acknowledge(h, end->generation);
    want_all_of(h);
}

static int take_difference(struct host *h, const struct rec_difference *d, struct err *err)
{
    if (d->base != h->generation)
        return err_set(err, ERR_PROTOCOL, "a difference to %zu, but %zu is held", (size_t)d->base,
                       (size_t)h->generation);
    for (size_t i = 0; i < d->store_count; i++) {
        for (size_t j = 0; j < d->stores[i].changed_count; j++)
            add_image(h, &d->stores[i].changed[j].id);
        for (size_t j = 0; j < d->stores[i].removed_count; j++)
            remove_image(h, &d->stores[i].removed[j]);
        h->sum.sum = d->stores[i].sum;
    }
    acknowledge(h, d->generation);
    want_all_of(h);
    return 0;
}

/* ---- streams ------------------------------------------------------------------------------- */

static struct host *need_host(struct fake *f, const struct rec_id *incarnation)
{
    struct host *h;

    list_each (it, &f->hosts) {
        h = list_entry(it, struct host, node);
        if (memcmp(&h->incarnation, incarnation, sizeof(*incarnation)) == 0)
            return h;
    }
    h = calloc(1, sizeof(*h));
    check(h != NULL);
    h->incarnation = *incarnation;
    h->fake = f;
    buf_init(&h->document, REC_DOCUMENT_BYTES);
    list_push(&f->hosts, &h->node);
    return h;
}

static const struct grpc_handler host_handler;

static void on_hello(struct grpc_call *call, struct fake *f, const struct rec_hello *hello)
{
    struct host *h = need_host(f, &hello->incarnation);
    struct wire_collector_msg m = {.kind = WIRE_WELCOME};

    h->call = call;
    buf_reset(&h->document);
    grpc_call_set(call, &host_handler, h);
    m.welcome = (struct rec_welcome){.collector_version = "fake",
                                     .host_name = hello->host_name,
                                     .generation = h->generation,
                                     .sums = &h->sum,
                                     .sum_count = h->generation > 0,
                                     .heartbeat_ms = HEARTBEAT_MS};
    say(h, &m);
}

static int dispatch(struct host *h, const struct wire_agent_msg *m, struct err *err)
{
    switch (m->kind) {
    case WIRE_INVENTORY_BEGIN:
        h->count = 0;
        return 0;
    case WIRE_INVENTORY_PART:
        for (size_t i = 0; i < m->part.image_count; i++)
            add_image(h, &m->part.images[i].id);
        return 0;
    case WIRE_INVENTORY_END:
        take_end(h, &m->end);
        return 0;
    case WIRE_DIFFERENCE:
        return take_difference(h, &m->difference, err);
    case WIRE_DOCUMENT:
        return on_document(h, &m->document, err);
    default:
        return 0;
    }
}

static void on_message(struct grpc_call *call, const uint8_t *data, size_t len, void *arg)
{
    AUTO(wire_agent_msg_close) struct wire_agent_msg *m = NULL;
    struct host *h = arg;
    struct err err = {.kind = ERR_NONE};

    h->fake->messages++;
    if (wire_agent_decode(&m, data, len, &err) != 0 || dispatch(h, m, &err) != 0) {
        fprintf(stderr, "fake_collector: %s\n", err.text);
        grpc_call_finish(call, grpc_status_of(err.kind), err.text);
    }
}

static void on_closed(struct grpc_call *call, int status, const char *message, void *arg)
{
    struct host *h = arg;

    (void)status;
    (void)message;
    if (h->call != call)
        return;
    h->call = NULL;
    list_each (it, &h->fake->wanted) {
        struct wanted *w = list_entry(it, struct wanted, node);

        if (w->asked == h)
            w->asked = NULL;
    }
}

static const struct grpc_handler host_handler = {.on_message = on_message, .on_closed = on_closed};

static void on_first_message(struct grpc_call *call, const uint8_t *data, size_t len, void *arg)
{
    AUTO(wire_agent_msg_close) struct wire_agent_msg *m = NULL;
    struct err err = {.kind = ERR_NONE};

    if (wire_agent_decode(&m, data, len, &err) != 0)
        grpc_call_finish(call, grpc_status_of(err.kind), err.text);
    else if (m->kind != WIRE_HELLO)
        grpc_call_finish(call, GRPC_FAILED_PRECONDITION, "hello comes first");
    else
        on_hello(call, arg, &m->hello);
}

static void on_closed_early(struct grpc_call *call, int status, const char *message, void *arg)
{
    (void)call;
    (void)status;
    (void)message;
    (void)arg;
}

static int open_report(struct grpc_call *call, void *service_arg, struct err *err)
{
    static const struct grpc_handler handler = {.on_message = on_first_message,
                                                .on_closed = on_closed_early};

    (void)err;
    grpc_call_set(call, &handler, service_arg);
    return 0;
}

/* ---- program ------------------------------------------------------------------------------- */

static void on_server_closed(void *arg)
{
    struct fake *f = arg;

    uv_close((uv_handle_t *)&f->tick, NULL);
    uv_close((uv_handle_t *)&f->term, NULL);
}

static void on_term(uv_signal_t *signal, int number)
{
    struct fake *f = signal->data;

    (void)number;
    uv_signal_stop(signal);
    if (f->server != NULL)
        grpc_server_close(steal(&f->server), on_server_closed, f);
}

static int serve(struct fake *f, struct err *err)
{
    static const struct grpc_method methods[] = {{WIRE_PATH_REPORT, open_report}, {0}};
    struct grpc_limits limits;
    struct uvx_address address;

    grpc_limits_default(&limits);
    if (uvx_address_parse(&address, f->options.listen, "0", err) != 0 ||
        grpc_server_open(&f->server, &f->loop, &limits, methods, f, err) != 0)
        return -1;
    return grpc_server_listen(f->server, &address, NULL, err);
}

static void free_all(struct fake *f)
{
    struct list *node;

    while ((node = list_pop(&f->hosts)) != NULL) {
        struct host *h = list_entry(node, struct host, node);

        buf_close(&h->document);
        free(h->images);
        free(h);
    }
    while ((node = list_pop(&f->wanted)) != NULL)
        free(list_entry(node, struct wanted, node));
}

static int run(struct fake *f, struct err *err)
{
    int rc;

    list_init(&f->hosts);
    list_init(&f->wanted);
    check(uv_loop_init(&f->loop) == 0);
    check(uv_timer_init(&f->loop, &f->tick) == 0);
    check(uv_signal_init(&f->loop, &f->term) == 0);
    f->tick.data = f->term.data = f;
    uv_timer_start(&f->tick, on_tick, TICK_MS, TICK_MS);
    uv_signal_start(&f->term, on_term, SIGTERM);
    rc = serve(f, err);
    if (rc != 0 && f->server != NULL)
        grpc_server_close(steal(&f->server), on_server_closed, f);
    else if (rc != 0)
        on_server_closed(f);
    uv_run(&f->loop, UV_RUN_DEFAULT);
    printf("messages=%zu wants=%zu given=%zu wrong=%zu\n", (size_t)f->messages, (size_t)f->wants,
           (size_t)f->given, (size_t)f->wrong);
    free_all(f);
    return uvx_loop_close(&f->loop, rc == 0 ? err : NULL) != 0 ? -1 : rc;
}

#define OPTION(name_, type_, field, value_, standard_, help_)                                      \
    {                                                                                              \
        .name = name_, .type = type_, .offset = offsetof(struct fake_options, field),              \
        .value = value_, .standard = standard_, .help = help_                                      \
    }
static const struct cli_option options[] = {
    OPTION("listen", CLI_TEXT, listen, "ADDRESS", "127.0.0.1:7440", "Where to listen."),
    OPTION("lease", CLI_DURATION, lease_ms, "TIME", "300ms", "For one document."),
    OPTION("resync-every", CLI_NUMBER, resync_every, "N", "0",
           "Asks for each Nth inventory of a host again; 0: never."),
    {0},
};
static const struct cli_program program = {
    .name = "fake_collector", .about = "Stands in for a collector.", .options = options};

int main(int argc, char **argv)
{
    struct fake fake = {.messages = 0};
    struct cli_result result = {0};
    struct err err = {.kind = ERR_NONE};
    int rc;

    signal(SIGPIPE, SIG_IGN);
    rc = cli_parse(&program, argc, argv, &fake.options, &result, &err);
    if (rc == 0 && !result.done)
        rc = run(&fake, &err);
    cli_free(&program, &fake.options);
    if (rc == 0)
        return 0;
    fprintf(stderr, "fake_collector: %s\n", err.text);
    return err_exit_status(err.kind);
}
