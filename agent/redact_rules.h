/*
 * redact_rules: the single rules of redact, each of which marks what must go in one text. Rules
 * see the original text only and know nothing of each other; overlapping marks become one cut.
 *
 * Threads: pure.
 */
#ifndef AGENT_REDACT_RULES_H
#define AGENT_REDACT_RULES_H

#include <stdbool.h>
#include <stddef.h>

struct redact_mark {
    size_t from, to; /* bytes of the text that go */
};

struct redact_marks {
    struct redact_mark *items;
    size_t count, cap;
    bool failed; /* no memory: nothing of this text may leave */
};

/* One text and the name of what it is the value of (a JSON member, a variable), "" none. */
struct redact_subject {
    const char *text;
    size_t len;
    const char *name;
};

/* An empty range marks nothing. */
void redact_mark(struct redact_marks *marks, size_t from, size_t to);

/* ---- names (redact_names.c) -------------------------------------------------------------------
 */

/* Whether a variable, label, flag or member of this name holds a secret. Names are split into words
 * at everything but letters and digits, and at camelCase: AUTHOR is not AUTH. */
bool redact_name_is_secret(const char *name, size_t len);

/* Whether a value of this name is a public hash (SHA256, GPG_KEY, revision, container). */
bool redact_name_is_hash(const char *name, size_t len);

/* Whether a value says nothing: empty, yes/no/true/false/none, a bare $VARIABLE, already cut; or
 * the name only points to a file and the value is a path. */
bool redact_value_is_harmless(const char *name, size_t name_len, const char *value, size_t len);

/* ---- rules ------------------------------------------------------------------------------------
 */

/* Values of build arguments: "|2 A=b C=d /bin/sh -c ...", "RUN |1 A=b ...", "ARG A=b"; and ENV and
 * LABEL instructions, whose values may hold blanks (redact_history.c). */
void redact_rule_instruction(const struct redact_subject *s, struct redact_marks *marks);

/* NAME=value, "name": "value", Header: value, --flag value, PASSWORD 'value' (redact_assign.c). */
void redact_rule_assignment(const struct redact_subject *s, struct redact_marks *marks);

/* Options of well-known commands that take a password: mysql -pX, curl -u user:X (redact_assign.c).
 */
void redact_rule_command(const struct redact_subject *s, struct redact_marks *marks);

/* scheme://user:password@host (redact_forms.c). */
void redact_rule_url(const struct redact_subject *s, struct redact_marks *marks);

/* Tokens by their published prefixes, JWTs, private keys (redact_forms.c). */
void redact_rule_token(const struct redact_subject *s, struct redact_marks *marks);

/* Long runs that look random and are no hash by context (redact_forms.c). */
void redact_rule_random(const struct redact_subject *s, struct redact_marks *marks);

#endif
