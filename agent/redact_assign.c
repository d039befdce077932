#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "agent/redact_rules.h"

static bool is_name_byte(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

static bool is_quote(char c)
{
    return c == '"' || c == '\'' || c == '`';
}

/* Ends a word of a shell command or a parameter of a URL. */
static bool is_end(char c)
{
    return isspace((unsigned char)c) || strchr(";&|<>)", c) != NULL;
}

static size_t skip_blanks(const struct redact_subject *s, size_t at)
{
    while (at < s->len && (s->text[at] == ' ' || s->text[at] == '\t'))
        at++;
    return at;
}

/* Behind the closing quote of the one at `at`; the end where it is not closed. A backslash in
 * front of the opening quote (a string within a string) must be in front of the closing one. */
static size_t behind_quote(const struct redact_subject *s, size_t at)
{
    char quote = s->text[at];
    bool nested = at > 0 && s->text[at - 1] == '\\';

    for (size_t i = at + 1; i < s->len; i++)
        if (s->text[i] == quote && (s->text[i - 1] == '\\') == nested)
            return i + 1;
    return s->len;
}

/* The end of a shell word that begins at `at`. A quote before the end of a word closes a string
 * around all of it; any other opens one that belongs to the word. */
static size_t word_end(const struct redact_subject *s, size_t at)
{
    size_t i = at;

    while (i < s->len && !is_end(s->text[i])) {
        bool opens =
            is_quote(s->text[i]) && (i == at || (i + 1 < s->len && !is_end(s->text[i + 1])));

        if (is_quote(s->text[i]) && !opens)
            return i;
        if (s->text[i] == '\\' && i + 1 < s->len && !is_quote(s->text[i + 1]))
            i += 2;
        else
            i = opens ? behind_quote(s, i) : i + 1;
    }
    return i < s->len ? i : s->len;
}

/* Marks the value in [from, to), without the quotes around it, unless it says nothing. */
static void mark_value(const struct redact_subject *s, const char *name, size_t name_len,
                       size_t from, size_t to, struct redact_marks *marks)
{
    if (to > from && s->text[from] == '\\')
        from++;
    if (to > from + 1 && is_quote(s->text[from]) && s->text[to - 1] == s->text[from]) {
        from++;
        to--;
        if (to > from && s->text[to - 1] == '\\')
            to--;
    }
    if (!redact_value_is_harmless(name, name_len, s->text + from, to - from))
        redact_mark(marks, from, to);
}

/* The name that ends before `at`, quoted or not; returns its length, 0 none. */
static size_t name_before(const struct redact_subject *s, size_t at, const char **name,
                          bool *quoted)
{
    size_t end = at;
    size_t start;

    *quoted = end > 0 && is_quote(s->text[end - 1]);
    if (*quoted)
        end--;
    if (*quoted && end > 0 && s->text[end - 1] == '\\')
        end--;
    for (start = end; start > 0 && is_name_byte(s->text[start - 1]); start--)
        ;
    *name = s->text + start;
    return end - start;
}

/* A header's or a YAML value goes to the end of its string or line. */
static size_t line_end(const struct redact_subject *s, size_t at)
{
    while (at < s->len && s->text[at] != '\n' && !is_quote(s->text[at]) && s->text[at] != '\\')
        at++;
    return at;
}

/* Whether what begins at `at` is the quoted value of -H or --header. */
static bool is_header_option(const struct redact_subject *s, size_t at)
{
    return at >= 4 && is_quote(s->text[at - 1]) &&
           (memcmp(s->text + at - 4, "-H ", 3) == 0 ||
            (at >= 8 && memcmp(s->text + at - 8, "header", 6) == 0));
}

/* NAME: value. Without a blank or quotes it is no value ("repo/secret:latest"), but for a header.
 */
static void at_colon(const struct redact_subject *s, size_t at, struct redact_marks *marks)
{
    const char *name;
    bool quoted;
    size_t name_len = name_before(s, at, &name, &quoted);
    size_t from = skip_blanks(s, at + 1);
    size_t opening = from < s->len && s->text[from] == '\\' ? from + 1 : from;
    bool header = (name_len == strlen("authorization") &&
                   strncasecmp(name, "authorization", name_len) == 0) ||
                  (name_len > 0 && is_header_option(s, (size_t)(name - s->text)));

    if (name_len == 0 || from >= s->len || !redact_name_is_secret(name, name_len))
        return;
    if (s->text[at + 1] == '-' && memrchr(s->text, '{', at) != NULL) /* ${NAME:-value} */
        mark_value(s, name, name_len, at + 2, at + 2 + strcspn(s->text + at + 2, "}"), marks);
    else if (opening < s->len && is_quote(s->text[opening]))
        mark_value(s, name, name_len, from, behind_quote(s, opening), marks);
    else if (quoted || header || from > at + 1)
        mark_value(s, name, name_len, from, line_end(s, from), marks);
}

static void at_equals(const struct redact_subject *s, size_t at, struct redact_marks *marks)
{
    bool colon = at > 0 && s->text[at - 1] == ':';
    const char *name;
    bool quoted;
    size_t name_len = name_before(s, colon ? at - 1 : at, &name, &quoted);

    if (name_len > 0 && redact_name_is_secret(name, name_len))
        mark_value(s, name, name_len, at + 1, word_end(s, at + 1), marks);
}

/* Whether the word that holds text[at] comes right behind one of these. */
static bool follows(const struct redact_subject *s, size_t at, const char *const *words)
{
    size_t end = at;
    size_t start;

    while (end > 0 && !isspace((unsigned char)s->text[end - 1]))
        end--;
    while (end > 0 && (s->text[end - 1] == ' ' || s->text[end - 1] == '\t'))
        end--;
    for (start = end; start > 0 && !isspace((unsigned char)s->text[start - 1]); start--)
        ;
    for (; *words != NULL; words++)
        if (strlen(*words) == end - start && memcmp(*words, s->text + start, end - start) == 0)
            return true;
    return false;
}

/* "aws configure set NAME value", "composer config NAME value"; and ~/.netrc, where a line or what
 * follows "login me" is "password value". */
static bool is_setting(const struct redact_subject *s, size_t at, size_t len)
{
    static const char *const setters[] = {"set", "config", NULL};
    static const char *const login[] = {"login", NULL};
    size_t user = at;

    if (follows(s, at, setters))
        return true;
    if (len != strlen("password") || memcmp(s->text + at, "password", len) != 0)
        return false;
    while (user > 0 && (s->text[user - 1] == ' ' || s->text[user - 1] == '\t'))
        user--;
    return at == 0 || s->text[at - 1] == '\n' || (user > 0 && follows(s, user - 1, login));
}

/* <name>value</name> */
static void at_tag(const struct redact_subject *s, size_t at, struct redact_marks *marks)
{
    const char *name;
    bool quoted;
    size_t name_len = name_before(s, at, &name, &quoted);

    if (name_len > 0 && name > s->text && name[-1] == '<' && redact_name_is_secret(name, name_len))
        mark_value(s, name, name_len, at + 1, at + 1 + strcspn(s->text + at + 1, "<\n"), marks);
}

/* --name value, -name value, "--name" "value" as an exec form has it, NAME 'value' as SQL writes
 * it, and what sets NAME. */
static void at_blank(const struct redact_subject *s, size_t at, struct redact_marks *marks)
{
    const char *name;
    bool quoted, flag;
    size_t name_len = name_before(s, at, &name, &quoted);
    size_t from = skip_blanks(s, at);

    if (name_len < 2 || from >= s->len || !redact_name_is_secret(name, name_len))
        return;
    flag = name[0] == '-';
    if (quoted && !(flag && is_quote(s->text[from])))
        return;
    if (quoted || (!flag && strchr("-=|&;<>", s->text[from]) == NULL &&
                   is_setting(s, (size_t)(name - s->text), name_len))) {
        mark_value(s, name, name_len, from, quoted ? behind_quote(s, from) : word_end(s, from),
                   marks);
        return;
    }
    if (flag ? s->text[from] != '-'
             : name_len == strlen("password") && strncasecmp(name, "password", name_len) == 0 &&
                   is_quote(s->text[from]))
        mark_value(s, name, name_len, from, word_end(s, from), marks);
}

void redact_rule_assignment(const struct redact_subject *s, struct redact_marks *marks)
{
    for (size_t i = 1; i < s->len; i++) {
        if (s->text[i] == ':')
            at_colon(s, i, marks);
        else if (s->text[i] == '=')
            at_equals(s, i, marks);
        else if (s->text[i] == '>')
            at_tag(s, i, marks);
        else if ((s->text[i] == ' ' || s->text[i] == '\t') &&
                 (is_name_byte(s->text[i - 1]) || is_quote(s->text[i - 1])))
            at_blank(s, i, marks);
    }
}

/* ---- commands ---------------------------------------------------------------------------------
 */

/* Of an option's value; or, where there is no option: the words behind the command, or what is
 * piped into it. */
enum secret_part { WHOLE, BEHIND_COLON, FIRST, LAST, PIPED };

/* An option of a command (by the start of its name) whose value is a password. */
struct secret_option {
    const char *command, *option;
    enum secret_part part;
};

static const struct secret_option secret_options[] = {
    {"mysql", "-p", WHOLE},
    {"mariadb", "-p", WHOLE},
    {"sshpass", "-p", WHOLE},
    {"redis-cli", "-a", WHOLE},
    {"docker login", "-p", WHOLE},
    {"podman login", "-p", WHOLE},
    {"ldapsearch", "-w", WHOLE},
    {"ldapadd", "-w", WHOLE},
    {"curl", "-u", BEHIND_COLON},
    {"curl", "--user", BEHIND_COLON},
    {"curl", "-U", BEHIND_COLON},
    {"curl", "--proxy-user", BEHIND_COLON},
    {"chpasswd", NULL, BEHIND_COLON},
    {"registry login", "-p", WHOLE},
    {"az login", "-p", WHOLE},
    {"nuget add", "-p", WHOLE},
    {"twine upload", "-p", WHOLE},
    {"useradd", "-p", WHOLE},
    {"usermod", "-p", WHOLE},
    {"unzip", "-P", WHOLE},
    {"ssh-keygen", "-N", WHOLE},
    {"mongo ", "-p", WHOLE},
    {"mongosh", "-p", WHOLE},
    {"mysqladmin", "password", WHOLE},
    {"IDENTIFIED BY", NULL, FIRST},
    {"_password BY", NULL, FIRST},
    {"identified by", NULL, FIRST},
    {"cargo login", NULL, FIRST},
    {"vault login", NULL, FIRST},
    {"ngrok authtoken", NULL, FIRST},
    {"config http-basic.", NULL, LAST},
    {"htpasswd -b", NULL, LAST},
    {"rabbitmqctl add_user", NULL, LAST},
    {"--password-stdin", NULL, PIPED},
    {"| passwd", NULL, PIPED},
};

/* Marks the value of `option` in the simple command [from, to). */
static void mark_option(const struct redact_subject *s, const struct secret_option *o, size_t from,
                        size_t to, struct redact_marks *marks)
{
    size_t len = strlen(o->option);

    for (size_t i = from; i + len < to; i++) {
        size_t value = i + len;
        size_t end;
        const char *colon;

        if (!isspace((unsigned char)s->text[i]) || memcmp(s->text + i + 1, o->option, len) != 0)
            continue;
        value = skip_blanks(s, value + 1);
        if (value < to && s->text[value] == '=')
            value++;
        end = word_end(s, value);
        colon = value < end ? memchr(s->text + value, ':', end - value) : NULL;
        if (o->part == WHOLE && value < end && s->text[value] != '-')
            mark_value(s, "", 0, value, end, marks);
        else if (o->part == BEHIND_COLON && colon != NULL)
            mark_value(s, "", 0, (size_t)(colon + 1 - s->text),
                       is_quote(s->text[end - 1]) ? end - 1 : end, marks);
    }
}

/* echo 'root:password' | chpasswd: the pair stands before the command. */
static void mark_piped_pair(const struct redact_subject *s, size_t command,
                            struct redact_marks *marks)
{
    const char *echo = NULL;
    const char *found = s->text;
    const char *colon;

    while ((found = memmem(found, (size_t)(s->text + command - found), "echo", 4)) != NULL)
        echo = found++;
    if (echo == NULL)
        return;
    colon = memchr(echo, ':', (size_t)(s->text + command - echo));
    if (colon != NULL)
        redact_mark(marks, (size_t)(colon + 1 - s->text),
                    word_end(s, (size_t)(colon + 1 - s->text)));
}

/* echo secret | command --password-stdin */
static void mark_piped(const struct redact_subject *s, size_t command, struct redact_marks *marks)
{
    const char *bar = memrchr(s->text, '|', command + 1);
    const char *echo = NULL;
    const char *found = s->text;
    size_t from;

    while (bar != NULL && (found = memmem(found, (size_t)(bar - found), "echo ", 5)) != NULL)
        echo = found++;
    if (echo == NULL)
        return;
    from = skip_blanks(s, (size_t)(echo + 5 - s->text));
    while (s->text[from] == '-')
        from = skip_blanks(s, word_end(s, from));
    mark_value(s, "", 0, from, word_end(s, from), marks);
}

/* The first or the last word of [from, to), options aside; where there is one. */
static void mark_word(const struct redact_subject *s, enum secret_part part, size_t from, size_t to,
                      struct redact_marks *marks)
{
    size_t start = to, end = to;

    while (from < to && !isspace((unsigned char)s->text[from]))
        from++;
    for (from = skip_blanks(s, from); from < to; from = skip_blanks(s, end)) {
        end = word_end(s, from);
        if (end <= from)
            break;
        if (s->text[from] != '-')
            start = from;
        if (part == FIRST)
            break;
    }
    if (start < to)
        mark_value(s, "", 0, start, word_end(s, start), marks);
}

void redact_rule_command(const struct redact_subject *s, struct redact_marks *marks)
{
    for (size_t k = 0; k < sizeof(secret_options) / sizeof(secret_options[0]); k++) {
        const struct secret_option *o = &secret_options[k];
        const char *at = s->text;

        while ((at = memmem(at, s->len - (size_t)(at - s->text), o->command, strlen(o->command)))) {
            size_t from = (size_t)(at - s->text);

            if (o->part == PIPED)
                mark_piped(s, from, marks);
            else if (o->part == FIRST || o->part == LAST)
                mark_word(s, o->part, from + strlen(o->command) - 1, from + strcspn(at, ";&|<>\n"),
                          marks);
            else if (o->option == NULL)
                mark_piped_pair(s, from, marks);
            else if (from == 0 || !is_name_byte(s->text[from - 1]))
                mark_option(s, o, from, from + strcspn(at, ";&|\n"), marks);
            at++;
        }
    }
}
