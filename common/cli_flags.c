#include <stdio.h>
#include <string.h>

#include "common/cli_private.h"

#define WHERE_MAX 80 /* bytes of an option's name as errors show it */
#define COMMAND_NAME_MAX 64
#define GROUP_LIST_MAX 256 /* bytes of the names that an error lists */

/* The command line is walked twice: once to learn the command and the configuration file, and
 * once, after the file and the environment, to set what the flags say. */
struct walk {
    struct cli_parser *p;
    char **argv;
    int argc;
    int at;            /* index of the word being read */
    bool applying;     /* the second walk */
    bool only_args;    /* "--" was seen */
    bool command_seen; /* the command's name was passed */
    const char *group; /* its first word, where it has two */
};

static const struct cli_option *find_letter(const struct cli_parser *p, char letter)
{
    const struct cli_option *o;

    for (size_t t = 0; t < CLI_TABLES_OWN && cli_table(p, t, &o); t++)
        for (; o != NULL && o->name != NULL; o++)
            if (o->letter == letter)
                return o;
    return NULL;
}

/* Names the command that knows the flag, else the nearest flag that would be known here. */
static int fail_unknown(const struct walk *w, const char *name, size_t len, struct err *err)
{
    const struct cli_parser *p = w->p;
    struct cli_nearest n = {.word = name, .word_len = len};
    const struct cli_option *o;

    if (cli_find(p, SIZE_MAX, name, len) != NULL && p->command == NULL)
        return err_set(err, ERR_USAGE, "--%.*s belongs to a command: write it behind its name",
                       (int)len, name);
    if (cli_find(p, SIZE_MAX, name, len) != NULL)
        return err_set(err, ERR_USAGE, "--%.*s is not an option of \"%s\"", (int)len, name,
                       p->command->name);
    for (size_t t = 0; t < CLI_TABLES_OWN && cli_table(p, t, &o); t++)
        for (; o != NULL && o->name != NULL; o++)
            cli_nearest_offer(&n, o->name);
    if (n.name == NULL)
        return err_set(err, ERR_USAGE, "unknown option --%.*s: see --help", (int)len, name);
    return err_set(err, ERR_USAGE, "unknown option --%.*s: did you mean --%s?", (int)len, name,
                   n.name);
}

/* Built-in options belong to the first walk, the others to the second. */
static int take_option(struct walk *w, const struct cli_option *o, const char *value,
                       struct err *err)
{
    char where[WHERE_MAX];

    if (cli_is_builtin(o) == w->applying)
        return 0;
    snprintf(where, sizeof(where), "--%s", o->name);
    return cli_set(w->p, o, where, value, err);
}

/* The value of an option that needs one and has none in its own word. */
static int next_word(struct walk *w, const struct cli_option *o, const char **value,
                     struct err *err)
{
    if (w->at + 1 >= w->argc)
        return err_set(err, ERR_USAGE, "--%s needs a value: %s", o->name,
                       o->value != NULL ? o->value : "VALUE");
    *value = w->argv[++w->at];
    return 0;
}

static int walk_long(struct walk *w, const char *name, struct err *err)
{
    size_t len = strcspn(name, "=");
    const char *value = name[len] == '=' ? name + len + 1 : NULL;
    const struct cli_option *o = cli_find(w->p, CLI_TABLES_OWN, name, len);
    bool negated = false;

    if (o == NULL && len > 3 && strncmp(name, "no-", 3) == 0) {
        o = cli_find(w->p, CLI_TABLES_OWN, name + 3, len - 3);
        negated = o != NULL && o->type == CLI_FLAG && !cli_is_builtin(o);
        if (!negated)
            o = NULL;
    }
    if (o == NULL)
        return fail_unknown(w, name, len, err);
    if (negated && value != NULL)
        return err_set(err, ERR_USAGE, "--%.*s takes no value", (int)len, name);
    if (o->type == CLI_FLAG && value == NULL)
        value = negated ? "no" : "yes";
    if (value == NULL && next_word(w, o, &value, err) != 0)
        return -1;
    return take_option(w, o, value, err);
}

