/* One alert in every form, byte by byte, and what no form lets through. */
#include "tests/alertd/alerts_fixture.h"

#include <jansson.h>

#include "alertd/line.h"
#include "common/text/json.h"

#define FIELDS(...) (const char *const[]){ __VA_ARGS__, NULL }

static const char *const ssh_fields[] = { "srcip", "198.51.100.34", "dstuser", "root", NULL };

static char *text_of(form *f, const struct entry *e)
{
    struct buffer b = { 0 };
    struct stamp stamp = { 0 };

    f(&b, e, &stamp);
    buffer_byte(&b, '\0');
    assert_true(buffer_ok(&b));
    return b.p;
}

static void expect(const char *story, form *f, const struct entry *e, const char *want)
{
    char *got = text_of(f, e);

    if (strcmp(got, want) != 0)
        fail_msg("%s:\n got:  %s\n want: %s", story, got, want);
    free(got);
}

#define SSH_LOG "Dec 10 07:07:38 LabSZ sshd[24206]: Failed password for root from 198.51.100.34 port 36060 ssh2"

static void an_alert_reads_as_ossec_prints_it(void **state)
{
    (void)state;
    struct entry e = entry_of(sample(), ssh_fields);

    expect("alerts.log", form_alert_log, &e,
           "** Alert 1795404805.2: - syslog,sshd,authentication_failed,\n"
           "2026 Nov 23 03:33:25 (web1) 192.0.2.5->/var/log/auth.log\n"
           "Rule: 5716 (level 5) -> 'SSHD authentication failed.'\n"
           "Src IP: 198.51.100.34\n"
           "User: root\n"
           SSH_LOG "\n\n");
    expect("alerts.json", form_alert_json, &e,
           "{\"rule\":{\"level\":5,\"comment\":\"SSHD authentication failed.\",\"sidid\":5716,"
           "\"firedtimes\":1,\"group\":\"syslog,sshd,authentication_failed,\","
           "\"groups\":[\"syslog\",\"sshd\",\"authentication_failed\"]},\"id\":\"1795404805.2\","
           "\"TimeStamp\":1795404805000,\"decoder\":\"sshd\",\"decoder_parent\":\"sshd\","
           "\"srcip\":\"198.51.100.34\",\"dstuser\":\"root\","
           "\"location\":\"(web1) 192.0.2.5->/var/log/auth.log\",\"full_log\":\"" SSH_LOG "\","
           "\"hostname\":\"(web1) 192.0.2.5->/var/log/auth.log\",\"program_name\":\"sshd\","
           "\"decoder_desc\":{\"parent\":\"sshd\",\"name\":\"sshd\"},\"agent_name\":\"web1\","
           "\"agentip\":\"192.0.2.5\",\"timestamp\":\"2026 Nov 23 03:33:25\","
           "\"logfile\":\"/var/log/auth.log\"}\n");
    expect("archives.log", form_archive_log, &e,
           "2026 Nov 23 03:33:25 (web1) 192.0.2.5->/var/log/auth.log " SSH_LOG "\n");
    expect("archives.json", form_archive_json, &e,
           "{\"program_name\":\"sshd\",\"log\":\"Failed password for root from 198.51.100.34 port 36060 ssh2\","
           "\"srcip\":\"198.51.100.34\",\"dstuser\":\"root\","
           "\"rule\":{\"level\":5,\"comment\":\"SSHD authentication failed.\",\"sidid\":5716,"
           "\"firedtimes\":1,\"group\":\"syslog,sshd,authentication_failed,\","
           "\"groups\":[\"syslog\",\"sshd\",\"authentication_failed\"]},"
           "\"decoder\":{\"parent\":\"sshd\",\"name\":\"sshd\"},\"full_log\":\"" SSH_LOG "\","
           "\"agent_name\":\"web1\",\"agentip\":\"192.0.2.5\","
           "\"timestamp\":\"2026 Nov 23 03:33:25\",\"logfile\":\"/var/log/auth.log\"}\n");
}

