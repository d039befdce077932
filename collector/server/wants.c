#include "collector/server/wants.h"

#include <search.h>
#include <stdlib.h>

#include "common/check.h"
#include "common/cleanup.h"

enum want_state { PENDING, LEASED, DELIVERED };

struct wanted_key {
    enum rec_document_kind kind;
    struct digest digest;
};

struct wanted {
    struct wanted_key key; /* first: the tree compares keys */
    enum want_state state;
    bool turned_away; /* a holder found no room in `holders` */
    struct list holders;
    size_t holder_count;
    struct wants_session *lessee; /* while LEASED */
    struct list lease;            /* in the lessee's leases */
    uint64_t leased_ms;
    struct list cooling; /* in the registry while somebody is refused */
    uint64_t cool_ms;    /* when the last refusal ends */
    int64_t refused[WANTS_REFUSALS_MAX];
    size_t refused_count;
};

/* A session that holds an entry; in the session's open, declined or idle list. */
struct holder {
    struct list in_entry, in_session;
    struct wanted *entry;
    struct wants_session *session;
    struct digest chain;
    bool of_root;
    bool declined; /* in the session's declined list */
};

struct wants {
    struct wants_limits limits;
    void *entries; /* tsearch() tree of struct wanted */
    size_t count;
    size_t joined;       /* sessions that take part */
    struct list ready;   /* those with something to take */
    struct list owing;   /* those that something is leased to */
    struct list cooling; /* entries with refusals; all cool equally long, so the oldest is first */
    struct list declining; /* sessions that declined something */
    bool starved;
};

void wants_limits_default(struct wants_limits *limits)
{
    *limits = (struct wants_limits){
        .entries_max = 2000000,
        .leased_max = {[WANTS_DOCUMENTS] = 64, [WANTS_LAYERS] = 16},
        .lease_ms = {[WANTS_DOCUMENTS] = 30000, [WANTS_LAYERS] = 600000},
        .retry_ms = 3600000,
        .decline_ms = 10000,
    };
}

