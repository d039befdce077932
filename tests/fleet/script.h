/*
 * script: what each host of a fleet holds and does, from a file that simulate_fleet.py wrote:
 *
 *     {"t": "host", "day": n, "host": name, "arch": text, "images": [image...]}
 *     {"t": "event", "day": n, "host": name, "op": "pull" | "remove", "image": image}
 *     {"t": "event", "day": n, "host": name, "op": "host_add", "arch": text, "images": [image...]}
 *     {"t": "event", "day": n, "host": name, "op": "host_gone"}
 *
 * Days never go back from one line to the next.
 *
 * Threads: read-only after opening.
 */
#ifndef TESTS_FLEET_SCRIPT_H
#define TESTS_FLEET_SCRIPT_H

#include "tests/fleet/catalogue.h"

struct script_event {
    uint32_t image; /* index in the catalogue */
    bool pull;      /* else it is removed */
    uint32_t day;   /* the script's; never before that of the event before */
};

struct script_host {
    const char *name, *arch; /* the script's */
    uint32_t day;            /* when it comes */
    uint32_t *images;        /* at first */
    size_t image_count;
    struct script_event *events; /* in order */
    size_t event_count, event_room;
    bool goes; /* falls silent for good after its last event */
};

struct script {
    struct script_host *hosts;
    size_t count;
    uint32_t days;   /* the last day of any line */
    json_t *lines;   /* owns the texts */
    json_t *numbers; /* indices of hosts by name */
};

/* Reads a whole file against the catalogue, which must outlive the script. ERR_CORRUPT names the
 * line that is none of the above, or that names a host or an image which is not there. */
int script_read(struct script **out, const char *path, const struct cat_images *c, struct err *err);
void script_close(struct script **s);

#endif
