#include "agent/options.h"

#include <ctype.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/utf8.h"

#define AT(field) offsetof(struct options, field)
#define DEFAULT_PORT "7443"

static const char *const lifetimes[] = {"lasting", "ephemeral", NULL};
static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const log_forms[] = {"text", "json", NULL};
static const char *const outputs[] = {"table", "json", NULL};

/* clang-format off: one option a line or two reads best as a table */
static const struct cli_option common_options[] = {
    {.name = "docker-socket",
     .type = CLI_TEXT,
     .offset = AT(docker_socket),
     .value = "PATH",
     .standard = "/var/run/docker.sock",
     .help = "Docker's API socket: finds its root and cross-checks what was read."},
    {.name = "docker-root",
     .type = CLI_LIST,
     .offset = AT(docker_roots),
     .value = "DIR",
     .help = "A docker data root, read besides those that are found."},
    {.name = "host-root",
     .type = CLI_TEXT,
     .offset = AT(host_root),
     .value = "DIR",
     .help = "Where the host's root directory is seen; for an agent in a container, \"/host\"."},
    {.name = "find",
     .type = CLI_FLAG,
     .offset = AT(find),
     .standard = "yes",
     .help = "Do not look for engines in the well-known places, nor ask their sockets."},
    {.name = "api",
     .type = CLI_FLAG,
     .offset = AT(api),
     .standard = "yes",
     .help = "Never ask the engines' APIs anything, not even to cross-check what was read."},
    {.name = "api-timeout",
     .type = CLI_DURATION,
     .offset = AT(api_timeout_ms),
     .value = "TIME",
     .standard = "5s",
     .least = 100,
     .most = 60000,
     .help = "How long an engine's API may take for one answer."},
    {.name = "container-names",
     .type = CLI_FLAG,
     .offset = AT(container_names),
     .standard = "yes",
     .help = "Do not report the names of containers."},
    {.name = "measure",
     .type = CLI_FLAG,
     .offset = AT(measure),
     .standard = "yes",
     .help = "Do not walk the layers' directories (at lowest priority) to count bytes and files."},
    {.name = "measure-rate",
     .type = CLI_NUMBER,
     .offset = AT(measure_rate),
     .value = "ENTRIES",
     .standard = "20000",
     .least = 0,
     .most = 100000000,
     .help = "Directory entries looked at in a second while measuring; 0: no limit."},
    {.name = "log-level",
     .type = CLI_CHOICE,
     .offset = AT(log_level),
     .value = "LEVEL",
     .standard = "info",
     .choices = log_levels,
     .help = "The least important events logged."},
    {.name = "log-form",
     .type = CLI_CHOICE,
     .offset = AT(log_form),
     .value = "FORM",
     .standard = "text",
     .choices = log_forms,
     .help = "Lines of key=value text, or of JSON."},
    {.name = NULL},
};

static const struct cli_option run_options[] = {
    {.name = "collector",
     .type = CLI_TEXT,
     .offset = AT(collector),
     .value = "ADDRESS",
     .help = "The collector: host:port, [v6]:port (default port 7443) or unix:/path. Required."},
    {.name = "cert",
     .type = CLI_TEXT,
     .offset = AT(cert),
     .value = "FILE",
     .help = "This host's certificate chain (PEM)."},
    {.name = "key",
     .type = CLI_TEXT,
     .offset = AT(key),
     .value = "FILE",
     .help = "The certificate's private key (PEM)."},
    {.name = "ca",
     .type = CLI_TEXT,
     .offset = AT(ca),
     .value = "FILE",
     .help = "Certificates that may sign the collector's (PEM); default: the system's."},
    {.name = "server-name",
     .type = CLI_TEXT,
     .offset = AT(server_name),
     .value = "NAME",
     .help = "The name that the collector's certificate must have; default: the address's host."},
    {.name = "plaintext",
     .type = CLI_FLAG,
     .offset = AT(plaintext),
     .standard = "no",
     .help = "Speak without TLS. On loopback and unix sockets it needs no flag."},
    {.name = "reconnect-min",
     .type = CLI_DURATION,
     .offset = AT(reconnect_min_ms),
     .value = "TIME",
     .standard = "1s",
     .least = 10,
     .most = 3600000,
     .help = "The first wait after a lost connection; later ones double."},
    {.name = "reconnect-max",
     .type = CLI_DURATION,
     .offset = AT(reconnect_max_ms),
     .value = "TIME",
     .standard = "60s",
     .least = 10,
     .most = 86400000,
     .help = "The longest wait between two attempts."},
    {.name = "host-name",
     .type = CLI_TEXT,
     .offset = AT(host_name),
     .value = "NAME",
     .help = "What this host is called; default: its own name. A certificate overrules it."},
    {.name = "cluster",
     .type = CLI_TEXT,
     .offset = AT(cluster),
     .value = "NAME",
     .help = "The cluster that this host belongs to."},
    {.name = "label",
     .type = CLI_LIST,
     .offset = AT(labels),
     .value = "K=V",
     .help = "A label of this host."},
    {.name = "state-dir",
     .type = CLI_TEXT,
     .offset = AT(state_dir),
     .value = "DIR",
     .standard = "/var/lib/layercensus-agent",
     .help = "Where the agent keeps who this host is."},
    {.name = "lifetime",
     .type = CLI_CHOICE,
     .offset = AT(lifetime),
     .value = "KIND",
     .standard = "lasting",
     .choices = lifetimes,
     .help = "An ephemeral host (an autoscaler's) leaves the fleet when it falls silent."},
    {.name = "sample",
     .type = CLI_FLAG,
     .offset = AT(sample),
     .standard = "no",
     .help = "Mark this host's stores as samples, made only to show something."},
    {.name = "look-interval",
     .type = CLI_DURATION,
     .offset = AT(look_ms),
     .value = "TIME",
     .standard = "2s",
     .least = 50,
     .most = 3600000,
     .help = "How often to look whether a store has changed (a few stats)."},
    {.name = "scan-interval",
     .type = CLI_DURATION,
     .offset = AT(scan_ms),
     .value = "TIME",
     .standard = "10m",
     .least = 100,
     .most = 604800000,
     .help = "How often to read every store as a whole anyway, with some jitter."},
    {.name = "absent-after",
     .type = CLI_DURATION,
     .offset = AT(absent_ms),
     .value = "TIME",
     .standard = "10m",
     .least = 0,
     .most = 2592000000,
     .help = "How long a vanished store counts as unreadable before it counts as removed."},
    {.name = NULL},
};

