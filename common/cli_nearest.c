#include "common/cli_nearest.h"

#include <string.h>

#define WORD_MAX 64 /* longer words are not compared */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Levenshtein distance, one row of the table at a time. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t row[WORD_MAX + 1];

    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t above = row[j];
            size_t changed = diagonal + (a[i - 1] != b[j - 1]);

            row[j] = least(changed, least(above, row[j - 1]) + 1);
            diagonal = above;
        }
    }
    return row[b_len];
}

void cli_nearest_offer(struct cli_nearest *n, const char *name)
{
    size_t len = strlen(name);
    size_t d;

    if (n->word_len == 0 || n->word_len > WORD_MAX || len > WORD_MAX)
        return;
    if (len > n->word_len && strncmp(name, n->word, n->word_len) == 0)
        d = 1; /* a beginning of it: most likely an abbreviation */
    else
        d = distance(n->word, n->word_len, name, len);
    if (d > 1 + n->word_len / 3 || (n->name != NULL && d >= n->distance))
        return;
    n->name = name;
    n->distance = d;
}
