#include <stdlib.h>
#include <string.h>

#include "collector/export/forest_private.h"
#include "collector/export/plain.h"
#include "common/cleanup.h"

/* A name as its repository and what follows: "debian", ":12". */
struct tag {
    const char *name;
    size_t repository; /* bytes */
};

/* Up to the '@', else the colon of the last part: a registry may have a port. */
static size_t repository_len(const char *name)
{
    const char *at = strchr(name, '@'), *part = strrchr(name, '/'), *colon;

    if (at != NULL)
        return (size_t)(at - name);
    colon = strchr(part != NULL ? part : name, ':');
    return colon != NULL ? (size_t)(colon - name) : strlen(name);
}

static int by_repository(const void *a, const void *b)
{
    const struct tag *x = a, *y = b;
    size_t shorter = x->repository < y->repository ? x->repository : y->repository;
    int order = memcmp(x->name, y->name, shorter);

    if (order == 0 && x->repository != y->repository)
        order = x->repository < y->repository ? -1 : 1;
    return order != 0 ? order : strcmp(x->name + x->repository, y->name + y->repository);
}

static size_t list_tags(const struct answer *a, struct tag *tags)
{
    size_t count = 0;

    for (size_t r = 0; r < a->rows->row_count; r++) {
        const struct sheet_cell *names = forest_cell(a, r, TREE_NAMES);

        for (size_t i = 0; names->known && i < names->texts.count; i++, count++)
            if (tags != NULL)
                tags[count] = (struct tag){.name = names->texts.items[i],
                                           .repository = repository_len(names->texts.items[i])};
    }
    return count;
}

static int put_tag(FILE *out, struct buf *b, const struct tag *t, const struct tag *before,
                   struct err *err)
{
    bool first = before == NULL || before->repository != t->repository ||
                 memcmp(before->name, t->name, t->repository) != 0;
    const char *tag = t->name + t->repository;

    buf_reset(b);
    if (first && buf_add(b, t->name, t->repository, err) != 0)
        return -1;
    if (tag[0] != '\0' && buf_printf(b, err, "%s%s", first ? ": " : ", ", tag + 1) != 0)
        return -1;
    plain_clean(b, 0);
    fprintf(out, "%s%s", first && before != NULL ? "\n" : "", buf_str(b));
    return 0;
}

int forest_short(const struct answer *a, const struct forest_look *look,
                 const struct export_target *target, struct err *err)
{
    size_t count = list_tags(a, NULL);
    AUTO_FREE struct tag *tags = calloc(count + 1, sizeof(*tags));
    AUTO(buf_close) struct buf b;

    (void)look;
    buf_init(&b, FOREST_TEXT_MAX);
    if (tags == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for %zu names", count);
    list_tags(a, tags);
    qsort(tags, count, sizeof(*tags), by_repository);
    for (size_t i = 0; i < count; i++)
        if ((i == 0 || by_repository(&tags[i - 1], &tags[i]) != 0) &&
            put_tag(target->out, &b, &tags[i], i > 0 ? &tags[i - 1] : NULL, err) != 0)
            return -1;
    if (count > 0)
        fputc('\n', target->out);
    for (size_t i = 0; i < a->note_count; i++)
        fprintf(target->aside, "%s\n", a->notes[i]);
    fprintf(target->aside, "%s\n", a->coverage_line);
    return 0;
}
