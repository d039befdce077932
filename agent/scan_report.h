/*
 * scan_report: what the command "scan" found, as one JSON document. Its keys are stable:
 *
 *   version, host {name, os, kernel, arch}, stores [{
 *     key, engine, version, driver, space, root, owner, fs_type, block_size, state, error, sample,
 *     images [{id, identity, unpacked, parent, names [], repo_digests [{repository, digest}],
 *              created, os, architecture, redacted,
 *              layers [{diff, chain, directory, allocated_bytes, content_bytes, nominal_bytes,
 *                       files, directories}]}],
 *     containers [{id, name, image, state, since_seconds}],
 *     exceptions [{kind, chain, diff}],
 *     problems [{subject, text}], problems_more,
 *     findings [{subject, text}], findings_more,
 *     spaces [{class, kind, bytes, count, upper_bound}]}]
 *
 * What is not known is null: also a layer's content, nominal, files and directories where its
 * directory is a whole tree (vfs, btrfs; engine.h). Sizes are bytes. The table is made from this
 * document.
 *
 * Threads: pure, but scan_report_image() reads a document from disk.
 */
#ifndef AGENT_SCAN_REPORT_H
#define AGENT_SCAN_REPORT_H

#include "agent/host.h"
#include "agent/measurer_store.h"
#include "common/json.h"

/* One store as it was read and measured. `measured` and `account` may be NULL. */
struct scan_report_store {
    const struct inventory_store *store;
    struct measured_store *measured;
    bool accounted;
    const struct engine_findings *findings;
};

/* New references; NULL without memory. */
json_t *scan_report_host(const struct host *host);
json_t *scan_report_store(const struct scan_report_store *in);

#endif
