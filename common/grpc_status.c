#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/grpc_conn.h"

static const char *const names[] = {
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
};

static const unsigned char status_of_kind[ERR_KINDS] = {
    [ERR_NONE] = GRPC_OK,
    [ERR_NO_MEMORY] = GRPC_INTERNAL,
    [ERR_USAGE] = GRPC_INTERNAL,
    [ERR_IO] = GRPC_INTERNAL,
    [ERR_NOT_FOUND] = GRPC_NOT_FOUND,
    [ERR_CORRUPT] = GRPC_INVALID_ARGUMENT,
    [ERR_LIMIT] = GRPC_RESOURCE_EXHAUSTED,
    [ERR_PROTOCOL] = GRPC_INVALID_ARGUMENT,
    [ERR_UNAVAILABLE] = GRPC_UNAVAILABLE,
    [ERR_TIMEOUT] = GRPC_DEADLINE_EXCEEDED,
    [ERR_BUSY] = GRPC_UNAVAILABLE,
    [ERR_DENIED] = GRPC_PERMISSION_DENIED,
    [ERR_CONFLICT] = GRPC_ABORTED,
    [ERR_MOVED] = GRPC_INTERNAL,
    [ERR_VERSION] = GRPC_FAILED_PRECONDITION,
    [ERR_CANCELED] = GRPC_CANCELLED,
};

const char *grpc_status_name(int status)
{
    if (status < 0 || (size_t)status >= sizeof(names) / sizeof(names[0]))
        return "UNKNOWN";
    return names[status];
}

enum grpc_status grpc_status_of(enum err_kind kind)
{
    return (unsigned)kind < ERR_KINDS ? status_of_kind[kind] : GRPC_INTERNAL;
}

int grpc_status_parse(const char *text)
{
    char *end;
    long value;

    if (!isdigit((unsigned char)*text))
        return GRPC_UNKNOWN;
    value = strtol(text, &end, 10);
    if (*end != '\0' || value > GRPC_UNAUTHENTICATED)
        return GRPC_UNKNOWN;
    return (int)value;
}

bool grpc_is_content_type(const char *value)
{
    static const char type[] = "application/grpc";
    size_t len = sizeof(type) - 1;

    if (value == NULL || strncasecmp(value, type, len) != 0)
        return false;
    return value[len] == '\0' || value[len] == '+' || value[len] == ';';
}

/* http-grpc-status-mapping.md of the gRPC project. */
int grpc_status_of_http(const char *http_status)
{
    switch (strtol(http_status, NULL, 10)) {
    case 400:
        return GRPC_INTERNAL;
    case 401:
        return GRPC_UNAUTHENTICATED;
    case 403:
        return GRPC_PERMISSION_DENIED;
    case 404:
        return GRPC_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return GRPC_UNAVAILABLE;
    default:
        return GRPC_UNKNOWN;
    }
}

/* PROTOCOL-HTTP2.md, "Errors"; codes of RFC 9113 section 7. */
int grpc_status_of_reset(uint32_t h2_error)
{
    switch (h2_error) {
    case 0x7: /* REFUSED_STREAM */
        return GRPC_UNAVAILABLE;
    case 0x8: /* CANCEL */
        return GRPC_CANCELLED;
    case 0xb: /* ENHANCE_YOUR_CALM */
        return GRPC_RESOURCE_EXHAUSTED;
    case 0xc: /* INADEQUATE_SECURITY */
        return GRPC_PERMISSION_DENIED;
    default:
        return GRPC_INTERNAL;
    }
}

char *grpc_message_encode(char out[GRPC_ENCODED], const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t len = strnlen(text, GRPC_MESSAGE_TEXT_MAX);
    char *to = out;

    /* A cut never falls inside a UTF-8 character. */
    while (text[len] != '\0' && len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
        len--;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c >= 0x20 && c <= 0x7e && c != '%') {
            *to++ = (char)c;
            continue;
        }
        *to++ = '%';
        *to++ = hex[c >> 4];
        *to++ = hex[c & 15];
    }
    *to = '\0';
    return out;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void grpc_message_decode(char *text)
{
    char *to = text;

    for (const char *at = text; *at != '\0'; at++) {
        int high = *at == '%' ? hex_value(at[1]) : -1;
        int low = high >= 0 ? hex_value(at[2]) : -1;

        if (low < 0 || (high == 0 && low == 0)) { /* a NUL would hide the rest */
            *to++ = *at;
            continue;
        }
        *to++ = (char)(high << 4 | low);
        at += 2;
    }
    *to = '\0';
}

void grpc_limits_default(struct grpc_limits *limits)
{
    *limits = (struct grpc_limits){
        .message_max = 4 * 1024 * 1024,
        .calls_max = 16,
        .conns_max = 200000,
        .send_queue_max = 8 * 1024 * 1024,
        .handshake_ms = 10000,
        .idle_ms = 60000,
        .stop_ms = 2000,
    };
}
