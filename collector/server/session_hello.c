#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/server/session_private.h"
#include "common/cleanup.h"
#include "common/clock.h"

enum { LIVE_MAX = 64, TEXT_BYTES = 512 };

static void on_hello_done(struct ingest *i, const struct err *err);

/* With mutual TLS the certificate must speak for the name that the host gives itself. */
static int check_certificate(struct session *s, const char *name, struct err *err)
{
    const char *certified = grpc_call_peer_name(s->call);
    bool demanded = s->set->options->ca != NULL && grpc_call_is_secure(s->call);

    if ((!demanded && certified[0] == '\0') || grpc_call_peer_is(s->call, name))
        return 0;
    err_set(err, ERR_DENIED,
            "host \"%s\" has a certificate for \"%s\": give it one for its name, or the agent the "
            "--host-name of its certificate",
            name, certified);
    session_reject(s, REC_REJECT_CERTIFICATE, 0, name, err->text);
    sessions_event(s->set, 0, "certificate", name, err->text);
    return -1;
}

/* ---- takeover -------------------------------------------------------------------------------- */

/* Whether this identity is passed to and fro by two machines that are both alive. A machine that
 * lost its connection takes its own stream over once; two clones do it again and again. */
static bool is_fought_for(struct session *s, const struct session *older)
{
    uint64_t now = sessions_now(s->set);
    uint64_t window_ms = 2 * (uint64_t)s->set->options->heartbeat_ms;

    s->takeovers = older->takeovers;
    s->takeover_ms = older->takeover_ms;
    if (s->takeovers == 0 || now - s->takeover_ms > window_ms) {
        s->takeovers = 0;
        s->takeover_ms = now;
    }
    return ++s->takeovers >= SESSION_TAKEOVERS_MAX;
}

static void end_both(struct session *s, struct session *older, struct err *err)
{
    char address[INGEST_ADDRESS_BYTES];

    snprintf(address, sizeof(address), "%s", grpc_call_peer(older->call));
    err_set(err, ERR_CONFLICT,
            "two live machines report with one identity, from %s and from %s: remove the agent's "
            "state on the copied one",
            address, grpc_call_peer(s->call));
    sessions_event(s->set, older->incarnation_id, "conflict", s->name, err->text);
    session_reject(older, REC_REJECT_CONFLICT, 0, s->name, err->text);
    session_end(older, GRPC_ALREADY_EXISTS, err->text);
    session_reject(s, REC_REJECT_CONFLICT, 0, s->name, err->text);
    session_end(s, GRPC_ALREADY_EXISTS, err->text);
}

/* The newer stream of a machine replaces the older one. Returns -1 when both have ended. The same
 * identity with another fingerprint is left to the database to refuse. */
static int take_over(struct session *s, struct err *err)
{
    struct session *older = sessions_by_incarnation(s->set, &s->incarnation);
    char why[TEXT_BYTES];

    if (older == NULL || !digest_eq(&older->fingerprint, &s->fingerprint))
        return 0;
    if (is_fought_for(s, older)) {
        end_both(s, older, err);
        return -1;
    }
    snprintf(why, sizeof(why), "replaced by a newer stream of this host from %s",
             grpc_call_peer(s->call));
    session_end(older, GRPC_ABORTED, why);
    return 0;
}

/* ---- hello ----------------------------------------------------------------------------------- */

static bool can(const struct rec_hello *hello, uint32_t capability)
{
    for (size_t n = 0; n < hello->capability_count; n++)
        if (hello->capabilities[n] == capability)
            return true;
    return false;
}

