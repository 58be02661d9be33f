/*
 * Real files in a temporary directory, real spool, scripted steps: what arrives at a manager that
 * counts, whatever happens to the files, and wherever the agent is killed in between.
 *
 * A script is steps apart by spaces:
 *     +NAME:TEXT   append TEXT to NAME (\n is written as ;, CR LF as ~, NUL as 0)
 *     >NAME:TEXT   truncate NAME in place and write TEXT
 *     mFROM:TO     rename      dNAME  delete      lNAME:OTHER  symbolic link OTHER to NAME
 *     g            the agent gathers and commits        s  ... sends, acknowledgement lost
 *     a            ... sends and is acknowledged        p  a quarter of a minute passes
 *     k            the agent is killed and starts again
 *     v            ... on a host whose device numbers are others since
 * The script is followed by enough gathers and sends to bring everything home.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/files.h"
#include "common/stage/log.h"

#define GOT_MAX 4096

struct world {
    char dir[64];
    const char *locations, *format;
    bool only_future;
    struct spool *spool;
    struct files *files;
    struct format *cutter;
    uint64_t now_ms;
    uint64_t sent;              /* by this life of the agent */
    uint64_t has;               /* the manager: highest number */
    char got[GOT_MAX];
    size_t got_n;
};

static char *in(struct world *w, struct slice name)
{
    char *path = NULL;

    assert_true(asprintf(&path, "%s/%.*s", w->dir, SLICE_FMT(name)) > 0);
    return path;
}

static bool take(void *arg, struct slice location, struct slice text)
{
    struct world *w = arg;
    const struct raw r = { RAW_LOG, location, 1, text };

    if (slice_eq(location, SLICE("yagura-agent")))
        return true;                    /* what the agent says of itself is no line */
    return spool_room(w->spool, SPOOL_REREADABLE) && spool_add(w->spool, &r) == ERR_OK;
}

static void start(struct world *w)
{
    char *state = in(w, SLICE("state"));
    struct slice rest = slice_of(w->locations);

    const struct spool_options o = { 128, 32 << 10, 16 << 20, false };
    assert_int_equal(spool_open(&w->spool, state, &o), ERR_OK);
    free(state);
    assert_int_equal(files_new(&w->files, w->spool, (struct sink){ take, w }, 2000), ERR_OK);
    assert_int_equal(format_new(&w->cutter, slice_of(w->format), 2, SLICE("^#")), ERR_OK);
    while (rest.n > 0) {
        size_t n = strcspn(rest.p, ",");
        char *path = in(w, (struct slice){ rest.p, n });
        assert_int_equal(files_add(w->files, slice_of(path), w->cutter, w->only_future), ERR_OK);
        free(path);
        rest = slice_from(rest, n + 1);
    }
    w->sent = spool_first(w->spool);
}

struct moves { struct spool *spool; struct { char key[32], value[512]; size_t key_n, value_n; } row[8]; size_t n; };

static bool note_row(void *arg, struct slice key, struct slice value)
{
    struct moves *m = arg;

    assert_true(m->n < 8 && key.n <= sizeof m->row[0].key && value.n <= sizeof m->row[0].value);
    memcpy(m->row[m->n].key, key.p, m->row[m->n].key_n = key.n);
    memcpy(m->row[m->n].value, value.p, m->row[m->n].value_n = value.n);
    m->n++;
    return true;
}

/* A row's key is 'F', the device and the inode. */
static enum err move_rows(void *arg)
{
    struct moves *m = arg;
    enum err e = ERR_OK;

    for (size_t i = 0; i < m->n && e == ERR_OK; i++) {
        struct slice key = { m->row[i].key, m->row[i].key_n };
        e = spool_drop(m->spool, key);
        m->row[i].key[1] ^= 1;
        if (e == ERR_OK)
            e = spool_put(m->spool, key, (struct slice){ m->row[i].value, m->row[i].value_n });
    }
    return e;
}

