#include "agent/scan_print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/scan_report.h"
#include "agent/scan_root.h"
#include "agent/scan_table.h"
#include "common/cleanup.h"
#include "common/log.h"

static int find_roots(const struct engine_options *options, struct engine_roots *roots,
                      struct err *err)
{
    struct err why = {.kind = ERR_NONE};

    if (engine_find(engine_drivers, options, roots, &why) != 0) {
        log_error(LOG_WARN, "find-failed", &why, NULL);
        *err = why;
    }
    if (roots->count == 0 && why.kind != ERR_NONE)
        return -1;
    if (roots->count == 0)
        return err_set(err, ERR_NOT_FOUND,
                       "no container engine's store was found on this host; name one with "
                       "--docker-root, --containerd-root, --storage-root or --oci-layout");
    return 0;
}

static void note_copy(void *arg, const struct engine_copy *copy,
                      const struct measure_result *result, bool missing)
{
    struct measured_copy *known = measured_find(arg, &copy->chain);

    if (known != NULL)
        measured_note(known, result, missing);
}

/* Measures every copy and the space around them. */
static int measure(struct scan_report_store *in, const struct options *o, struct err *err)
{
    const struct measure_limits limits = {.entries_per_second = (uint32_t)o->measure_rate};
    struct measured_store *s = measured_open(in->store, err);

    if (s == NULL)
        return -1;
    in->measured = s;
    in->accounted =
        account_store(&s->root, s->reading->reading, &limits, note_copy, s, &s->account, err) == 0;
    if (!in->accounted)
        log_error(LOG_WARN, "account-failed", err, "store", s->root.path, NULL);
    return 0;
}

/* Two paths may lead to one store. */
static bool is_there(const json_t *stores, const json_t *store)
{
    size_t i;
    const json_t *other;

    json_array_foreach (stores, i, other)
        if (json_equal(json_object_get(other, "key"), json_object_get(store, "key")))
            return true;
    return false;
}

static int append_store(json_t *stores, const struct inventory_store *store,
                        const struct engine_findings *findings, const struct options *o,
                        struct err *err)
{
    struct scan_report_store in = {.store = store, .findings = findings};
    AUTO_JSON json_t *report = NULL;
    int rc = store->shared != NULL && o->measure ? measure(&in, o, err) : 0;

    if (rc == 0)
        report = scan_report_store(&in);
    if (rc == 0 && !is_there(stores, report) && json_array_append(stores, report) != 0)
        rc = err_set(err, ERR_NO_MEMORY, "no memory for the report");
    measured_close(&in.measured);
    return rc;
}

/* Looks at one root as the daemon does, and appends what it found. */
static int scan_root(json_t *stores, const struct engine_root *from,
                     const struct engine_options *options, const struct options *o, struct err *err)
{
    AUTO_FREE struct scan_root *root = calloc(1, sizeof(*root));
    AUTO(inventory_unref) struct inventory *inv = NULL;
    struct inventory_standing standing;
    char error[REC_TEXT_BYTES];
    int rc = 0;

    if (root == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for a store");
    root->root = *from;
    root->has_key = engine_store_key(&root->key, from, from->path, NULL) == 0;
    root->job = (struct scan_job){.options = options,
                                  .root = *from,
                                  .full = true,
                                  .afresh = true,
                                  .check = options->use_api,
                                  .compare = true};
    scan_root_work(&root->job);
    scan_root_finish(root, 1);
    if (scan_root_standing(root, &standing, error) && inventory_open(&inv, 1, err) == 0 &&
        inventory_add(inv, &standing, err) == 0) {
        inventory_finish(inv);
        rc = append_store(stores, &inv->stores[0], root->job.checked ? &root->job.findings : NULL,
                          o, err);
    } else if (root->err.kind != ERR_NONE) {
        *err = root->err; /* not even its place can be looked at */
        rc = -1;
    }
    inventory_reading_unref(&root->last);
    return rc;
}

static int make_report(json_t *report, const struct options *o, struct err *err)
{
    const struct engine_options options = options_engine(o);
    AUTO(engine_roots_free) struct engine_roots roots = {0};
    json_t *stores = json_array();
    struct host host;
    size_t failed = 0;

    json_object_set_new(report, "version", json_string(LAYERCENSUS_VERSION));
    json_object_set_new(report, "stores", stores);
    if (host_describe(&host, options.host_root, o->host_name, err) != 0)
        return -1;
    json_object_set_new(report, "host", scan_report_host(&host));
    if (find_roots(&options, &roots, err) != 0)
        return -1;
    for (size_t i = 0; i < roots.count; i++)
        failed += scan_root(stores, &roots.items[i], &options, o, err) != 0;
    return failed < roots.count ? 0 : -1;
}

/* Whether any store could be read: an answer of errors only is none. */
static bool any_content(const json_t *report)
{
    size_t i;
    const json_t *store;

    json_array_foreach (json_arr(report, "stores"), i, store)
        if (json_arr(store, "images") != NULL)
            return true;
    return false;
}

int scan_print(const struct options *o, FILE *out, struct err *err)
{
    AUTO_JSON json_t *report = json_object();

    if (make_report(report, o, err) != 0)
        return -1;
    if (o->output == OPTIONS_JSON) {
        json_dumpf(report, out, JSON_INDENT(2));
        fputc('\n', out);
    } else {
        scan_table_print(report, out);
    }
    if (fflush(out) != 0 || ferror(out))
        return err_errno(err, ERR_IO, errno, "write the report");
    if (!any_content(report))
        return err_set(err, ERR_UNAVAILABLE, "no store could be read");
    return 0;
}
