/*
 * The instructions that builders write into an image's history.
 *
 * The classic builder (moby, builder/dockerfile) writes "/bin/sh -c #(nop)  ENV A=b" and, for RUN
 * with N build arguments, "|N A=b C=d /bin/sh -c command"; BuildKit writes "ENV A=b" and
 * "RUN |N A=b C=d /bin/sh -c command # buildkit". Neither quotes the values, so where one ends
 * can only be guessed; a wrong guess must cut too much, never too little.
 */
#include <ctype.h>
#include <string.h>

#include "agent/redact_rules.h"

#define NOP "#(nop)"
#define BUILDKIT " # buildkit"

/* A piece of the text still to be looked at. */
struct span {
    const char *text;
    size_t at, end;
};

static bool take_word(struct span *s, const char *word)
{
    size_t len = strlen(word);

    if (s->end - s->at <= len || memcmp(s->text + s->at, word, len) != 0 ||
        !isspace((unsigned char)s->text[s->at + len]))
        return false;
    s->at += len;
    while (s->at < s->end && isspace((unsigned char)s->text[s->at]))
        s->at++;
    return true;
}

/* The length of "NAME=" at text[at], 0 where none is. */
static size_t assignment_at(const struct span *s, size_t at)
{
    size_t i = at;

    while (i < s->end && (isalnum((unsigned char)s->text[i]) || strchr("_.-/", s->text[i]) != NULL))
        i++;
    return i > at && i < s->end && s->text[i] == '=' && s->text[at] != '-' ? i + 1 - at : 0;
}

/* The first assignment at a word's start in [at, end), or end. Blanks in quotes count as well:
 * a value cut short would leak, one cut long does not. */
static size_t next_assignment(const struct span *s, size_t at)
{
    for (; at < s->end; at++)
        if ((at == s->at || isspace((unsigned char)s->text[at - 1])) && assignment_at(s, at) > 0)
            return at;
    return s->end;
}

/* A token such as -c, -ec, -lc. */
static bool is_dash_c(const char *text, size_t len)
{
    if (len < 2 || text[0] != '-' || text[len - 1] != 'c')
        return false;
    for (size_t i = 1; i < len; i++)
        if (!isalpha((unsigned char)text[i]))
            return false;
    return true;
}

/* Where the shell begins that runs the command: the last word with '/' in front before the first
 * "-c". The end where there is none (a RUN in exec form). */
static size_t find_shell(const struct span *s)
{
    size_t shell = s->end;
    size_t at = s->at;

    while (at < s->end) {
        size_t len = 0;

        while (at + len < s->end && !isspace((unsigned char)s->text[at + len]))
            len++;
        if (is_dash_c(s->text + at, len) && shell != s->end)
            return shell;
        if (len > 0 && s->text[at] == '/')
            shell = at;
        at += len + 1;
    }
    return s->end;
}

static size_t trim_back(const char *text, size_t from, size_t to)
{
    while (to > from && isspace((unsigned char)text[to - 1]))
        to--;
    return to;
}

/* Cuts the values of exactly `count` assignments, or, where there seem to be more or fewer (a value
 * with blanks), everything behind the first name. */
static void cut_values(const struct span *s, unsigned long count, struct redact_marks *marks)
{
    size_t first = next_assignment(s, s->at);
    unsigned long found = 0;

    for (size_t at = first; at < s->end; at = next_assignment(s, at + 1))
        found++;
    if (found != count) {
        redact_mark(marks, first + assignment_at(s, first), trim_back(s->text, first, s->end));
        return;
    }
    for (size_t at = first, next; at < s->end; at = next) {
        next = next_assignment(s, at + 1);
        redact_mark(marks, at + assignment_at(s, at), trim_back(s->text, at, next));
    }
}

/* "|N A=b ... /bin/sh -c command" */
static void cut_run_arguments(struct span s, struct redact_marks *marks)
{
    unsigned long count = 0;

    if (s.at >= s.end || s.text[s.at] != '|')
        return;
    for (s.at++; s.at < s.end && isdigit((unsigned char)s.text[s.at]) && count < 10000; s.at++)
        count = count * 10 + (unsigned long)(s.text[s.at] - '0');
    while (s.at < s.end && isspace((unsigned char)s.text[s.at]))
        s.at++;
    if (count == 0)
        return;
    s.end = find_shell(&s);
    cut_values(&s, count, marks);
}

/* ENV and LABEL: the values of secret names, up to the next assignment. */
static void cut_secret_values(const struct span *s, struct redact_marks *marks)
{
    for (size_t at = next_assignment(s, s->at), next; at < s->end; at = next) {
        size_t head = assignment_at(s, at);
        size_t from = at + head;
        size_t to;

        next = next_assignment(s, at + 1);
        to = trim_back(s->text, from, next);
        if (redact_name_is_secret(s->text + at, head - 1) &&
            !redact_value_is_harmless(s->text + at, head - 1, s->text + from, to - from))
            redact_mark(marks, from, to);
    }
}

void redact_rule_instruction(const struct redact_subject *subject, struct redact_marks *marks)
{
    struct span s = {.text = subject->text, .end = subject->len};
    const char *nop = memmem(s.text, s.end, NOP, strlen(NOP));
    size_t tail = strlen(BUILDKIT);

    if (s.end > tail && memcmp(s.text + s.end - tail, BUILDKIT, tail) == 0)
        s.end -= tail;
    cut_run_arguments(s, marks);
    if (take_word(&s, "RUN"))
        cut_run_arguments(s, marks);
    if (nop != NULL && take_word(&s, "/bin/sh") && take_word(&s, "-c"))
        take_word(&s, NOP);
    if (take_word(&s, "ARG")) {
        size_t first = next_assignment(&s, s.at);

        if (first < s.end)
            redact_mark(marks, first + assignment_at(&s, first), trim_back(s.text, first, s.end));
    } else if (take_word(&s, "ENV") || take_word(&s, "LABEL")) {
        cut_secret_values(&s, marks);
    }
}
