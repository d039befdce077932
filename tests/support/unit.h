/*
 * unit: what each unit test needs: cmocka with the headers it wants first, and assertions about
 * functions that report with struct err.
 */
#ifndef TESTS_SUPPORT_UNIT_H
#define TESTS_SUPPORT_UNIT_H

/* In this order: cmocka.h needs the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "common/error.h"

/* The call succeeds; prints the error's text where it does not. The variable err is in scope. */
#define assert_ok(call)                                                                            \
    do {                                                                                           \
        if ((call) != 0)                                                                           \
            fail_msg("%s: %s", #call, err.text);                                                   \
    } while (0)

/* The call fails with this kind, and the error's text holds `words`. */
#define assert_fails(call, expected_kind, words)                                                   \
    do {                                                                                           \
        assert_int_equal(call, -1);                                                                \
        unit_assert_error(&err, expected_kind, words, __FILE__, __LINE__);                         \
    } while (0)

static inline void unit_assert_error(const struct err *err, enum err_kind kind, const char *words,
                                     const char *file, int line)
{
    if (err->kind == kind && strstr(err->text, words) != NULL)
        return;
    print_error("expected %s with \"%s\", got %s: %s\n", err_kind_name(kind), words,
                err_kind_name(err->kind), err->text);
    _fail(file, line);
}

#define unit_count(array) (sizeof(array) / sizeof((array)[0]))

#endif
