#include "collector/report/host_story.h"

#define ID_HEX (2 * sizeof(struct rec_id))

int story_problems(struct census *c, struct answer *a, const struct host_story *story,
                   struct err *err)
{
    static const struct sheet_column columns[] = {
        {"root", "ROOT", CELL_TEXT, false},
        {"subject", "SUBJECT", CELL_TEXT, false},
        {"text", "PROBLEM", CELL_TEXT, false},
        {NULL, NULL, 0, false},
    };
    struct sheet *s = answer_sheet(a, "problems", "Problems", false, columns);

    for (size_t i = 0; i < story->problem_count; i++) {
        const struct host_problem *p = &story->problems[i];
        struct sheet_cell *row = sheet_row(a, s, err);

        if (row == NULL)
            return -1;
        row[0] = cell_text(c->fleet.stores[p->store].root);
        row[1] = cell_text(p->subject);
        row[2] = cell_text(p->text);
    }
    return 0;
}

static const char *id_text(struct census *c, const struct rec_id *id, struct err *err)
{
    static const char digits[] = "0123456789abcdef";
    char text[ID_HEX];

    for (size_t i = 0; i < sizeof(id->bytes); i++) {
        text[2 * i] = digits[id->bytes[i] >> 4];
        text[2 * i + 1] = digits[id->bytes[i] & 15];
    }
    return arena_text(c->arena, text, sizeof(text), err);
}

int story_incarnations(struct census *c, struct answer *a, const struct host_story *story,
                       struct err *err)
{
    static const struct sheet_column columns[] = {
        {"incarnation", "INCARNATION", CELL_TEXT, false},
        {"address", "ADDRESS", CELL_TEXT, false},
        {"agent_version", "AGENT", CELL_TEXT, false},
        {"first_seen", "FIRST SEEN", CELL_TIME, false},
        {"last_seen", "LAST SEEN", CELL_TIME, false},
        {"ended_at", "ENDED", CELL_TIME, false},
        {"generation", "GENERATION", CELL_COUNT, false},
        {"clock_skew_ms", "SKEW MS", CELL_COUNT, false},
        {"unknown_values", "UNKNOWN VALUES", CELL_COUNT, true},
        {NULL, NULL, 0, false},
    };
    struct sheet *s = answer_sheet(a, "incarnations", "Incarnations", false, columns);

    for (size_t i = 0; i < story->incarnation_count; i++) {
        const struct host_incarnation *n = &story->incarnations[i];
        struct sheet_cell *row = sheet_row(a, s, err);
        const char *id = id_text(c, &n->id, err);

        if (row == NULL || id == NULL)
            return -1;
        row[0] = cell_text(id);
        row[1] = cell_text(n->address);
        row[2] = cell_text(n->agent_version);
        row[3] = cell_time(n->first_s);
        row[4] = cell_time(n->last_s);
        row[5] = cell_time(n->ended_s);
        row[6] = cell_number(n->generation);
        row[7] = cell_number(n->skew_ms);
        row[8] = cell_number(n->unknown);
    }
    return sheet_reveal(a, s, "unknown_values", err);
}

int story_events(struct answer *a, const struct host_story *story, struct err *err)
{
    static const struct sheet_column columns[] = {
        {"at", "AT", CELL_TIME, false},
        {"kind", "EVENT", CELL_TEXT, false},
        {"subject", "SUBJECT", CELL_TEXT, false},
        {"text", "TEXT", CELL_TEXT, false},
        {NULL, NULL, 0, false},
    };
    struct sheet *s = answer_sheet(a, "events", "Events", false, columns);

    for (size_t i = 0; i < story->event_count; i++) {
        const struct host_event *e = &story->events[i];
        struct sheet_cell *row = sheet_row(a, s, err);

        if (row == NULL)
            return -1;
        row[0] = cell_time(e->at_s);
        row[1] = cell_text(e->kind);
        row[2] = cell_text(e->subject);
        row[3] = cell_text(e->text);
    }
    return 0;
}
