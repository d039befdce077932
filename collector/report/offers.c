#include "collector/report/offers.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MORE_TEXT 40    /* ", and 18446744073709551615 more" */
#define AROUND_TEXT 32  /* what an error says around subject and list */
#define SUBJECT_MAX 160 /* bytes of a subject that an error repeats */

void offers_init(struct offers *o, size_t room)
{
    *o = (struct offers){.room = room < OFFERS_ROOM ? room : OFFERS_ROOM};
    buf_init(&o->text, OFFERS_ROOM + MORE_TEXT);
}

void offers_close(struct offers *o)
{
    buf_close(&o->text);
}

void offers_add(struct offers *o, const char *fmt, ...)
{
    char item[OFFERS_ROOM];
    va_list ap;
    int len;

    va_start(ap, fmt);
    len = vsnprintf(item, sizeof(item), fmt, ap);
    va_end(ap);
    if (o->told == o->count++ && len > 0 && (size_t)len < sizeof(item) &&
        o->text.len + (size_t)len + MORE_TEXT <= o->room &&
        buf_printf(&o->text, NULL, "%s%s", o->told > 0 ? ", " : "", item) == 0)
        o->told++;
}

const char *offers_text(struct offers *o)
{
    if (o->told == o->count)
        return buf_str(&o->text);
    buf_printf(&o->text, NULL, "%s%zu more", o->told > 0 ? ", and " : "", o->count - o->told);
    o->told = o->count;
    return buf_str(&o->text);
}

static int subject_len(const char *subject)
{
    size_t len = strlen(subject);

    return (int)(len < SUBJECT_MAX ? len : SUBJECT_MAX);
}

size_t offers_error_room(const char *subject)
{
    return ERR_TEXT_MAX - AROUND_TEXT - (size_t)subject_len(subject);
}

int offers_fail(struct offers *o, const char *subject, struct err *err)
{
    int len = subject_len(subject);

    return err_set(err, ERR_USAGE, "\"%.*s%s\" may be %s", len, subject,
                   strlen(subject) > (size_t)len ? "..." : "", offers_text(o));
}
