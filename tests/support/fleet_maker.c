#include "tests/support/fleet_maker.h"

#include <string.h>

#include "common/check.h"

#define NOW_S 1770000000
#define ARENA_MAX ((size_t)64 << 20)

void maker_open(struct fleet_maker *m)
{
    struct err err;

    memset(m, 0, sizeof(*m));
    check(arena_open(&m->arena, ARENA_MAX, &err) == 0);
    m->fleet = (struct fleet){.now_s = NOW_S,
                              .hosts = m->hosts,
                              .stores = m->stores,
                              .layers = m->layers,
                              .chains = m->chains,
                              .images = m->images,
                              .names = m->names,
                              .presences = m->presences,
                              .place_names = m->place_names,
                              .exceptions = m->exceptions,
                              .measured = m->measured,
                              .containers = m->containers,
                              .spaces = m->spaces,
                              .repo_digests = m->repo_digests};
}

void maker_close(struct fleet_maker *m)
{
    arena_close(&m->arena);
}

/* The next place of a list, counted in. */
static uint32_t next(size_t *count)
{
    check(*count < MAKER_MAX);
    return (uint32_t)(*count)++;
}

static void extend(struct fleet_run *run, uint32_t index)
{
    if (run->count++ == 0)
        run->first = index;
    check(run->first + run->count == index + 1); /* made store by store */
}

uint32_t maker_host(struct fleet_maker *m, const char *name)
{
    uint32_t i = next(&m->fleet.host_count);

    m->hosts[i] = (struct fleet_host){.name = name,
                                      .cluster = "",
                                      .selected = true,
                                      .present = true,
                                      .first_s = NOW_S - 1000,
                                      .last_s = NOW_S};
    return i;
}

uint32_t maker_store(struct fleet_maker *m, uint32_t host, const char *engine, uint32_t owner)
{
    uint32_t i = next(&m->fleet.store_count);

    m->stores[i] = (struct fleet_store){.host = host,
                                        .engine = engine,
                                        .owner = owner,
                                        .root = "/",
                                        .state = REC_STORE_OK,
                                        .present = true,
                                        .look_s = NOW_S};
    extend(&m->hosts[host].stores, i);
    return i;
}

uint32_t maker_layer(struct fleet_maker *m, const char *name, int64_t nominal)
{
    uint32_t i = next(&m->fleet.layer_count);
    int64_t files = nominal == FLEET_UNKNOWN ? FLEET_UNKNOWN : 1;

    m->layers[i] = (struct fleet_layer){.diff = digest_of(name, strlen(name)),
                                        .said_by = FLEET_NONE,
                                        .content_bytes = nominal,
                                        .nominal_bytes = nominal,
                                        .files = files,
                                        .directories = files};
    return i;
}

static uint32_t extend_chain(struct fleet_maker *m, uint32_t parent, uint32_t layer)
{
    uint32_t i;

    for (i = 0; i < m->fleet.chain_count; i++)
        if (m->chains[i].parent == parent && m->chains[i].layer == layer)
            return i;
    i = next(&m->fleet.chain_count);
    m->chains[i] =
        (struct fleet_chain){.parent = parent,
                             .layer = layer,
                             .depth = parent == FLEET_NONE ? 1 : m->chains[parent].depth + 1};
    m->chains[i].digest = digest_chain(parent == FLEET_NONE ? NULL : &m->chains[parent].digest,
                                       &m->layers[layer].diff);
    return i;
}

uint32_t maker_chain(struct fleet_maker *m, const uint32_t *layers)
{
    uint32_t chain = FLEET_NONE;

    for (; *layers != FLEET_NONE; layers++)
        chain = extend_chain(m, chain, *layers);
    return chain;
}

uint32_t maker_image(struct fleet_maker *m, const uint32_t *layers)
{
    uint32_t i = next(&m->fleet.image_count), chain = FLEET_NONE;
    uint32_t *chains = arena_array(m->arena, MAKER_MAX, sizeof(*chains), NULL);

    check(chains != NULL);
    m->images[i] = (struct fleet_image){.digest = digest_of(&i, sizeof(i)),
                                        .identity = REC_BY_CONFIG,
                                        .parsed = PARSED_READ,
                                        .document = DOCUMENT_PROVEN,
                                        .said_by = FLEET_NONE,
                                        .os = "linux",
                                        .arch = "amd64",
                                        .variant = "",
                                        .created = "",
                                        .author = "",
                                        .chains = chains};
    for (; *layers != FLEET_NONE; layers++) {
        chain = extend_chain(m, chain, *layers);
        chains[m->images[i].chain_count++] = chain;
    }
    return i;
}

uint32_t maker_name(struct fleet_maker *m, const char *text)
{
    uint32_t i;

    for (i = 0; i < m->fleet.name_count; i++)
        if (strcmp(m->names[i].text, text) == 0)
            return i;
    i = next(&m->fleet.name_count);
    check(fleet_name_set(&m->names[i], text, m->arena, NULL) == 0);
    return i;
}

struct fleet_presence *maker_put(struct fleet_maker *m, uint32_t store, uint32_t image,
                                 const char *name)
{
    uint32_t i = next(&m->fleet.presence_count);
    struct fleet_presence *p = &m->presences[i];

    *p = (struct fleet_presence){
        .store = store, .image = image, .parent = FLEET_NONE, .unpacked = true};
    extend(&m->stores[store].presences, i);
    if (name != NULL) {
        uint32_t at = next(&m->fleet.place_name_count);

        extend(&p->names, at);
        m->place_names[at] = maker_name(m, name);
    }
    return p;
}

void maker_measure(struct fleet_maker *m, uint32_t store, uint32_t chain, int64_t allocated)
{
    uint32_t i = next(&m->fleet.measured_count);

    m->measured[i] =
        (struct fleet_measured){.store = store, .chain = chain, .allocated_bytes = allocated};
    extend(&m->stores[store].measured, i);
}

void maker_except(struct fleet_maker *m, uint32_t store, uint32_t chain, uint32_t layer,
                  enum rec_exception_kind kind)
{
    uint32_t i = next(&m->fleet.exception_count);

    m->exceptions[i] =
        (struct fleet_exception){.store = store, .chain = chain, .layer = layer, .kind = kind};
    extend(&m->stores[store].exceptions, i);
}

void maker_space(struct fleet_maker *m, uint32_t store, enum rec_space_class klass,
                 const char *kind, int64_t bytes)
{
    uint32_t i = next(&m->fleet.space_count);

    m->spaces[i] =
        (struct fleet_space){.store = store, .klass = klass, .kind = kind, .bytes = bytes};
    extend(&m->stores[store].spaces, i);
}

void maker_run(struct fleet_maker *m, uint32_t store, uint32_t image, enum rec_run_state state)
{
    uint32_t i = next(&m->fleet.container_count);

    m->containers[i] = (struct fleet_container){
        .store = store, .image = image, .state = state, .id = "c", .name = "c"};
    extend(&m->stores[store].containers, i);
}
