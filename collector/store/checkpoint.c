#include "collector/store/checkpoint.h"

#include <stdbool.h>
#include <stdlib.h>
#include <uv.h>

#include "common/cleanup.h"
#include "common/log.h"

#define NS_PER_MS 1000000u

struct checkpoint {
    struct store *store;
    uint64_t every_ms;
    uv_thread_t thread;
    uv_mutex_t mutex;
    uv_cond_t wake;
    bool stopping; /* under mutex */
};

/* Sleeps until the next turn; false when it is time to end. */
static bool wait_turn(struct checkpoint *c)
{
    uint64_t until = uv_hrtime() + c->every_ms * NS_PER_MS;
    bool go_on;

    uv_mutex_lock(&c->mutex);
    for (uint64_t now = uv_hrtime(); !c->stopping && now < until; now = uv_hrtime())
        uv_cond_timedwait(&c->wake, &c->mutex, until - now);
    go_on = !c->stopping;
    uv_mutex_unlock(&c->mutex);
    return go_on;
}

static void work(void *arg)
{
    struct checkpoint *c = arg;
    enum err_kind told = ERR_NONE; /* a failure that lasts is logged once */

    while (wait_turn(c)) {
        struct err err = {.kind = ERR_NONE};
        int left;

        if (store_checkpoint(c->store, &left, &err) != 0 && err.kind != told)
            log_error(LOG_WARN, "checkpoint-failed", &err, NULL);
        told = err.kind;
    }
}

static void free_checkpoint(struct checkpoint **c)
{
    if (*c == NULL)
        return;
    store_close(&(*c)->store);
    free(*c);
    *c = NULL;
}

int checkpoint_start(struct checkpoint **out, const char *path, uint64_t every_ms, struct err *err)
{
    AUTO(free_checkpoint) struct checkpoint *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return err_set(err, ERR_NO_MEMORY, "start checkpoints of %s", path);
    c->every_ms = every_ms;
    if (store_open_checkpointer(&c->store, path, err) != 0)
        return -1;
    if (uv_mutex_init(&c->mutex) != 0)
        return err_set(err, ERR_NO_MEMORY, "start checkpoints of %s", path);
    if (uv_cond_init(&c->wake) != 0)
        goto no_condition;
    if (uv_thread_create(&c->thread, work, c) != 0)
        goto no_thread;
    *out = steal(&c);
    return 0;

no_thread:
    uv_cond_destroy(&c->wake);
no_condition:
    uv_mutex_destroy(&c->mutex);
    return err_set(err, ERR_NO_MEMORY, "start checkpoints of %s: no thread", path);
}

void checkpoint_stop(struct checkpoint **c)
{
    struct checkpoint *old = *c;

    if (old == NULL)
        return;
    uv_mutex_lock(&old->mutex);
    old->stopping = true;
    uv_cond_signal(&old->wake);
    uv_mutex_unlock(&old->mutex);
    uv_thread_join(&old->thread);
    uv_cond_destroy(&old->wake);
    uv_mutex_destroy(&old->mutex);
    free_checkpoint(c);
}
