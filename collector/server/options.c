#include "collector/server/options.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include "common/record.h"

static const char *const level_choices[] = {"error", "warn", "info", "debug", NULL};
static const char *const form_choices[] = {"text", "json", NULL};

#define FIELD(name) .offset = offsetof(struct options, name)
#define SECOND 1000LL
#define DAY (86400 * SECOND)

static const struct cli_option serve_options[] = {
    {.name = "listen",
     .letter = 'l',
     .type = CLI_LIST,
     FIELD(listen),
     .value = "ADDRESS",
     .standard = "127.0.0.1:" OPTIONS_PORT,
     .help = "Takes hosts' streams at host:port, [v6]:port or unix:/path."},
    {.name = "unix",
     .type = CLI_LIST,
     FIELD(sockets),
     .value = "PATH",
     .help = "Takes streams on this unix socket too."},
    {.name = "cert",
     .type = CLI_TEXT,
     FIELD(cert),
     .value = "FILE",
     .help = "The collector's certificate (PEM chain). With it every TCP address speaks TLS."},
    {.name = "key",
     .type = CLI_TEXT,
     FIELD(key),
     .value = "FILE",
     .help = "The certificate's private key (PEM)."},
    {.name = "ca",
     .type = CLI_TEXT,
     FIELD(ca),
     .value = "FILE",
     .help = "Demands a certificate of this authority (PEM bundle) from each host; it speaks for "
             "the host's name and no other."},
    {.name = "plaintext",
     .type = CLI_FLAG,
     FIELD(plaintext),
     .help = "Allows plaintext beyond this machine. Hosts are then believed their names."},
    {.name = "trust-host-names",
     .type = CLI_FLAG,
     FIELD(trust_host_names),
     .help = "Believes hosts their names beyond this machine where TLS has no --ca."},
    {.name = "heartbeat",
     .type = CLI_DURATION,
     FIELD(heartbeat_ms),
     .value = "TIME",
     .standard = "60s",
     .least = SECOND,
     .most = DAY,
     .help = "How often a host speaks while nothing changes."},
    {.name = "silence",
     .type = CLI_DURATION,
     FIELD(silence_ms),
     .value = "TIME",
     .standard = "90s",
     .least = SECOND,
     .most = DAY,
     .help = "A host that said nothing for so long is not alive: its stream ends, and another "
             "machine may take its name. Longer than the heartbeat."},
    {.name = "lease",
     .type = CLI_DURATION,
     FIELD(lease_ms),
     .value = "TIME",
     .standard = "30s",
     .least = 100,
     .most = DAY,
     .help = "How long a host may bring nothing of the documents it was asked for before another "
             "is asked."},
    {.name = "measure-lease",
     .type = CLI_DURATION,
     FIELD(measure_lease_ms),
     .value = "TIME",
     .standard = "10m",
     .least = 100,
     .most = DAY,
     .help = "The same for measuring layers."},
    {.name = "retire-after",
     .type = CLI_DURATION,
     FIELD(retire_after_ms),
     .value = "TIME",
     .standard = "14d",
     .least = 60 * SECOND,
     .most = 36500 * DAY,
     .help = "A host silent for so long leaves the present figures; its history stays."},
    {.name = "ephemeral-after",
     .type = CLI_DURATION,
     FIELD(ephemeral_after_ms),
     .value = "TIME",
     .standard = "1h",
     .least = 60 * SECOND,
     .most = 36500 * DAY,
     .help = "The same for hosts that call themselves ephemeral."},
    {.name = "connections-max",
     .type = CLI_NUMBER,
     FIELD(connections_max),
     .value = "N",
     .standard = "200000",
     .least = 1,
     .most = 1000000,
     .help = "Most connections at a time."},
    {.name = "message-max",
     .type = CLI_SIZE,
     FIELD(message_max),
     .value = "BYTES",
     .standard = "4M",
     .least = 64 << 10,
     .most = REC_MESSAGE_BYTES,
     .help = "Longest message that a host may send."},
    {.name = "queue-max",
     .type = CLI_SIZE,
     FIELD(queue_max),
     .value = "BYTES",
     .standard = "256M",
     .least = 1,
     .most = 1LL << 40,
     .help = "Most memory for reports that wait for the database; past it hosts are made to wait."},
    {.name = "memory-max",
     .type = CLI_SIZE,
     FIELD(memory_max),
     .value = "BYTES",
     .standard = "512M",
     .least = 1 << 20,
     .most = 1LL << 40,
     .help = "Most memory for reports that are not complete yet, of all hosts together."},
    {.name = "survey-interval",
     .type = CLI_DURATION,
     FIELD(survey_interval_ms),
     .value = "TIME",
     .standard = "5m",
     .least = 100,
     .most = DAY,
     .help = "How often the collector works out what images stand on, and keeps the day's figures "
             "of bases and policy. Longer where that takes more than 2 % of a processor."},
    {.name = "catalogue",
     .type = CLI_TEXT,
     FIELD(catalogue),
     .value = "FILE",
     .help = "What the operator says of names. Without it, catalogue.yaml beside the database, "
             "where there is one. Read anew for each survey."},
    {.name = "policy",
     .type = CLI_TEXT,
     FIELD(policy),
     .value = "FILE",
     .help = "The policy that surveys judge by. Read anew for each survey."},
    {.name = NULL},
};

static const struct cli_option check_options[] = {
    {.name = "thorough",
     .type = CLI_FLAG,
     FIELD(thorough),
     .help = "Also lets SQLite check the whole file with every index, and recomputes the ledger in "
             "plain SQL: minutes for a large fleet."},
    {.name = NULL},
};