int wants_open(struct wants **out, const struct wants_limits *limits, struct err *err)
{
    struct wants *w = calloc(1, sizeof(*w));

    if (w == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for the registry of wants");
    w->limits = *limits;
    list_init(&w->ready);
    list_init(&w->owing);
    list_init(&w->cooling);
    list_init(&w->declining);
    *out = w;
    return 0;
}

void wants_close(struct wants **w)
{
    if (*w == NULL)
        return;
    check((*w)->joined == 0);
    tdestroy((*w)->entries, free);
    free(*w);
    *w = NULL;
}

static enum wants_class class_of(enum rec_document_kind kind)
{
    return kind == 0 ? WANTS_LAYERS : WANTS_DOCUMENTS;
}

static int compare_keys(const void *a, const void *b)
{
    const struct wanted_key *x = a, *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return digest_cmp(&x->digest, &y->digest);
}

static struct wanted *find(const struct wants *w, enum rec_document_kind kind,
                           const struct digest *digest)
{
    struct wanted_key key = {.kind = kind, .digest = *digest};
    struct wanted *const *found = tfind(&key, &w->entries, compare_keys);

    return found != NULL ? *found : NULL;
}

static int find_or_add(struct wanted **out, struct wants *w, const struct wants_item *item,
                       struct err *err)
{
    AUTO_FREE struct wanted *e = NULL;

    *out = find(w, item->kind, &item->digest);
    if (*out != NULL)
        return 0;
    if (w->count >= w->limits.entries_max)
        return err_set(err, ERR_LIMIT, "%zu wants already: asked for later", w->count);
    e = calloc(1, sizeof(*e));
    if (e == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for a want");
    e->key = (struct wanted_key){.kind = item->kind, .digest = item->digest};
    list_init(&e->holders);
    list_init(&e->lease);
    list_init(&e->cooling);
    if (tsearch(e, &w->entries, compare_keys) == NULL)
        return err_set(err, ERR_NO_MEMORY, "no memory for a want");
    w->count++;
    *out = steal(&e);
    return 0;
}

/* ---- who may be asked ------------------------------------------------------------------------ */

/* Keeps the session in the ready list exactly while it may take something. */
static void refresh_ready(struct wants *w, struct wants_session *s)
{
    bool ready = false;

    for (int c = 0; c < WANTS_CLASSES; c++)
        ready |= !list_empty(&s->of[c].open) && s->of[c].leased < w->limits.leased_max[c];
    if (!ready)
        list_remove(&s->ready);
    else if (list_empty(&s->ready))
        list_push(&w->ready, &s->ready);
}

static bool is_refused(const struct wanted *e, int64_t incarnation)
{
    for (size_t i = 0; i < e->refused_count; i++)
        if (e->refused[i] == incarnation)
            return true;
    return false;
}

/* Keeps the session in the declining list exactly while it has declined something. */
static void refresh_declining(struct wants *w, struct wants_session *s)
{
    if (list_empty(&s->declined))
        list_remove(&s->declining);
    else if (list_empty(&s->declining))
        list_push(&w->declining, &s->declining);
}

static void drop_holder(struct wants *w, struct holder *h)
{
    list_remove(&h->in_entry);
    list_remove(&h->in_session);
    h->entry->holder_count--;
    refresh_ready(w, h->session);
    refresh_declining(w, h->session);
    free(h);
}

static void drop_entry(struct wants *w, struct wanted *e)
{
    list_each_safe (it, next, &e->holders) {
        drop_holder(w, list_entry(it, struct holder, in_entry));
    }
    list_remove(&e->lease);
    list_remove(&e->cooling);
    tdelete(e, &w->entries, compare_keys);
    free(e);
    w->count--;
}

static bool is_askable(const struct holder *h)
{
    const struct wanted *e = h->entry;

    return e->state == PENDING && e->refused_count < WANTS_REFUSALS_MAX && !h->declined &&
           !is_refused(e, h->session->incarnation);
}

/* Puts every holder where it belongs after a change of the entry. An entry that nobody holds and
 * that nobody failed for is forgotten: the next host that has it announces it anew. */
static void sort_holders(struct wants *w, struct wanted *e)
{
    bool askable = false, rests = e->refused_count == WANTS_REFUSALS_MAX;

    list_each (it, &e->holders) {
        struct holder *h = list_entry(it, struct holder, in_entry);
        struct wants_session *s = h->session;
        bool open = is_askable(h);
        struct list *closed = h->declined ? &s->declined : &s->idle;

        list_remove(&h->in_session);
        list_push(open ? &s->of[class_of(e->key.kind)].open : closed, &h->in_session);
        refresh_ready(w, s);
        refresh_declining(w, s);
        askable |= open;
    }
    if (e->state != PENDING || askable)
        return;
    w->starved |= e->turned_away && !rests;
    e->turned_away &= rests;
    if (e->holder_count == 0 && e->refused_count == 0)
        drop_entry(w, e);
}

static void end_lease(struct wants *w, struct wanted *e, enum want_state state)
{
    struct wants_session *s = e->lessee;

    list_remove(&e->lease);
    e->lessee = NULL;
    e->state = state;
    s->of[class_of(e->key.kind)].leased--;
    if (wants_leased(s) == 0)
        list_remove(&s->owing);
    refresh_ready(w, s);
}

static void refuse(struct wants *w, struct wanted *e, int64_t incarnation, uint64_t now_ms)
{
    if (!is_refused(e, incarnation) && e->refused_count < WANTS_REFUSALS_MAX)
        e->refused[e->refused_count++] = incarnation;
    e->cool_ms = now_ms + w->limits.retry_ms;
    list_remove(&e->cooling);
    list_push(&w->cooling, &e->cooling);
}

/* ---- sessions -------------------------------------------------------------------------------- */

void wants_join(struct wants *w, struct wants_session *s, int64_t incarnation)
{
    *s = (struct wants_session){.incarnation = incarnation, .joined = true};
    for (int c = 0; c < WANTS_CLASSES; c++) {
        list_init(&s->of[c].open);
        list_init(&s->of[c].leases);
    }
    list_init(&s->idle);
    list_init(&s->declined);
    list_init(&s->ready);
    list_init(&s->owing);
    list_init(&s->declining);
    w->joined++;
}

static void drop_holders(struct wants *w, struct list *holders)
{
    list_each_safe (it, next, holders) {
        struct wanted *e = list_entry(it, struct holder, in_session)->entry;

        drop_holder(w, list_entry(it, struct holder, in_session));
        if (e->holder_count == 0 || e->turned_away)
            sort_holders(w, e);
    }
}

void wants_leave(struct wants *w, struct wants_session *s)
{
    if (!s->joined)
        return;
    for (int c = 0; c < WANTS_CLASSES; c++)
        drop_holders(w, &s->of[c].open);
    drop_holders(w, &s->idle);
    drop_holders(w, &s->declined);
    for (int c = 0; c < WANTS_CLASSES; c++) {
        while (!list_empty(&s->of[c].leases)) {
            struct wanted *e = list_entry(s->of[c].leases.next, struct wanted, lease);

            end_lease(w, e, PENDING);
            sort_holders(w, e);
        }
    }
    list_remove(&s->ready);
    w->joined--;
    *s = (struct wants_session){0};
}

static struct holder *find_holder(const struct wanted *e, const struct wants_session *s)
{
    list_each (it, &e->holders) {
        struct holder *h = list_entry(it, struct holder, in_entry);

        if (h->session == s)
            return h;
    }
    return NULL;
}

/* Makes room where all places are taken by hosts that failed or declined. One that declined
 * announces it again with its next report. */
static bool has_room(struct wants *w, struct wanted *e)
{
    if (e->holder_count < WANTS_HOLDERS_MAX)
        return true;
    list_each (it, &e->holders) {
        struct holder *h = list_entry(it, struct holder, in_entry);

        if (h->declined || is_refused(e, h->session->incarnation)) {
            drop_holder(w, h);
            return true;
        }
    }
    return false;
}

int wants_announce(struct wants *w, struct wants_session *s, const struct wants_item *item,
                   struct err *err)
{
    struct wanted *e;
    struct holder *h;

    if (find_or_add(&e, w, item, err) != 0)
        return -1;
    h = find_holder(e, s);
    if (h != NULL) {
        h->chain = item->chain;
        h->of_root = item->of_root;
        return 0;
    }
    if (!has_room(w, e)) {
        e->turned_away = true;
        return 0;
    }
    h = calloc(1, sizeof(*h));
    if (h != NULL) {
        *h = (struct holder){
            .entry = e, .session = s, .chain = item->chain, .of_root = item->of_root};
        list_init(&h->in_session);
        list_push(&e->holders, &h->in_entry);
        e->holder_count++;
    }
    sort_holders(w, e);
    return h != NULL ? 0 : err_set(err, ERR_NO_MEMORY, "no memory for a want");
}

/* ---- leases ---------------------------------------------------------------------------------- */

struct wants_session *wants_next(struct wants *w)
{
    return list_empty(&w->ready) ? NULL : list_entry(w->ready.next, struct wants_session, ready);
}

static void lease(struct wants *w, struct holder *h, uint64_t now_ms)
{
    struct wanted *e = h->entry;
    enum wants_class class = class_of(e->key.kind);

    e->state = LEASED;
    e->lessee = h->session;
    e->leased_ms = now_ms;
    list_push(&e->lessee->of[class].leases, &e->lease);
    e->lessee->of[class].leased++;
    if (list_empty(&e->lessee->owing))
        list_push(&w->owing, &e->lessee->owing);
    sort_holders(w, e);
}

size_t wants_take(struct wants *w, struct wants_session *s, enum wants_class class,
                  struct wants_item *items, size_t max, uint64_t now_ms)
{
    size_t count = 0;

    while (count < max && s->of[class].leased < w->limits.leased_max[class] &&
           !list_empty(&s->of[class].open)) {
        struct holder *h = list_entry(s->of[class].open.next, struct holder, in_session);

        items[count++] = (struct wants_item){
            .kind = h->entry->key.kind, .digest = h->entry->key.digest, .chain = h->chain};
        lease(w, h, now_ms);
    }
    return count;
}

bool wants_is_leased(const struct wants *w, const struct wants_session *s,
                     enum rec_document_kind kind, const struct digest *digest)
{
    const struct wanted *e = find(w, kind, digest);

    return e != NULL && e->state == LEASED && e->lessee == s;
}

void wants_progress(struct wants_session *s, enum wants_class class, uint64_t now_ms)
{
    s->of[class].progress_ms = now_ms;
}

void wants_delivered(struct wants *w, struct wants_session *s, enum rec_document_kind kind,
                     const struct digest *digest, uint64_t now_ms)
{
    struct wanted *e = find(w, kind, digest);

    check(e != NULL && e->state == LEASED && e->lessee == s);
    wants_progress(s, class_of(kind), now_ms);
    end_lease(w, e, DELIVERED);
}

/* Manifests and attestations are refused for retry_ms: often nobody has them, for ever. */
static bool may_come_back(const struct wanted *e)
{
    return e->key.kind == 0 || e->key.kind == REC_DOC_CONFIG;
}

/* All that a session declines until it is asked again waits for the same moment. */
static void decline(const struct wants *w, struct holder *h, uint64_t now_ms)
{
    struct wants_session *s = h->session;

    if (list_empty(&s->declined)) {
        s->pause_ms = s->pause_ms == 0 ? w->limits.decline_ms : 2 * s->pause_ms;
        s->pause_ms = s->pause_ms < w->limits.retry_ms ? s->pause_ms : w->limits.retry_ms;
        s->again_ms = now_ms + s->pause_ms;
    }
    h->declined = true;
}

bool wants_refused(struct wants *w, struct wants_session *s, enum rec_document_kind kind,
                   const struct digest *digest, uint64_t now_ms)
{
    struct wanted *e = find(w, kind, digest);
    struct holder *h;

    if (e == NULL || e->state != LEASED || e->lessee != s)
        return false;
    end_lease(w, e, PENDING);
    h = find_holder(e, s);
    if (h != NULL && may_come_back(e))
        decline(w, h, now_ms);
    else
        refuse(w, e, s->incarnation, now_ms);
    sort_holders(w, e);
    return true;
}

static void ask_declined_again(struct wants *w, struct wants_session *s)
{
    list_each_safe (it, next, &s->declined) {
        struct holder *h = list_entry(it, struct holder, in_session);

        h->declined = false;
        sort_holders(w, h->entry);
    }
}

void wants_changed(struct wants *w, struct wants_session *s)
{
    s->pause_ms = 0;
    if (s->joined)
        ask_declined_again(w, s);
}

/* What an incarnation holds of it counts no more; with `users` also what lies in users' stores. */
static void drop_holders_of(struct wants *w, struct wanted *e, int64_t incarnation, bool users)
{
    list_each_safe (it, next, &e->holders) {
        struct holder *h = list_entry(it, struct holder, in_entry);

        if (h->session->incarnation == incarnation || (users && !h->of_root))
            drop_holder(w, h);
    }
}

void wants_settle(struct wants *w, enum rec_document_kind kind, const struct digest *digest,
                  int64_t incarnation, enum wants_outcome outcome, uint64_t now_ms)
{
    struct wanted *e = find(w, kind, digest);

    if (e == NULL || e->state != DELIVERED)
        return;
    if (outcome == WANTS_DONE) {
        drop_entry(w, e);
        return;
    }
    e->state = PENDING;
    if (outcome == WANTS_FAILED || outcome == WANTS_SAID)
        refuse(w, e, incarnation, now_ms);
    if (outcome != WANTS_FAILED && outcome != WANTS_LOST)
        drop_holders_of(w, e, incarnation, outcome == WANTS_ROOTS);
    sort_holders(w, e);
}

size_t wants_holders(const struct wants *w, enum rec_document_kind kind,
                     const struct digest *digest, struct wants_session **out)
{
    const struct wanted *e = find(w, kind, digest);
    size_t count = 0;

    if (e == NULL)
        return 0;
    list_each (it, &e->holders) {
        out[count++] = list_entry(it, struct holder, in_entry)->session;
    }
    return count;
}

/* ---- time ------------------------------------------------------------------------------------ */

static size_t expire_leases(struct wants *w, struct wants_session *s, enum wants_class class,
                            uint64_t now_ms)
{
    size_t expired = 0;

    while (!list_empty(&s->of[class].leases)) {
        struct wanted *e = list_entry(s->of[class].leases.next, struct wanted, lease);
        uint64_t since = s->of[class].progress_ms, length = w->limits.lease_ms[class];

        since = since > e->leased_ms ? since : e->leased_ms;
        if (now_ms < since + length && now_ms < e->leased_ms + WANTS_LEASES_MAX * length)
            break;
        end_lease(w, e, PENDING);
        refuse(w, e, s->incarnation, now_ms);
        sort_holders(w, e);
        expired++;
    }
    return expired;
}

size_t wants_expire(struct wants *w, uint64_t now_ms)
{
    size_t expired = 0;

    list_each_safe (it, next, &w->owing) {
        struct wants_session *s = list_entry(it, struct wants_session, owing);

        for (int c = 0; c < WANTS_CLASSES; c++)
            expired += expire_leases(w, s, c, now_ms);
    }
    list_each_safe (it, next, &w->declining) {
        struct wants_session *s = list_entry(it, struct wants_session, declining);

        if (now_ms >= s->again_ms)
            ask_declined_again(w, s);
    }
    while (!list_empty(&w->cooling)) {
        struct wanted *e = list_entry(w->cooling.next, struct wanted, cooling);

        if (now_ms < e->cool_ms)
            break;
        list_remove(&e->cooling);
        e->refused_count = 0;
        sort_holders(w, e);
    }
    return expired;
}

bool wants_is_starved(struct wants *w)
{
    bool starved = w->starved;

    w->starved = false;
    return starved;
}

size_t wants_count(const struct wants *w)
{
    return w->count;
}

size_t wants_leased(const struct wants_session *s)
{
    size_t leased = 0;

    for (int c = 0; c < WANTS_CLASSES; c++)
        leased += s->of[c].leased;
    return leased;
}