static const struct cli_option scan_options[] = {
    {.name = "root",
     .type = CLI_LIST,
     .offset = AT(roots),
     .value = "DIR",
     .help = "Read this docker data root and nothing else."},
    {.name = "output",
     .letter = 'o',
     .type = CLI_CHOICE,
     .offset = AT(output),
     .value = "FORM",
     .standard = "table",
     .choices = outputs,
     .help = "A table for people, or JSON."},
    {.name = NULL},
};

static const struct cli_command commands[] = {
    {.name = OPTIONS_RUN,
     .arguments = "",
     .help = "Report this host to a collector until stopped.",
     .example = "layercensus-agent run --collector census.example.com:7443 --cert host.pem "
                "--key host.key --ca ca.pem",
     .options = run_options},
    {.name = OPTIONS_SCAN,
     .arguments = "",
     .help = "Print what this host's engines store, without any collector.",
     .example = "layercensus-agent scan -o json --root /var/lib/docker",
     .options = scan_options},
    {.name = NULL},
};
/* clang-format on */

const struct cli_program options_program = {
    .name = "layercensus-agent",
    .about = "Reads what this host's container engines store and reports what changes.",
    .env_prefix = "LAYERCENSUS_AGENT",
    .standard_config = "/etc/layercensus/agent.conf",
    .options = common_options,
    .commands = commands,
};

/* ---- checks ---------------------------------------------------------------------------------- */

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

static int check_paths(const struct options *o, struct err *err)
{
    for (size_t i = 0; i < o->docker_roots.count; i++)
        if (check_path("docker-root", o->docker_roots.items[i], err) != 0)
            return -1;
    for (size_t i = 0; i < o->roots.count; i++)
        if (check_path("root", o->roots.items[i], err) != 0)
            return -1;
    if (check_path_or_none("host-root", o->host_root, err) != 0 ||
        check_path_or_none("docker-socket", o->docker_socket, err) != 0)
        return -1;
    return o->state_dir == NULL ? 0 : check_path("state-dir", o->state_dir, err); /* scan: none */
}

/* Drops the slashes at the end of --host-root, so that prefix and path join as they are. */
static void trim_host_root(struct options *o)
{
    size_t len = o->host_root != NULL ? strlen(o->host_root) : 0;

    while (len > 0 && o->host_root[len - 1] == '/')
        o->host_root[--len] = '\0';
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
    if (check_paths(o, err) != 0)
        return -1;
    trim_host_root(o);
    if (!run)
        return 0;
    if (need_least("scan-interval", o->scan_ms, "look-interval", o->look_ms, err) != 0)
        return -1;
    if (!o->find && o->docker_roots.count == 0)
        return err_set(err, ERR_USAGE, "with --no-find, name a store with --docker-root");
    if (o->cluster != NULL && check_told("cluster", o->cluster, REC_NAME_BYTES, err) != 0)
        return -1;
    return check_collector(o, err) != 0 || check_labels(o, err) != 0 ? -1 : 0;
}

void options_free(struct options *o)
{
    free(o->label_pairs);
    cli_free(&options_program, o);
    *o = (struct options){0};
}

struct engine_options options_engine(const struct options *o)
{
    struct engine_options e = {
        .host_root = o->host_root != NULL ? o->host_root : "",
        .docker_socket = o->docker_socket != NULL ? o->docker_socket : "",
        .docker_roots = o->docker_roots.items,
        .docker_root_count = o->docker_roots.count,
        .find = o->find,
        .use_api = o->api,
        .container_names = o->container_names,
        .api_timeout_ms = o->api_timeout_ms,
    };

    if (o->roots.count > 0) { /* scan --root: these and nothing else */
        e.docker_roots = o->roots.items;
        e.docker_root_count = o->roots.count;
        e.find = false;
    }
    return e;
}
