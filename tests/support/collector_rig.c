#include "tests/support/collector_rig.h"

#include <sqlite3.h>
#include <stdlib.h>

#include "common/buf.h"
#include "common/clock.h"
#include "common/log.h"
#include "tests/support/unit.h"

#define WATCHDOG_MS 20000
#define ARENA_BYTES (16 << 20)
#define SETTLE_TURNS 200 /* a message passes in far fewer */

/* ---- the collector --------------------------------------------------------------------------- */

static void on_watchdog(uv_timer_t *timer)
{
    struct collector_rig *rig = timer->data;

    rig->timed_out = true;
}

void collector_open(struct collector_rig *rig)
{
    char path[PATH_MAX];

    *rig = (struct collector_rig){0};
    tempdir_open(&rig->dir);
    tempdir_path(&rig->dir, "census.db", rig->db);
    snprintf(rig->address, sizeof(rig->address), "unix:%.4000s",
             tempdir_path(&rig->dir, "collector.sock", path));
    rig->listen[0] = rig->address;
    rig->options = (struct options){
        .db = rig->db,
        .listen = {.items = rig->listen, .count = 1},
        .heartbeat_ms = 60000,
        .silence_ms = 90000,
        .lease_ms = 30000,
        .measure_lease_ms = 600000,
        .retire_after_ms = 14LL * 86400 * 1000,
        .ephemeral_after_ms = 3600 * 1000,
        .connections_max = 1000,
        .message_max = REC_MESSAGE_BYTES,
        .queue_max = 64 << 20,
        .memory_max = 64 << 20,
    };
    log_setup(STDERR_FILENO, LOG_ERROR, LOG_TEXT);
    assert_int_equal(uv_loop_init(&rig->loop), 0);
    uv_timer_init(&rig->loop, &rig->watchdog);
    rig->watchdog.data = rig;
    uv_timer_start(&rig->watchdog, on_watchdog, WATCHDOG_MS, 0);
    uv_unref((uv_handle_t *)&rig->watchdog);
}

void collector_start(struct collector_rig *rig)
{
    struct err err;

    assert_ok(server_open(&rig->server, &rig->loop, &rig->options, &err));
    if (server_port(rig->server) != 0)
        snprintf(rig->address, sizeof(rig->address), "127.0.0.1:%d", server_port(rig->server));
}

void collector_use_tcp(struct collector_rig *rig)
{
    snprintf(rig->address, sizeof(rig->address), "127.0.0.1:0");
}

bool collector_turn(struct collector_rig *rig)
{
    uv_run(&rig->loop, UV_RUN_ONCE);
    return !rig->timed_out;
}

