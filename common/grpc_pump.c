#include <signal.h>
#include <stdlib.h>

#include "common/grpc_conn.h"

#define READ_BYTES (64 * 1024)

/* Settling may mark again (a handler sends): until nothing is left. Each connection stops by
 * itself when its write queue is full, so this ends. */
static void settle_all(struct grpc_pump *pump)
{
    struct list *node;

    while ((node = list_pop(&pump->marked)) != NULL)
        grpc_conn_settle(list_entry(node, struct grpc_conn, mark));
    uv_prepare_stop(&pump->before_poll);
    uv_check_stop(&pump->after_poll);
}

static void on_before_poll(uv_prepare_t *handle)
{
    settle_all(handle->data);
}

static void on_after_poll(uv_check_t *handle)
{
    settle_all(handle->data);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct grpc_pump *pump = handle->data;

    if (--pump->open_handles > 0)
        return;
    free(pump->lent);
    pump->on_closed(pump);
}

/* libuv writes with write(2): a peer that is gone must be an error, not the end of the process.
 * Only where nobody else has decided otherwise. */
static void survive_sigpipe(void)
{
    struct sigaction now;

    if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
        signal(SIGPIPE, SIG_IGN);
}

void grpc_pump_open(struct grpc_pump *pump, uv_loop_t *loop)
{
    survive_sigpipe();
    uv_prepare_init(loop, &pump->before_poll);
    uv_check_init(loop, &pump->after_poll);
    pump->before_poll.data = pump;
    pump->after_poll.data = pump;
    pump->open_handles = 2;
    pump->lent = NULL;
    list_init(&pump->marked);
}

uv_buf_t grpc_pump_lend(struct grpc_pump *pump)
{
    if (pump->lent == NULL)
        pump->lent = malloc(READ_BYTES);
    return uv_buf_init(pump->lent, pump->lent == NULL ? 0 : READ_BYTES);
}

void grpc_conn_mark(struct grpc_conn *conn)
{
    struct grpc_pump *pump = conn->pump;

    if (!list_empty(&conn->mark))
        return;
    list_push(&pump->marked, &conn->mark);
    uv_prepare_start(&pump->before_poll, on_before_poll);
    uv_check_start(&pump->after_poll, on_after_poll);
}

void grpc_pump_close(struct grpc_pump *pump, void (*on_closed)(struct grpc_pump *pump))
{
    pump->on_closed = on_closed;
    uv_close((uv_handle_t *)&pump->before_poll, on_handle_closed);
    uv_close((uv_handle_t *)&pump->after_poll, on_handle_closed);
}
