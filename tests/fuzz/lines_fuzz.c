/* However the bytes of a file are chunked in time, the same records come out of it. */
#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/tail.h"

struct gathered { char *p; size_t n; };

static bool take(void *arg, struct slice location, struct slice text)
{
    (void)location;
    assert(text.n <= RECORD_MAX);
    assert(fwrite(text.p, 1, text.n, arg) == text.n && putc(0xff, arg) == 0xff);
    return true;
}

static char room[FORMAT_WINDOW];

static struct tail *open_tail(int fd, struct format *f)
{
    char path[sizeof "/proc/self/fd/" + 3 * sizeof(int)];
    struct stat st;
    struct tail *t;

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    assert(fstat(fd, &st) == 0);
    assert(tail_new(&t, path, SLICE("f"), f, (struct file_id){ st.st_dev, st.st_ino },
                    (struct position){ 0 }) == ERR_OK);
    return t;
}

/* chunk: bytes written between two polls. */
static struct gathered follow(struct slice bytes, size_t chunk, const char *format, uint32_t lines)
{
    struct gathered g;
    struct format *f;
    FILE *out = open_memstream(&g.p, &g.n);
    const struct sink sink = { take, out };
    int fd = memfd_create("lines", MFD_CLOEXEC);

    assert(out != NULL && fd >= 0);
    assert(format_new(&f, slice_of(format), lines, SLICE("")) == ERR_OK);
    struct tail *t = open_tail(fd, f);
    while (bytes.n > 0) {
        size_t n = chunk < bytes.n ? chunk : bytes.n;
        assert(write(fd, bytes.p, n) == (ssize_t)n);
        bytes = slice_from(bytes, n);
        while (tail_poll(t, room, 0, &sink) == TAIL_MORE)
            continue;
    }
    while (tail_finish(t, room, &sink) == TAIL_MORE)
        continue;
    fclose(out);
    tail_free(t);
    format_free(f);
    close(fd);
    return g;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct { const char *format; uint32_t lines; } rows[] = {
        { "syslog", 0 }, { "multi-line", 3 }, { "multi-line_indented", 0 }, { "audit", 0 },
        { "mysql_log", 0 }, { "postgresql_log", 0 }, { "mssql_log", 0 }, { "modsec-audit", 0 },
    };
    if (size < 2)
        return 0;
    struct slice bytes = { (const char *)data + 2, size - 2 };
    size_t row = data[0] % (sizeof rows / sizeof rows[0]), chunk = 1 + data[1];

    if (chunk * 64 < bytes.n)
        chunk = bytes.n / 64;
    struct gathered whole = follow(bytes, SIZE_MAX, rows[row].format, rows[row].lines);
    struct gathered parts = follow(bytes, chunk, rows[row].format, rows[row].lines);
    assert(whole.n == parts.n && memcmp(whole.p, parts.p, whole.n) == 0);
    free(whole.p);
    free(parts.p);
    return 0;
}
