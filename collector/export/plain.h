/*
 * plain: texts of peers, made fit for a terminal.
 *
 * Threads: pure.
 */
#ifndef COLLECTOR_EXPORT_PLAIN_H
#define COLLECTOR_EXPORT_PLAIN_H

#include <stdio.h>

#include "common/buf.h"

#define PLAIN_ELLIPSIS "\xE2\x80\xA6"

/* Puts a '?' for every control character (C0, DEL, C1) and every byte that is no UTF-8, from `from`
 * on, so that nothing a host says can move the cursor. */
void plain_clean(struct buf *b, size_t from);

/* Characters of a text, each one cell wide: near enough for names, versions and paths. */
size_t plain_width(const char *text);

/* How many bytes of the text are its first `width` characters. */
size_t plain_bytes(const char *text, size_t width);

/* What a text gives up where it has no room. */
enum plain_cut {
    PLAIN_KEEP_START,
    PLAIN_KEEP_END,   /* of a name its repository's last part and its tag say most */
    PLAIN_KEEP_FIRST, /* of a list by ", ": whole items, the first one as PLAIN_KEEP_END */
};

/* Writes at most `width` characters of a text, with an ellipsis for what is missing, and returns
 * how many. Of a name with a digest the digest goes first. */
size_t plain_put_cut(FILE *out, const char *text, size_t width, enum plain_cut how);

/* Writes a text and a line's end. Where `width` is not 0, lines are broken between words so that
 * they fit, and begin with `indent` spaces but for the first, which has `used` characters already.
 * A word that is wider than a line stays whole. */
void plain_put_lines(FILE *out, const char *text, size_t width, size_t used, size_t indent);

#endif
