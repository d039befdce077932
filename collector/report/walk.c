#include "collector/report/walk.h"

#include <stdlib.h>
#include <string.h>

#include "collector/store/read_fleet.h"
#include "common/cleanup.h"

#define HOST_MEMORY_MAX ((size_t)1 << 30) /* bytes, for the rows of one host */

static int visit_host(struct census *c, const struct walk *w, struct copies_maker *maker,
                      uint32_t host, struct err *err)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct copies copies = {0};
    struct fleet f;

    if (report_go_on(c, err) != 0 || arena_open(&arena, HOST_MEMORY_MAX, err) != 0 ||
        read_one_host(c->reading, &f, host, w->what, arena, err) != 0)
        return -1;
    if (w->copies && copies_of_host(maker, &copies, &f, host, arena, err) != 0)
        return -1;
    return w->visit(w, &f, host, &copies, err);
}

static int by_name(const void *a, const void *b, void *hosts)
{
    const struct fleet_host *list = hosts;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int order = strcmp(list[x].name, list[y].name);

    return order != 0 ? order : (x > y) - (x < y);
}

uint32_t *walk_order(const struct fleet *f, struct arena *arena, struct err *err)
{
    uint32_t *order = arena_array(arena, f->host_count, sizeof(*order), err);

    if (order == NULL)
        return NULL;
    for (uint32_t i = 0; i < f->host_count; i++)
        order[i] = i;
    if (f->host_count > 1)
        qsort_r(order, f->host_count, sizeof(*order), by_name, f->hosts);
    return order;
}

int walk_hosts(struct census *c, const struct walk *w, struct err *err)
{
    const uint32_t *order = walk_order(&c->fleet, c->arena, err);
    struct copies_maker *maker = NULL;

    if (order == NULL || (w->copies && copies_open(&maker, &c->fleet, c->arena, err) != 0))
        return -1;
    for (uint32_t i = 0; i < c->fleet.host_count; i++)
        if (c->fleet.hosts[order[i]].present &&
            (w->wants == NULL || w->wants(w, &c->fleet, order[i])) &&
            visit_host(c, w, maker, order[i], err) != 0)
            return -1;
    return 0;
}

struct ledger_walk {
    struct ledger_pass *pass;
    struct ledger *hosts;
    const struct walk *also;
};

static int add_ledger(const struct walk *w, const struct fleet *f, uint32_t host,
                      const struct copies *copies, struct err *err)
{
    struct ledger_walk *l = w->data;

    ledger_pass_host(l->pass, &l->hosts[host], f, host, copies);
    return l->also != NULL ? l->also->visit(l->also, f, host, copies, err) : 0;
}

int walk_ledgers(struct census *c, const struct walk *also, struct err *err)
{
    struct ledger_walk l = {.also = also};
    const struct walk w = {.what = READ_PLACES | (also != NULL ? also->what : 0),
                           .copies = true,
                           .visit = add_ledger,
                           .data = &l};

    l.hosts = arena_array(c->arena, c->fleet.host_count, sizeof(*l.hosts), err);
    if (l.hosts == NULL || ledger_pass_open(&l.pass, &c->fleet, NULL, c->arena, err) != 0 ||
        walk_hosts(c, &w, err) != 0)
        return -1;
    c->ledgers.hosts = l.hosts;
    return ledger_check(&c->ledgers, &c->fleet, err);
}
