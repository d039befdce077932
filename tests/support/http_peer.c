#include "tests/support/http_peer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/check.h"

#define REQUEST_BYTES 8192

static const struct http_answer *answer_to(const struct http_peer *p, const char *request)
{
    for (size_t i = 0; i < p->count; i++) {
        size_t len = strlen(p->answers[i].path);

        if (strncmp(request, "GET ", 4) == 0 &&
            strncmp(request + 4, p->answers[i].path, len) == 0 && request[4 + len] == ' ')
            return &p->answers[i];
    }
    return NULL;
}

static void answer(const struct http_peer *p, int fd)
{
    char request[REQUEST_BYTES] = {0};
    size_t len = 0;
    ssize_t got = 1;
    const struct http_answer *a;
    const char *body;

    while (got > 0 && strstr(request, "\r\n\r\n") == NULL && len < sizeof(request) - 1) {
        got = read(fd, request + len, sizeof(request) - 1 - len);
        len += got > 0 ? (size_t)got : 0;
    }
    a = answer_to(p, request);
    body = a != NULL && a->body != NULL ? a->body : "{\"message\":\"page not found\"}";
    dprintf(fd, "HTTP/1.1 %s\r\n%sConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
            a != NULL ? "200 OK" : "404 Not Found", a != NULL && a->header ? a->header : "",
            strlen(body), body);
}

/* Ends when the listener is shut down. */
static void *serve(void *arg)
{
    const struct http_peer *p = arg;
    int fd;

    while ((fd = accept(p->listener, NULL, NULL)) >= 0) {
        answer(p, fd);
        close(fd);
    }
    return NULL;
}

void http_peer_start(struct http_peer *p, const char *path, const struct http_answer *answers,
                     size_t count)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    *p = (struct http_peer){.answers = answers, .count = count};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(p->listener >= 0);
    check(bind(p->listener, (struct sockaddr *)&address, sizeof(address)) == 0);
    check(listen(p->listener, 8) == 0);
    if (count > 0)
        check(pthread_create(&p->thread, NULL, serve, p) == 0);
}

void http_peer_stop(struct http_peer *p)
{
    shutdown(p->listener, SHUT_RDWR);
    if (p->count > 0)
        pthread_join(p->thread, NULL);
    close(p->listener);
}
