/*
 * message: protobuf messages written field by field, by their numbers: so that a test knows the
 * wire and not the code that it tests.
 *
 * Every function ends the program without memory.
 */
#ifndef TESTS_SUPPORT_MESSAGE_H
#define TESTS_SUPPORT_MESSAGE_H

#include "common/buf.h"

/* An empty one, of 1 MiB at most. Release with buf_close(). */
struct buf message_new(void);

/* Appends a field: an integer or an enum (a varint). */
void message_put_number(struct buf *m, unsigned field, uint64_t n);
/* The same for a text. */
void message_put_text(struct buf *m, unsigned field, const char *text);
/* An entry of a map<string, string>. */
void message_put_pair(struct buf *m, unsigned field, const char *key, const char *value);
/* A message as a field of another one; it is released. */
void message_put(struct buf *m, unsigned field, struct buf *inner);

#endif