static void every_optional_line_has_its_place(void **state)
{
    (void)state;
    struct alert a = sample();
    a.flags = ALERT_LOG | ALERT_MAIL;
    a.hostname = SLICE("fw");
    a.location = SLICE("192.0.2.1");
    a.groups = SLICE("syslog,pci_dss_10.2.4,cis_5.1");
    a.frequency = 8;
    a.cve = SLICE("CVE-2020-8445");
    a.full_log = SLICE("one\ntwo");
    a.decoder = a.decoder_leaf = a.decoder_parent = a.agent_name = a.agent_addr = a.program_name = SLICE("");
    struct entry e = entry_of(a, FIELDS("dstuser", "u", "dstport", "2", "dstgeoip", "dg", "dstip", "d",
                                        "srcport", "1", "srcgeoip", "sg", "srcip", "s", "id", "404",
                                        "shape", "round"));
    e.context[0] = SLICE("newest");
    e.context[1] = SLICE("older");
    e.n_context = 2;

    expect("alerts.log", form_alert_log, &e,
           "** Alert 1795404805.2: mail  - syslog,pci_dss_10.2.4,cis_5.1\n"
           "2026 Nov 23 03:33:25 fw->192.0.2.1\n"
           "Rule: 5716 (level 5) -> 'SSHD authentication failed.'\n"
           "Src IP: s\nSrc Location: sg\nSrc Port: 1\nDst IP: d\nDst Location: dg\nDst Port: 2\n"
           "User: u\none\ntwo\nnewest\nolder\n\n");
    expect("alerts.json", form_alert_json, &e,
           "{\"rule\":{\"level\":5,\"comment\":\"SSHD authentication failed.\",\"sidid\":5716,"
           "\"cve\":\"CVE-2020-8445\",\"frequency\":8,\"firedtimes\":1,"
           "\"group\":\"syslog,pci_dss_10.2.4,cis_5.1\",\"groups\":[\"syslog\"],"
           "\"PCI_DSS\":[\"10.2.4\"],\"CIS\":[\"5.1\"]},\"id\":\"1795404805.2\","
           "\"TimeStamp\":1795404805000,\"srcip\":\"s\",\"srcgeoip\":\"sg\",\"srcport\":\"1\","
           "\"dstip\":\"d\",\"dstgeoip\":\"dg\",\"dstport\":\"2\",\"dstuser\":\"u\","
           "\"location\":\"192.0.2.1\",\"full_log\":\"one\\ntwo\",\"previous_output\":\"older\","
           "\"hostname\":\"fw\",\"shape\":\"round\",\"agent_name\":\"fw\","
           "\"timestamp\":\"2026 Nov 23 03:33:25\",\"logfile\":\"192.0.2.1\"}\n");
    expect("archives.log stays one line", form_archive_log, &e,
           "2026 Nov 23 03:33:25 fw->192.0.2.1 one\\ntwo\n");
}

/* A child that goes by its own name, or by its parent's and is called the same, has a parent too. */
static void a_child_names_its_parent(void **state)
{
    static const struct { struct slice decoder, leaf, parent; const char *want, *desc; } rows[] = {
        { SLICE_INIT("iptables-1"), SLICE_INIT("iptables-1"), SLICE_INIT("iptables"),
          "\"decoder\":\"iptables-1\",\"decoder_parent\":\"iptables\",",
          "\"decoder_desc\":{\"parent\":\"iptables\",\"name\":\"iptables-1\"}" },
        { SLICE_INIT("sshd"), SLICE_INIT("sshd"), SLICE_INIT("sshd"),
          "\"decoder\":\"sshd\",\"decoder_parent\":\"sshd\",",
          "\"decoder_desc\":{\"parent\":\"sshd\",\"name\":\"sshd\"}" },
        { SLICE_INIT("pam"), SLICE_INIT("pam"), { "", 0 }, "\"decoder\":\"pam\",\"location\"",
          "\"decoder_desc\":{\"name\":\"pam\"}" },
    };

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        struct alert a = sample();
        a.decoder = rows[i].decoder;
        a.decoder_leaf = rows[i].leaf;
        a.decoder_parent = rows[i].parent;
        struct entry e = entry_of(a, NULL);
        char *got = text_of(form_alert_json, &e);
        if (strstr(got, rows[i].want) == NULL || strstr(got, rows[i].desc) == NULL)
            fail_msg("row %zu: got %s", i, got);
        free(got);
    }
}

