/*
 * layercensus-collector: serve | check | backup | host retire | version.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "collector/server/options.h"
#include "collector/server/server.h"
#include "collector/store/admin.h"
#include "collector/store/check.h"
#include "collector/store/store.h"
#include "common/cleanup.h"
#include "common/cli.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/uvx.h"

enum { EXIT_FINE = 0, EXIT_FOUND = 1 };

/* Each returns the exit status, or -1 with *err. */
static int run_serve(const struct options *options, struct cli_result *cli, struct err *err)
{
    AUTO(server_close) struct server *server = NULL;
    uv_loop_t loop;
    int rc = uv_loop_init(&loop);

    (void)cli;
    if (rc != 0)
        return uvx_fail(err, rc, "start the loop");
    rc = server_open(&server, &loop, options, err);
    if (rc == 0) {
        uv_run(&loop, UV_RUN_DEFAULT);
        server_close(&server);
    }
    return uvx_loop_close(&loop, rc == 0 ? err : NULL) == 0 ? rc : -1;
}

static void print_finding(const char *line, void *arg)
{
    (void)arg;
    puts(line);
}

static int run_check(const struct options *options, struct cli_result *cli, struct err *err)
{
    AUTO(store_close) struct store *store = NULL;
    struct check_result result = {0};

    (void)cli;
    if (store_open_reader(&store, options->db, err) != 0 ||
        store_check(store, options->thorough, &result, print_finding, NULL, err) != 0)
        return -1;
    printf("%" PRIu64 " things compared, %" PRIu64 " findings\n", result.checked, result.findings);
    return result.findings == 0 ? EXIT_FINE : EXIT_FOUND;
}

static int run_backup(const struct options *options, struct cli_result *cli, struct err *err)
{
    AUTO(store_close) struct store *store = NULL;

    if (store_open_reader(&store, options->db, err) != 0)
        return -1;
    if (store_backup(store, cli->args[0], err) != 0)
        return -1;
    printf("%s copied to %s\n", options->db, cli->args[0]);
    return EXIT_FINE;
}

/* Through a writer of its own, and so only while no collector has the database. */
static int run_host(const struct options *options, struct cli_result *cli, struct err *err)
{
    AUTO(store_close) struct store *store = NULL;
    uint64_t retired = 0;

    if (strcmp(cli->args[0], "retire") != 0)
        return err_set(err, ERR_USAGE, "host %s: expected host retire NAME|PATTERN", cli->args[0]);
    if (store_open_writer(&store, options->db, err) != 0)
        return err_wrap(err, "host retire needs the database for itself: stop the collector first");
    if (admin_retire(store, cli->args[1], clock_wall_ms() / 1000, &retired, err) != 0)
        return -1;
    printf("%" PRIu64 " hosts retired\n", retired);
    return retired > 0 ? EXIT_FINE
                       : err_set(err, ERR_NOT_FOUND, "no present host is named %s", cli->args[1]);
}

static int run_version(const struct options *options, struct cli_result *cli, struct err *err)
{
    (void)options;
    (void)cli;
    (void)err;
    printf("layercensus-collector %s\n", LAYERCENSUS_VERSION);
    return EXIT_FINE;
}

static const struct {
    const char *name;
    int (*run)(const struct options *options, struct cli_result *cli, struct err *err);
} runs[] = {
    {"serve", run_serve}, {"check", run_check},     {"backup", run_backup},
    {"host", run_host},   {"version", run_version},
};

static int run_command(const struct options *options, struct cli_result *cli, struct err *err)
{
    for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++)
        if (strcmp(runs[i].name, cli->command->name) == 0)
            return runs[i].run(options, cli, err);
    return err_set(err, ERR_USAGE, "no command %s", cli->command->name);
}

/* What can be said without opening anything but the files named. */
static int check_config(const struct options *options, const struct cli_result *cli,
                        struct err *err)
{
    bool serves = cli->command != NULL && strcmp(cli->command->name, "serve") == 0;

    if (serves && server_check(options, err) != 0)
        return -1;
    printf("the configuration%s is good\n", serves ? " of serve" : "");
    return EXIT_FINE;
}

int main(int argc, char **argv)
{
    struct options options;
    struct cli_result cli;
    struct err err;
    int status;

    if (cli_parse(&options_program, argc, argv, &options, &cli, &err) != 0) {
        fprintf(stderr, "layercensus-collector: %s\n", err.text);
        return err_exit_status(err.kind);
    }
    if (cli.done)
        return EXIT_FINE;
    signal(SIGPIPE, SIG_IGN);
    log_setup(STDERR_FILENO, (enum log_level)options.log_level, (enum log_form)options.log_form);
    status =
        cli.check_config ? check_config(&options, &cli, &err) : run_command(&options, &cli, &err);
    if (status < 0) {
        fprintf(stderr, "layercensus-collector: %s\n", err.text);
        status = err_exit_status(err.kind);
    }
    cli_free(&options_program, &options);
    return status;
}
