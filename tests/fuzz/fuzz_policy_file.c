/* A policy as somebody may write it; what is accepted is written and read again as the same. */
#include <string.h>

#include "collector/rules/policy_file.h"
#include "common/check.h"
#include "common/cleanup.h"

#define ARENA_BYTES ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *print(const struct policy *policy, size_t *len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, len);
    struct err err = {.kind = ERR_NONE};

    check(out != NULL && policy_write(policy, out, &err) == 0);
    fclose(out);
    return text;
}

/* What is read from its own print prints the same once more. */
static void check_again(const struct policy *policy, struct arena *arena)
{
    size_t len = 0, again_len = 0;
    AUTO_FREE char *text = print(policy, &len);
    AUTO_FREE char *again = NULL;
    struct err err = {.kind = ERR_NONE};
    struct policy p;

    check(policy_parse(&p, "p.yaml", text, len, arena, &err) == 0);
    check(p.mode == policy->mode && p.rule_count == policy->rule_count);
    check(p.exception_count == policy->exception_count);
    again = print(&p, &again_len);
    check(len == again_len && memcmp(text, again, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena_close) struct arena *arena = NULL;
    struct err err = {.kind = ERR_NONE};
    struct policy p;

    check(arena_open(&arena, ARENA_BYTES, &err) == 0);
    if (policy_parse(&p, "p.yaml", (const char *)data, size, arena, &err) != 0) {
        check(err.kind == ERR_USAGE || err.kind == ERR_LIMIT);
        return 0;
    }
    check(p.rule_count <= POLICY_RULES_MAX && p.exception_count <= POLICY_EXCEPTIONS_MAX);
    for (size_t i = 0; i < p.rule_count; i++)
        check(p.rules[i].bases.count <= POLICY_VALUES_MAX);
    for (size_t i = 0; i < p.exception_count; i++)
        check(p.exceptions[i].owner[0] != '\0' && p.exceptions[i].reason[0] != '\0');
    check_again(&p, arena);
    return 0;
}