static void renumber_devices(struct world *w)
{
    const struct spool_options o = { 128, 32 << 10, 16 << 20, false };
    struct moves m = { .n = 0 };
    char *state = in(w, SLICE("state"));

    assert_int_equal(spool_open(&m.spool, state, &o), ERR_OK);
    assert_int_equal(spool_each(m.spool, SLICE("F"), note_row, &m), ERR_OK);
    assert_true(m.n > 0);
    assert_int_equal(spool_commit(m.spool, move_rows, &m), ERR_OK);
    spool_free(m.spool);
    free(state);
}

static void die_suddenly(struct world *w)
{
    files_free(w->files);
    format_free(w->cutter);
    spool_free(w->spool);
}

static enum err save(void *arg)
{
    return files_save(((struct world *)arg)->files);
}

static void gather(struct world *w)
{
    files_notice(w->files);
    w->now_ms += FILES_RESCAN_MS;
    assert_int_equal(files_scan(w->files, w->now_ms, 86400), ERR_OK);
    files_look_at_all(w->files);
    while (files_gather(w->files, w->now_ms))
        continue;
    assert_int_equal(spool_commit(w->spool, save, w), ERR_OK);
    files_saved(w->files);
}

static void receive(struct world *w, struct slice frame)
{
    struct events ev;
    struct raw r;

    assert_int_equal(record_unpack(&events_schema, &ev, frame), ERR_OK);
    if (ev.first > w->has + 1)
        fail_msg("a gap: %llu after %llu", (unsigned long long)ev.first, (unsigned long long)w->has);
    if (ev.first + ev.count - 1 <= w->has)
        return;                 /* a duplicate */
    assert_int_equal(ev.first, w->has + 1);
    while (ev.body.n > 0) {
        assert_int_equal(record_next(&raw_schema, &r, &ev.body), ERR_OK);
        assert_true(w->got_n + r.log.n + 1 < GOT_MAX);
        for (size_t i = 0; i < r.log.n; i++)
            w->got[w->got_n++] = r.log.p[i] == '\0' ? '0' : r.log.p[i];
        w->got[w->got_n++] = '|';
        w->has++;
    }
}

static void send_all(struct world *w, bool acknowledged)
{
    struct slice frame;

    while (spool_frame(w->spool, w->sent, &frame, &w->sent) == ERR_OK)
        receive(w, frame);
    if (acknowledged)
        spool_acknowledge(w->spool, w->has);
    spool_relax(w->spool);
}

static void write_file(const char *path, struct slice text, int flags)
{
    int fd = open(path, O_WRONLY | O_CREAT | flags, 0600);

    assert_true(fd >= 0);
    for (size_t i = 0; i < text.n; i++) {
        struct slice s = { &text.p[i], 1 };
        s = *s.p == ';' ? SLICE("\n") : *s.p == '~' ? SLICE("\r\n") : *s.p == '0' ? SLICE("\0") : s;
        assert_int_equal(write(fd, s.p, s.n), (ssize_t)s.n);
    }
    close(fd);
}

static void touch_files(struct world *w, char what, struct slice name, struct slice text)
{
    char *path = in(w, name), *other = in(w, text);

    switch (what) {
    case '+': write_file(path, text, O_APPEND); break;
    case '>': write_file(path, text, O_TRUNC); break;
    case 'm': assert_int_equal(rename(path, other), 0); break;
    case 'd': assert_int_equal(unlink(path), 0); break;
    case 'l': assert_int_equal(symlink(path, other), 0); break;
    default: fail_msg("no such step: %c", what);
    }
    free(path);
    free(other);
}

static void step(struct world *w, struct slice s)
{
    const char *colon = memchr(s.p, ':', s.n);
    size_t name_n = colon != NULL ? (size_t)(colon - s.p) - 1 : s.n - 1;

    switch (s.p[0]) {
    case 'g': gather(w); break;
    case 's': gather(w); send_all(w, false); break;
    case 'a': gather(w); send_all(w, true); break;
    case 'p': w->now_ms += 15000; break;
    case 'k': die_suddenly(w); start(w); break;
    case 'v': die_suddenly(w); renumber_devices(w); start(w); break;
    default:
        touch_files(w, s.p[0], (struct slice){ s.p + 1, name_n }, slice_from(s, name_n + 2));
    }
}

