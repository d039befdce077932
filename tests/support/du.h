/*
 * du: what the real du(1) says, as the oracle of everything that counts allocated bytes.
 */
#ifndef TESTS_SUPPORT_DU_H
#define TESTS_SUPPORT_DU_H

#include <stddef.h>
#include <stdint.h>

/* `du -s -c -B1 --one-file-system PATH...`, the total. Ends the program where du fails. */
uint64_t du_bytes(const char *const *paths, size_t count);
uint64_t du_bytes_of(const char *path);

#endif
