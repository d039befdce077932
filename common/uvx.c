#include "common/uvx.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "common/log.h"

#define UNIX_PREFIX "unix:"

static enum err_kind kind_of_status(int status)
{
    switch (status) {
    case UV_ENOENT:
        return ERR_NOT_FOUND;
    case UV_EACCES:
    case UV_EPERM:
        return ERR_DENIED;
    case UV_ENOMEM:
        return ERR_NO_MEMORY;
    case UV_ETIMEDOUT:
        return ERR_TIMEOUT;
    case UV_ECANCELED:
        return ERR_CANCELED;
    case UV_EOF:
    case UV_EPIPE:
    case UV_ECONNREFUSED:
    case UV_ECONNRESET:
    case UV_ECONNABORTED:
    case UV_ENOTCONN:
    case UV_EHOSTUNREACH:
    case UV_ENETUNREACH:
    case UV_ENETDOWN:
    case UV_EAI_AGAIN:
    case UV_EAI_FAIL:
    case UV_EAI_NODATA:
    case UV_EAI_NONAME:
        return ERR_UNAVAILABLE;
    default:
        return ERR_IO;
    }
}

int uvx_fail(struct err *err, int status, const char *fmt, ...)
{
    char context[ERR_TEXT_MAX];
    char reason[128];
    va_list args;

    va_start(args, fmt);
    vsnprintf(context, sizeof(context), fmt, args);
    va_end(args);
    return err_set(err, kind_of_status(status), "%s: %s", context,
                   uv_strerror_r(status, reason, sizeof(reason)));
}

static void log_left_open(uv_handle_t *handle, void *arg)
{
    int *count = arg;
    const char *type = uv_handle_type_name(uv_handle_get_type(handle));

    (*count)++;
    log_event(LOG_ERROR, "handle-left-open", "type", type, "active",
              uv_is_active(handle) ? "yes" : "no", "closing", uv_is_closing(handle) ? "yes" : "no",
              NULL);
}

int uvx_loop_close(uv_loop_t *loop, struct err *err)
{
    int status = uv_loop_close(loop);
    int handles = 0;

    if (status == 0)
        return 0;
    if (status != UV_EBUSY)
        return uvx_fail(err, status, "close loop");
    uv_walk(loop, log_left_open, &handles);
    if (handles == 0)
        return err_set(err, ERR_CONFLICT, "close loop: a request is under way");
    return err_set(err, ERR_CONFLICT, "close loop: %d handles left open", handles);
}

static int parse_unix(struct uvx_address *out, const char *text, struct err *err)
{
    const char *path = text + strlen(UNIX_PREFIX);
    size_t len = strlen(path);

    if (len == 0)
        return err_set(err, ERR_USAGE, "address \"%s\": expected a path behind unix:", text);
    if (len >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
        return err_set(err, ERR_USAGE,
                       "address \"%.60s...\": a socket's path has at most %zu bytes", text,
                       sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1);
    *out = (struct uvx_address){.is_unix = 1};
    memcpy(out->host, path, len + 1);
    return 0;
}

/* Finds the host; returns what follows it, or NULL where brackets hold no IPv6 address. */
static const char *find_host(const char *text, const char **host, size_t *len)
{
    const char *end;

    if (*text != '[') {
        *host = text;
        *len = strcspn(text, ":");
        return text + *len;
    }
    end = strchr(text, ']');
    if (end == NULL)
        return NULL;
    *host = text + 1;
    *len = (size_t)(end - *host);
    return memchr(*host, ':', *len) != NULL ? end + 1 : NULL;
}

static bool is_port(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    unsigned value = 0;

    if (digits == 0 || digits > 5 || text[digits] != '\0')
        return false;
    for (size_t i = 0; i < digits; i++)
        value = value * 10 + (unsigned)(text[i] - '0');
    return value <= UINT16_MAX;
}

int uvx_address_parse(struct uvx_address *out, const char *text, const char *default_port,
                      struct err *err)
{
    struct uvx_address a = {0};
    const char *host, *rest, *port;
    size_t len;

    if (strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
        return parse_unix(out, text, err);
    rest = find_host(text, &host, &len);
    if (rest == NULL || *text == '\0' || (*rest != '\0' && *rest != ':'))
        return err_set(err, ERR_USAGE,
                       "address \"%.80s\": expected host:port, [v6]:port or unix:/path", text);
    if (*rest == ':' && strchr(rest + 1, ':') != NULL)
        return err_set(err, ERR_USAGE, "address \"%.80s\": write an IPv6 address as [%.60s]", text,
                       text);
    if (len >= sizeof(a.host))
        return err_set(err, ERR_USAGE, "address \"%.60s...\": a host has at most %zu bytes", text,
                       sizeof(a.host) - 1);
    port = *rest == ':' ? rest + 1 : default_port;
    if (port == NULL || !is_port(port))
        return err_set(err, ERR_USAGE, "address \"%.80s\": expected a port from 0 to 65535", text);
    memcpy(a.host, host, len);
    memcpy(a.port, port, strlen(port) + 1);
    *out = a;
    return 0;
}

int uvx_address_is_local(const struct uvx_address *a)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (a->is_unix || strcmp(a->host, "localhost") == 0)
        return 1;
    if (inet_pton(AF_INET, a->host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, a->host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}