static void clean(struct world *w)
{
    const char *names[] = { "a.log", "a.log.1", "b.log", "x", "other.log", "1970.log",
                            "state/data.mdb", "state/lock.mdb" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path = in(w, slice_of(names[i]));
        (void)unlink(path);
        free(path);
    }
    char *state = in(w, SLICE("state"));
    (void)rmdir(state);
    free(state);
    assert_int_equal(rmdir(w->dir), 0);
}

/* Run the script with a kill after step number `kill`; what arrived is in w->got. */
static size_t play(struct world *w, const char *script, size_t kill)
{
    struct slice rest = slice_of(script);
    size_t steps = 0;

    w->now_ms = 1000000;
    w->has = 0;
    w->got_n = 0;
    strcpy(w->dir, "/tmp/yagura-files-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    start(w);
    for (; rest.n > 0; steps++) {
        size_t n = strcspn(rest.p, " ");
        step(w, (struct slice){ rest.p, n });
        if (steps == kill)
            step(w, SLICE("k"));
        rest = slice_from(rest, n + 1);
    }
    for (int i = 0; i < 3; i++) {
        gather(w);
        send_all(w, true);
        w->now_ms += 15000;
    }
    w->got[w->got_n] = '\0';
    die_suddenly(w);
    clean(w);
    return steps;
}

static const struct {
    const char *story, *locations, *format;
    bool only_future;
    const char *script, *want;
    bool unkillable;            /* what a kill changes is not a loss: told beside the row */
} rows[] = {
    { "lines arrive",                       "a.log", "syslog", true, "g +a.log:1;2; a +a.log:3; a", "1|2|3|", 0 },
    { "a partial line waits",               "a.log", "syslog", true, "g +a.log:1;2 a +a.log:2; a", "1|22|", 0 },
    { "CR LF and NUL",                      "a.log", "syslog", true, "g +a.log:1~x0y; a", "1|x0y|", 0 },
    { "from the end at the first start",    "a.log", "syslog", true, "+a.log:old; g +a.log:1; a", "1|", true },
    { "a half line at the end is whole",    "a.log", "syslog", true, "+a.log:old;ha g +a.log:lf; a", "half|", true },
    { "from the start when told so",        "a.log", "syslog", false, "+a.log:old; g +a.log:1; a", "old|1|", 0 },
    { "a new file from its first byte",     "*.log", "syslog", true, "g +b.log:1; a", "1|", 0 },
    { "a glob is expanded again",           "*.log", "syslog", true, "g +a.log:1; a +b.log:2; a", "1|2|", 0 },
    { "named twice is one file",            "a.log,*.log,a.log", "syslog", true, "g +a.log:1; a", "1|", 0 },
    { "a link to it is the same file",      "*.log", "syslog", true, "g +a.log:1; a la.log:b.log a", "1|", 0 },
    { "device numbers change over a boot",  "a.log", "syslog", false, "+a.log:1;2; g a v g +a.log:3; a", "1|2|3|", 0 },
    { "... and the file was another since", "a.log", "syslog", false,
      "+a.log:1;2; g a v >a.log:new; g +a.log:3; a", "1|2|new|3|", 0 },
    { "rotation by rename",                 "a.log", "syslog", true,
      "g +a.log:1; a +a.log:2; ma.log:a.log.1 +a.log:3; a", "1|2|3|", true },
    { "... read before the rename",         "a.log", "syslog", true,
      "g +a.log:1; a ma.log:a.log.1 +a.log.1:2; a +a.log:3; a", "1|2|3|", 0 },
    { "... the last line without its end",  "a.log", "syslog", true,
      "g +a.log:1;2 a ma.log:a.log.1 +a.log:3; a p a", "1|3|2|", 0 },
    { "... while nobody looked",            "a.log", "syslog", true,
      "g +a.log:1; a k +a.log:2; ma.log:a.log.1 k a", "1|2|", 0 },
    { "copy-truncate, then shorter",        "a.log", "syslog", true, "g +a.log:11;22; a >a.log:3; a", "11|22|3|", 0 },
    { "copy-truncate, then longer",         "a.log", "syslog", true, "g +a.log:1; a >a.log:2;3;4; a", "1|2|3|4|", 0 },
    { "copy-truncate with bytes in flight", "a.log", "syslog", true, "g +a.log:1; s >a.log:2; s", "1|2|", 0 },
    { "deleted and made again",             "a.log", "syslog", true, "g +a.log:1; a da.log a +a.log:2; a", "1|2|", 0 },
    { "acknowledgements are lost",          "a.log", "syslog", true, "g +a.log:1; s +a.log:2; s +a.log:3; s", "1|2|3|", 0 },
    { "two files, interleaved",             "a.log,b.log", "syslog", true,
      "g +a.log:1; s +b.log:2; s +a.log:3; +b.log:4; s k s +a.log:5; s", "1|2|3|4|5|", 0 },
    { "strftime names",                     "%Y.log", "syslog", true, "g +1970.log:1; a", "1|", 0 },
    { "multi-line across writes",           "a.log", "multi-line", true, "g +a.log:1; a +a.log:2;3; a +a.log:4; a", "1 2|3 4|", 0 },
    { "multi-line-regex, ended by silence", "a.log", "multi-line-regex", true,
      "g +a.log:#1;x; a +a.log:y;#2; a", "#1\nx\ny|#2|", 0 },
    { "killed all the time",                "a.log", "syslog", true, "g k +a.log:1; k g k +a.log:2; s k s k +a.log:3; k", "1|2|3|", 0 },
};

static void expect(struct world *w, size_t i, const char *when, size_t kill)
{
    if (strcmp(w->got, rows[i].want) != 0)
        fail_msg("%s (%s %zu): got \"%s\", want \"%s\"", rows[i].story, when, kill, w->got, rows[i].want);
}

static void play_row(size_t i, size_t kill, size_t *steps)
{
    struct world w = { .locations = rows[i].locations, .format = rows[i].format,
                       .only_future = rows[i].only_future };

    *steps = play(&w, rows[i].script, kill);
    expect(&w, i, kill == SIZE_MAX ? "no kill" : "killed after step", kill);
}

static void every_line_arrives_once(void **state)
{
    (void)state;
    size_t steps;

    setenv("TZ", "UTC", 1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        play_row(i, SIZE_MAX, &steps);
}

/* Rows that are unkillable: a first start that is killed before its first commit is a first start
 * again; and which of two files is read first may change. */
static void every_line_arrives_once_killed_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t kill = 0, steps = 1; kill < steps && !rows[i].unkillable; kill++)
            play_row(i, kill, &steps);
}

