/*
 * statement_sets: the sets of SQL statements in this folder (statements.h), each with the
 * connections that prepare it.
 */
#ifndef COLLECTOR_STORE_STATEMENT_SETS_H
#define COLLECTOR_STORE_STATEMENT_SETS_H

/* X(name, STORE_WRITES | STORE_READS | STORE_BOTH): the file defines store_sql_<name>. */
#define STORE_SETS(X)                                                                              \
    STORE_SETS_APPLY(X)                                                                            \
    STORE_SETS_READ(X)

/* What reports of hosts do. */
#define STORE_SETS_APPLY(X)                                                                        \
    X(store, STORE_BOTH)                                                                           \
    X(content, STORE_WRITES)                                                                       \
    X(mirror, STORE_BOTH)                                                                          \
    X(counts, STORE_BOTH)                                                                          \
    X(listing, STORE_WRITES)                                                                       \
    X(listing_rows, STORE_BOTH)                                                                    \
    X(held, STORE_BOTH)                                                                            \
    X(hello, STORE_WRITES)                                                                         \
    X(closing, STORE_WRITES)                                                                       \
    X(presence, STORE_WRITES)                                                                      \
    X(place, STORE_WRITES)                                                                         \
    X(inventory, STORE_WRITES)                                                                     \
    X(document, STORE_WRITES)                                                                      \
    X(config, STORE_WRITES)                                                                        \
    X(evidence, STORE_WRITES)                                                                      \
    X(manifest, STORE_WRITES)                                                                      \
    X(apply_provenance, STORE_WRITES)                                                              \
    X(event, STORE_WRITES)                                                                         \
    X(facts, STORE_WRITES)                                                                         \
    X(words, STORE_WRITES)                                                                         \
    X(use, STORE_WRITES)                                                                           \
    X(measures, STORE_WRITES)                                                                      \
    X(origins, STORE_WRITES)                                                                       \
    X(life, STORE_WRITES)                                                                          \
    X(admin, STORE_WRITES)                                                                         \
    X(survey, STORE_WRITES)                                                                        \
    X(missing, STORE_WRITES)                                                                       \
    X(check, STORE_BOTH)                                                                           \
    X(check_content, STORE_BOTH)                                                                   \
    X(check_evidence, STORE_BOTH)                                                                  \
    X(check_exact, STORE_BOTH)                                                                     \
    X(check_listings, STORE_BOTH)                                                                  \
    X(check_manifests, STORE_BOTH)                                                                 \
    X(check_presence, STORE_BOTH)                                                                  \
    X(check_provenance, STORE_BOTH)

/* What answers questions (read*.c). */
#define STORE_SETS_READ(X)                                                                         \
    X(hosts, STORE_READS)                                                                          \
    X(contents, STORE_READS)                                                                       \
    X(read_evidence, STORE_READS)                                                                  \
    X(read_said, STORE_READS)                                                                      \
    X(presences, STORE_READS)                                                                      \
    X(read_counts, STORE_READS)                                                                    \
    X(places, STORE_READS)                                                                         \
    X(read_origins, STORE_READS)                                                                   \
    X(read_blobs, STORE_READS)                                                                     \
    X(read_steps, STORE_READS)                                                                     \
    X(read_survey, STORE_READS)                                                                    \
    X(past, STORE_READS)                                                                           \
    X(host, STORE_READS)

#endif
