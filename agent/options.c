#include "agent/options.h"

#include <stddef.h>
#include <stdlib.h>

#define AT(field) offsetof(struct options, field)

static const char *const lifetimes[] = {"lasting", "ephemeral", NULL};
static const char *const log_levels[] = {"error", "warn", "info", "debug", NULL};
static const char *const log_forms[] = {"text", "json", NULL};
static const char *const outputs[] = {"table", "json", NULL};

/* clang-format off: one option a line or two reads best as a table */
static const struct cli_option common_options[] = {
    {.name = "engine",
     .type = CLI_LIST,
     .offset = AT(engines),
     .value = "NAME",
     .help =
         "Read only this kind of store: docker, containerd, containers-storage (podman, buildah, "
         "CRI-O) or oci-layout; default: all."},
    {.name = "skip",
     .type = CLI_LIST,
     .offset = AT(skip),
     .value = "DIR",
     .help = "Read no store in this directory or below it, whoever names it."},
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
    {.name = "containerd-socket",
     .type = CLI_TEXT,
     .offset = AT(containerd_socket),
     .value = "PATH",
     .standard = "/run/containerd/containerd.sock",
     .help = "Containerd's API socket: finds its root and cross-checks what was read."},
    {.name = "containerd-root",
     .type = CLI_LIST,
     .offset = AT(containerd_roots),
     .value = "DIR",
     .help = "A root directory of containerd, read besides those that are found."},
    {.name = "storage-root",
     .type = CLI_LIST,
     .offset = AT(storage_roots),
     .value = "DIR",
     .help = "A graph root of podman, buildah or CRI-O, read besides those that are found."},
    {.name = "oci-layout",
     .type = CLI_LIST,
     .offset = AT(layouts),
     .value = "DIR",
     .help = "A directory in OCI image layout; none is found by itself."},
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
     .help = "Do not report containers' names, nor their Kubernetes namespaces and pods."},
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
     .standard = "60s",
     .least = 50,
     .most = 3600000,
     .help =
         "How often to look whether a store has changed (a few stats) though the kernel told of "
         "no change. A store of which it cannot tell: each 2s, or as often as this."},
    {.name = "scan-interval",
     .type = CLI_DURATION,
     .offset = AT(scan_ms),
     .value = "TIME",
     .standard = "12h",
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

void options_free(struct options *o)
{
    free(o->label_pairs);
    cli_free(&options_program, o);
    *o = (struct options){0};
}

static struct engine_texts texts(const struct cli_list *list)
{
    return (struct engine_texts){.items = list->items, .count = list->count};
}

static const char *text_or_none(const char *text)
{
    return text != NULL ? text : "";
}

struct engine_options options_engine(const struct options *o)
{
    struct engine_options e = {
        .host_root = text_or_none(o->host_root),
        .docker_socket = text_or_none(o->docker_socket),
        .containerd_socket = text_or_none(o->containerd_socket),
        .only = texts(&o->engines),
        .skip = texts(&o->skip),
        .find = o->find,
        .use_api = o->api,
        .container_names = o->container_names,
        .api_timeout_ms = o->api_timeout_ms,
    };

    if (o->roots.count > 0) { /* scan --root: these and nothing else */
        e.docker_roots = texts(&o->roots);
        e.find = false;
        return e;
    }
    e.docker_roots = texts(&o->docker_roots);
    e.containerd_roots = texts(&o->containerd_roots);
    e.storage_roots = texts(&o->storage_roots);
    e.layouts = texts(&o->layouts);
    return e;
}
