/* containerd_check: a reading of the disk against what the daemon says. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "agent/engines/containerd/containerd_api.h"
#include "agent/engines/containerd/containerd_pass.h"
#include "common/cleanup.h"

static void add_finding(struct engine_findings *findings, const char *subject, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void add_finding(struct engine_findings *findings, const char *subject, const char *fmt, ...)
{
    struct engine_finding *finding = &findings->items[findings->count];
    va_list args;

    if (findings->count == sizeof(findings->items) / sizeof(findings->items[0])) {
        findings->more++;
        return;
    }
    snprintf(finding->subject, sizeof(finding->subject), "%.*s", (int)sizeof(finding->subject) - 1,
             subject);
    va_start(args, fmt);
    vsnprintf(finding->text, sizeof(finding->text), fmt, args);
    va_end(args);
    findings->count++;
}

/* Texts of one side, sorted. They are borrowed. */
struct texts {
    const char **items; /* heap */
    size_t count;
};

static void close_texts(struct texts *t)
{
    free(t->items);
}

static int open_texts(struct texts *out, size_t room, struct err *err)
{
    out->items = calloc(room > 0 ? room : 1, sizeof(*out->items));
    return out->items != NULL ? 0 : err_set(err, ERR_NO_MEMORY, "no memory to cross-check");
}

static bool has(const struct texts *t, const char *text)
{
    return t->count > 0 &&
           bsearch(&text, t->items, t->count, sizeof(*t->items), rec_name_cmp) != NULL;
}

static void sort_texts(struct texts *t)
{
    if (t->count > 0)
        qsort(t->items, t->count, sizeof(*t->items), rec_name_cmp);
}

static void compare(const struct texts *disk, const struct texts *api, const char *what,
                    bool all_here, struct engine_findings *findings)
{
    char subject[REC_NAME_BYTES + 64];

    for (size_t i = 0; i < disk->count; i++) {
        snprintf(subject, sizeof(subject), "%s %.*s", what, REC_NAME_BYTES, disk->items[i]);
        if (!has(api, disk->items[i]))
            add_finding(findings, subject, "is on the disk; containerd does not list it");
    }
    for (size_t i = 0; i < api->count && all_here; i++) {
        snprintf(subject, sizeof(subject), "%s %.*s", what, REC_NAME_BYTES, api->items[i]);
        if (!has(disk, api->items[i]))
            add_finding(findings, subject, "is listed by containerd; it is not on the disk");
    }
}

static int names_on_disk(const struct engine_reading *reading, struct texts *out, struct err *err)
{
    const struct rec_content *content = &reading->content;
    size_t room = 0;

    for (size_t i = 0; i < content->image_count; i++)
        room += content->images[i].name_count;
    if (open_texts(out, room, err) != 0)
        return -1;
    for (size_t i = 0; i < content->image_count; i++) {
        for (size_t j = 0; j < content->images[i].name_count; j++)
            out->items[out->count++] = content->images[i].names[j];
    }
    sort_texts(out);
    return 0;
}

static int names_of_api(const struct containerd_namespace *ns, struct texts *out, struct err *err)
{
    struct containerd_name parsed;

    if (open_texts(out, ns->image_count, err) != 0)
        return -1;
    for (size_t i = 0; i < ns->image_count; i++) {
        containerd_name_parse(&parsed, &ns->images[i]);
        if (parsed.is_name && strlen(ns->images[i].name) <= REC_NAME_BYTES)
            out->items[out->count++] = ns->images[i].name;
    }
    sort_texts(out);
    return 0;
}

static int check_names(const struct engine_reading *reading, const struct containerd_namespace *ns,
                       bool all_here, struct engine_findings *findings, struct err *err)
{
    AUTO(close_texts) struct texts disk = {0};
    AUTO(close_texts) struct texts api = {0};

    if (names_on_disk(reading, &disk, err) != 0 || names_of_api(ns, &api, err) != 0)
        return -1;
    compare(&disk, &api, "image", all_here, findings);
    return 0;
}

static int check_use(const struct engine_reading *reading, const struct containerd_namespace *ns,
                     struct engine_findings *findings, struct err *err)
{
    AUTO(close_texts) struct texts disk = {0};
    AUTO(close_texts) struct texts api = {0};

    if (open_texts(&disk, reading->use.container_count, err) != 0 ||
        open_texts(&api, ns->container_count, err) != 0)
        return -1;
    for (size_t i = 0; i < reading->use.container_count; i++)
        disk.items[disk.count++] = reading->use.containers[i].id;
    for (size_t i = 0; i < ns->container_count; i++)
        api.items[api.count++] = ns->containers[i].id;
    sort_texts(&disk);
    sort_texts(&api);
    compare(&disk, &api, "container", false, findings);
    return 0;
}

/* A namespace with several snapshotters is several stores, of which none has all the names; and a
 * container whose image is gone uses none, so those of the daemon need not all be here. Docker's
 * containers are not containerd's to know. */
int containerd_cross_check(struct engine_root *root, const struct engine_options *options,
                           const struct engine_reading *reading, struct engine_findings *findings,
                           struct err *err)
{
    static const struct containerd_namespace none = {.name = ""};
    AUTO(containerd_state_close) struct containerd_state *state = NULL;
    const struct containerd_namespace *ns;
    const char *names[CONTAINERD_SNAPSHOTTERS_MAX];

    if (containerd_api_state(root, options, &state, err) != 0)
        return -1;
    root->api_answers = true;
    snprintf(root->version, sizeof(root->version), "%s", state->version);
    ns = containerd_namespace_of(state, root->space);
    if (ns == NULL)
        ns = &none;
    if (check_names(reading, ns, containerd_stores_of(ns, names) <= 1, findings, err) != 0)
        return -1;
    return root->docker[0] == '\0' ? check_use(reading, ns, findings, err) : 0;
}
