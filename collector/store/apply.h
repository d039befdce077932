/*
 * apply: what reports do to the database. Each function is one validated message of one host,
 * inside a job on the writer thread (writer.h); on -1 the job's savepoint takes everything back.
 *
 * Observations are placed by our clock: at = now - age, never after now and never before the
 * incarnation's previous one (which wins where our own clock was set back).
 *
 * Errors that any of them may have: ERR_NOT_FOUND for an incarnation or a store that is not here,
 * ERR_CONFLICT for an incarnation whose place another machine took, and those of the database.
 *
 * Threads: the writer's.
 */
#ifndef COLLECTOR_STORE_APPLY_H
#define COLLECTOR_STORE_APPLY_H

#include "collector/store/store.h"
#include "common/arena.h"

/* ---- who is there ---------------------------------------------------------------------------- */

struct apply_identity {
    int64_t host_id, incarnation_id;
    uint64_t generation;        /* what we hold of it, durable */
    struct rec_store_sum *sums; /* of its present stores, in the arena given */
    size_t sum_count;
};

/* What apply_hello() is told besides the hello. */
struct apply_caller {
    const char *host_name; /* final: certificate's, configured, or the host's own */
    const char *address;
    int64_t now_ms;
    int64_t silence_s; /* another incarnation under this name that spoke within it, or is in `live`,
                          is alive; one of the same machine (fingerprint) only while in `live` */
    const int64_t *live; /* incarnation ids with an open stream, sorted */
    size_t live_count;
};

/* Finds or makes host and incarnation: new host; same incarnation (perhaps renamed: history goes
 * on); new incarnation under a name that fell silent (rebuilt: the old presence is closed at the
 * last contact); two live incarnations under one name, or one incarnation with two fingerprints:
 * ERR_CONFLICT naming both addresses, recorded as an event (outside of the undone savepoint: the
 * caller submits apply_event() itself). A retired host comes back. */
int apply_hello(struct store *s, const struct rec_hello *hello, const struct apply_caller *caller,
                struct arena *arena, struct apply_identity *out, struct err *err);

/* ---- inventory ------------------------------------------------------------------------------- */

struct apply_inventory {
    int64_t incarnation_id;
    uint64_t generation;
    int64_t age_ms, now_ms;
    const struct rec_content *contents; /* one for each store, merged from its parts */
    size_t content_count;
    const struct rec_store_sum *sums; /* as the host claims */
    size_t sum_count;
};

/* Replaces all of the host's stores: what is not named any more is gone. ERR_CONFLICT when a
 * content does not have its digest, or stores and sums do not pair, ERR_PROTOCOL when the
 * generation does not exceed ours. UNREADABLE stores keep their content: their contents must have
 * the digest that we hold, else ERR_CONFLICT. */
int apply_inventory(struct store *s, const struct apply_inventory *in, struct err *err);

/* Applies a difference. ERR_MOVED "resync": base is not our generation, it removes what is not
 * here, or the digest afterwards is not the host's: the caller answers with Resync. ERR_CONFLICT:
 * lists that are not sorted and unique, an UNREADABLE store with another content than before.
 * ERR_LIMIT: more stores or images afterwards than a host may have. */
int apply_difference(struct store *s, int64_t incarnation_id, const struct rec_difference *d,
                     int64_t now_ms, struct err *err);

/* ---- the rest -------------------------------------------------------------------------------- */

/* Containers, origins, copies and spaces of a store that is not present: ERR_NOT_FOUND. */
int apply_use(struct store *s, int64_t incarnation_id, const struct rec_use *use, int64_t now_ms,
              struct err *err);

/* The origins are sorted and unique, as the wire gives them. ERR_LIMIT when the store would have
 * more than REC_ORIGINS_MAX; ERR_CONFLICT when they are not. */
int apply_origins(struct store *s, int64_t incarnation_id, const struct rec_origins *origins,
                  struct err *err);