static const struct cli_option program_options[] = {
    {.name = "db",
     .letter = 'd',
     .type = CLI_TEXT,
     FIELD(db),
     .value = "FILE",
     .standard = "/var/lib/layercensus/census.db",
     .help = "The database."},
    {.name = "log-level",
     .type = CLI_CHOICE,
     FIELD(log_level),
     .value = "LEVEL",
     .standard = "info",
     .choices = level_choices,
     .help = "The least important events shown."},
    {.name = "log-form",
     .type = CLI_CHOICE,
     FIELD(log_form),
     .value = "FORM",
     .standard = "text",
     .choices = form_choices,
     .help = "Form of the log on stderr."},
    {.name = NULL},
};

static const struct cli_command commands[] = {
    {.name = "serve",
     .arguments = "",
     .options = serve_options,
     .help = "Takes reports until SIGTERM. Logs the event \"ready\" once it can.",
     .example = "layercensus-collector serve --db census.db --listen 127.0.0.1:7443"},
    {.name = "check",
     .arguments = "",
     .options = check_options,
     .help = "Recomputes what the database says twice and prints each difference; works beside a "
             "running collector. Exit status 1 if anything differs.",
     .example = "layercensus-collector check --db census.db"},
    {.name = "backup",
     .arguments = "FILE",
     .least_args = 1,
     .most_args = 1,
     .help = "Copies the database to a new file, consistent, also while a collector runs.",
     .example = "layercensus-collector backup --db census.db census-monday.db"},
    {.name = "host",
     .arguments = "retire NAME|PATTERN",
     .least_args = 2,
     .most_args = 2,
     .help = "Takes hosts out of the present figures at once; '*' and '?' match as in a shell. "
             "The collector must be stopped.",
     .example = "layercensus-collector host retire 'worker-*.batch.example'"},
    {.name = "version",
     .arguments = "",
     .help = "Prints the version.",
     .example = "layercensus-collector version"},
    {.name = NULL},
};

const struct cli_program options_program = {
    .name = "layercensus-collector",
    .about = "Collects what image layers lie on which hosts, into one SQLite file.",
    .env_prefix = "LAYERCENSUS_COLLECTOR",
    .standard_config = "/etc/layercensus/collector.conf",
    .options = program_options,
    .commands = commands,
};

static int add_address(const char *option, const char *text, struct uvx_address *out, size_t *count,
                       struct err *err)
{
    if (*count == OPTIONS_ADDRESSES_MAX)
        return err_set(err, ERR_USAGE, "more than %d addresses to listen on",
                       OPTIONS_ADDRESSES_MAX);
    if (uvx_address_parse(&out[*count], text, OPTIONS_PORT, err) != 0)
        return err_wrap(err, "%s", option);
    (*count)++;
    return 0;
}

int options_addresses(const struct options *options, struct uvx_address *out, size_t *count,
                      struct err *err)
{
    char text[512];

    *count = 0;
    for (size_t i = 0; i < options->listen.count; i++)
        if (add_address("--listen", options->listen.items[i], out, count, err) != 0)
            return -1;
    for (size_t i = 0; i < options->sockets.count; i++) {
        snprintf(text, sizeof(text), "unix:%.500s", options->sockets.items[i]);
        if (add_address("--unix", text, out, count, err) != 0)
            return -1;
    }
    if (*count == 0)
        return err_set(err, ERR_USAGE, "nothing to listen on: give --listen or --unix");
    return 0;
}

/* Beyond this machine there is TLS, and certificates say who a host is, unless told otherwise. */
static int check_remote(const struct options *o, const struct uvx_address *address, struct err *err)
{
    if (uvx_address_is_local(address) || o->plaintext)
        return 0;
    if (o->cert == NULL)
        return err_set(err, ERR_USAGE,
                       "--listen %s reaches beyond this machine in plaintext: give --cert and "
                       "--key, or --plaintext if the network is trusted",
                       address->host);
    if (o->ca == NULL && !o->trust_host_names)
        return err_set(err, ERR_USAGE,
                       "--listen %s takes hosts without certificates: give --ca, or "
                       "--trust-host-names if any machine there may speak for any other",
                       address->host);
    return 0;
}

static int need_longer(const char *name, int64_t ms, const char *than, int64_t than_ms,
                       struct err *err)
{
    return ms > than_ms ? 0
                        : err_set(err, ERR_USAGE,
                                  "--%s is %" PRId64 " ms, expected more than --%s, %" PRId64 " ms",
                                  name, ms, than, than_ms);
}

int options_check(const struct options *o, struct err *err)
{
    struct uvx_address addresses[OPTIONS_ADDRESSES_MAX];
    size_t count;

    if (o->db[0] == '\0')
        return err_set(err, ERR_USAGE, "--db \"\": expected the name of a file");
    if ((o->cert == NULL) != (o->key == NULL))
        return err_set(err, ERR_USAGE, "--cert and --key belong together");
    if (o->ca != NULL && o->cert == NULL)
        return err_set(err, ERR_USAGE, "--ca needs --cert and --key");
    if (need_longer("silence", o->silence_ms, "heartbeat", o->heartbeat_ms, err) != 0 ||
        need_longer("retire-after", o->retire_after_ms, "silence", o->silence_ms, err) != 0 ||
        need_longer("ephemeral-after", o->ephemeral_after_ms, "silence", o->silence_ms, err) != 0)
        return -1;
    if (options_addresses(o, addresses, &count, err) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (check_remote(o, &addresses[i], err) != 0)
            return -1;
    return 0;
}