/* As when its file system is mounted anew: away at one scan, back before the next. */
static void a_directory_that_was_away_is_not_read_again(void **state)
{
    (void)state;
    struct world w = { .locations = "d/*.log", .format = "syslog", .now_ms = 1000000 };

    strcpy(w.dir, "/tmp/yagura-files-XXXXXX");
    assert_non_null(mkdtemp(w.dir));
    char *dir = in(&w, SLICE("d")), *away = in(&w, SLICE("away")), *file = in(&w, SLICE("d/a.log"));
    assert_int_equal(mkdir(dir, 0700), 0);
    write_file(file, SLICE("a;"), O_EXCL);
    start(&w);
    gather(&w);
    w.now_ms += 2 * FILES_GRACE_MS;
    assert_int_equal(rename(dir, away), 0);
    gather(&w);
    assert_int_equal(rename(away, dir), 0);
    files_look_at_all(w.files);
    while (files_gather(w.files, w.now_ms))
        continue;
    gather(&w);
    write_file(file, SLICE("b;"), O_APPEND);
    gather(&w);
    send_all(&w, true);
    w.got[w.got_n] = '\0';
    assert_string_equal(w.got, "a|b|");
    die_suddenly(&w);
    assert_int_equal(unlink(file), 0);
    assert_int_equal(rmdir(dir), 0);
    free(dir);
    free(away);
    free(file);
    clean(&w);
}

