/* options_check: what the table of options cannot say. */
#include "agent/options.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/utf8.h"

#define DEFAULT_PORT "7443"

static int check_path(const char *option, const char *path, struct err *err)
{
    if (path[0] != '/')
        return err_set(err, ERR_USAGE, "--%s \"%.200s\": expected an absolute path, as /srv/docker",
                       option, path);
    if (strlen(path) >= ENGINE_PATH_MAX)
        return err_set(err, ERR_USAGE, "--%s \"%.60s...\": expected at most %d bytes", option, path,
                       ENGINE_PATH_MAX - 1);
    return 0;
}

/* The same, where "" stands for none. */
static int check_path_or_none(const char *option, const char *path, struct err *err)
{
    return path == NULL || path[0] == '\0' ? 0 : check_path(option, path, err);
}

/* Drops the slashes at the end, so that paths join and compare as they are; keeps `least` bytes. */
static void trim_slashes(char *path, size_t least)
{
    size_t len = path != NULL ? strlen(path) : 0;

    while (len > least && path[len - 1] == '/')
        path[--len] = '\0';
}

static int check_path_list(const char *option, struct cli_list *list, struct err *err)
{
    for (size_t i = 0; i < list->count; i++) {
        if (check_path(option, list->items[i], err) != 0)
            return -1;
        trim_slashes(list->items[i], 1);
    }
    return 0;
}

static int check_paths(struct options *o, struct err *err)
{
    if (check_path_list("docker-root", &o->docker_roots, err) != 0 ||
        check_path_list("containerd-root", &o->containerd_roots, err) != 0 ||
        check_path_list("storage-root", &o->storage_roots, err) != 0 ||
        check_path_list("oci-layout", &o->layouts, err) != 0 ||
        check_path_list("skip", &o->skip, err) != 0 ||
        check_path_list("root", &o->roots, err) != 0 ||
        check_path_or_none("host-root", o->host_root, err) != 0 ||
        check_path_or_none("docker-socket", o->docker_socket, err) != 0 ||
        check_path_or_none("containerd-socket", o->containerd_socket, err) != 0)
        return -1;
    trim_slashes(o->host_root, 0);
    return o->state_dir == NULL ? 0 : check_path("state-dir", o->state_dir, err); /* scan: none */
}

static bool has_driver(const char *name)
{
    for (const struct engine_driver *const *d = engine_drivers; *d != NULL; d++)
        if (strcmp((*d)->name, name) == 0)
            return true;
    return false;
}

static int check_engines(const struct options *o, struct err *err)
{
    char known[256] = "";
    size_t len = 0;

    for (const struct engine_driver *const *d = engine_drivers; *d != NULL; d++)
        len += (size_t)snprintf(known + len, sizeof(known) - len, "%s%s", len > 0 ? ", " : "",
                                (*d)->name);
    for (size_t i = 0; i < o->engines.count; i++)
        if (!has_driver(o->engines.items[i]))
            return err_set(err, ERR_USAGE, "--engine \"%.80s\": expected one of %s",
                           o->engines.items[i], known);
    return 0;
}

static bool is_allowed(const struct options *o, const char *driver)
{
    for (size_t i = 0; i < o->engines.count; i++)
        if (strcmp(o->engines.items[i], driver) == 0)
            return true;
    return o->engines.count == 0;
}

