#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli_private.h"

#define NAME_MAX_BYTES 128 /* of a variable that is ours; longer ones name no option */

/* "--log-level" of LAYERCENSUS is LAYERCENSUS_LOG_LEVEL. */
static void variable_name(char out[NAME_MAX_BYTES], const char *prefix, const char *name)
{
    snprintf(out, NAME_MAX_BYTES, "%s_%s", prefix, name);
    for (char *at = out; *at != '\0'; at++)
        *at = *at == '-' ? '_' : (char)toupper((unsigned char)*at);
}

/* Where the name after "PREFIX_" begins in "PREFIX_NAME=value", or NULL. */
static const char *after_prefix(const char *variable, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(variable, prefix, len) == 0 && variable[len] == '_' ? variable + len + 1 : NULL;
}

/* Kubernetes sets such variables for each service, in our name where the service has it. */
static bool is_of_a_service(const char *name)
{
    return strncmp(name, "SERVICE_", 8) == 0 || strncmp(name, "PORT=", 5) == 0 ||
           strncmp(name, "PORT_", 5) == 0;
}

/* Whether another program reads it: LAYERCENSUS_AGENT_LABEL is nothing to LAYERCENSUS. */
static bool is_of_a_sibling(const struct cli_program *program, const char *variable)
{
    for (size_t i = 0; program->sibling_prefixes != NULL && program->sibling_prefixes[i] != NULL;
         i++)
        if (after_prefix(variable, program->sibling_prefixes[i]) != NULL)
            return true;
    return false;
}

/* Whether a variable is what an option reads; else the option is offered as what may be meant. */
static bool is_read(const struct cli_parser *p, const char *name, struct cli_nearest *near)
{
    char of_option[NAME_MAX_BYTES];
    const struct cli_option *o;

    for (size_t t = 0; cli_table(p, t, &o); t++)
        for (; o != NULL && o->name != NULL; o++) {
            if (o->flag_only)
                continue;
            variable_name(of_option, p->program->env_prefix, o->name);
            if (strcmp(of_option, name) == 0)
                return true;
            cli_nearest_offer(near, o->name);
        }
    return false;
}

/* A misspelt variable would have no effect and no voice. It is not refused: others may set it. */
static void warn_if_unknown(const struct cli_parser *p, const char *option, size_t len)
{
    const char *prefix = p->program->env_prefix;
    char name[NAME_MAX_BYTES], word[NAME_MAX_BYTES], meant[NAME_MAX_BYTES];
    struct cli_nearest near = {.word = word, .word_len = len};

    for (size_t i = 0; i < len; i++)
        word[i] = option[i] == '_' ? '-' : (char)tolower((unsigned char)option[i]);
    snprintf(name, sizeof(name), "%s_%.*s", prefix, (int)len, option);
    if (is_read(p, name, &near))
        return;
    fprintf(stderr, "%s: warning: no option is read from the variable %s", p->program->name, name);
    if (near.name != NULL) {
        variable_name(meant, prefix, near.name);
        fprintf(stderr, "; did you mean %s?", meant);
    }
    fputc('\n', stderr);
}

static void warn_of_unknown(const struct cli_parser *p)
{
    for (char **at = environ; at != NULL && *at != NULL; at++) {
        const char *name = after_prefix(*at, p->program->env_prefix);
        size_t len = name != NULL ? strcspn(name, "=") : 0;

        if (len == 0 || len >= NAME_MAX_BYTES || name[len] == '\0' || name[len + 1] == '\0')
            continue;
        if (!is_of_a_service(name) && !is_of_a_sibling(p->program, *at))
            warn_if_unknown(p, name, len);
    }
}

int cli_environment_read(struct cli_parser *p, struct err *err)
{
    char name[NAME_MAX_BYTES];
    const struct cli_option *o;
    const char *value;

    p->source++;
    if (p->program->env_prefix == NULL)
        return 0;
    warn_of_unknown(p);
    for (size_t t = 0; t < CLI_TABLE_BUILTIN && cli_table(p, t, &o); t++) {
        for (; o != NULL && o->name != NULL; o++) {
            variable_name(name, p->program->env_prefix, o->name);
            value = o->flag_only ? NULL : getenv(name);
            if (value != NULL && *value != '\0' && cli_set_joined(p, o, name, value, err) != 0)
                return -1;
        }
    }
    return 0;
}
