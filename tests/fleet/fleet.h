/*
 * fleet: many simulated hosts on one loop, each with a real gRPC stream to the collector.
 *
 * Threads: the loop's.
 */
#ifndef TESTS_FLEET_FLEET_H
#define TESTS_FLEET_FLEET_H

#include "common/backoff.h"
#include "common/cli.h"
#include "common/grpc.h"
#include "common/json.h"
#include "common/list.h"
#include "common/wire.h"
#include "tests/fleet/holding.h"

#define SPEAKER_MEMORY ((size_t)32 << 20) /* for putting one message together */

struct fleet_options {
    char *connect, *key, *ca, *server_name, *truth, *report, *cluster, *play, *catalogue;
    struct cli_list certs;
    int64_t hosts, images, bases, per_host, seed, changes, extra;
    int64_t liars, mutes, deaths, mismatches; /* so many of the hosts that are asked first */
    int64_t rate, hello_only_rate;            /* hosts started a second; 0: no limit */
    int64_t joining;                          /* most that wait for a welcome; 0: no limit */
    int64_t day_ms, rejoin;
    int64_t duration_ms, quiet_ms, deadline_ms;
    bool all_documents, no_measure, together;
};

enum speaker_state {
    SPEAKER_IDLE,
    SPEAKER_CONNECTING,
    SPEAKER_GREETING,  /* hello is sent */
    SPEAKER_REPORTING, /* an inventory or a difference waits for its acknowledgement */
    SPEAKER_PAUSING,   /* the next event's day has not come */
    SPEAKER_SETTLED,   /* everything is acknowledged */
    SPEAKER_WAITING,   /* for the next attempt */
    SPEAKER_GONE,      /* for good */
};

enum speaker_role { ROLE_HONEST, ROLE_LIAR, ROLE_MUTE, ROLE_DIES };

/* One host and its conversation. */
struct speaker {
    struct fleet *fleet;
    uint32_t number;
    const struct script_host *script; /* NULL: none */
    struct holding holding;
    char name[64];
    enum speaker_state state;
    enum speaker_role role;
    bool asked, mismatch, dying, client_closing;
    bool held; /* --together: what it says waits in the outbox */

    struct tls_ticket ticket;
    struct grpc_client *client;
    struct grpc_call *call;
    uv_timer_t timer; /* heartbeat, or the next attempt */
    struct backoff backoff;
    struct list outbox; /* struct letter: what the full queue of the call did not take */

    uint64_t generation, acknowledged; /* the last one said, and durable */
    uint32_t changes_left, change_number, heartbeat_ms;
    uint32_t rejoined; /* change number at which it last left to come back */
};

struct fleet_stats {
    uint64_t sent_messages, sent_bytes, received_messages, acknowledgements, resyncs, connections,
        unknown, inventories, differences, heartbeats, welcomes;
    uint64_t rejections[REC_REJECT_CLOCK + 1];
    uint64_t ends; /* streams that the collector ended */
    char last_end[ERR_TEXT_MAX + 100], last_rejection[2 * ERR_TEXT_MAX];
};

struct fleet {
    uv_loop_t *loop;
    const struct fleet_options *options;
    struct cat_images *catalogue;
    struct uvx_address address;
    struct tls_context **tls; /* one a certificate; host n has number n modulo their count */
    size_t tls_count;
    struct grpc_limits limits;
    struct script *script;    /* NULL: everything follows from the seed */
    struct speaker *speakers; /* `wanted` of them have room */
    size_t wanted, count, started;
    int64_t liars_left, mutes_left, deaths_left, mismatches_left;
    uint64_t last_event_ns;             /* of anything but heartbeats */
    size_t held;                        /* speakers that are */
    uint64_t begun_ns, acknowledged_ns; /* the first report said, the last one acknowledged */
    struct fleet_stats stats;
    bool stopping;
};

/* speaker.c */
int speaker_init(struct speaker *s, struct fleet *fleet, uint32_t number, struct err *err);
void speaker_start(struct speaker *s);
/* Ends the conversation for good and closes the handles; the loop then runs out by itself. */
void speaker_stop(struct speaker *s);
void speaker_close(struct speaker *s); /* frees memory, after the loop has run out */
int speaker_send(struct speaker *s, const struct wire_agent_msg *m, struct err *err);
/* Ends this conversation and tries again after a while; the reason is told. Nothing for a host that
 * is gone or leaving already. */
void speaker_fail(struct speaker *s, const char *why);
/* The host's machine dies now: nothing more comes from it. */
void speaker_die(struct speaker *s);

/* reporting.c: what a host says by itself. */
int reporting_inventory(struct speaker *s, uint64_t generation, struct err *err);
/* All that was said is durable: the next change when it is due, or else what comes unasked, and
 * heartbeats. */
int reporting_go_on(struct speaker *s, struct err *err);

/* answers.c: what a host says besides its inventory. */
int answer_want(struct speaker *s, const struct wire_collector_msg *m, struct err *err);
int answer_measure(struct speaker *s, const struct wire_collector_msg *m, struct err *err);
int answer_unasked(struct speaker *s, struct err *err); /* use, copies, spaces */

/* truth.c, report.c: JSON files. `path` "-": stdout. */
int truth_write(const struct fleet *f, const char *path, struct err *err);
int report_write(const struct fleet *f, const char *path, struct err *err);
int json_write(json_t *root, const char *path, struct err *err);

#endif
