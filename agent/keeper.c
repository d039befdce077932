#include "agent/keeper.h"

#include "common/cleanup.h"
#include "common/log.h"

static void work_save(uv_work_t *work);
static void on_saved(uv_work_t *work, int status);

void keeper_init(struct keeper *k, uv_loop_t *loop, const char *state_dir)
{
    *k = (struct keeper){.loop = loop, .state_dir = state_dir};
    k->work.data = k;
}

static void start_next(struct keeper *k)
{
    if (k->writing || k->next == NULL)
        return;
    k->current = steal(&k->next); /* before the work item may run */
    k->writing = uv_queue_work(k->loop, &k->work, work_save, on_saved) == 0;
    if (!k->writing)
        inventory_unref(&k->current);
}

static void work_save(uv_work_t *work)
{
    struct keeper *k = work->data;

    k->failed = memory_save(k->state_dir, k->current, k->saved, &k->err);
}

static void finish_close(struct keeper *k)
{
    inventory_unref(&k->next);
    inventory_unref(&k->saved);
    k->on_closed(k->closed_arg);
}

/* A disk that is full stops nothing; it is said once. */
static void on_saved(uv_work_t *work, int status)
{
    struct keeper *k = work->data;

    k->writing = false;
    if (status == 0 && k->failed == 0) {
        inventory_unref(&k->saved);
        k->saved = steal(&k->current);
    } else if (!k->failure_logged) {
        log_error(LOG_WARN, "memory-not-saved", &k->err, NULL);
    }
    k->failure_logged = k->failed != 0;
    inventory_unref(&k->current);
    start_next(k);
    if (!k->writing && k->on_closed != NULL)
        finish_close(k);
}

void keeper_put(struct keeper *k, struct inventory *inv)
{
    inventory_unref(&k->next);
    k->next = inventory_ref(inv);
    start_next(k);
}

void keeper_close(struct keeper *k, void (*on_closed)(void *arg), void *arg)
{
    k->on_closed = on_closed;
    k->closed_arg = arg;
    if (!k->writing)
        finish_close(k);
}
