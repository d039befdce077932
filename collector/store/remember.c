#include "collector/store/remember.h"

#include <stdio.h>

#include "collector/store/counts.h"
#include "collector/store/store_private.h"
#include "common/log.h"

static void count_difference(const struct counts_difference *d, void *arg)
{
    uint64_t *differ = arg;

    (void)d;
    ++*differ;
}

static int count(struct store *s, bool *repaired, struct err *err)
{
    uint64_t rows, differ = 0;
    char text[32];

    tally_forget(s->tally);
    if (tally_all(s->tally, s->mirror, err) != 0 ||
        counts_compare(s, s->mirror, &rows, count_difference, &differ, err) != 0)
        return -1;
    mirror_keep(s->mirror);
    *repaired = differ > 0;
    if (differ == 0 || rows == 0)
        return 0;
    snprintf(text, sizeof(text), "%llu", (unsigned long long)differ);
    log_event(LOG_ERROR, "counters-repaired", "file", s->path, "counters", text, NULL);
    return 0;
}

int remember_file(struct store *s, bool *repaired, struct err *err)
{
    if (mirror_open(&s->mirror, s, err) != 0)
        return -1;
    if (count(s, repaired, err) == 0)
        return 0;
    mirror_close(&s->mirror);
    return -1;
}
