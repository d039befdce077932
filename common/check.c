#include "common/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void check_failed(const char *cond, const char *file, int line, const char *func)
{
    fprintf(stderr, "bug: %s does not hold in %s(), %s:%d; please report it\n", cond, func, file,
            line);
    abort();
}
