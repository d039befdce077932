/*
 * base64: bytes as text, RFC 4648 section 4 with padding.
 *
 * Threads: pure.
 */
#ifndef COMMON_BASE64_H
#define COMMON_BASE64_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that a text of `len` characters stands for at most, and characters that `len` bytes take
 * with the NUL. */
#define BASE64_BYTES(len) ((len) / 4 * 3 + 3)
#define BASE64_TEXT(len) (((len) + 2) / 3 * 4 + 1)

/* Writes the bytes, room for BASE64_BYTES(strlen(text)), and returns how many; 0 where the text is
 * empty or no base64. Padding may be left out. */
size_t base64_decode(const char *text, uint8_t *out);

/* Writes the text, room for BASE64_TEXT(len), and returns it. */
char *base64_encode(const void *data, size_t len, char *out);

#endif
