/*
 * bench_handshake [--connections N]: N agents that join at once over mutual TLS, against the bare
 * handshakes of OpenSSL in memory with the same certificates and settings.
 *
 * In each of three rounds: server's CPU time of bare handshakes, full and resumed; then our server,
 * pinned to one processor, with a child of N clients on the other: CPU time (user and system) and
 * wall time from the order to the last open call, first with full handshakes, then, after all were
 * cut off, with resumed ones. Prints medians, in microseconds a connection, and ratios.
 */
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "common/clock.h"
#include "tests/bench/peers.h"

#define CONNECTIONS 2000
#define ROUNDS 3
#define BARE 300 /* handshakes of each kind and round */

enum figure { BARE_FULL, BARE_RESUMED, FULL_CPU, FULL_WALL, RESUMED_CPU, RESUMED_WALL, FIGURES };

static void need(int good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "handshake: %s failed\n", what);
    exit(1);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof(*values), by_size);
    return values[ROUNDS / 2];
}

/* ---- bare ------------------------------------------------------------------------------------ */

static SSL_SESSION *newest; /* what the last bare client got, for the next */

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(newest);
    newest = session;
    return 1;
}

static SSL_CTX *bare_context(const struct pki *pki, bool server)
{
    SSL_CTX *c = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    char path[PKI_PATH];

    need(c != NULL, "context");
    SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION);
    SSL_CTX_set1_groups_list(c, "X25519");
    need(SSL_CTX_use_certificate_file(c, pki_path(pki, server ? "server.pem" : "client.pem", path),
                                      SSL_FILETYPE_PEM) == 1,
         "certificate");
    need(SSL_CTX_use_PrivateKey_file(c, pki_path(pki, server ? "server.key" : "client.key", path),
                                     SSL_FILETYPE_PEM) == 1,
         "key");
    need(SSL_CTX_load_verify_file(c, pki_path(pki, "ca.pem", path)) == 1, "CA");
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    if (server) {
        SSL_CTX_set_options(c, SSL_OP_NO_TICKET); /* sessions in OpenSSL's own cache */
        SSL_CTX_set_num_tickets(c, 1);
        SSL_CTX_set_session_id_context(c, (const unsigned char *)"bare", 4);
    } else {
        SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(c, on_session);
    }
    return c;
}

static double cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* The server's microseconds of one handshake, from making its SSL to freeing it. */
static double bare_handshake(SSL_CTX *server_ctx, SSL_CTX *client_ctx, bool resume)
{
    SSL *client = SSL_new(client_ctx), *server;
    BIO *to_server = BIO_new(BIO_s_mem()), *to_client = BIO_new(BIO_s_mem());
    double begin = cpu_us(), spent;
    char byte;

    server = SSL_new(server_ctx);
    BIO_up_ref(to_server);
    BIO_up_ref(to_client);
    SSL_set_bio(server, to_server, to_client);
    SSL_set_accept_state(server);
    spent = cpu_us() - begin;
    SSL_set_bio(client, to_client, to_server);
    SSL_set_connect_state(client);
    if (resume)
        SSL_set_session(client, newest);
    while (!SSL_is_init_finished(server)) {
        SSL_do_handshake(client);
        begin = cpu_us();
        SSL_do_handshake(server);
        spent += cpu_us() - begin;
    }
    SSL_read(client, &byte, 1); /* takes the session for the next one */
    need(SSL_session_reused(server) == resume, "bare handshake");
    SSL_set_shutdown(client, SSL_SENT_SHUTDOWN);
    SSL_free(client);
    begin = cpu_us();
    SSL_set_shutdown(server, SSL_SENT_SHUTDOWN);
    SSL_free(server);
    return spent + cpu_us() - begin;
}

static void bare(const struct pki *pki, double *full_us, double *resumed_us)
{
    SSL_CTX *server = bare_context(pki, true), *client = bare_context(pki, false);

    *full_us = *resumed_us = 0;
    for (int i = 0; i < BARE; i++) {
        *full_us += bare_handshake(server, client, false) / BARE;
        *resumed_us += bare_handshake(server, client, true) / BARE;
    }
    SSL_SESSION_free(newest);
    newest = NULL;
    SSL_CTX_free(server);
    SSL_CTX_free(client);
}

/* ---- ours ------------------------------------------------------------------------------------ */

static double process_us(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return 1e6 * (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void herd(struct peers_server *s, size_t n, double *cpu, double *wall)
{
    size_t opened = s->opened;
    double begin_cpu = process_us();
    uint64_t begin = clock_mono_ns();

    peers_say(s, n);
    peers_wait_opened(s, opened + n);
    *cpu = (process_us() - begin_cpu) / (double)n;
    *wall = (double)(clock_mono_ns() - begin) / 1e3 / (double)n;
}

static void round_of(size_t n, int round, double values[FIGURES][ROUNDS])
{
    struct peers_server server;

    peers_pin(1); /* the child's */
    peers_open(&server, n);
    peers_pin(0);
    bare(&server.pki, &values[BARE_FULL][round], &values[BARE_RESUMED][round]);
    herd(&server, n, &values[FULL_CPU][round], &values[FULL_WALL][round]);
    peers_wait(&server, n);
    need(server.resumed == 0, "full handshakes");
    peers_say(&server, 0);
    peers_wait(&server, 0);
    herd(&server, n, &values[RESUMED_CPU][round], &values[RESUMED_WALL][round]);
    need(server.resumed == n, "resumption");
    peers_close(&server);
}

int main(int argc, char **argv)
{
    static const char *const names[FIGURES] = {"bare_full_us",   "bare_resumed_us",
                                               "full_cpu_us",    "full_wall_us",
                                               "resumed_cpu_us", "resumed_wall_us"};
    size_t n = peers_count(argc, argv, CONNECTIONS);
    double values[FIGURES][ROUNDS], medians[FIGURES];

    for (int i = 0; i < ROUNDS; i++)
        round_of(n, i, values);
    printf("{\"bench\": \"handshake\", \"connections\": %zu, ", n);
    for (int i = 0; i < FIGURES; i++) {
        medians[i] = median(values[i]);
        printf("\"%s\": {\"median\": %.1f, \"min\": %.1f, \"max\": %.1f}, ", names[i], medians[i],
               values[i][0], values[i][ROUNDS - 1]);
    }
    printf("\"full_to_bare\": %.3f, \"full_wall_to_bare\": %.3f, \"resumed_to_full\": %.3f, "
           "\"resumed_wall_to_full\": %.3f}\n",
           medians[FULL_CPU] / medians[BARE_FULL], medians[FULL_WALL] / medians[BARE_FULL],
           medians[RESUMED_CPU] / medians[FULL_CPU], medians[RESUMED_WALL] / medians[FULL_WALL]);
    return 0;
}