/* What a log line can hold, and how it stands in alerts.log. */
static const struct { const char *story; struct slice log; const char *want; } logs[] = {
    { "a forged header",         SLICE_INIT("x\n** Alert 1.1: - forged,"), "x\n ** Alert 1.1: - forged,\n" },
    { "a forged header first",   SLICE_INIT("** Alert 1.1: - f,"),         " ** Alert 1.1: - f,\n" },
    { "a forged rule",           SLICE_INIT("x\nRule: 1 (level 15)"),      "x\n Rule: 1 (level 15)\n" },
    { "a forged address",        SLICE_INIT("Src IP: 192.0.2.1"),          " Src IP: 192.0.2.1\n" },
    { "a forged account",        SLICE_INIT("x\nUser: root"),              "x\n User: root\n" },
    { "an empty line inside",    SLICE_INIT("x\n\n** Alert"),              "x\n \n ** Alert\n" },
    { "a line of CR",            SLICE_INIT("x\n\r\ny"),                   "x\n \\x0d\ny\n" },
    { "newlines at the end",     SLICE_INIT("x\n\n\n"),                    "x\n" },
    { "nothing at all",          SLICE_INIT(""),                           " \n" },
    { "a tab stays",             SLICE_INIT("a\tb"),                       "a\tb\n" },
    { "a backslash stays",       SLICE_INIT("C:\\x"),                      "C:\\x\n" },
    { "letters stay",            SLICE_INIT("caf\xc3\xa9 \xe6\xab\x93"),   "caf\xc3\xa9 \xe6\xab\x93\n" },
    { "NUL",                     SLICE_INIT("a\0b"),                       "a\\x00b\n" },
    { "escape sequence",         SLICE_INIT("\x1b[2J"),                    "\\x1b[2J\n" },
    { "C1",                      SLICE_INIT("\xc2\x9b" "2J"),              "\\xc2\\x9b2J\n" },
    { "line separator",          SLICE_INIT("\xe2\x80\xa8"),               "\\xe2\\x80\\xa8\n" },
    { "right-to-left",           SLICE_INIT("\xe2\x80\xae" "x"),           "\\xe2\\x80\\xaex\n" },
    { "no UTF-8",                SLICE_INIT("\xff\xc3("),                  "\\xff\\xc3(\n" },
    { "cut character",           SLICE_INIT("\xe2\x80"),                   "\\xe2\\x80\n" },
};

static void a_line_forges_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(logs); i++) {
        struct alert a = sample();
        a.full_log = logs[i].log;
        struct entry e = entry_of(a, NULL);
        char *got = text_of(form_alert_log, &e);
        const char *log = strstr(got, "failed.'\n") + 9;

        size_t n = strlen(log);
        if (n != strlen(logs[i].want) + 1 || strncmp(log, logs[i].want, n - 1) != 0)
            fail_msg("%s: got \"%s\", want \"%s\"", logs[i].story, log, logs[i].want);
        free(got);
    }
}

/* Bytes of bad-inputs T-05, each as a field of its own. */
static size_t hostile(size_t i, char to[4])
{
    static const char *const wide[] = { "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xae", "\xef\xbb\xbf" };

    if (i < 32)
        return to[0] = (char)i, 1;
    if (i == 32)
        return to[0] = 0x7f, 1;
    if (i < 65)
        return to[0] = '\xc2', to[1] = (char)(0x80 + i - 33), 2;
    if (i < 193)
        return to[0] = (char)(0x80 + i - 65), 1;
    memcpy(to, wide[i - 193], 3);
    return 3;
}
#define N_HOSTILE (193 + 4)

static void all_printable(const char *story, const char *text, bool newline_ends)
{
    struct slice rest = slice_of(text);

    while (rest.n > 0) {
        struct slice c = { rest.p, utf8_length(rest) };
        bool last = newline_ends && rest.n == 1 && *rest.p == '\n';
        if (c.n == 0 || (!utf8_printable(c) && !last))
            fail_msg("%s: byte %02x at %zu of %s", story, (uint8_t)*rest.p, (size_t)(rest.p - text), text);
        rest = slice_from(rest, c.n);
    }
}

static struct entry poisoned(struct slice s, const char *text)
{
    struct alert a = sample();

    a.id = a.description = a.groups = a.cve = a.info = a.agent_name = a.agent_addr = a.location
        = a.hostname = a.program_name = a.decoder = a.decoder_leaf = a.decoder_parent = a.full_log = s;
    a.log_at = a.log_n = 0;
    struct entry e = entry_of(a, NULL);
    for (int i = 0; i < FIELD_COUNT; i++)
        decoded_set(&e.d, (enum named_field)i, s);
    assert_true(decoded_set_dynamic(&e.d, s, s));
    e.context[0] = e.context[1] = s;
    e.n_context = 2;
    (void)text;
    return e;
}

static size_t count(const char *text, char c)
{
    size_t n = 0;

    for (; *text != '\0'; text++)
        n += *text == c;
    return n;
}

