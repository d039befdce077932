/*
 * look_at DRIVER ROOT ROUNDS DIRECTORY...: what the agent's look at an unchanged store costs, warm.
 *
 * One JSON object a round (looking.h). The directories, absolute, are the floor's.
 */
#include <stdio.h>

#include "tests/bench/looking.h"
#include "tests/bench/rig.h"

int main(int argc, char **argv)
{
    struct looking look;

    if (argc < 5) {
        fprintf(stderr, "usage: look_at DRIVER ROOT ROUNDS DIRECTORY...\n");
        return 2;
    }
    looking_open(&look, argv[1], argv[2]);
    for (size_t i = bench_number(argv[3]); i > 0; i--)
        looking_round(&look, (const char *const *)argv + 4);
    return 0;
}
