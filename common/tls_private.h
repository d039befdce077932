/*
 * tls_private: what tls.c and tls_context.c share; nobody else includes this.
 */
#ifndef COMMON_TLS_PRIVATE_H
#define COMMON_TLS_PRIVATE_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "common/error.h"

struct tls_context {
    SSL_CTX *ssl;
    BIO_METHOD *bytes; /* reads from and writes to the struct tls that is the BIO's data */
    bool server;
};

/* The BIO between OpenSSL and the buffers of tls.h. NULL without memory. */
BIO_METHOD *tls_bytes_method(void);

/* Text of the oldest error in this thread's OpenSSL queue, in `out`; empties the queue. */
const char *tls_queue_text(char *out, size_t size);

#endif