static void check_json(form *f, const struct entry *e, struct slice want, size_t i)
{
    char *got = text_of(f, e);
    json_t *v = json_loads(got, JSON_ALLOW_NUL, NULL);
    const json_t *log = json_object_get(v, "full_log");

    all_printable("json", got, true);
    if (!json_is_object(v) || count(got, '\n') != 1)
        fail_msg("hostile row %zu is no single object: %s", i, got);
    if (utf8_length((struct slice){ want.p + 1, want.n - 2 }) == want.n - 2
        && !(json_string_length(log) == want.n && memcmp(json_string_value(log), want.p, want.n) == 0))
        fail_msg("hostile row %zu came back changed: %s", i, got);
    json_decref(v);
    free(got);
}

static void no_field_lets_a_hostile_byte_through(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_HOSTILE; i++) {
        char text[8] = "a";
        size_t n = 1 + hostile(i, text + 1);
        text[n++] = 'b';
        struct slice s = { text, n };
        struct entry e = poisoned(s, text);

        char *log = text_of(form_alert_log, &e);
        char *archive = text_of(form_archive_log, &e);
        assert_int_equal(count(archive, '\n'), 1);
        assert_null(strstr(log + 1, "** Alert"));
        for (char *p = log; *p != '\0'; p++)
            if (*p == '\n' || *p == '\t')
                *p = ' ';               /* its own line ends, and tabs of the record */
        for (char *p = archive; *p != '\0'; p++)
            if (*p == '\t')
                *p = ' ';
        all_printable("alerts.log", log, false);
        all_printable("archives.log", archive, true);
        free(log);
        free(archive);
        check_json(form_alert_json, &e, s, i);
        check_json(form_archive_json, &e, s, i);
    }
}

static void a_line_for_people_is_one_line(void **state)
{
    (void)state;
    struct entry e = entry_of(sample(), ssh_fields);
    struct stamp stamp = { 0 };
    struct buffer b = { 0 };

    line_put(&b, &e, &stamp, false);
    buffer_byte(&b, '\0');
    assert_string_equal(b.p, "03:33:25  5  5716 SSHD authentication failed. — "
                             "(web1) 192.0.2.5->/var/log/auth.log 198.51.100.34 root\n");
    for (size_t i = 0; i < N_HOSTILE; i++) {
        char text[8] = "a";
        struct slice s = { text, 1 + hostile(i, text + 1) };
        struct entry bad = poisoned(s, text);
        buffer_reset(&b);
        line_put(&b, &bad, &stamp, false);
        buffer_byte(&b, '\0');
        assert_int_equal(count(b.p, '\n'), 1);
        all_printable("line", b.p, true);
    }
    buffer_reset(&b);
    e.a.level = 12;
    line_put(&b, &e, &stamp, true);
    assert_memory_equal(b.p, "03:33:25 \x1b[1;31m12  5716", 24);
    buffer_free(&b);
}

static void a_records_own_names_do_not_replace_ours(void **state)
{
    (void)state;
    struct entry e = entry_of(sample(), FIELDS("rule", "r", "fields.rule", "f", "srcip", "192.0.2.9", "colour", "c"));
    char *got = text_of(form_alert_json, &e);
    json_t *v = json_loads(got, JSON_REJECT_DUPLICATES, NULL);

    assert_non_null(v);
    assert_true(json_is_object(json_object_get(v, "rule")));
    assert_string_equal(json_string_value(json_object_get(v, "fields.rule")), "r");
    assert_string_equal(json_string_value(json_object_get(v, "fields.fields.rule")), "f");
    assert_string_equal(json_string_value(json_object_get(v, "colour")), "c");
    json_decref(v);
    free(got);
}

static void a_map_reads_back(void **state)
{
    (void)state;
    struct entry e = entry_of(sample(), FIELDS("srcip", "192.0.2.9", "colour", "red")), back;
    e.context[0] = SLICE("before");
    e.n_context = 1;
    msgpack_sbuffer b;

    msgpack_sbuffer_init(&b);
    assert_true(form_map(&b, &e));
    assert_true(form_map_read(&back, packed(&b)));
    char *want = text_of(form_alert_json, &e), *got = text_of(form_alert_json, &back);
    assert_string_equal(got, want);
    free(want);
    free(got);
    for (size_t n = 0; n < b.size; n++)
        assert_false(form_map_read(&back, (struct slice){ b.data, n }));
    msgpack_sbuffer_destroy(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_alert_reads_as_ossec_prints_it),
        cmocka_unit_test(every_optional_line_has_its_place),
        cmocka_unit_test(a_child_names_its_parent),
        cmocka_unit_test(a_line_forges_nothing),
        cmocka_unit_test(no_field_lets_a_hostile_byte_through),
        cmocka_unit_test(a_line_for_people_is_one_line),
        cmocka_unit_test(a_records_own_names_do_not_replace_ours),
        cmocka_unit_test(a_map_reads_back),
    };
    setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
