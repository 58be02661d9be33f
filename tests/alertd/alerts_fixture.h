/* alerts_fixture - alert records for tests: one that looks like OSSEC's sample, with changes */
#ifndef TESTS_ALERTD_ALERTS_FIXTURE_H
#define TESTS_ALERTD_ALERTS_FIXTURE_H

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/forms/forms.h"
#include "schemas/messages.h"
#include "tests/test.h"

#define SAMPLE_TIME UINT64_C(1795404805)        /* 2026 Nov 23 03:33:25 in UTC */

static inline struct alert sample(void)
{
    return (struct alert){
        .id = SLICE_INIT("1795404805.2"), .time = SAMPLE_TIME * 1000000, .rule = 5716, .level = 5,
        .description = SLICE_INIT("SSHD authentication failed."),
        .groups = SLICE_INIT("syslog,sshd,authentication_failed,"), .firedtimes = 1,
        .flags = ALERT_LOG, .agent = 1, .agent_name = SLICE_INIT("web1"),
        .agent_addr = SLICE_INIT("192.0.2.5"),
        .location = SLICE_INIT("(web1) 192.0.2.5->/var/log/auth.log"),
        .hostname = SLICE_INIT("(web1) 192.0.2.5->/var/log/auth.log"),
        .program_name = SLICE_INIT("sshd"), .decoder = SLICE_INIT("sshd"),
        .decoder_leaf = SLICE_INIT("sshd-failed"), .decoder_parent = SLICE_INIT("sshd"),
        .full_log = SLICE_INIT("Dec 10 07:07:38 LabSZ sshd[24206]: Failed password for root"
                               " from 198.51.100.34 port 36060 ssh2"),
        .log_at = 35, .log_n = 59,
    };
}

/* An entry of this record, its fields set as named by the pairs (name, value, ..., NULL). */
static inline struct entry entry_of(struct alert a, const char *const *pairs)
{
    struct entry e;

    memset(&e, 0, sizeof e);
    e.a = a;
    for (; pairs != NULL && *pairs != NULL; pairs += 2) {
        size_t i = 0;
        while (i < FIELD_COUNT && strcmp(named_fields[i].order, pairs[0]) != 0)
            i++;
        if (i < FIELD_COUNT)
            decoded_set(&e.d, (enum named_field)i, slice_of(pairs[1]));
        else
            assert_true(decoded_set_dynamic(&e.d, slice_of(pairs[0]), slice_of(pairs[1])));
    }
    return e;
}

/* Append the packed record of e. */
static inline void pack_entry(msgpack_sbuffer *to, const struct entry *e)
{
    msgpack_sbuffer fields;
    struct alert a = e->a;

    msgpack_sbuffer_init(&fields);
    assert_int_equal(decoded_pack_fields(&e->d, &fields), ERR_OK);
    a.fields = (struct slice){ fields.data, fields.size };
    assert_int_equal(record_pack(&alert_schema, &a, to), ERR_OK);
    msgpack_sbuffer_destroy(&fields);
}

/* n records, numbered in their firedtimes from `first`, all of second `at` and with these flags. */
static inline void pack_many(msgpack_sbuffer *to, uint64_t first, uint64_t n, uint64_t at, uint64_t flags)
{
    for (uint64_t i = 0; i < n; i++) {
        struct alert a = sample();
        a.firedtimes = first + i;
        a.time = at * 1000000;
        a.flags = flags;
        assert_int_equal(record_pack(&alert_schema, &a, to), ERR_OK);
    }
}

static inline struct slice packed(const msgpack_sbuffer *b)
{
    return (struct slice){ b->data, b->size };
}

/* A directory that temp_end() removes with all in it. */
static inline char *temp_begin(void)
{
    char *dir = strdup("/tmp/yagura-alertd-XXXXXX");

    assert_non_null(dir);
    assert_non_null(mkdtemp(dir));
    return dir;
}

static inline int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static inline void temp_end(char *dir)
{
    assert_int_equal(nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
    free(dir);
}

static inline char *path_in(const char *dir, const char *name)
{
    char *path = NULL;

    assert_true(asprintf(&path, "%s/%s", dir, name) > 0);
    return path;
}

/* The whole of a file; "(absent)" when there is none.  The caller frees it. */
static inline char *contents(const char *dir, const char *name)
{
    char *path = path_in(dir, name), *text = NULL;
    size_t n = 0;
    int c;
    FILE *in = fopen(path, "r"), *out = open_memstream(&text, &n);

    assert_non_null(out);
    if (in == NULL)
        fputs("(absent)", out);
    while (in != NULL && (c = getc(in)) != EOF)
        putc(c, out);
    if (in != NULL)
        fclose(in);
    fclose(out);
    free(path);
    return text;
}

#endif
