#include "common/grpc_server.h"

static void on_timer(uv_timer_t *timer);

static struct grpc_conn *oldest_inside(const struct grpc_gate *gate)
{
    return list_entry(gate->inside.next, struct grpc_conn, place);
}

/* At the time when the oldest place may be taken back. */
static void arm(struct grpc_gate *gate)
{
    uint64_t now = uv_now(gate->timer.loop), at = now + GATE_HOLD_MS;

    if (gate->taken > 0)
        at = oldest_inside(gate)->held_since + GATE_HOLD_MS;
    uv_timer_start(&gate->timer, on_timer, at > now ? at - now : 1, 0);
}

/* Each listener once: the peer behind its first one knocks for itself. */
static void let_in(struct grpc_server *server)
{
    struct grpc_gate *gate = &server->gate;
    struct list *node;

    for (unsigned i = 0; i < server->listener_count && gate->taken < GATE_PLACES; i++) {
        node = list_pop(&gate->waiting);
        if (node == NULL)
            return;
        grpc_server_accept(list_entry(node, struct grpc_listener, waiting));
    }
}

static void hold(struct grpc_gate *gate, struct grpc_conn *conn)
{
    conn->held_since = uv_now(gate->timer.loop);
    list_push(&gate->inside, &conn->place);
    gate->taken++;
}

static void give_back(struct grpc_gate *gate, struct grpc_conn *conn)
{
    list_remove(&conn->place);
    gate->taken--;
}

static void take_back_places(struct grpc_gate *gate)
{
    uint64_t now = uv_now(gate->timer.loop);

    while (gate->taken > 0 && now - oldest_inside(gate)->held_since >= GATE_HOLD_MS) {
        struct grpc_conn *conn = oldest_inside(gate);

        give_back(gate, conn);
        if (conn->held_times++ < GATE_HOLD_TIMES && grpc_conn_has_unread(conn))
            hold(gate, conn);
    }
}

static void on_timer(uv_timer_t *timer)
{
    struct grpc_server *server = timer->data;

    if (list_empty(&server->gate.waiting))
        return;
    take_back_places(&server->gate);
    let_in(server);
    if (!list_empty(&server->gate.waiting))
        arm(&server->gate);
}

void grpc_gate_open(struct grpc_server *server)
{
    list_init(&server->gate.inside);
    list_init(&server->gate.waiting);
    uv_timer_init(server->loop, &server->gate.timer);
    server->gate.timer.data = server;
}

/* libuv takes no further peer of this listener until it is asked to accept this one. */
void grpc_gate_wait(struct grpc_listener *listener)
{
    struct grpc_gate *gate = &listener->server->gate;

    list_push(&gate->waiting, &listener->waiting);
    if (!uv_is_active((uv_handle_t *)&gate->timer))
        arm(gate);
}

void grpc_gate_knock(struct grpc_listener *listener)
{
    if (listener->server->gate.taken < GATE_PLACES)
        grpc_server_accept(listener);
    else
        grpc_gate_wait(listener);
}

void grpc_gate_enter(struct grpc_server *server, struct grpc_conn *conn)
{
    hold(&server->gate, conn);
}

void grpc_gate_leave(struct grpc_server *server, struct grpc_conn *conn)
{
    if (list_empty(&conn->place))
        return;
    give_back(&server->gate, conn);
    let_in(server);
}
