/*
 * size: bytes as people read them, in binary units, the same in every program.
 *
 * Threads: pure.
 */
#ifndef COMMON_SIZE_H
#define COMMON_SIZE_H

#include <stdint.h>

#define SIZE_TEXT 32

/* Three digits that count: "999 B", "1.23 MiB", "12.3 GiB". Returns out. */
char *size_text(int64_t bytes, char out[SIZE_TEXT]);

#endif
