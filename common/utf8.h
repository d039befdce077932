/*
 * utf8: just enough UTF-8 to keep foreign bytes from breaking a line, a log or a document.
 *
 * Threads: pure.
 */
#ifndef COMMON_UTF8_H
#define COMMON_UTF8_H

#include <stddef.h>

/* The length in bytes (1 to 4) of the valid sequence that starts at `text`, of which `len` bytes
 * may be read; 0 where none does (RFC 3629: no overlong forms, no surrogates). */
size_t utf8_sequence(const char *text, size_t len);

/* The longest length <= `len` that does not end inside of a sequence, for cutting a text. */
size_t utf8_cut(const char *text, size_t len);

#endif