static int keep_identity(struct session *s, const struct rec_hello *hello, struct err *err)
{
    if (hello->host_name[0] == '\0')
        return err_set(err, ERR_PROTOCOL, "hello.host_name is empty");
    s->name = strdup(hello->host_name);
    if (s->name == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for a host's name");
    s->incarnation = hello->incarnation;
    s->fingerprint = hello->fingerprint;
    s->gives_documents = can(hello, REC_CAP_DOCUMENTS);
    s->gives_attestations = can(hello, REC_CAP_ATTESTATIONS);
    s->measures = can(hello, REC_CAP_MEASURE);
    return check_certificate(s, s->name, err);
}

int session_take_hello(struct session *s, struct wire_agent_msg **m, struct err *err)
{
    struct ingest *i;
    int64_t live[LIVE_MAX];
    size_t live_count;

    if (keep_identity(s, &(*m)->hello, err) != 0 || take_over(s, err) != 0 ||
        sessions_register(s->set, s, err) != 0)
        return -1;
    live_count = sessions_live(s, live, LIVE_MAX);
    if (ingest_hello(&i, m, s->name, grpc_call_peer(s->call), live, live_count, err) != 0)
        return -1;
    i->silence_s = (s->set->options->silence_ms + 999) / 1000;
    session_move(s, SESSION_GREETING);
    session_submit(s, i, on_hello_done);
    return 0;
}

static void say_welcome(struct session *s, const struct apply_identity *identity)
{
    uint32_t capabilities[] = {REC_CAP_DOCUMENTS, REC_CAP_MEASURE, REC_CAP_USE, REC_CAP_ORIGINS};
    struct wire_collector_msg m = {
        .kind = WIRE_WELCOME,
        .welcome =
            {
                .collector_version = LAYERCENSUS_VERSION,
                .collector = s->set->collector,
                .host_name = s->name,
                .generation = identity->generation,
                .sums = identity->sums,
                .sum_count = identity->sum_count,
                .heartbeat_ms = (uint32_t)s->set->options->heartbeat_ms,
                .capabilities = capabilities,
                .capability_count = sizeof(capabilities) / sizeof(capabilities[0]),
            },
    };

    session_send(s, &m);
}

/* A clock that is days off is told to the host; its records are placed by ours anyway. */
static void check_clock(struct session *s, const struct ingest *i)
{
    int64_t skew_ms = i->msg->hello.clock_ms - i->now_ms;
    char text[TEXT_BYTES], theirs[CLOCK_TEXT];

    if (skew_ms < SESSION_SKEW_MS && skew_ms > -SESSION_SKEW_MS)
        return;
    snprintf(text, sizeof(text), "the host's clock says %s and is off by %" PRId64 " hours",
             clock_text(i->msg->hello.clock_ms, theirs), skew_ms / 3600000);
    session_reject(s, REC_REJECT_CLOCK, 0, s->name, text);
    session_warn(s, "clock", "subject", s->name, text);
}

static void refuse_identity(struct session *s, const struct err *err)
{
    sessions_event(s->set, 0, "conflict", s->name, err->text);
    session_reject(s, REC_REJECT_CONFLICT, 0, s->name, err->text);
    session_end(s, GRPC_ALREADY_EXISTS, err->text);
}

static void greet(struct session *s, const struct ingest *i)
{
    char generation[24];

    s->incarnation_id = i->identity.incarnation_id;
    session_move(s, SESSION_UP);
    if (!s->half_closed)
        wants_join(s->set->wants, &s->wants, s->incarnation_id);
    snprintf(generation, sizeof(generation), "%" PRIu64, i->identity.generation);
    log_event(LOG_INFO, "host-connected", "host", s->name, "address", grpc_call_peer(s->call),
              "agent", i->msg->hello.agent_version, "generation", generation, NULL);
    say_welcome(s, &i->identity);
    check_clock(s, i);
    session_announce(s, &i->missing);
}

static void on_hello_done(struct ingest *i, const struct err *err)
{
    struct sessions *set = i->arg;
    struct session *s = session_job_back(i);

    if (s != NULL && err == NULL)
        greet(s, i);
    else if (s != NULL && err->kind == ERR_CONFLICT)
        refuse_identity(s, err);
    else if (s != NULL)
        session_fail(s, err);
    session_after_job(set, s);
}
