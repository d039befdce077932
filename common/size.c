#include "common/size.h"

#include <inttypes.h>
#include <stdio.h>

#define UNIT 1024.0

char *size_text(int64_t bytes, char out[SIZE_TEXT])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = bytes < 0 ? -(double)bytes : (double)bytes;
    size_t unit = 0;

    if (value < UNIT) {
        snprintf(out, SIZE_TEXT, "%" PRId64 " B", bytes);
        return out;
    }
    value /= UNIT;
    while (value >= UNIT - 0.5 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        value /= UNIT;
        unit++;
    }
    snprintf(out, SIZE_TEXT, "%s%.*f %s", bytes < 0 ? "-" : "",
             value < 9.995   ? 2
             : value < 99.95 ? 1
                             : 0,
             value, units[unit]);
    return out;
}
