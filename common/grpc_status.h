/*
 * grpc_status: how a gRPC call's end is written and read (PROTOCOL-HTTP2.md of the gRPC project):
 * the headers grpc-status and grpc-message, and what stands for them where they are missing. For
 * whoever speaks gRPC over common/h2; the codes are in grpc.h.
 *
 * Threads: pure.
 */
#ifndef COMMON_GRPC_STATUS_H
#define COMMON_GRPC_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#define GRPC_PREFIX 5             /* of each message: compressed flag, length (big endian) */
#define GRPC_MESSAGE_TEXT_MAX 400 /* of a status message, before percent-encoding */

/* Percent-encodes a status message, cut at GRPC_MESSAGE_TEXT_MAX bytes. Returns out. */
#define GRPC_ENCODED (3 * GRPC_MESSAGE_TEXT_MAX + 1)
char *grpc_message_encode(char out[GRPC_ENCODED], const char *text);
/* Decodes in place; what is no %XX stays as it is. */
void grpc_message_decode(char *text);
/* The text of a grpc-status header to its code; what is unknown is GRPC_UNKNOWN. */
int grpc_status_parse(const char *text);
/* "application/grpc", alone or with a format ("+proto") or parameters; NULL is none. */
bool grpc_is_content_type(const char *value);
/* The statuses that stand for a missing grpc-status. */
int grpc_status_of_http(const char *http_status);
int grpc_status_of_reset(uint32_t h2_error);

#endif
