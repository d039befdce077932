#include "collector/server/ingest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/store/admin.h"
#include "collector/store/apply_provenance.h"
#include "common/cleanup.h"
#include "common/clock.h"

static struct ingest *of(struct store_job *job)
{
    return (struct ingest *)job;
}

/* ---- on the writer's thread ------------------------------------------------------------------ */

static void *copy_array(struct arena *arena, const void *from, size_t count, size_t size,
                        struct err *err)
{
    void *to = arena_array(arena, count, size, err);

    if (to != NULL && count > 0)
        memcpy(to, from, count * size);
    return to;
}

/* The lists are looked for with room for the longest, and kept as long as they are: many jobs wait
 * at a time for their way back. */
static int find_missing(struct ingest *i, struct store *store, struct err *err)
{
    AUTO(arena_close) struct arena *wide = NULL;
    struct apply_missing *m = &i->missing;
    struct apply_look look = {
        .incarnation_id = i->incarnation_id,
        .now_s = i->now_ms / 1000,
        .most = INGEST_MISSING_MAX,
        .anew = i->look_anew,
    };

    if (!i->look_for_missing)
        return 0;
    if (arena_open(&wide, INGEST_ARENA_MAX, err) != 0 ||
        apply_missing(store, &look, wide, m, err) != 0)
        return -1;
    m->documents =
        copy_array(i->arena, m->documents, m->document_count, sizeof(*m->documents), err);
    m->document_confirms = copy_array(i->arena, m->document_confirms, m->document_count,
                                      sizeof(*m->document_confirms), err);
    m->layers = copy_array(i->arena, m->layers, m->layer_count, sizeof(*m->layers), err);
    m->layer_of_root =
        copy_array(i->arena, m->layer_of_root, m->layer_count, sizeof(*m->layer_of_root), err);
    return m->documents != NULL && m->document_confirms != NULL && m->layers != NULL &&
                   m->layer_of_root != NULL
               ? 0
               : -1;
}

static int run_hello(struct store_job *job, struct store *store, struct err *err)
{
    struct ingest *i = of(job);
    struct apply_caller caller = {
        .host_name = i->host_name,
        .address = i->address,
        .now_ms = i->now_ms,
        .silence_s = i->silence_s,
        .live = i->live,
        .live_count = i->live_count,
    };

    if (apply_hello(store, &i->msg->hello, &caller, i->arena, &i->identity, err) != 0)
        return -1;
    i->incarnation_id = i->identity.incarnation_id;
    i->look_for_missing = i->identity.generation > 0;
    i->look_anew = true; /* what the stream before was asked for is forgotten */
    return find_missing(i, store, err);
}

static int run_inventory(struct store_job *job, struct store *store, struct err *err)
{
    struct ingest *i = of(job);
    struct apply_inventory whole = *gather_inventory(i->gather);

    whole.incarnation_id = i->incarnation_id;
    whole.now_ms = i->now_ms;
    if (apply_inventory(store, &whole, err) != 0)
        return -1;
    return find_missing(i, store, err);
}

static int run_difference(struct store_job *job, struct store *store, struct err *err)
{
    struct ingest *i = of(job);

    if (apply_difference(store, i->incarnation_id, &i->msg->difference, i->now_ms, err) != 0)
        return -1;
    return find_missing(i, store, err);
}

static int run_report(struct store_job *job, struct store *store, struct err *err)
{
    struct ingest *i = of(job);

    switch (i->msg->kind) {
    case WIRE_USE:
        return apply_use(store, i->incarnation_id, &i->msg->use, i->now_ms, err);
    case WIRE_ORIGINS:
        return apply_origins(store, i->incarnation_id, &i->msg->origins, err);
    case WIRE_COPIES:
        return apply_copies(store, i->incarnation_id, &i->msg->copies, err);
    default:
        return apply_spaces(store, i->incarnation_id, &i->msg->spaces, i->now_ms, err);
    }
}

