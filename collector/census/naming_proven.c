#include "collector/census/naming_private.h"

bool naming_trusts_host(const struct fleet *f, const struct catalogue *c, uint32_t host)
{
    const struct fleet_run *run = &f->hosts[host].stores;

    for (uint32_t i = 0; i < run->count && c->namer_count > 0; i++) {
        const struct fleet_store *s = &f->stores[run->first + i];

        if (s->owner == 0 && catalogue_trusts_store(c, f->hosts[host].name, s->root, s->owner))
            return true;
    }
    return false;
}

bool naming_is_proven(const struct fleet *f, const struct catalogue *c,
                      const struct fleet_image *image)
{
    if (image->document == DOCUMENT_UNCONFIRMED)
        return image->said_by != FLEET_NONE && naming_trusts_host(f, c, image->said_by);
    return image->document != DOCUMENT_DISPUTED;
}
