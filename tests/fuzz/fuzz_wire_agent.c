/* What an agent may say. A message that was accepted is encoded and must be accepted again. */
#include "common/buf.h"
#include "common/check.h"
#include "common/cleanup.h"
#include "common/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(wire_agent_msg_close) struct wire_agent_msg *m = NULL;
    AUTO(wire_agent_msg_close) struct wire_agent_msg *again = NULL;
    AUTO(buf_close) struct buf bytes;
    struct err err = {.kind = ERR_NONE};

    buf_init(&bytes, REC_MESSAGE_BYTES);
    if (wire_agent_decode(&m, data, size, &err) != 0) {
        check(err.kind == ERR_PROTOCOL || err.kind == ERR_LIMIT);
        return 0;
    }
    if (m->kind == WIRE_AGENT_UNKNOWN)
        return 0;
    check(wire_agent_encode(m, &bytes, &err) == 0);
    check(wire_agent_decode(&again, bytes.data, bytes.len, &err) == 0);
    check(again->kind == m->kind && again->unknown == 0);
    return 0;
}