enum apply_verdict {
    APPLY_TAKEN = 1,     /* stored: proven, or first of two */
    APPLY_CONFIRMED = 2, /* a second host said the same */
    APPLY_KNOWN = 3,     /* nothing new */
    APPLY_LIE = 4,       /* bytes do not have the digest: nothing stored, an event names the host */
    APPLY_MISMATCH = 5,  /* differs from what others said, and changes nothing; events say so */
    APPLY_WEAKER =
        6, /* no second opinion: the same host's words once more; cut by older rules than what one
              host said, or by such as nobody knows here (record.h, REC_REDACTION_RULES); or facts
              of a user's store where others are of root's */
    APPLY_DISPUTED = 7, /* two hosts differ: neither is believed, events name both. A further host
                           that holds it is asked; two with the same word settle it */
};

/* A whole document. Parses it (configs: image, chains, layers, history, labels; manifests: their
 * blobs and
 * what they list; attestations: the images that a build took) when believed; an unconfirmed
 * redacted one is parsed too and shown as unconfirmed; a disputed one is not. REC_DOC_MANIFEST is
 * what was wanted under the digest: an index is stored as REC_DOC_INDEX. */
int apply_document(struct store *s, int64_t incarnation_id, enum rec_document_kind kind,
                   const struct digest *digest, const uint8_t *data, size_t len, uint32_t rules,
                   uint32_t cuts, int64_t now_ms, enum apply_verdict *verdict, struct err *err);

/* Facts of a layer that no image, no exception and no origin names are APPLY_KNOWN and not kept.
 * What was measured in root's store displaces what nobody measured but in stores of other users,
 * who can write into their layers, and is neither confirmed nor disputed by it. */
int apply_layer_facts(struct store *s, int64_t incarnation_id, const struct rec_layer_facts *facts,
                      int64_t now_ms, enum apply_verdict *verdict, struct err *err);
/* ERR_LIMIT when the store would have more than REC_COPIES_MAX. */
int apply_copies(struct store *s, int64_t incarnation_id, const struct rec_copies *copies,
                 struct err *err);
int apply_spaces(struct store *s, int64_t incarnation_id, const struct rec_spaces *spaces,
                 int64_t now_ms, struct err *err);

/* Signs of life, in bulk: last_s of incarnations and hosts, look_s of their OK stores. */
struct apply_life {
    int64_t incarnation_id;
    int64_t seen_s, look_s; /* look_s 0: not said */
    uint64_t unknown;       /* ignored fields and values since last time */
};
int apply_lives(struct store *s, const struct apply_life *lives, size_t count, struct err *err);

int apply_event(struct store *s, int64_t incarnation_id /* 0: none */, const char *kind,
                const char *subject, const char *text, int64_t now_ms, struct err *err);

/* Ephemeral hosts silent for ephemeral_s: presence closed at last contact, retired. Others silent
 * for retire_s: retired. */
int apply_housekeeping(struct store *s, int64_t now_s, int64_t ephemeral_s, int64_t retire_s,
                       struct err *err);

/* ---- what is not known yet ------------------------------------------------------------------- */

/* After so long a host is asked again for the manifests that it did not give. */
#define APPLY_ASK_AGAIN_S 3600

struct apply_look {
    int64_t incarnation_id;
    int64_t now_s;
    size_t most; /* configs, manifests, and layers, of each */
    bool anew;   /* also what this host was asked for before: nobody remembers that it was */
};

struct apply_missing {
    struct rec_wanted *documents; /* not here, or redacted and said only by another host */
    bool *document_confirms;      /* parallel: a second opinion is asked */
    size_t document_count;
    struct rec_measure_wanted *layers; /* facts unknown or said only by another host */
    bool *layer_of_root;               /* parallel: it lies in a store of root's */
    size_t layer_count;
    bool documents_full, layers_full; /* there may be more: another look tells */
};

/* What this host could tell: of the images and chains it holds now (extra ones too, but none that
 * is missing on its disk), and manifests and attestations about them where its stores can give
 * them. Configs and layers are told with every look. Manifests and attestations, which often nobody
 * has, are told once for each listing of a store, and again when the listing comes anew or
 * APPLY_ASK_AGAIN_S later; those that one look has no room for come with the next. Costs what the
 * host holds, not the fleet. */
int apply_missing(struct store *s, const struct apply_look *look, struct arena *arena,
                  struct apply_missing *out, struct err *err);

#endif
