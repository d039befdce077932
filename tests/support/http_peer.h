/*
 * http_peer: an HTTP server on a unix socket that gives canned answers, in a thread of its own.
 *
 * Every function ends the program where the machine refuses.
 */
#ifndef TESTS_SUPPORT_HTTP_PEER_H
#define TESTS_SUPPORT_HTTP_PEER_H

#include <pthread.h>
#include <stddef.h>

struct http_answer {
    const char *path;   /* the request's path; one that is not in the list is answered by 404 */
    const char *header; /* a whole line with its end, or NULL */
    const char *body;
};

struct http_peer {
    int listener; /* private, as the rest */
    pthread_t thread;
    const struct http_answer *answers;
    size_t count;
};

/* Listens at `path`. Without answers it accepts, and never answers. */
void http_peer_start(struct http_peer *p, const char *path, const struct http_answer *answers,
                     size_t count);
void http_peer_stop(struct http_peer *p);

#endif
