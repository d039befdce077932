#include "tests/fleet/script.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "tests/fleet/jsonl.h"

#define DAYS_MAX 36500

struct reader {
    struct script *s;
    const struct cat_images *c;
};

static bool is(const json_t *line, const char *key, const char *word)
{
    const char *text = json_str(line, key);

    return text != NULL && strcmp(text, word) == 0;
}

static bool is_new_host(const json_t *line)
{
    return is(line, "t", "host") || is(line, "op", "host_add");
}

static struct script_host *find_host(const struct script *s, const json_t *line, struct err *err)
{
    const char *name = json_str(line, "host");
    const json_t *number = name != NULL ? json_object_get(s->numbers, name) : NULL;

    if (number != NULL)
        return &s->hosts[json_integer_value(number)];
    err_set(err, ERR_CORRUPT, "no host of this name before: %s", name != NULL ? name : "(none)");
    return NULL;
}

static int find_image(const struct cat_images *c, const json_t *name, uint32_t *out,
                      struct err *err)
{
    const char *text = json_string_value(name);
    const json_t *number = text != NULL ? json_object_get(c->by_name, text) : NULL;

    if (number == NULL)
        return err_set(err, ERR_CORRUPT, "no image of the catalogue: %s",
                       text != NULL ? text : "(no text)");
    *out = (uint32_t)json_integer_value(number);
    return 0;
}

/* ---- hosts --------------------------------------------------------------------------------- */

static int add_host(struct reader *r, const json_t *line, struct err *err)
{
    const json_t *images = json_arr(line, "images");
    const char *name = json_str(line, "host"), *arch = json_str(line, "arch");
    struct script_host *h = &r->s->hosts[r->s->count];

    if (name == NULL || arch == NULL || images == NULL)
        return err_set(err, ERR_CORRUPT, "a host without name, arch or images");
    if (json_object_get(r->s->numbers, name) != NULL)
        return err_set(err, ERR_CORRUPT, "%s is there twice", name);
    *h = (struct script_host){.name = name, .arch = arch, .day = r->s->days};
    h->images = calloc(json_array_size(images) + 1, sizeof(*h->images));
    if (h->images == NULL ||
        json_object_set_new(r->s->numbers, name, json_integer((json_int_t)r->s->count)) != 0) {
        free(h->images);
        return err_set(err, ERR_NO_MEMORY, "no memory for %s", name);
    }
    r->s->count++;
    for (; h->image_count < json_array_size(images); h->image_count++)
        if (find_image(r->c, json_array_get(images, h->image_count), &h->images[h->image_count],
                       err) != 0)
            return -1;
    return 0;
}

static int add_event(struct reader *r, const json_t *line, struct err *err)
{
    struct script_host *h = find_host(r->s, line, err);
    struct script_event event = {.pull = is(line, "op", "pull"), .day = r->s->days};

    if (h == NULL)
        return -1;
    if (is(line, "op", "host_gone")) {
        h->goes = true;
        return 0;
    }
    if (!event.pull && !is(line, "op", "remove"))
        return err_set(err, ERR_CORRUPT, "neither pull, remove, host_add nor host_gone");
    if (find_image(r->c, json_object_get(line, "image"), &event.image, err) != 0)
        return -1;
    if (h->event_count == h->event_room) {
        size_t room = h->event_room * 2 + 8;
        struct script_event *events = reallocarray(h->events, room, sizeof(*events));

        if (events == NULL)
            return err_set(err, ERR_NO_MEMORY, "no memory for %s", h->name);
        h->events = events;
        h->event_room = room;
    }
    h->events[h->event_count++] = event;
    return 0;
}

/* ---- file ---------------------------------------------------------------------------------- */

static int take_day(struct reader *r, const json_t *line, struct err *err)
{
    json_int_t day = json_integer_value(json_object_get(line, "day"));

    if (day < r->s->days || day > DAYS_MAX)
        return err_set(err, ERR_CORRUPT, "day %lld after day %u", (long long)day, r->s->days);
    r->s->days = (uint32_t)day;
    return 0;
}

static int take_line(struct reader *r, const json_t *line, struct err *err)
{
    if (take_day(r, line, err) != 0)
        return -1;
    return is_new_host(line) ? add_host(r, line, err) : add_event(r, line, err);
}

static int take_lines(struct reader *r, const char *path, struct err *err)
{
    size_t count = json_array_size(r->s->lines);

    for (size_t i = 0; i < count; i++)
        if (take_line(r, json_array_get(r->s->lines, i), err) != 0)
            return err_wrap(err, "%s, line %zu", path, i + 1);
    return 0;
}

int script_read(struct script **out, const char *path, const struct cat_images *c, struct err *err)
{
    AUTO(script_close) struct script *s = calloc(1, sizeof(*s));
    struct reader r = {s, c};

    if (s == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for a fleet");
    s->lines = jsonl_load(path, err);
    if (s->lines == NULL)
        return -1;
    s->numbers = json_object();
    s->hosts = calloc(json_array_size(s->lines) + 1, sizeof(*s->hosts));
    if (s->numbers == NULL || s->hosts == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for a fleet");
    if (take_lines(&r, path, err) != 0)
        return -1;
    if (s->count == 0)
        return err_set(err, ERR_CORRUPT, "%s: no host in it", path);
    *out = steal(&s);
    return 0;
}

void script_close(struct script **s)
{
    if (*s == NULL)
        return;
    for (size_t i = 0; i < (*s)->count; i++) {
        free((*s)->hosts[i].images);
        free((*s)->hosts[i].events);
    }
    free((*s)->hosts);
    json_decref((*s)->lines);
    json_decref((*s)->numbers);
    free(*s);
    *s = NULL;
}
