/*
 * shell_word: texts of peers in lines that people copy into a shell.
 *
 * Threads: pure.
 */
#ifndef COLLECTOR_CLI_SHELL_WORD_H
#define COLLECTOR_CLI_SHELL_WORD_H

#include "common/buf.h"

/* Appends the text so that a POSIX shell reads it as one word: as it stands where it has only
 * letters, digits and ._/:@- , else within single quotes. What could move a terminal's cursor
 * becomes '?', within quotes too. */
int shell_word(struct buf *out, const char *text, struct err *err);

#endif
