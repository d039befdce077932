/* docker_containers: who uses which image, from containers/<id>/config.v2.json. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engines/docker.h"
#include "agent/engines/process.h"
#include "common/cleanup.h"
#include "common/clock.h"

/* Docker notes StartedAt after the process exists; the boot time is known to a second and moves
 * with corrections of the clock. */
#define START_TOLERANCE_MS 10000

/* Go's zero time, year 1, is what Docker writes for "never". */
static int64_t parse_time(const char *text)
{
    int64_t ms;

    if (text == NULL || strncmp(text, "0001-", 5) == 0 || clock_parse(&ms, text, NULL) != 0)
        return -1;
    return ms;
}

static int64_t state_since(const json_t *document, const json_t *state, bool running)
{
    int64_t ms = parse_time(json_str(state, running ? "StartedAt" : "FinishedAt"));

    if (ms < 0 && !running) /* created and never started */
        ms = parse_time(json_str(document, "Created"));
    return ms;
}

int docker_container_parse(struct docker_container *out, const char *data, size_t len,
                           struct err *err)
{
    AUTO_JSON json_t *document = json_parse(data, len, err);
    const char *image = json_str(document, "Image");
    const char *name = json_str(document, "Name");
    const json_t *state = json_obj(document, "State");
    struct docker_container c = {.since_ms = -1};

    if (document == NULL)
        return -1;
    if (image == NULL || state == NULL)
        return err_set(err, ERR_CORRUPT, "config.v2.json: no Image or no State");
    if (digest_parse(&c.image, image, strlen(image), false, err) != 0)
        return err_wrap(err, "config.v2.json: Image");
    if (name != NULL)
        snprintf(c.name, sizeof(c.name), "%s", name[0] == '/' ? name + 1 : name);
    c.running = json_flag(state, "Running", 0) || json_flag(state, "Paused", 0);
    c.pid = (long)json_int(state, "Pid", 0);
    c.since_ms = state_since(document, state, c.running);
    *out = c;
    return 0;
}

/* "Running" on disk survives a crash of the daemon and a reboot: it counts only while the process
 * lives and is as old as the container says. */
static enum rec_run_state run_state(const struct docker_container *c,
                                    const struct process_view *view)
{
    int64_t started_ms;

    if (!c->running)
        return REC_STOPPED;
    if (c->since_ms < 0 || process_started(view, c->pid, &started_ms, NULL) != 0 ||
        llabs(started_ms - c->since_ms) > START_TOLERANCE_MS)
        return REC_RUN_UNKNOWN;
    return REC_RUNNING;
}

static int64_t age_of(int64_t since_ms)
{
    int64_t now = clock_wall_ms();

    if (since_ms < 0)
        return -1;
    return since_ms < now ? now - since_ms : 0;
}

static int fill(struct docker_pass *p, const struct docker_container *c, const char *id,
                const struct process_view *view, struct rec_container *out, struct err *err)
{
    bool named = p->options != NULL && p->options->container_names;

    out->image = c->image;
    out->id = arena_text(p->arena, id, strlen(id), err);
    out->name = arena_text(p->arena, c->name, named ? strlen(c->name) : 0, err);
    out->state = run_state(c, view);
    out->since_age_ms = out->state == REC_RUN_UNKNOWN ? -1 : age_of(c->since_ms);
    return out->id != NULL && out->name != NULL ? 0 : -1;
}

/* A directory without the file is a container that is being made or removed. */
static int read_container(struct docker_pass *p, int fd, const char *id,
                          const struct process_view *view, struct err *err)
{
    struct rec_use *use = &p->reading->use;
    struct docker_container c;
    struct err why = {0};
    char subject[NAME_MAX + 32];

    if (docker_read_file(&p->file, fd, id, "config.v2.json", &why) != 0 ||
        docker_container_parse(&c, buf_str(&p->file), p->file.len, &why) != 0) {
        snprintf(subject, sizeof(subject), "container %s", id);
        return docker_entry_failed(p, subject, &why, err);
    }
    if (fill(p, &c, id, view, &use->containers[use->container_count], err) != 0)
        return -1;
    use->container_count++;
    return 0;
}

int docker_read_containers(struct docker_pass *p, struct err *err)
{
    AUTO(dirlist_close) struct dirlist list = {0};
    AUTO(process_view_close) struct process_view view = {.proc_fd = -1};
    struct err why = {0};
    AUTO_FD int fd = docker_open_below(p->root, "containers", &why);

    if (fd < 0 && why.kind != ERR_NOT_FOUND)
        return err_set(err, why.kind, "%s", why.text);
    if (fd < 0) {
        p->vanished++;
        return 0;
    }
    if (docker_list(p->root, fd, "containers", REC_CONTAINERS_MAX, &list, err) != 0)
        return -1;
    p->reading->use.containers =
        arena_array(p->arena, list.count, sizeof(*p->reading->use.containers), err);
    if (p->reading->use.containers == NULL)
        return -1;
    process_view_open(&view, p->root);
    for (size_t i = 0; i < list.count; i++) {
        if (docker_hex_valid(list.names[i]) &&
            read_container(p, fd, list.names[i], &view, err) != 0)
            return -1;
    }
    return 0;
}
