/*
 * plain: texts of peers, made fit for a terminal.
 *
 * Threads: pure.
 */
#ifndef COLLECTOR_EXPORT_PLAIN_H
#define COLLECTOR_EXPORT_PLAIN_H

#include "common/buf.h"

#define PLAIN_ELLIPSIS "\xE2\x80\xA6"

/* Puts a '?' for every control character (C0, DEL, C1) and every byte that is no UTF-8, from `from`
 * on, so that nothing a host says can move the cursor. */
void plain_clean(struct buf *b, size_t from);

/* Characters of a text, each one cell wide: near enough for names, versions and paths. */
size_t plain_width(const char *text);

/* How many bytes of the text are its first `width` characters. */
size_t plain_bytes(const char *text, size_t width);

#endif
