#include "collector/store/read_steps.h"

#include <string.h>

#include "collector/store/read_private.h"

enum { COUNTS, STEPS };

/* empty_layer of the config decides, never a size: one of 0 says nothing. */
static const char *const sql[] = {
    [COUNTS] = "SELECT image_id, count(*) FROM image_history WHERE empty = 0 GROUP BY image_id",
    [STEPS] = ("SELECT image_id, created_by FROM image_history WHERE empty = 0 "
               "ORDER BY image_id, seq"),
};
const struct store_sql store_sql_read_steps = STORE_SQL(sql);

/* Leaves the marks of those whose history tells its layers. */
static int keep_matching(const struct reading *r, const bool *images, bool *matching,
                         struct err *err)
{
    AUTO(stmt_end) struct stmt st = stmt_use(r->store, STORE_SET_read_steps, COUNTS);
    int more;

    while ((more = stmt_row(&st, err)) > 0) {
        uint32_t image;

        if (read_reference(&r->images, &st, 0, &image, err) != 0)
            return -1;
        matching[image] =
            images[image] && stmt_get_int(&st, 1) == (int64_t)r->f->images[image].chain_count;
    }
    return more;
}

static int take_step(const struct stmt *st, const char **step, struct arena *arena, struct err *err)
{
    const char *text = stmt_get_text(st, 1);

    if (text[0] == '\0' || (*step != NULL && strcmp(*step, text) <= 0))
        return 0;
    *step = arena_text(arena, text, strlen(text), err);
    return *step != NULL ? 0 : -1;
}

int read_steps(const struct reading *reading, const bool *images, const char **steps,
               struct arena *arena, struct err *err)
{
    const struct fleet *f = reading->f;
    bool *matching = arena_array(arena, f->image_count, sizeof(*matching), err);
    AUTO(stmt_end) struct stmt st = stmt_use(reading->store, STORE_SET_read_steps, STEPS);
    uint32_t last = FLEET_NONE, position = 0;
    int more;

    if (matching == NULL || keep_matching(reading, images, matching, err) != 0)
        return -1;
    while ((more = stmt_row(&st, err)) > 0) {
        uint32_t image;

        if (read_reference(&reading->images, &st, 0, &image, err) != 0)
            return -1;
        position = image == last ? position + 1 : 0;
        last = image;
        if (matching[image] &&
            take_step(&st, &steps[f->images[image].chains[position]], arena, err) != 0)
            return -1;
    }
    return more;
}
