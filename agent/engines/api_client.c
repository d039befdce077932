#include "agent/engines/api_client.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "common/buf.h"
#include "common/cleanup.h"
#include "common/clock.h"

#define NS_PER_MS 1000000u

struct api_client {
    CURL *curl;
    struct buf body;
    struct err body_err; /* why on_body() refused */
    uint64_t deadline_ns;
    char name[128];
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

/* curl_global_init() is not thread-safe in every build: once for the whole process. */
static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_NOTHING);
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct api_client *c = arg;

    return buf_add(&c->body, data, size * count, &c->body_err) == 0 ? size * count : 0;
}

/* A process's own /proc path to the socket: no symlink on the way leaves the host's root, and the
 * limit of 108 bytes for socket paths does not matter. */
static int configure(struct api_client *c, int socket_fd)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", socket_fd);
    return curl_easy_setopt(c->curl, CURLOPT_UNIX_SOCKET_PATH, path) == CURLE_OK &&
                   curl_easy_setopt(c->curl, CURLOPT_PROTOCOLS_STR, "http") == CURLE_OK &&
                   curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
                   curl_easy_setopt(c->curl, CURLOPT_NOPROXY, "*") == CURLE_OK &&
                   curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
                   curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, c) == CURLE_OK
               ? 0
               : -1;
}

int api_client_open(struct api_client **out, int socket_fd, const char *name, int64_t timeout_ms,
                    struct err *err)
{
    AUTO(api_client_close) struct api_client *c = calloc(1, sizeof(*c));

    pthread_once(&curl_once, init_curl);
    if (c == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory to ask %s", name);
    buf_init(&c->body, API_CLIENT_BYTES_MAX);
    snprintf(c->name, sizeof(c->name), "%s", name);
    api_client_renew(c, timeout_ms);
    c->curl = curl_easy_init();
    if (c->curl == NULL || configure(c, socket_fd) != 0)
        return err_set(err, ERR_NO_MEMORY, "no HTTP client to ask %s", name);
    *out = steal(&c);
    return 0;
}

void api_client_renew(struct api_client *c, int64_t timeout_ms)
{
    c->deadline_ns = clock_mono_ns() + (uint64_t)timeout_ms * NS_PER_MS;
}

void api_client_close(struct api_client **c)
{
    struct api_client *client = *c;

    *c = NULL;
    if (client == NULL)
        return;
    if (client->curl != NULL)
        curl_easy_cleanup(client->curl);
    buf_close(&client->body);
    free(client);
}

static enum err_kind kind_of_curl(CURLcode rc)
{
    switch (rc) {
    case CURLE_OPERATION_TIMEDOUT:
        return ERR_TIMEOUT;
    case CURLE_COULDNT_CONNECT:
        return ERR_UNAVAILABLE;
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_PARTIAL_FILE: /* the daemon ended in the middle */
        return ERR_UNAVAILABLE;
    case CURLE_OUT_OF_MEMORY:
        return ERR_NO_MEMORY;
    default:
        return ERR_PROTOCOL;
    }
}

static int report_failure(const struct api_client *c, CURLcode rc, const char *path,
                          struct err *err)
{
    long error_number = 0;

    if (rc == CURLE_WRITE_ERROR)
        return err_set(err, c->body_err.kind, "%s %s: %s", c->name, path, c->body_err.text);
    if (rc == CURLE_COULDNT_CONNECT &&
        curl_easy_getinfo(c->curl, CURLINFO_OS_ERRNO, &error_number) == CURLE_OK &&
        (error_number == EACCES || error_number == EPERM))
        return err_errno(err, ERR_DENIED, (int)error_number, "%s", c->name);
    return err_set(err, kind_of_curl(rc), "%s %s: %s", c->name, path, curl_easy_strerror(rc));
}

static int perform(struct api_client *c, const char *path, struct err *err)
{
    uint64_t now = clock_mono_ns();
    long left_ms = now < c->deadline_ns ? (long)((c->deadline_ns - now) / NS_PER_MS) : 0;
    long status = 0;
    char url[512];
    CURLcode rc;

    if (left_ms <= 0)
        return err_set(err, ERR_TIMEOUT, "%s %s: no time left", c->name, path);
    if (snprintf(url, sizeof(url), "http://localhost%s", path) >= (int)sizeof(url))
        return err_set(err, ERR_LIMIT, "%s: request path too long", c->name);
    buf_reset(&c->body);
    if (curl_easy_setopt(c->curl, CURLOPT_URL, url) != CURLE_OK ||
        curl_easy_setopt(c->curl, CURLOPT_TIMEOUT_MS, left_ms) != CURLE_OK)
        return err_set(err, ERR_NO_MEMORY, "%s %s: no memory", c->name, path);
    rc = curl_easy_perform(c->curl);
    if (rc != CURLE_OK)
        return report_failure(c, rc, path, err);
    if (curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK || status != 200)
        return err_set(err, status == 404 ? ERR_NOT_FOUND : ERR_PROTOCOL, "%s %s: HTTP status %ld",
                       c->name, path, status);
    return 0;
}

int api_client_get(struct api_client *c, const char *path, json_t **out, struct err *err)
{
    struct err why = {0};
    json_t *answer;

    if (perform(c, path, err) != 0)
        return -1;
    answer = json_parse(buf_str(&c->body), c->body.len, &why);
    if (answer == NULL)
        return err_set(err, why.kind == ERR_CORRUPT ? ERR_PROTOCOL : why.kind, "%s %s: %s", c->name,
                       path, why.text);
    *out = answer;
    return 0;
}

int api_client_get_header(struct api_client *c, const char *path, const char *name, char *value,
                          size_t size, struct err *err)
{
    struct curl_header *header = NULL;

    if (perform(c, path, err) != 0)
        return -1;
    value[0] = '\0';
    if (curl_easy_header(c->curl, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK)
        snprintf(value, size, "%s", header->value);
    return 0;
}