/* Without looking for them, a store must be named that may be read. */
static int check_named(const struct options *o, struct err *err)
{
    const struct {
        const struct cli_list *roots;
        const char *driver;
    } kinds[] = {
        {&o->docker_roots, "docker"},
        {&o->containerd_roots, "containerd"},
        {&o->storage_roots, "containers-storage"},
        {&o->layouts, "oci-layout"},
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (o->find || (kinds[i].roots->count > 0 && is_allowed(o, kinds[i].driver)))
            return 0;
    return err_set(err, ERR_USAGE,
                   "with --no-find, name a store with --docker-root, --containerd-root, "
                   "--storage-root or --oci-layout%s",
                   o->engines.count > 0 ? " that --engine allows" : "");
}

static int need_least(const char *name, int64_t ms, const char *least, int64_t least_ms,
                      struct err *err)
{
    return ms >= least_ms
               ? 0
               : err_set(err, ERR_USAGE,
                         "--%s is %" PRId64 " ms, expected at least --%s, %" PRId64 " ms", name, ms,
                         least, least_ms);
}

static int check_collector(struct options *o, struct err *err)
{
    bool tls_files = o->cert != NULL || o->key != NULL || o->ca != NULL;

    if (o->collector == NULL)
        return err_set(err, ERR_USAGE,
                       "no collector: give --collector host:7443 (or unix:/path), or use the "
                       "command scan to print this host's inventory without one");
    if (uvx_address_parse(&o->address, o->collector, DEFAULT_PORT, err) != 0)
        return err_wrap(err, "--collector");
    if (o->address.host[0] == '\0')
        return err_set(err, ERR_USAGE, "--collector \"%.200s\": expected a host before the port",
                       o->collector);
    if (!o->address.is_unix && strtol(o->address.port, NULL, 10) == 0)
        return err_set(err, ERR_USAGE, "--collector \"%.200s\": expected a port from 1 to 65535",
                       o->collector);
    if (o->server_name != NULL &&
        (o->server_name[0] == '\0' || strpbrk(o->server_name, " \t/") != NULL))
        return err_set(err, ERR_USAGE,
                       "--server-name \"%.200s\": expected a host's name or IP address",
                       o->server_name);
    if ((o->cert == NULL) != (o->key == NULL))
        return err_set(err, ERR_USAGE, "--cert and --key are only of use together");
    if (o->plaintext && tls_files)
        return err_set(err, ERR_USAGE, "--plaintext excludes --cert, --key and --ca");
    return need_least("reconnect-max", o->reconnect_max_ms, "reconnect-min", o->reconnect_min_ms,
                      err);
}

/* What is told of the host has at most `most` bytes of UTF-8 without control characters: anything
 * else a collector refuses, with every connection again. */
static int check_told(const char *option, const char *text, size_t most, struct err *err)
{
    size_t len = strlen(text);
    int shown = (int)utf8_cut(text, len < 60 ? len : 60);

    if (len > most)
        return err_set(err, ERR_USAGE, "--%s \"%.*s...\": %zu bytes, expected at most %zu", option,
                       shown, text, len, most);
    if (rec_text_fault(text, len, false) < len)
        return err_set(err, ERR_USAGE, "--%s: a control character in it, or not UTF-8", option);
    return 0;
}

static int check_label(const char *label, struct err *err)
{
    size_t len = strcspn(label, "=");

    if (len == 0 || label[len] != '=' || len > 63)
        return err_set(err, ERR_USAGE, "--label \"%.80s\": expected KEY=VALUE", label);
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)label[i]) && strchr("-._/", label[i]) == NULL)
            return err_set(err, ERR_USAGE,
                           "--label \"%.80s\": a key has letters, digits, '-', '.', '_' and '/'",
                           label);
    return check_told("label", label + len + 1, REC_TEXT_BYTES, err) == 0
               ? 0
               : err_wrap(err, "the value of %.*s", (int)len, label);
}

static int by_label_key(const void *a, const void *b)
{
    return strcmp(((const struct rec_pair *)a)->key, ((const struct rec_pair *)b)->key);
}

/* Splits the labels where they lie, and sorts them. */
static int check_labels(struct options *o, struct err *err)
{
    if (o->labels.count > REC_LABELS_MAX)
        return err_set(err, ERR_USAGE, "--label: more than %d labels", REC_LABELS_MAX);
    o->label_pairs = calloc(o->labels.count + 1, sizeof(*o->label_pairs));
    if (o->label_pairs == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for labels");
    for (size_t i = 0; i < o->labels.count; i++) {
        char *equals;

        if (check_label(o->labels.items[i], err) != 0)
            return -1;
        equals = strchr(o->labels.items[i], '=');
        *equals = '\0';
        o->label_pairs[i] = (struct rec_pair){o->labels.items[i], equals + 1};
    }
    o->label_count = o->labels.count;
    qsort(o->label_pairs, o->label_count, sizeof(*o->label_pairs), by_label_key);
    for (size_t i = 1; i < o->label_count; i++)
        if (strcmp(o->label_pairs[i - 1].key, o->label_pairs[i].key) == 0)
            return err_set(err, ERR_USAGE, "--label %s is given twice", o->label_pairs[i].key);
    return 0;
}

int options_check(struct options *o, bool run, struct err *err)
{
    if (check_paths(o, err) != 0 || check_engines(o, err) != 0)
        return -1;
    if (!run)
        return 0;
    if (need_least("scan-interval", o->scan_ms, "look-interval", o->look_ms, err) != 0)
        return -1;
    if (check_named(o, err) != 0)
        return -1;
    if (o->cluster != NULL && check_told("cluster", o->cluster, REC_NAME_BYTES, err) != 0)
        return -1;
    return check_collector(o, err) != 0 || check_labels(o, err) != 0 ? -1 : 0;
}
