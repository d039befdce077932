/*
 * collector_rig: a collector in a directory of its own, with hosts that speak to it through real
 * gRPC streams on a unix socket, all on one loop.
 *
 * Every function here fails the test where something does not come within 20 seconds.
 *
 * Threads: the test's.
 */
#ifndef TESTS_SUPPORT_COLLECTOR_RIG_H
#define TESTS_SUPPORT_COLLECTOR_RIG_H

#include <limits.h>

#include "collector/server/options.h"
#include "collector/server/server.h"
#include "common/grpc.h"
#include "common/wire.h"
#include "tests/support/tempdir.h"

enum { RIG_MESSAGES_MAX = 256, RIG_CONFIG_BYTES = 512 };

struct collector_rig {
    struct tempdir dir;
    uv_loop_t loop;
    struct options options; /* may be changed before collector_start() */
    char db[PATH_MAX], address[PATH_MAX];
    char *listen[1];
    struct tls_context *tls; /* of the hosts; NULL: plaintext. The test's */
    struct server *server;
    uv_timer_t watchdog;
    bool watching, timed_out;
    struct sqlite3 *holder; /* of collector_hold() */
};

/* One host. */
struct rig_host {
    struct collector_rig *rig;
    struct grpc_client *client;
    struct grpc_call *call;
    bool ready, down, client_closed;
    struct wire_collector_msg *messages[RIG_MESSAGES_MAX]; /* NULL: already looked at */
    size_t count;
    bool closed;
    int status;
    char why[600];
    const char *name;
    uint32_t incarnation, machine; /* numbers that stand for the bytes */
    struct arena *arena;
};

/* For cmocka: *state is a rig, its collector not started or started. The teardown stops what runs.
 */
int collector_rig_setup(void **state);
int collector_rig_setup_started(void **state);
int collector_rig_teardown(void **state);

/* The steps of a test: prepare, start with rig->options, stop, clean up. */
void collector_open(struct collector_rig *rig);
void collector_start(struct collector_rig *rig);
/* Stops the collector and runs the loop until nothing is left on it but the watchdog. */
void collector_stop(struct collector_rig *rig);
void collector_close(struct collector_rig *rig);
/* One turn of the loop. False once 20 seconds have passed since collector_open(). */
bool collector_turn(struct collector_rig *rig);
/* A number from the database, by a connection of its own. */
int64_t collector_sql(const struct collector_rig *rig, const char *sql);

/* Keeps the writer from beginning a transaction until collector_release(); what is sent meanwhile
 * has been read by the collector when collector_settle() returns: both ends are on this loop. */
void collector_hold(struct collector_rig *rig);
void collector_settle(struct collector_rig *rig);
void collector_release(struct collector_rig *rig);

/* "127.0.0.1" with a port of the system's choice instead of the unix socket; before
 * collector_start(). */
void collector_use_tcp(struct collector_rig *rig);

/* Connects and opens the stream; says nothing yet. */
void host_connect(struct rig_host *h, struct collector_rig *rig, const char *name,
                  uint32_t incarnation, uint32_t machine);
void host_leave(struct rig_host *h);
void host_send(struct rig_host *h, const struct wire_agent_msg *m);
void host_send_bytes(struct rig_host *h, const void *data, size_t len);
void host_hello(struct rig_host *h);
/* As a host that can nothing else than this. */
void host_hello_only(struct rig_host *h, uint32_t capability);
/* Connects, says hello, waits for the welcome and returns the generation that it names. */
uint64_t host_join(struct rig_host *h, struct collector_rig *rig, const char *name,
                   uint32_t incarnation, uint32_t machine);

/* Waits for the next message of this kind; other kinds stay. Valid until host_leave(). */
const struct wire_collector_msg *host_wait(struct rig_host *h, enum wire_collector_kind kind);
/* How many messages of this kind have come that nobody looked at. */
size_t host_pending(const struct rig_host *h, enum wire_collector_kind kind);
/* Waits for the stream's end and returns its status. */
int host_wait_closed(struct rig_host *h);

/* An image config of its own for each number, with one layer, and its digest. */
const char *rig_config(uint32_t number, char out[RIG_CONFIG_BYTES]);
struct digest rig_image(uint32_t number);
/* One store that holds the images `first` to `first + count - 1`. */
struct rec_content *rig_content(struct rig_host *h, uint32_t first, uint32_t count);

/* The messages of a whole inventory, one by one. */
void host_begin(struct rig_host *h, uint64_t generation, uint32_t stores);
void host_part(struct rig_host *h, const struct rec_content *content);
void host_end(struct rig_host *h, uint64_t generation, const struct rec_content *content);
/* Begin, part and end. */
void host_inventory(struct rig_host *h, uint64_t generation, const struct rec_content *content);
/* Adds one image. `sum` is of the content afterwards. */
void host_add_image(struct rig_host *h, uint64_t generation, const struct rec_content *after,
                    uint32_t image);
/* A whole document in one piece. */
void host_document(struct rig_host *h, const struct digest *digest, const char *text,
                   uint32_t rules);

#endif
