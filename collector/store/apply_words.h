/*
 * apply_words: what hosts said of something that two of them told differently: the facts of a layer
 * (kind 0), or a document that was cut. Neither is believed; the further hosts that hold it are
 * asked, and two with the same word settle it. A host has one word, however often it was set up
 * anew, and its last one counts.
 *
 * Threads: the writer's.
 */
#ifndef COLLECTOR_STORE_APPLY_WORDS_H
#define COLLECTOR_STORE_APPLY_WORDS_H

#include "collector/store/statements.h"
#include "common/record.h"

/* Values of layer.fact_state. */
enum { FACTS_UNKNOWN = 0, FACTS_SAID = 1, FACTS_CONFIRMED = 2, FACTS_DISPUTED = 3 };

/* Values of document.state. */
enum {
    DOCUMENT_NONE = 0, /* no row */
    DOCUMENT_PROVEN = 1,
    DOCUMENT_SAID = 2, /* redacted, by one host */
    DOCUMENT_CONFIRMED = 3,
    DOCUMENT_DISPUTED = 4,
};

/* Who could still tell something new, as mirror.h says it. `host` said it first; `open`: it is
 * disputed, and further words are kept. */
uint32_t words_ask_for_config(int state, int64_t host, bool open);
/* of_user: nobody told them from a store of root's; whoever has it in one is asked then. */
uint32_t words_ask_for_facts(int state, bool of_user, int64_t host, bool open);

/* Hosts whose words are kept of one thing. When that many differ, nobody else is asked. */
#define WORDS_MAX 8

struct words_subject {
    enum rec_document_kind kind; /* 0: the layer's facts; a manifest may be an index as well */
    const struct digest *digest;
};

struct words_answer {
    bool first;     /* no word of any host is here: there is nothing to differ from any more */
    int64_t agrees; /* the incarnation of another host that said just this; 0 none */
    bool news;      /* the host did not say this before */
    bool full;      /* they all differ, and there are WORDS_MAX of them */
};

/* What others say beside this word, which is kept where it settles nothing. */
int words_say(struct store *s, const struct words_subject *subject, int64_t incarnation_id,
              const struct digest *word, struct words_answer *out, struct err *err);

/* They count no more: settled, or proven. */
int words_drop(struct store *s, const struct words_subject *subject, struct err *err);

/* A retired host disputes nothing: of all that it disputed the hosts that hold it are asked anew.
 */
int words_forget_host(struct store *s, int64_t host_id, struct err *err);

#endif
