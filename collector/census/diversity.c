#include "collector/census/diversity.h"

#include <math.h>

static int64_t thousandths(double value)
{
    return (int64_t)llround(value * 1000.0);
}

void diversity_of(struct diversity *out, const int64_t *weights, size_t count)
{
    double total = 0, largest = 0, entropy = 0, squares = 0;

    *out = (struct diversity){0};
    for (size_t i = 0; i < count; i++) {
        if (weights[i] <= 0)
            continue;
        out->kinds++;
        total += (double)weights[i];
        largest = fmax(largest, (double)weights[i]);
    }
    if (out->kinds == 0)
        return;
    for (size_t i = 0; i < count; i++) {
        double share = weights[i] > 0 ? (double)weights[i] / total : 0;

        entropy -= share > 0 ? share * log(share) : 0;
        squares += share * share;
    }
    out->shannon = thousandths(exp(entropy));
    out->simpson = thousandths(1.0 / squares);
    out->largest = thousandths(largest / total);
}
