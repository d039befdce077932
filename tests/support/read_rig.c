#include "tests/support/read_rig.h"

#include "tests/support/unit.h"

const unsigned read_rig_layers[IMAGES][3] = {[BASE] = {1}, [APP] = {1, 2, 3}, [OTHER] = {4}};
const size_t read_rig_depths[IMAGES] = {1, 3, 1};

void read_rig_open(struct read_rig *r)
{
    *r = (struct read_rig){.options = {.now_s = 5000, .fresh_within_s = 86400}};
    rig_open(&r->db);
    r->web = rig_hello(&r->db, 1, "web-1", 1000);
    r->build = rig_hello(&r->db, 2, "build-1", 1000);
    for (int i = 0; i < IMAGES; i++) {
        const char *text = rig_config(&r->db, read_rig_layers[i], read_rig_depths[i], &r->ids[i]);

        rig_document(&r->db, r->web, &r->ids[i], text, 0, 1000);
    }
}

static void close_reader(struct read_rig *r)
{
    if (r->reader != NULL)
        store_rollback(r->reader);
    store_close(&r->reader);
}

void read_rig_close(struct read_rig *r)
{
    close_reader(r);
    rig_close(&r->db);
}

void read_rig_report(struct read_rig *r, int64_t incarnation, unsigned key, uint32_t owner,
                     int image, const char *name, unsigned digest, int64_t at_s)
{
    struct rec_content *c = rig_content(&r->db, key);
    struct rec_image *listed = NULL;

    c->store.owner = owner;
    if (name != NULL) {
        listed = rig_image(&r->db, c, &r->ids[image], true);
        rig_name(&r->db, listed, name);
    }
    if (digest != 0)
        rig_repo_digest(&r->db, listed, "docker.io/x", digest);
    rig_inventory(&r->db, incarnation, ++r->generation, c, at_s);
}

void read_rig_begin(struct read_rig *r)
{
    struct err err;

    close_reader(r);
    assert_ok(store_open_reader(&r->reader, r->db.path, &err));
    assert_ok(store_begin(r->reader, &err));
}

void read_rig_read(struct read_rig *r)
{
    struct err err;

    read_rig_begin(r);
    assert_ok(read_fleet(r->reader, &r->fleet, &r->options, &r->reading, r->db.arena, &err));
}

void read_rig_read_as_of(struct read_rig *r, int64_t at_s)
{
    r->options.as_of_s = at_s;
    read_rig_read(r);
}

const struct fleet_host *read_rig_host(const struct read_rig *r, const char *name)
{
    for (size_t i = 0; i < r->fleet.host_count; i++)
        if (strcmp(r->fleet.hosts[i].name, name) == 0)
            return &r->fleet.hosts[i];
    fail_msg("host %s was not read", name);
    return NULL;
}

uint32_t read_rig_host_index(const struct read_rig *r, const char *name)
{
    return (uint32_t)(read_rig_host(r, name) - r->fleet.hosts);
}

uint32_t read_rig_image(const struct read_rig *r, int image)
{
    for (uint32_t i = 0; i < r->fleet.image_count; i++)
        if (digest_eq(&r->fleet.images[i].digest, &r->ids[image]))
            return i;
    fail_msg("image %d was not read", image);
    return 0;
}

const char *read_rig_held(const struct read_rig *r, const struct fleet *f, const char *host)
{
    static char text[64];
    const struct fleet_host *h = read_rig_host(r, host);
    const struct fleet_presence *p;
    const struct fleet_run *run;

    text[0] = '\0';
    if (h->stores.count == 0)
        return text;
    run = &f->stores[h->stores.first].presences;
    assert_true(run->count <= 1);
    if (run->count == 0)
        return text;
    p = &f->presences[run->first];
    for (int i = 0; i < IMAGES; i++)
        if (p->image == read_rig_image(r, i))
            snprintf(text, sizeof(text), "%d:%s", i, f->names[f->place_names[p->names.first]].text);
    return text;
}
