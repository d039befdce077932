#include "agent/scan_root.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/log.h"

#define FINDINGS_LOGGED 8
#define NS_PER_MS 1000000ull

/* ---- in the pool ----------------------------------------------------------------------------- */

static bool token_eq(const struct engine_token *a, const struct engine_token *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* Reads the store and takes the reading over; -1 with job->err. */
static int read_store(struct scan_job *job)
{
    AUTO(engine_reading_close) struct engine_reading *reading = NULL;
    const struct engine_reading *last =
        job->afresh || job->last == NULL ? NULL : job->last->reading;

    if (job->root.driver->read(&job->root, job->options, last, &reading, &job->err) != 0)
        return -1;
    if (inventory_reading_open(&job->reading, reading, &job->err) != 0)
        return -1;
    reading = NULL;
    return 0;
}

static int look(struct scan_job *job)
{
    struct engine_token token = {.len = 0};
    bool same;

    if (job->root.driver->token(&job->root, &token, &job->err) != 0)
        return -1;
    same = token_eq(&token, &job->known);
    job->changed = !same && job->known.len > 0;
    if (!job->full && same)
        return 0;
    return read_store(job);
}

static void ask_api(struct scan_job *job)
{
    const struct inventory_reading *r = job->reading != NULL ? job->reading : job->last;
    int rc;

    if (!job->check || r == NULL || job->root.socket[0] == '\0')
        return;
    job->checked = true;
    if (!job->compare)
        rc = job->root.driver->answers(&job->root, job->options, &job->check_err);
    else
        rc = job->root.driver->cross_check(&job->root, job->options, r->reading, &job->findings,
                                           &job->check_err);
    job->compared = rc == 0 && job->compare;
    if (rc == 0)
        job->check_err.kind = ERR_NONE;
}

/* One line of /proc/net/unix (proc(5)): "Num: RefCount Protocol Flags Type St Inode Path". A
 * listener has the flag __SO_ACCEPTCON, 0x10000. */
static bool is_listener(const char *line, const char *path)
{
    static const char run[] = "/run/";
    unsigned long flags;
    char found[256];

    if (sscanf(line, "%*s %*s %*s %lx %*s %*s %*s %255s", &flags, found) != 2 ||
        (flags & 0x10000) == 0)
        return false;
    if (strncmp(path, "/var/run/", strlen("/var/run/")) == 0)
        path += strlen("/var");
    if (strncmp(found, "/var/run/", strlen("/var/run/")) == 0)
        return strncmp(path, run, strlen(run)) == 0 && strcmp(found + strlen("/var"), path) == 0;
    return strcmp(found, path) == 0;
}

int scan_socket_listening(const char *host_root, const char *path)
{
    char table[ENGINE_PATH_MAX];
    char line[512];
    AUTO_FILE FILE *f = NULL;

    snprintf(table, sizeof(table), "%s/proc/%snet/unix", host_root,
             host_root[0] != '\0' ? "1/" : "");
    f = fopen(table, "re");
    if (f == NULL)
        return -1;
    while (fgets(line, sizeof(line), f) != NULL)
        if (is_listener(line, path))
            return 1;
    return 0;
}

/* Watches are taken after the reading, which may have found directories that were not there; what
 * changed before one was set is for another look. */
static void take_watches(struct scan_job *job)
{
    if (job->watch == NULL || job->failed != 0 || (job->reading == NULL && !job->rewatch))
        return;
    scan_watch_take(job->watch, &job->root, &job->watched);
    job->rewatched = true;
}

void scan_root_work(struct scan_job *job)
{
    job->failed = look(job);
    take_watches(job);
    job->listening = -1;
    if (job->options->use_api && job->root.socket[0] != '\0')
        job->listening = scan_socket_listening(job->root.host, job->root.socket);
    if (job->listening == 0 && !job->seen_listening)
        job->listening = -1; /* may be in another network namespace: the API knows */
    if (job->failed == 0 && job->listening != 0)
        ask_api(job);
}

/* ---- on the loop ----------------------------------------------------------------------------- */

static void log_findings(const struct scan_root *root)
{
    const struct engine_findings *f = &root->job.findings;
    char more[32];

    for (size_t i = 0; i < f->count && i < FINDINGS_LOGGED; i++)
        log_event(LOG_WARN, "api-disagrees", "store", root->root.path, "subject",
                  f->items[i].subject, "text", f->items[i].text, NULL);
    if (f->count + f->more <= FINDINGS_LOGGED)
        return;
    snprintf(more, sizeof(more), "%zu", f->count + f->more - FINDINGS_LOGGED);
    log_event(LOG_WARN, "api-disagrees", "store", root->root.path, "more", more, NULL);
}

/* Whether its engine answers; logged when that changes. */
static bool finish_check(struct scan_root *root, uint64_t now_ns)
{
    const struct scan_job *job = &root->job;
    bool was_down = root->down;

    root->seen_listening = root->seen_listening || job->listening == 1;
    if (job->checked) {
        root->checked_ns = now_ns;
        root->down = job->check_err.kind == ERR_UNAVAILABLE || job->check_err.kind == ERR_TIMEOUT;
        root->check_wanted = root->down;
        root->compare_wanted = root->compare_wanted && !job->compared;
        root->root.api_answers = !root->down;
        if (job->check_err.kind == ERR_NONE)
            log_findings(root);
        else if (!root->down)
            log_error(LOG_WARN, "api-check-failed", &job->check_err, "store", root->root.path,
                      NULL);
    } else if (job->listening == 0) {
        root->down = true;
        root->check_wanted = true;
        root->checked_ns = 0; /* asked as soon as somebody listens again */
    }
    if (root->root.socket[0] == '\0')
        root->down = false; /* nobody is asked any more */
    if (root->down != was_down) {
        root->next_full_ns = 0;
        log_event(root->down ? LOG_WARN : LOG_INFO,
                  root->down ? "engine-does-not-answer" : "engine-answers", "store",
                  root->root.path, "socket", root->root.socket, NULL);
    }
    return root->down != was_down;
}

/* It changed under each attempt, and gave nothing: what was read last stands, marked. */
static bool finish_moved(struct scan_root *root, uint64_t now_ns)
{
    bool news = root->moving_ns == 0;

    if (news)
        root->moving_ns = now_ns;
    return news;
}

static bool finish_failed(struct scan_root *root, uint64_t now_ns)
{
    const struct err *why = &root->job.err;
    bool news = root->err.kind != why->kind || strcmp(root->err.text, why->text) != 0;

    if (news)
        log_error(LOG_WARN, "store-unreadable", why, "store", root->root.path, NULL);
    if (why->kind == ERR_NOT_FOUND && root->absent_ns == 0)
        root->absent_ns = now_ns;
    if (why->kind != ERR_NOT_FOUND)
        root->absent_ns = 0;
    root->err = *why;
    return news;
}

/* A store that changed under its reader may have been read half before and half after: what was
 * read last stands, marked, until a reading is whole. The token is still the old one, so the next
 * look reads again. */
static bool is_torn(struct scan_root *root, uint64_t now_ns)
{
    if (root->job.reading->reading->content.store.state != REC_STORE_MOVING) {
        root->moving_ns = 0;
        return false;
    }
    if (root->moving_ns == 0)
        root->moving_ns = now_ns;
    return root->last != NULL && root->last->reading->content.store.state != REC_STORE_MOVING &&
           now_ns - root->moving_ns < SCAN_MOVING_MS * NS_PER_MS;
}

static bool finish_reading(struct scan_root *root, uint64_t now_ns)
{
    struct scan_job *job = &root->job;
    bool was_moving = root->moving_ns != 0;
    bool news = true;

    if (is_torn(root, now_ns)) {
        inventory_reading_unref(&job->reading);
        return !was_moving;
    }
    if (root->last != NULL)
        news =
            !setsum_eq(&root->last->sum, &job->reading->sum) ||
            !rec_store_eq(&root->last->reading->content.store,
                          &job->reading->reading->content.store) ||
            was_moving ||
            !inventory_use_eq(&root->last->reading->use, &job->reading->reading->use) ||
            !inventory_origins_eq(&root->last->reading->origins, &job->reading->reading->origins);
    root->check_wanted = root->check_wanted || news;
    root->compare_wanted = root->compare_wanted || news;
    inventory_reading_unref(&root->last);
    root->last = steal(&job->reading);
    return news;
}

#define COPY(to, from, field) memcpy((to)->field, (from)->field, sizeof((to)->field))

/* What the finding could not tell, a look may have learnt. */
static void copy_known(char *to, const char *from, size_t size)
{
    if (from[0] != '\0')
        memcpy(to, from, size);
}

static bool is_news(const char *known, const char *found)
{
    return found[0] != '\0' && strcmp(known, found) != 0;
}

static bool is_engines_word(const struct engine_root *found)
{
    return found->told || found->by_api || found->api_answers;
}

bool scan_root_take_found(struct scan_root *root, const struct engine_root *found)
{
    struct engine_root *known = &root->root;
    bool word = is_engines_word(found);
    bool docker =
        is_news(known->docker, found->docker) && (found->told || known->docker[0] == '\0');
    bool matters =
        (word && (known->by_api != found->by_api || known->orphaned != found->orphaned)) ||
        docker || is_news(known->run, found->run) ||
        ((known->by_api || found->by_api) && is_news(known->socket, found->socket));

    COPY(known, found, host);
    known->user = found->user;
    copy_known(known->socket, found->socket, sizeof(known->socket));
    copy_known(known->run, found->run, sizeof(known->run));
    if (docker) /* without docker's word it may be no more than the default */
        COPY(known, found, docker);
    copy_known(known->engine, found->engine, sizeof(known->engine));
    copy_known(known->version, found->version, sizeof(known->version));
    if (word) {
        known->by_api = found->by_api;
        known->orphaned = found->orphaned;
    }
    if (known->orphaned) /* its engine knows nothing of it any more, and is not asked */
        COPY(known, found, socket);
    if (matters) {
        root->next_full_ns = 0;
        root->tellings++;
    }
    return matters;
}

bool scan_root_is_settled(const struct scan_root *root)
{
    return root->alias || (root->looked && root->heeded == root->tellings);
}

/* What a finding told of the store while the job was under way is newer than the job's copy. */
static void keep_found(struct scan_root *root)
{
    struct scan_job *job = &root->job;
    bool asked = job->compared || job->root.by_api;

    COPY(&job->root, &root->root, host);
    COPY(&job->root, &root->root, socket);
    COPY(&job->root, &root->root, run);
    COPY(&job->root, &root->root, docker);
    copy_known(job->root.engine, root->root.engine, sizeof(job->root.engine));
    job->root.user = root->root.user;
    job->root.by_api = root->root.by_api;
    job->root.orphaned = root->root.orphaned;
    if (!asked)
        copy_known(job->root.version, root->root.version, sizeof(job->root.version));
}

void scan_root_log_unwatched(struct scan_root *root, const struct err *why)
{
    if (!root->watch_logged)
        log_error(LOG_WARN, "store-not-watched", why, "store", root->root.path, "instead",
                  "looked at more often", NULL);
    root->watch_logged = true;
}

static void finish_watches(struct scan_root *root)
{
    const struct scan_watched *w = &root->job.watched;

    if (!root->job.rewatched)
        return;
    root->watched = w->whole;
    root->rewatch_wanted = w->again;
    if (w->added)
        root->next_look_ns = 0;
    if (w->err.kind != ERR_NONE)
        scan_root_log_unwatched(root, &w->err);
}

int64_t scan_root_patience(const struct scan_root *root, int64_t look_ms)
{
    bool good = root->err.kind == ERR_NONE && root->moving_ns == 0;

    /* Each look at an API is work for the daemon. */
    if ((good && (root->watched || root->root.by_api)) || look_ms < SCAN_UNWATCHED_MS)
        return look_ms;
    return SCAN_UNWATCHED_MS;
}

bool scan_root_finish(struct scan_root *root, uint64_t now_ns)
{
    struct scan_job *job = &root->job;
    bool news = !root->looked;
    bool api_answers = root->root.api_answers;

    root->looked = true;
    root->heeded = job->tellings;
    if (job->failed != 0 && job->err.kind == ERR_MOVED && root->last != NULL)
        return finish_moved(root, now_ns) || news;
    if (job->failed != 0)
        return finish_failed(root, now_ns) || news;
    if (root->err.kind != ERR_NONE) {
        log_event(LOG_INFO, "store-readable", "store", root->root.path, NULL);
        root->err.kind = ERR_NONE;
        news = true;
    }
    root->absent_ns = 0;
    finish_watches(root);
    keep_found(root);
    root->root = job->root;
    root->root.api_answers = api_answers;
    if (job->reading != NULL)
        news = finish_reading(root, now_ns) || news;
    return finish_check(root, now_ns) || news;
}

bool scan_root_standing(const struct scan_root *root, struct inventory_standing *out,
                        char error[REC_TEXT_BYTES])
{
    if (root->alias || (root->last == NULL && !root->has_key))
        return false;
    *out = (struct inventory_standing){
        .root = &root->root, .reading = root->last, .key = root->key, .error = error};
    error[0] = '\0';
    if (root->err.kind != ERR_NONE || root->last == NULL) {
        out->state = REC_STORE_UNREADABLE;
        snprintf(error, REC_TEXT_BYTES, "%s",
                 root->err.kind != ERR_NONE ? root->err.text : "did not answer yet");
        return true;
    }
    if (root->moving_ns != 0) {
        out->state = REC_STORE_MOVING;
        snprintf(error, REC_TEXT_BYTES, "it changes while it is read");
        return true;
    }
    snprintf(error, REC_TEXT_BYTES, "%s", root->last->reading->content.store.error);
    if (root->down && root->last->reading->content.store.state == REC_STORE_OK) {
        out->state = REC_STORE_DAEMON_DOWN;
        snprintf(error, REC_TEXT_BYTES, "nothing answers at %.900s", root->root.socket);
    }
    return true;
}