/* "-abc" is "-a -b -c" for flags; where one needs a value, the rest of the word is it. */
static int walk_short(struct walk *w, const char *letters, struct err *err)
{
    for (; *letters != '\0'; letters++) {
        const struct cli_option *o = find_letter(w->p, *letters);
        const char *value = letters + 1;

        if (o == NULL)
            return err_set(err, ERR_USAGE, "unknown option -%c: see --help", *letters);
        if (o->type != CLI_FLAG) {
            if (*value == '\0' && next_word(w, o, &value, err) != 0)
                return -1;
            return take_option(w, o, value, err);
        }
        if (take_option(w, o, "yes", err) != 0)
            return -1;
    }
    return 0;
}

static bool is_group(const struct cli_program *program, const char *word)
{
    for (const struct cli_command *c = program->commands; c->name != NULL; c++)
        if (cli_is_in_group(c, word))
            return true;
    return false;
}

static int choose_command(struct cli_parser *p, const char *name, struct err *err)
{
    struct cli_nearest n = {.word = name, .word_len = strlen(name)};

    for (const struct cli_command *c = p->program->commands; c->name != NULL; c++) {
        if (strcmp(c->name, name) == 0) {
            p->command = c;
            return 0;
        }
        cli_nearest_offer(&n, c->name);
    }
    if (n.name == NULL)
        return err_set(err, ERR_USAGE, "unknown command \"%s\": see --help", name);
    return err_set(err, ERR_USAGE, "unknown command \"%s\": did you mean \"%s\"?", name, n.name);
}

/* The command's name, which may be of two words; *done when it was the last. The second walk has
 * only to pass by. */
static int walk_command(struct walk *w, const char *word, bool *done, struct err *err)
{
    char name[COMMAND_NAME_MAX];

    if (w->group == NULL && is_group(w->p->program, word)) {
        w->group = w->p->group = word;
        *done = false;
        return 0;
    }
    *done = true;
    if (w->applying)
        return 0;
    snprintf(name, sizeof(name), "%s%s%s", w->group != NULL ? w->group : "",
             w->group != NULL ? " " : "", word);
    return choose_command(w->p, name, err);
}

/* The second walk moves arguments before the flags, so that they lie in one piece; what it moves
 * behind them has been read. */
static int walk_argument(struct walk *w, struct err *err)
{
    struct cli_result *r = w->p->result;
    char *word = w->argv[w->at];
    bool is_command = !w->command_seen && (w->p->command == NULL || w->p->command->name != NULL);

    if (is_command)
        return walk_command(w, word, &w->command_seen, err);
    if (!w->applying)
        return 0;
    for (int i = w->at; i > 1 + r->arg_count; i--)
        w->argv[i] = w->argv[i - 1];
    w->argv[1 + r->arg_count++] = word;
    return 0;
}

static int walk_word(struct walk *w, struct err *err)
{
    const char *word = w->argv[w->at];

    if (w->only_args || word[0] != '-' || word[1] == '\0')
        return walk_argument(w, err);
    if (word[1] != '-')
        return walk_short(w, word + 1, err);
    if (word[2] != '\0')
        return walk_long(w, word + 2, err);
    w->only_args = true;
    return 0;
}

/* Only the first word of a command was given: names those that begin with it. */
static int fail_group(const struct walk *w, struct err *err)
{
    size_t used = 0;
    char list[GROUP_LIST_MAX] = "";

    for (const struct cli_command *c = w->p->program->commands; c->name != NULL; c++)
        if (cli_is_in_group(c, w->group) && used < sizeof(list))
            used += (size_t)snprintf(list + used, sizeof(list) - used, "%s\"%s\"",
                                     used > 0 ? ", " : "", c->name);
    return err_set(err, ERR_USAGE, "%s: expected one of %s", w->group, list);
}

static int walk(struct cli_parser *p, int argc, char **argv, bool applying, struct err *err)
{
    struct walk w = {.p = p, .argv = argv, .argc = argc, .applying = applying};

    for (w.at = 1; w.at < argc; w.at++)
        if (walk_word(&w, err) != 0)
            return -1;
    return applying && w.group != NULL && !w.command_seen ? fail_group(&w, err) : 0;
}

int cli_flags_scan(struct cli_parser *p, int argc, char **argv, struct err *err)
{
    return walk(p, argc, argv, false, err);
}

int cli_flags_apply(struct cli_parser *p, int argc, char **argv, struct err *err)
{
    p->result->args = argv + 1;
    p->result->arg_count = 0;
    return walk(p, argc, argv, true, err);
}