static char *numbered(struct world *w, size_t i, const char *ending)
{
    char *path = NULL;

    assert_true(asprintf(&path, "%s/%zu.%s", w->dir, i, ending) > 0);
    return path;
}

/* Who may write where a glob looks can make any number of such. */
static void renamed_files_without_successor_do_not_take_every_descriptor(void **state)
{
    (void)state;
    enum { ROUNDS = 4, EACH = FILES_OPEN_MAX / 2 };
    struct world w = { .locations = "*.log", .format = "syslog" };
    struct files_counts counts;

    strcpy(w.dir, "/tmp/yagura-files-XXXXXX");
    assert_non_null(mkdtemp(w.dir));
    start(&w);
    for (size_t i = 0; i < 2 * ROUNDS * EACH; i++) {
        size_t n = i / (2 * EACH) * EACH + i % EACH;    /* a round makes them, then renames them */
        char *path = numbered(&w, n, "log"), *away = numbered(&w, n, "old");
        if (i / EACH % 2 == 0)
            write_file(path, i % 2 ? SLICE("a;") : SLICE("a"), O_EXCL);
        else
            assert_int_equal(rename(path, away), 0);
        free(path);
        free(away);
        if (i % EACH != EACH - 1)
            continue;
        gather(&w);
        send_all(&w, true);
        files_counts(w.files, &counts);
        assert_in_range(counts.open, 0, FILES_OPEN_MAX);
    }
    die_suddenly(&w);
    for (size_t i = 0; i < ROUNDS * EACH; i++) {
        char *path = numbered(&w, i, "old");
        assert_int_equal(unlink(path), 0);
        free(path);
    }
    clean(&w);
}

/* A writer faster than we read its news would otherwise be all that we do. */
static void news_are_read_in_bounded_parts(void **state)
{
    (void)state;
    struct world w = { .locations = "a.log,b.log", .format = "syslog" };
    char *paths[2];
    int fds[2];

    strcpy(w.dir, "/tmp/yagura-files-XXXXXX");
    assert_non_null(mkdtemp(w.dir));
    for (size_t i = 0; i < 2; i++) {
        paths[i] = in(&w, i == 0 ? SLICE("a.log") : SLICE("b.log"));
        fds[i] = open(paths[i], O_WRONLY | O_CREAT | O_EXCL, 0600);
        assert_true(fds[i] >= 0);
        free(paths[i]);
    }
    start(&w);
    gather(&w);
    for (size_t i = 0; i < 16384; i++)  /* by turns: two alike in a row are one */
        assert_int_equal(write(fds[i % 2], "x", 1), 1);
    struct pollfd p = { files_fd(w.files), POLLIN, 0 };
    files_notice(w.files);
    assert_int_equal(poll(&p, 1, 0), 1);
    for (size_t i = 0; i < 100; i++)
        files_notice(w.files);
    assert_int_equal(poll(&p, 1, 0), 0);
    close(fds[0]);
    close(fds[1]);
    die_suddenly(&w);
    clean(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_arrives_once),
        cmocka_unit_test(every_line_arrives_once_killed_anywhere),
        cmocka_unit_test(a_directory_that_was_away_is_not_read_again),
        cmocka_unit_test(renamed_files_without_successor_do_not_take_every_descriptor),
        cmocka_unit_test(news_are_read_in_bounded_parts),
    };

    log_setup("files_test", LEVEL_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
