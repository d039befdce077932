#include "collector/store/check_private.h"
#include "collector/store/counts.h"
#include "collector/store/tally.h"

struct counting {
    struct checking *c;
    uint64_t differ;
};

static void on_difference(const struct counts_difference *d, void *arg)
{
    struct counting *counting = arg;

    if (++counting->differ <= CHECK_LINES_MAX)
        check_find(counting->c, "%s: %s %u: %s %lld, recomputed %lld", d->table, d->what, d->id,
                   d->column, (long long)d->written, (long long)d->recomputed);
}

int check_counts(struct checking *c, struct err *err)
{
    AUTO(mirror_close) struct mirror *m = NULL;
    AUTO(tally_close) struct tally *tally = NULL;
    struct counting counting = {.c = c};
    uint64_t rows;

    if (mirror_open(&m, c->store, err) != 0 || tally_open(&tally, err) != 0 ||
        tally_all(tally, m, err) != 0 ||
        counts_compare(c->store, m, &rows, on_difference, &counting, err) != 0)
        return -1;
    c->result->checked += rows;
    check_more(c, counting.differ);
    return 0;
}