void collector_hold(struct collector_rig *rig)
{
    assert_int_equal(sqlite3_open_v2(rig->db, &rig->holder, SQLITE_OPEN_READWRITE, NULL),
                     SQLITE_OK);
    sqlite3_busy_timeout(rig->holder, 5000);
    assert_int_equal(sqlite3_exec(rig->holder, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
}

void collector_settle(struct collector_rig *rig)
{
    for (unsigned n = 0; n < SETTLE_TURNS; n++)
        uv_run(&rig->loop, UV_RUN_NOWAIT);
}

void collector_release(struct collector_rig *rig)
{
    assert_int_equal(sqlite3_exec(rig->holder, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(rig->holder);
    rig->holder = NULL;
}

void collector_stop(struct collector_rig *rig)
{
    server_stop(rig->server);
    while (uv_run(&rig->loop, UV_RUN_ONCE) != 0)
        if (rig->timed_out)
            fail_msg("the collector does not stop");
    server_close(&rig->server);
}

void collector_close(struct collector_rig *rig)
{
    uv_close((uv_handle_t *)&rig->watchdog, NULL);
    uv_run(&rig->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&rig->loop), 0);
    tempdir_close(&rig->dir);
}

int64_t collector_sql(const struct collector_rig *rig, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *st;
    int64_t value;

    assert_int_equal(sqlite3_open_v2(rig->db, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    value = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return value;
}

int collector_rig_setup(void **state)
{
    struct collector_rig *rig = malloc(sizeof(*rig));

    assert_non_null(rig);
    collector_open(rig);
    *state = rig;
    return 0;
}

int collector_rig_setup_started(void **state)
{
    collector_rig_setup(state);
    collector_start(*state);
    return 0;
}

int collector_rig_teardown(void **state)
{
    struct collector_rig *rig = *state;

    if (rig->server != NULL)
        collector_stop(rig);
    collector_close(rig);
    free(rig);
    return 0;
}

/* ---- a host's stream ------------------------------------------------------------------------- */

static void on_message(struct grpc_call *call, const uint8_t *data, size_t len, void *arg)
{
    struct rig_host *h = arg;
    struct err err;

    (void)call;
    assert_true(h->count < RIG_MESSAGES_MAX);
    assert_ok(wire_collector_decode(&h->messages[h->count], data, len, &err));
    h->count++;
}

static void on_closed(struct grpc_call *call, int status, const char *message, void *arg)
{
    struct rig_host *h = arg;

    (void)call;
    h->closed = true;
    h->call = NULL;
    h->status = status;
    snprintf(h->why, sizeof(h->why), "%s", message);
}

static void on_ready(struct grpc_client *client, void *arg)
{
    struct rig_host *h = arg;

    (void)client;
    h->ready = true;
}

static void on_down(struct grpc_client *client, const struct err *err, void *arg)
{
    struct rig_host *h = arg;

    (void)client;
    (void)err;
    h->down = true;
    h->client = NULL;
    grpc_client_close(client, NULL, NULL);
}

static void on_client_closed(void *arg)
{
    struct rig_host *h = arg;

    h->client_closed = true;
}

static const struct grpc_handler call_events = {.on_message = on_message, .on_closed = on_closed};
static const struct grpc_client_events client_events = {.on_ready = on_ready, .on_down = on_down};

#define turn_until(rig, cond)                                                                      \
    do {                                                                                           \
        while (!(cond))                                                                            \
            if (!collector_turn(rig))                                                              \
                fail_msg("waited in vain for: %s", #cond);                                         \
    } while (0)

void host_connect(struct rig_host *h, struct collector_rig *rig, const char *name,
                  uint32_t incarnation, uint32_t machine)
{
    struct uvx_address address;
    struct grpc_limits limits;
    struct err err;

    *h =
        (struct rig_host){.rig = rig, .name = name, .incarnation = incarnation, .machine = machine};
    assert_ok(arena_open(&h->arena, ARENA_BYTES, &err));
    grpc_limits_default(&limits);
    assert_ok(uvx_address_parse(&address, rig->address, "", &err));
    assert_ok(grpc_client_open(&h->client, &rig->loop, &limits, &address, rig->tls, NULL,
                               &client_events, h, &err));
    turn_until(rig, h->ready || h->down);
    assert_true(h->ready);
    h->call = grpc_client_call(h->client, WIRE_PATH_REPORT, &call_events, h, &err);
    assert_non_null(h->call);
}

void host_leave(struct rig_host *h)
{
    if (h->client != NULL) {
        grpc_client_close(h->client, on_client_closed, h);
        turn_until(h->rig, h->client_closed);
    }
    for (size_t i = 0; i < h->count; i++)
        wire_collector_msg_close(&h->messages[i]);
    arena_close(&h->arena);
}

void host_send_bytes(struct rig_host *h, const void *data, size_t len)
{
    struct err err;

    assert_non_null(h->call);
    assert_ok(grpc_call_send(h->call, data, len, &err));
}

void host_send(struct rig_host *h, const struct wire_agent_msg *m)
{
    struct buf bytes;
    struct err err;

    buf_init(&bytes, REC_MESSAGE_BYTES);
    assert_ok(wire_agent_encode(m, &bytes, &err));
    host_send_bytes(h, bytes.data, bytes.len);
    buf_close(&bytes);
}

static void say_hello(struct rig_host *h, uint32_t *capabilities, size_t count)
{
    struct wire_agent_msg m = {
        .kind = WIRE_HELLO,
        .hello = {.agent_version = "0.1.0",
                  .host_name = h->name,
                  .cluster = "",
                  .fingerprint = digest_of(&h->machine, sizeof(h->machine)),
                  .lifetime = REC_LIFETIME_LASTING,
                  .os = "linux",
                  .kernel = "6",
                  .arch = "amd64",
                  .clock_ms = clock_wall_ms(),
                  .capabilities = capabilities,
                  .capability_count = count},
    };

    memset(m.hello.incarnation.bytes, 1, sizeof(m.hello.incarnation.bytes));
    memcpy(m.hello.incarnation.bytes, &h->incarnation, sizeof(h->incarnation));
    host_send(h, &m);
}

void host_hello(struct rig_host *h)
{
    uint32_t capabilities[] = {REC_CAP_DOCUMENTS, REC_CAP_MEASURE, REC_CAP_ATTESTATIONS};

    say_hello(h, capabilities, unit_count(capabilities));
}

void host_hello_only(struct rig_host *h, uint32_t capability)
{
    say_hello(h, &capability, 1);
}

uint64_t host_join(struct rig_host *h, struct collector_rig *rig, const char *name,
                   uint32_t incarnation, uint32_t machine)
{
    host_connect(h, rig, name, incarnation, machine);
    host_hello(h);
    return host_wait(h, WIRE_WELCOME)->welcome.generation;
}

static struct wire_collector_msg **find(struct rig_host *h, enum wire_collector_kind kind)
{
    for (size_t i = 0; i < h->count; i++)
        if (h->messages[i] != NULL && h->messages[i]->kind == kind)
            return &h->messages[i];
    return NULL;
}

const struct wire_collector_msg *host_wait(struct rig_host *h, enum wire_collector_kind kind)
{
    struct wire_collector_msg **found, *m;

    while ((found = find(h, kind)) == NULL) {
        if (h->closed)
            fail_msg("the stream ended: %s: %s", grpc_status_name(h->status), h->why);
        if (!collector_turn(h->rig))
            fail_msg("waited in vain for a message of kind %d", kind);
    }
    m = *found;
    m->kind = WIRE_COLLECTOR_UNKNOWN; /* looked at; freed with the host */
    return m;
}

size_t host_pending(const struct rig_host *h, enum wire_collector_kind kind)
{
    size_t count = 0;

    for (size_t i = 0; i < h->count; i++)
        count += h->messages[i]->kind == kind;
    return count;
}

int host_wait_closed(struct rig_host *h)
{
    turn_until(h->rig, h->closed);
    return h->status;
}

/* ---- what a host says ------------------------------------------------------------------------ */

static void *array(struct rig_host *h, size_t count, size_t size)
{
    struct err err;
    void *memory = arena_array(h->arena, count, size, &err);

    assert_non_null(memory);
    return memory;
}

const char *rig_config(uint32_t number, char out[RIG_CONFIG_BYTES])
{
    struct digest layer = digest_of(&number, sizeof(number));
    char text[DIGEST_TEXT];

    snprintf(out, RIG_CONFIG_BYTES,
             "{\"architecture\":\"amd64\",\"os\":\"linux\",\"created\":\"2026-01-01T00:00:00Z\","
             "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"]},"
             "\"history\":[{\"created_by\":\"ADD file %u\"}]}",
             digest_text(&layer, text), number);
    return out;
}

struct digest rig_image(uint32_t number)
{
    char config[RIG_CONFIG_BYTES];

    rig_config(number, config);
    return digest_of(config, strlen(config));
}

static struct rec_store one_store(void)
{
    struct rec_store store = {.engine = "docker",
                              .version = "20",
                              .driver = "overlay2",
                              .space = "",
                              .root = "/var/lib/docker",
                              .fs_type = "ext4",
                              .block_size = 4096,
                              .state = REC_STORE_OK,
                              .error = ""};

    memset(store.key.bytes, 7, sizeof(store.key.bytes));
    return store;
}

static struct rec_image image_record(uint32_t number)
{
    return (struct rec_image){.id = rig_image(number), .identity = REC_BY_CONFIG, .unpacked = true};
}

struct rec_content *rig_content(struct rig_host *h, uint32_t first, uint32_t count)
{
    struct rec_content *c = array(h, 1, sizeof(*c));

    c->store = one_store();
    c->images = array(h, count, sizeof(*c->images));
    c->image_count = count;
    for (uint32_t n = 0; n < count; n++)
        c->images[n] = image_record(first + n);
    qsort(c->images, count, sizeof(*c->images), rec_image_cmp);
    return c;
}

void host_begin(struct rig_host *h, uint64_t generation, uint32_t stores)
{
    struct wire_agent_msg m = {.kind = WIRE_INVENTORY_BEGIN,
                               .begin = {.generation = generation, .store_count = stores}};

    host_send(h, &m);
}

void host_part(struct rig_host *h, const struct rec_content *content)
{
    struct wire_agent_msg m = {.kind = WIRE_INVENTORY_PART, .part = *content};

    host_send(h, &m);
}

void host_end(struct rig_host *h, uint64_t generation, const struct rec_content *content)
{
    struct rec_store_sum sum = {.key = content->store.key, .sum = rec_content_sum(content)};
    struct wire_agent_msg m = {.kind = WIRE_INVENTORY_END,
                               .end = {.generation = generation, .sums = &sum, .sum_count = 1}};

    host_send(h, &m);
}

void host_inventory(struct rig_host *h, uint64_t generation, const struct rec_content *content)
{
    host_begin(h, generation, 1);
    host_part(h, content);
    host_end(h, generation, content);
}

void host_add_image(struct rig_host *h, uint64_t generation, const struct rec_content *after,
                    uint32_t image)
{
    struct rec_image record = image_record(image);
    struct rec_store_change change = {.store = after->store,
                                      .changed = &record,
                                      .changed_count = 1,
                                      .sum = rec_content_sum(after)};
    struct wire_agent_msg m = {
        .kind = WIRE_DIFFERENCE,
        .difference = {
            .base = generation - 1, .generation = generation, .stores = &change, .store_count = 1}};

    host_send(h, &m);
}

void host_document(struct rig_host *h, const struct digest *digest, const char *text,
                   uint32_t rules)
{
    struct wire_agent_msg m = {.kind = WIRE_DOCUMENT,
                               .document = {.kind = REC_DOC_CONFIG,
                                            .digest = *digest,
                                            .total = (uint32_t)strlen(text),
                                            .data = (const uint8_t *)text,
                                            .len = (uint32_t)strlen(text),
                                            .rules = rules,
                                            .cuts = rules}};

    host_send(h, &m);
}
