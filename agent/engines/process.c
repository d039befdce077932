#include "agent/engines/process.h"

#include <fcntl.h>
#include <string.h>

#include "common/cleanup.h"

#define PROC_FILE_BYTES (4u << 20) /* /proc/stat has a number for each interrupt */
#define FIELDS_TO_START 19         /* proc(5): from field 3, the state, to field 22, the start */

/* "btime <seconds>" of proc(5), /proc/stat. */
static int read_boot_time(int proc_fd, int64_t *boot_ms)
{
    AUTO(buf_close) struct buf file;
    const char *line;

    buf_init(&file, PROC_FILE_BYTES);
    if (buf_read_file_at(&file, proc_fd, "stat", NULL) != 0)
        return -1;
    line = strstr(buf_str(&file), "\nbtime ");
    if (line == NULL)
        return -1;
    *boot_ms = strtoll(line + strlen("\nbtime "), NULL, 10) * 1000;
    return 0;
}

void process_view_open(struct process_view *view, const struct engine_root *root)
{
    static const struct engine_root own;

    view->proc_fd = engine_open(root, "/proc", O_RDONLY | O_DIRECTORY, NULL);
    if (view->proc_fd >= 0 && read_boot_time(view->proc_fd, &view->boot_ms) == 0)
        return;
    process_view_close(view);
    view->proc_fd = engine_open(&own, "/proc", O_RDONLY | O_DIRECTORY, NULL);
    if (view->proc_fd >= 0 && read_boot_time(view->proc_fd, &view->boot_ms) != 0)
        process_view_close(view);
}

void process_view_close(struct process_view *view)
{
    cleanup_fd(&view->proc_fd);
    view->proc_fd = -1;
}

/* The state's letter and the start in clock ticks after boot. The name before them is in brackets
 * and may hold anything, also brackets. */
static bool parse_stat(const char *text, char *state, unsigned long long *ticks)
{
    const char *at = strrchr(text, ')');

    if (at == NULL || at[1] != ' ')
        return false;
    at += 2;
    *state = *at;
    for (int i = 0; i < FIELDS_TO_START; i++) {
        at = strchr(at, ' ');
        if (at == NULL)
            return false;
        at++;
    }
    *ticks = strtoull(at, NULL, 10);
    return true;
}

int process_started(const struct process_view *view, long pid, int64_t *wall_ms, struct err *err)
{
    AUTO(buf_close) struct buf file;
    long ticks_per_second = sysconf(_SC_CLK_TCK);
    unsigned long long ticks;
    char path[32], state;

    buf_init(&file, PROC_FILE_BYTES);
    snprintf(path, sizeof(path), "%ld/stat", pid);
    if (view->proc_fd < 0 || pid <= 0 || ticks_per_second <= 0 ||
        buf_read_file_at(&file, view->proc_fd, path, NULL) != 0 ||
        !parse_stat(buf_str(&file), &state, &ticks) || state == 'Z' || state == 'X')
        return err_set(err, ERR_NOT_FOUND, "process %ld does not live", pid);
    *wall_ms = view->boot_ms + (int64_t)(ticks * 1000 / (unsigned long long)ticks_per_second);
    return 0;
}
