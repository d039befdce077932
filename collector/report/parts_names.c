#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collector/report/parts.h"
#include "common/clock.h"

#define TEXT_MAX 640
#define DAY_TEXT 10 /* "2026-03-02" */

static bool names_it(const struct naming_claim *claim)
{
    return !claim->displaced && claim->strength >= NAME_TAG;
}

static const char *claim_text(const struct census *c, const struct naming_claim *claim,
                              struct err *err)
{
    char text[TEXT_MAX], day[CLOCK_TEXT];

    if (!claim->moved)
        return claim->name;
    snprintf(text, sizeof(text), "%s as of %.*s", claim->name, DAY_TEXT,
             clock_text(claim->first_s * 1000, day));
    return arena_text(c->arena, text, strlen(text), err);
}

/* A name in the making of a list, and which one of it it was. */
struct listed_name {
    const char *text;
    size_t at;
};

static int by_text(const void *a, const void *b)
{
    const struct listed_name *x = a, *y = b;
    int order = strcmp(x->text, y->text);

    return order != 0 ? order : (x->at > y->at) - (x->at < y->at);
}

static int by_place(const void *a, const void *b)
{
    const struct listed_name *x = a, *y = b;

    return (x->at > y->at) - (x->at < y->at);
}

/* Each text once, where it was first. Returns how many are left. */
static size_t drop_doubles(struct listed_name *list, size_t count)
{
    size_t kept = 0;

    if (count == 0)
        return 0;
    qsort(list, count, sizeof(*list), by_text);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || strcmp(list[kept - 1].text, list[i].text) != 0)
            list[kept++] = list[i];
    qsort(list, kept, sizeof(*list), by_place);
    return kept;
}

/* The names of a list, as many as a cell holds, and in words how many more there are. */
static int tell_names(const struct census *c, const struct listed_name *list, size_t count,
                      struct sheet_cell *cell, struct err *err)
{
    size_t told = count < PART_NAMES_MAX ? count : PART_NAMES_MAX;
    const char **texts = arena_array(c->arena, told + 1, sizeof(*texts), err);
    char more[TEXT_MAX];

    if (texts == NULL)
        return -1;
    for (size_t i = 0; i < told; i++)
        texts[i] = list[i].text;
    if (told < count) {
        snprintf(more, sizeof(more), "and %zu more", count - told);
        texts[told] = arena_text(c->arena, more, strlen(more), err);
        if (texts[told++] == NULL)
            return -1;
    }
    *cell = cell_texts(texts, told);
    return 0;
}

int part_chain_names(const struct census *c, const uint32_t *chains, uint32_t count,
                     struct sheet_cell *cell, struct err *err)
{
    size_t most = 0, found = 0;
    struct listed_name *list;

    for (uint32_t i = 0; i < count; i++)
        most += c->naming.of_chain[chains[i]].count;
    list = arena_array(c->arena, most, sizeof(*list), err);
    if (list == NULL)
        return -1;
    for (uint32_t i = 0; i < count; i++) {
        const struct fleet_run *run = &c->naming.of_chain[chains[i]];

        for (uint32_t n = run->first; n < run->first + run->count; n++) {
            const struct naming_claim *claim = &c->naming.claims[n];

            if (!names_it(claim))
                continue;
            list[found] = (struct listed_name){claim_text(c, claim, err), found};
            if (list[found++].text == NULL)
                return -1;
        }
    }
    return tell_names(c, list, drop_doubles(list, found), cell, err);
}
