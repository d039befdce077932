#include "tests/fleet/greeting.h"

#include <string.h>

struct rec_hello greeting(const char *name, const char *cluster, const char *arch)
{
    static uint32_t capabilities[] = {REC_CAP_DOCUMENTS, REC_CAP_MEASURE, REC_CAP_USE};
    static struct rec_pair labels[] = {{"played", "yes"}};
    struct rec_hello hello = {.agent_version = LAYERCENSUS_VERSION,
                              .host_name = name,
                              .cluster = cluster,
                              .labels = labels,
                              .label_count = 1,
                              .fingerprint = digest_of(name, strlen(name)),
                              .lifetime = REC_LIFETIME_LASTING,
                              .os = "Simulated 1",
                              .kernel = "6.1",
                              .arch = arch,
                              .capabilities = capabilities,
                              .capability_count = 3};

    memcpy(hello.incarnation.bytes, hello.fingerprint.bytes, sizeof(hello.incarnation.bytes));
    return hello;
}