static int run_document(struct store_job *job, struct store *store, struct err *err)
{
    struct ingest *i = of(job);

    if (apply_document(store, i->incarnation_id, i->kind, &i->digest, i->data.data, i->data.len,
                       i->rules, i->cuts, i->now_ms, &i->verdict, err) != 0)
        return -1;
    return i->kind == REC_DOC_MANIFEST && i->verdict == APPLY_TAKEN
               ? apply_provenance_leads_on(store, &i->digest, &i->leads_on, err)
               : 0;
}

static int run_layer_facts(struct store_job *job, struct store *store, struct err *err)
{
    struct ingest *i = of(job);

    for (size_t n = 0; n < i->msg->layer_facts.count; n++)
        if (apply_layer_facts(store, i->incarnation_id, &i->msg->layer_facts.items[n], i->now_ms,
                              &i->verdicts[n], err) != 0)
            return -1;
    return 0;
}

static int run_missing(struct store_job *job, struct store *store, struct err *err)
{
    return find_missing(of(job), store, err);
}

static int run_event(struct store_job *job, struct store *store, struct err *err)
{
    struct ingest *i = of(job);

    return apply_event(store, i->incarnation_id, i->event.kind, i->event.subject, i->event.text,
                       i->now_ms, err);
}

static int run_lives(struct store_job *job, struct store *store, struct err *err)
{
    return apply_lives(store, of(job)->lives, of(job)->life_count, err);
}

static int run_host_count(struct store_job *job, struct store *store, struct err *err)
{
    return admin_count_hosts(store, &of(job)->hosts, err);
}

static int run_housekeeping(struct store_job *job, struct store *store, struct err *err)
{
    struct ingest *i = of(job);

    return apply_housekeeping(store, i->now_ms / 1000, i->ephemeral_s, i->retire_s, err);
}

/* ---- on the loop ----------------------------------------------------------------------------- */

static void on_done(struct store_job *job, const struct err *err)
{
    struct ingest *i = of(job);

    i->done(i, err);
    ingest_close(&i);
}

void ingest_close(struct ingest **out)
{
    struct ingest *i = *out;

    if (i == NULL)
        return;
    list_remove(&i->in_session);
    wire_agent_msg_close(&i->msg);
    gather_close(&i->gather);
    buf_close(&i->data);
    arena_close(&i->arena);
    free(i->host_name);
    free(i->live);
    free(i->event.kind);
    free(i->event.subject);
    free(i->event.text);
    free(i->lives);
    free(i);
    *out = NULL;
}

static int make(struct ingest **out, int (*run)(struct store_job *, struct store *, struct err *),
                struct err *err)
{
    AUTO(ingest_close) struct ingest *i = calloc(1, sizeof(*i));

    if (i == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for a job");
    list_init(&i->in_session);
    i->job.run = run;
    i->job.done = on_done;
    i->job.weight = sizeof(*i);
    i->now_ms = clock_wall_ms();
    if (arena_open(&i->arena, INGEST_ARENA_MAX, err) != 0)
        return -1;
    *out = steal(&i);
    return 0;
}

static void take_message(struct ingest *i, struct wire_agent_msg **m)
{
    i->msg = steal(m);
    i->job.weight += arena_used(i->msg->arena);
}

int ingest_hello(struct ingest **out, struct wire_agent_msg **hello, const char *host_name,
                 const char *address, const int64_t *live, size_t live_count, struct err *err)
{
    AUTO(ingest_close) struct ingest *i = NULL;

    if (make(&i, run_hello, err) != 0)
        return -1;
    i->host_name = strdup(host_name);
    i->live = calloc(live_count + 1, sizeof(*i->live));
    if (i->host_name == NULL || i->live == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for a hello");
    memcpy(i->live, live, live_count * sizeof(*live));
    i->live_count = live_count;
    snprintf(i->address, sizeof(i->address), "%s", address);
    take_message(i, hello);
    *out = steal(&i);
    return 0;
}

int ingest_inventory(struct ingest **out, struct gather **gather, struct err *err)
{
    if (make(out, run_inventory, err) != 0)
        return -1;
    (*out)->gather = steal(gather);
    (*out)->generation = gather_inventory((*out)->gather)->generation;
    (*out)->job.weight += gather_bytes((*out)->gather);
    (*out)->look_for_missing = true;
    (*out)->look_anew = true; /* the first one follows a hello that had nothing to look through */
    return 0;
}

/* Only what was added or altered can bring something unknown. */
static bool brings_something(const struct rec_difference *d)
{
    for (size_t n = 0; n < d->store_count; n++)
        if (d->stores[n].changed_count > 0 || d->stores[n].exception_count > 0)
            return true;
    return false;
}

int ingest_difference(struct ingest **out, struct wire_agent_msg **difference, struct err *err)
{
    if (make(out, run_difference, err) != 0)
        return -1;
    take_message(*out, difference);
    (*out)->generation = (*out)->msg->difference.generation;
    (*out)->look_for_missing = brings_something(&(*out)->msg->difference);
    return 0;
}

int ingest_report(struct ingest **out, struct wire_agent_msg **report, struct err *err)
{
    if (make(out, run_report, err) != 0)
        return -1;
    take_message(*out, report);
    return 0;
}

int ingest_document(struct ingest **out, const struct rec_document *head, struct buf *data,
                    struct err *err)
{
    if (make(out, run_document, err) != 0)
        return -1;
    (*out)->kind = head->kind;
    (*out)->digest = head->digest;
    (*out)->rules = head->rules;
    (*out)->cuts = head->cuts;
    (*out)->data = *data;
    (*out)->job.weight += data->len;
    buf_init(data, REC_DOCUMENT_BYTES);
    return 0;
}

int ingest_layer_facts(struct ingest **out, struct wire_agent_msg **facts, struct err *err)
{
    AUTO(ingest_close) struct ingest *i = NULL;

    if (make(&i, run_layer_facts, err) != 0)
        return -1;
    i->verdicts = arena_array(i->arena, (*facts)->layer_facts.count, sizeof(*i->verdicts), err);
    if (i->verdicts == NULL)
        return -1;
    take_message(i, facts);
    *out = steal(&i);
    return 0;
}

int ingest_missing(struct ingest **out, bool anew, struct err *err)
{
    if (make(out, run_missing, err) != 0)
        return -1;
    (*out)->look_for_missing = true;
    (*out)->look_anew = anew;
    return 0;
}

int ingest_event(struct ingest **out, int64_t incarnation_id, const char *kind, const char *subject,
                 const char *text, struct err *err)
{
    AUTO(ingest_close) struct ingest *i = NULL;

    if (make(&i, run_event, err) != 0)
        return -1;
    i->incarnation_id = incarnation_id;
    i->event.kind = strdup(kind);
    i->event.subject = strdup(subject);
    i->event.text = strdup(text);
    if (i->event.kind == NULL || i->event.subject == NULL || i->event.text == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for an event");
    *out = steal(&i);
    return 0;
}

int ingest_lives(struct ingest **out, struct apply_life **lives, size_t count, struct err *err)
{
    if (make(out, run_lives, err) != 0)
        return -1;
    (*out)->lives = steal(lives);
    (*out)->life_count = count;
    (*out)->job.weight += count * sizeof(struct apply_life);
    return 0;
}

int ingest_host_count(struct ingest **out, struct err *err)
{
    return make(out, run_host_count, err);
}

int ingest_housekeeping(struct ingest **out, int64_t ephemeral_s, int64_t retire_s, struct err *err)
{
    if (make(out, run_housekeeping, err) != 0)
        return -1;
    (*out)->ephemeral_s = ephemeral_s;
    (*out)->retire_s = retire_s;
    return 0;
}
