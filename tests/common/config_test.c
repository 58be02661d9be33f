#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/conf/config.h"
#include "common/conf/rule_files.h"

#define COUNT(a) (sizeof (a) / sizeof (a)[0])

/* ---- a directory that lives as long as the program ---- */

static char dir[] = "/tmp/yagura-config-XXXXXX";

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static int drop_dir(void **state)
{
    (void)state;
    return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* The caller frees it. */
static char *in_dir(const char *name)
{
    char *path = paths_join(dir, name);

    assert_non_null(path);
    return path;
}

static void write_file(const char *name, const char *text)
{
    char *path = in_dir(name);
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    free(path);
}

static void make_sub(const char *name)
{
    char *path = in_dir(name);

    assert_int_equal(mkdir(path, 0700), 0);
    free(path);
}

/* ---- loading ---- */

struct loaded { struct config *c; struct report *r; enum err e; };

static struct loaded load(const char *path, const char *prefix)
{
    struct loaded l = { NULL, NULL, ERR_OK };
    struct paths *paths = NULL;

    assert_int_equal(report_new(&l.r), ERR_OK);
    assert_int_equal(paths_new(&paths, prefix), ERR_OK);
    l.e = config_load(&l.c, path, paths, l.r);
    paths_free(paths);
    assert_int_equal(l.e == ERR_OK, l.c != NULL);
    assert_int_equal(l.e == ERR_OK, report_errors(l.r) == 0);
    return l;
}

static struct loaded load_text(const char *text)
{
    char *path = in_dir("ossec.conf");

    write_file("ossec.conf", text);
    struct loaded l = load(path, "p");
    free(path);
    return l;
}

static void unload(struct loaded *l)
{
    config_free(l->c);
    report_free(l->r);
}

/* The report, with the file's directory taken off each line. */
static char *told(const struct report *r)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    assert_non_null(f);
    for (size_t i = 0; report_line(r, i) != NULL; i++) {
        const char *line = report_line(r, i), *at = strstr(line, dir);
        if (at != NULL)
            fprintf(f, "%.*s%s\n", (int)(at - line), line, at + strlen(dir) + 1);
        else
            fprintf(f, "%s\n", line);
    }
    fclose(f);
    return text;
}

#define IN(text) "<ossec_config>\n" text "</ossec_config>\n"

/* ---- what a file may say ---- */

static const struct { const char *story, *text, *want; } refused[] = {
    { "a section nobody knows",   IN("<globl/>"),
      "ossec.conf:2: ossec_config/globl: no such section\n" },
    { "an option nobody knows",   IN("<global>\n<logal>no</logal></global>"),
      "ossec.conf:3: global/logal: no such option\n" },
    { "a typo where nothing acts yet", IN("<syscheck>\n<directoris/></syscheck>"),
      "ossec.conf:3: syscheck/directoris: no such option\n" },
    { "names are written as they are", IN("<Global/>"),
      "ossec.conf:2: ossec_config/Global: no such section\n" },
    { "a root nobody knows",      "<config/>",
      "ossec.conf:1: config: a configuration begins with <ossec_config>\n" },
    { "neither yes nor no",       IN("<global><logall>Yes</logall></global>"),
      "ossec.conf:2: global/logall: 'Yes' is neither yes nor no\n" },
    { "an empty yes or no",       IN("<global><logall/></global>"),
      "ossec.conf:2: global/logall: '' is neither yes nor no\n" },
    { "a number too large",       IN("<alerts><log_alert_level>17</log_alert_level></alerts>"),
      "ossec.conf:2: alerts/log_alert_level: 17 is not from 0 to 16\n" },
    { "a number too small",       IN("<client><port>0</port></client>"),
      "ossec.conf:2: client/port: 0 is not from 1 to 65535\n" },
    { "a number beyond 64 bits",  IN("<client><port>18446744073709551617</port></client>"),
      "ossec.conf:2: client/port: '18446744073709551617' is not a number from 1 to 65535\n" },
    { "a number with a sign",     IN("<client><port>-1</port></client>"),
      "ossec.conf:2: client/port: '-1' is not a number from 1 to 65535\n" },
    { "a word off the list",      IN("<remote><connection>tls</connection></remote>"),
      "ossec.conf:2: remote/connection: 'tls' is none of secure, syslog\n" },
    { "bytes of a strange unit",  IN("<ingest><state_size>4P</state_size></ingest>"),
      "ossec.conf:2: ingest/state_size: '4P' is not a number of bytes, such as 512, 64K, 4G\n" },
    { "bytes that overflow",      IN("<ingest><state_size>18446744073709551615T</state_size>"
      "</ingest>"),
      "ossec.conf:2: ingest/state_size: 18446744073709551615T is not from 1048576 to 17592186044416\n" },
    { "a period in words",        IN("<localfile><location>/x</location>"
      "<log_format>syslog</log_format>"
                                     "<frequency>weekly</frequency></localfile>"),
      "ossec.conf:2: localfile/frequency: 'weekly' is not a number from 1 to 31536000\n" },
    { "an endpoint of no kind",   IN("<ingest><listen>udp://*:1514</listen></ingest>"),
      "ossec.conf:2: ingest/listen: 'udp://*:1514' is neither ipc://PATH nor tcp://HOST:PORT\n" },
    { "an endpoint without port", IN("<ingest><listen>tcp://*</listen></ingest>"),
      "ossec.conf:2: ingest/listen: tcp://* has no HOST:PORT\n" },
    { "a port too large",         IN("<ingest><listen>tcp://*:65536</listen></ingest>"),
      "ossec.conf:2: ingest/listen: tcp://*:65536 has no HOST:PORT\n" },
    { "just tcp://",              IN("<ingest><listen>tcp://</listen></ingest>"),
      "ossec.conf:2: ingest/listen: tcp:// has no HOST:PORT\n" },
    { "an abstract socket",       IN("<ingest><decoders>ipc://@x</decoders></ingest>"),
      "ossec.conf:2: ingest/decoders: ipc:// wants the path of a socket\n" },
    { "a hop to a host without port", IN("<ingest><decoders>tcp://192.0.2.1</decoders></ingest>"),
      "ossec.conf:2: ingest/decoders: tcp://192.0.2.1 has no HOST:PORT\n" },
    { "a network of no kind",     IN("<remote>\n<allowed-ips>192.0.2.0/24, 192.0.2</allowed-ips></remote>"),
      "ossec.conf:3: remote/allowed-ips: '192.0.2' is neither an address nor a network, such as"
      " 192.0.2.1, 192.0.2.0/24, 2001:db8::/32\n" },
    { "a name as an address",     IN("<remote><local_ip>web1</local_ip></remote>"),
      "ossec.conf:2: remote/local_ip: 'web1' is not an address in numbers\n" },
    { "a syslog door for nobody", IN("<remote><connection>syslog</connection></remote>"),
      "ossec.conf:2: remote/allowed-ips: must be given for syslog; nobody could send\n" },
    { "a pattern left open",      IN("<localfile>\n<location>/x</location><log_format>multi-line-regex</log_format>"
                                     "<multiline_regex>^(a</multiline_regex></localfile>"),
      "ossec.conf:2: localfile/multiline_regex: missing closing parenthesis,"
      " at byte 3 of its PCRE2 form\n" },
    { "elements in place of a value", IN("<global><logall><yes/></logall></global>"),
      "ossec.conf:2: global/logall: holds elements where a value should be\n" },
    { "rules that are no files",  IN("<rules><inclde>x</inclde>\n<include> </include></rules>"),
      "ossec.conf:2: rules/inclde: no such option\n"
      "ossec.conf:3: rules/include: wants the name of a file or directory\n" },
    { "a log without format",     IN("<localfile>\n<location>/x</location></localfile>"),
      "ossec.conf:2: localfile/log_format: must be given\n" },
    { "a log without location",   IN("<localfile><log_format>syslog</log_format></localfile>"),
      "ossec.conf:2: localfile/location: must be given with this log_format\n" },
    { "a command without command", IN("<localfile><log_format>command</log_format></localfile>"),
      "ossec.conf:2: localfile/command: must be given with this log_format\n" },
    { "multi-line without number", IN("<localfile><log_format>multi-line</log_format>"
      "<location>/x</location></localfile>"),
      "ossec.conf:2: localfile/log_format: multi-line wants a number: 'multi-line: 3'\n" },
    { "multi-line with a word",   IN("<localfile><log_format>multi-line: x</log_format>"
      "<location>/x</location></localfile>"),
      "ossec.conf:2: localfile/lines: 'x' is not a number from 0 to 1024\n" },
    { "multi-line-regex without one", IN("<localfile><log_format>multi-line-regex</log_format>"
      "<location>/x</location></localfile>"),
      "ossec.conf:2: localfile/multiline_regex: must be given with this log_format\n" },
    { "every error is told",      IN("<x/>\n<y/>\n") IN("<z/>"),
      "ossec.conf:2: ossec_config/x: no such section\nossec.conf:3: ossec_config/y: no such section\n"
      "ossec.conf:6: ossec_config/z: no such section\n" },
    { "an agent_config for others is checked too",
      "<agent_config name='web'>\n<localfle/></agent_config>",
      "ossec.conf:2: agent_config/localfle: no such section\n" },
    { "a file that is no XML",    "<ossec_config>",
      "ossec.conf:1: <ossec_config> is never closed\n" },
    { "control bytes are shown escaped", IN("<global><logall>\xc2\x9b\xff</logall></global>"),
      "ossec.conf:2: global/logall: '\\xc2\\x9b\\xff' is neither yes nor no\n" },
};

static void what_is_wrong_is_told_by_file_and_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct loaded l = load_text(refused[i].text);
        char *got = told(l.r);
        if (l.e != ERR_SYNTAX || strcmp(got, refused[i].want) != 0)
            fail_msg("%s: got \"%s\", want \"%s\"", refused[i].story, got, refused[i].want);
        free(got);
        unload(&l);
    }
}

/* What each text makes of a few telling options, written out. */
static char *described(const struct config *c)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    assert_non_null(f);
    if (c->global.logall)
        fputs("logall ", f);
    if (c->alertd.ossec_frames)
        fputs("frames ", f);
    if (c->alertd.format == FORMAT_JSON)
        fputs("json ", f);
    if (c->ingest.state_size != (uint64_t)4 << 30)
        fprintf(f, "state=%ju ", (uintmax_t)c->ingest.state_size);
    for (size_t i = 0; i < c->n_localfile; i++)
        fprintf(f, "log@%u=%s/%d/%u/%u ", c->localfile[i].line, c->localfile[i].location.p,
                (int)c->localfile[i].log_format, c->localfile[i].lines, c->localfile[i].frequency);
    for (size_t i = 0; i < c->n_remote; i++) {
        fprintf(f, "remote=%d/%d", (int)c->remote[i].connection, (int)c->remote[i].protocol);
        for (size_t k = 0; k < c->remote[i].allowed_ips.n; k++)
            fprintf(f, "+%s", c->remote[i].allowed_ips.item[k].p);
        putc(' ', f);
    }
    for (size_t i = 0; i < c->rules.n; i++)
        fprintf(f, "%d:%s:%s ", (int)c->rules.entry[i].what, c->rules.entry[i].text.p,
                c->rules.entry[i].pattern.p);
    for (size_t i = 0; i < c->agent.manager.n; i++)
        if (!slice_eq(c->agent.manager.item[i], SLICE("tcp://127.0.0.1:1514")))
            fprintf(f, "to=%s ", c->agent.manager.item[i].p);
    for (size_t i = 1; i < c->alertd.pub.n; i++)
        fprintf(f, "pub=%s ", c->alertd.pub.item[i].p);
    for (size_t i = 0; i < c->n_note; i++)
        fprintf(f, "(%s@%u) ", c->note[i].name.p, c->note[i].line);
    fclose(f);
    return text;
}

static const struct { const char *story, *text, *want; } accepted[] = {
    { "an empty file is defaults",      "", "" },
    { "so is an empty root",            "<ossec_config/>", "" },
    { "values are trimmed",             IN("<global><logall>\n yes\t</logall></global>"),
      "logall " },
    { "roots and sections accumulate",  IN("<global><logall>yes</logall></global>")
      IN("<global><jsonout_output>no</jsonout_output></global><alertd><format>json</format>"
          "</alertd>"),
      "logall json " },
    { "the last value counts",          IN("<global><logall>yes</logall><logall>no</logall>"
      "</global>"), "" },
    { "bytes have units",               IN("<ingest><state_size>64M</state_size></ingest>"),
      "state=67108864 " },
    { "logs in their order",            IN("<localfile><location>/a %Y</location>"
      "<log_format>syslog</log_format></localfile>\n"
                                           "<localfile><log_format>json</log_format>"
                                           "<location>/b</location></localfile>"),
      "log@2=/a %Y/0/0/360 log@3=/b/2/0/360 " },
    { "multi-line: 3",                  IN("<localfile><log_format>multi-line: 3</log_format>"
      "<location>/a</location></localfile>"),
      "log@2=/a/14/3/360 " },
    { "hourly and daily",               IN("<localfile><log_format>command</log_format>"
      "<command>df</command><frequency>hourly</frequency></localfile>"
                                           "<localfile><log_format>command</log_format>"
                                           "<command>df</command><frequency>daily</frequency>"
                                           "</localfile>"),
      "log@2=/19/0/3600 log@2=/19/0/86400 " },
    { "the journal needs no location",  IN("<localfile><log_format>journald</log_format>"
      "</localfile>"),
      "log@2=/22/0/360 " },
    { "lists by comma and by element",  IN("<remote><connection>syslog</connection>"
      "<allowed-ips>192.0.2.1, 192.0.2.2,</allowed-ips>"
                                           "<allowed-ips>198.51.100.0/24</allowed-ips></remote>"
                                           "<remote/>"),
      "remote=1/0+192.0.2.1+192.0.2.2+198.51.100.0/24 remote=0/0 " },
    { "rules keep their order",         IN("<rules><include>a.xml</include><list>l</list>"
      "<decoder_dir>d</decoder_dir>"
                                           "<rule_dir pattern='_rules.xml$'>r</rule_dir>"
                                           "<rule>b.xml</rule></rules>"),
      "0:a.xml: 5:l: 4:d:.xml$ 2:r:_rules.xml$ 1:b.xml: " },
    { "OSSEC's client names the manager",
      IN("<client><server-ip>192.0.2.1</server-ip><server-ip>2001:db8::1</server-ip>"
                                             "<server-hostname>manager.example</server-hostname>"
                                             "<port>1600</port></client>"),
      "to=tcp://192.0.2.1:1600 to=tcp://[2001:db8::1]:1600 to=tcp://manager.example:1600 " },
    { "but <agent> goes before",        IN("<client><server-ip>192.0.2.1</server-ip></client>"
      "<agent><manager>tcp://192.0.2.9:1</manager></agent>"),
      "to=tcp://192.0.2.9:1 " },
    { "OSSEC's ZeroMQ output",          IN("<global><zeromq_output>yes</zeromq_output>"
      "<zeromq_uri>tcp://127.0.0.1:11111/</zeromq_uri></global>"),
      "frames pub=tcp://127.0.0.1:11111 " },
    { "its address alone does nothing", IN("<global>"
      "<zeromq_uri>tcp://127.0.0.1:11111/</zeromq_uri></global>"), "" },
    { "what nothing acts on is listed once",
      IN("<syscheck><ignore>/a</ignore><ignore>/b</ignore></syscheck>\n<syscheck/>\n"
                                                "<global><email_to>a@b</email_to>\n<email_to>c@d</email_to></global>"),
      "(syscheck@2) (global/email_to@4) " },
    { "an agent_config for all is read", "<agent_config><localfile><location>/a</location>"
      "<log_format>syslog</log_format></localfile></agent_config>",
      "log@1=/a/0/0/360 " },
    { "one for some is checked and not used",
      "<agent_config os='x'><localfile><location>/a</location><log_format>syslog</log_format>"
      "</localfile></agent_config>",
      "(agent_config@1) " },
};

static void what_is_right_is_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(accepted); i++) {
        struct loaded l = load_text(accepted[i].text);
        if (l.e != ERR_OK)
            fail_msg("%s: refused: %s", accepted[i].story, report_line(l.r, 0));
        char *got = described(l.c);
        if (strcmp(got, accepted[i].want) != 0)
            fail_msg("%s: got \"%s\", want \"%s\"", accepted[i].story, got, accepted[i].want);
        free(got);
        unload(&l);
    }
}

static void oddities_are_warned_of(void **state)
{
    struct loaded l = load_text(IN("<global>stray</global>\n<alerts>"
        "<log_alert_level a='b'>2</log_alert_level></alerts>"));
    char *got = told(l.r);

    (void)state;
    assert_int_equal(l.e, ERR_OK);
    assert_int_equal(l.c->alerts.log_alert_level, 2);
    assert_string_equal(got,
        "ossec.conf:2: warning: global: text that belongs to no option: ignored\n"
                        "ossec.conf:3: warning: alerts/log_alert_level: takes no attributes: ignored\n");
    free(got);
    unload(&l);
}

/* ---- the table itself ---- */

static void assert_same(struct config_list a, struct config_list b)
{
    assert_int_equal(a.n, 1);
    assert_int_equal(b.n, 1);
    assert_string_equal(a.item[0].p, b.item[0].p);
}

static void without_a_file_the_stages_find_each_other(void **state)
{
    struct loaded l = load(NULL, "no/such/prefix");

    (void)state;
    assert_int_equal(l.e, ERR_OK);
    assert_null(l.c->file);
    assert_same(l.c->decode.ingest, l.c->ingest.decoders);
    assert_same(l.c->decode.correlate, l.c->correlate.decoders);
    assert_same(l.c->alertd.correlate, l.c->correlate.alertd);
    assert_string_equal(l.c->alertd.pub.item[0].p, "ipc://no/such/prefix/run/yagura/pub");
    assert_string_equal(l.c->alertd.replay.item[0].p, "ipc://no/such/prefix/run/yagura/replay");
    assert_string_equal(l.c->alertd.log_dir.p, "no/such/prefix/var/log/yagura");
    assert_string_equal(l.c->ingest.listen.item[0].p, "tcp://*:1514");
    assert_int_equal(l.c->alerts.log_alert_level, 1);
    assert_true(l.c->alertd.rotate && l.c->alertd.compress && !l.c->alertd.ossec_frames);
    unload(&l);
}

/* Every default written into a file, every KNOWN element with it. */
static const char everything[] =
    "<ossec_config>"
#define SINGLE(section, name, doc)      "<" name ">"
#define UNUSED(section, name, doc)      "<" name ">"
#define OPTION(section, kind, member, name, fallback, doc) "<" name ">" fallback "</" name ">"
#define KNOWN(section, name)            "<" name "/>"
#define END(section)                    "</" #section ">"
#define UNUSED_END(section)             "</" #section ">"
#define REPEATED(section, name, doc)    "<" name ">"
#include "schemas/config.def"
    "</ossec_config>";

/* Sections are written with -, the macro's word has _ there. */
static char *fix_ends(void)
{
    char *text = strdup(everything), *at;

    assert_non_null(text);
    while ((at = strstr(text, "</active_response>")) != NULL)
        at[strlen("</active")] = '-';
    while ((at = strstr(text, "<location></location>")) != NULL)
        memcpy(at, "<alias>xyz</alias>   ", strlen("<location></location>"));
    return text;
}

static void every_option_takes_its_own_default(void **state)
{
    char *text = fix_ends();
    struct loaded l = load_text(text);
    char *got = told(l.r);

    (void)state;
    /* a log needs a location, which has no default */
    assert_string_equal(got,
        "ossec.conf:1: localfile/location: must be given with this log_format\n");
    free(got);
    free(text);
    unload(&l);
}

static void the_manual_has_every_option(void **state)
{
    static const char *const names[] = {
#define SINGLE(section, name, doc)      "<" name ">",
#define OPTION(section, kind, member, name, fallback, doc) "  " name " (", doc,
#define KNOWN(section, name)            name,
#include "schemas/config.def"
    };
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    (void)state;
    assert_non_null(f);
    config_doc(f);
    fclose(f);
    for (size_t i = 0; i < COUNT(names); i++)
        if (strstr(text, names[i]) == NULL)
            fail_msg("the manual lacks '%s'", names[i]);
    free(text);
}

/* ---- paths ---- */

static void a_prefix_moves_everything(void **state)
{
    static const struct { const char *prefix, *conf, *run; } rows[] = {
        { NULL,     "/etc/yagura/ossec.conf",         "/run/yagura" },
        { "",       "/etc/yagura/ossec.conf",         "/run/yagura" },
        { "/",      "/etc/yagura/ossec.conf",         "/run/yagura" },
        { "/opt//", "/opt/etc/yagura/ossec.conf",     "/opt/run/yagura" },
        { "run",    "run/etc/yagura/ossec.conf",      "run/run/yagura" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct paths *p = NULL;
        assert_int_equal(paths_new(&p, rows[i].prefix), ERR_OK);
        assert_string_equal(p->conf, rows[i].conf);
        assert_string_equal(p->run, rows[i].run);
        paths_free(p);
    }
}

static void a_control_name_is_a_file_name(void **state)
{
    static const struct { const char *name; enum err want; } rows[] = {
        { "decode@2", ERR_OK },     { "", ERR_SYNTAX },      { "a/b", ERR_SYNTAX },
        { "..", ERR_SYNTAX },       { "a b", ERR_SYNTAX },   { "a\nb", ERR_SYNTAX },
    };
    struct paths *p = NULL;
    char *got = NULL;

    (void)state;
    assert_int_equal(paths_new(&p, "p"), ERR_OK);
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(paths_control(p, rows[i].name, &got), rows[i].want);
        if (rows[i].want == ERR_OK)
            assert_string_equal(got, "ipc://p/run/yagura/ctl/decode@2");
        free(got);
        got = NULL;
    }
    paths_free(p);
}

/* n letters and a slash in front */
static char *long_prefix(size_t n)
{
    char *p = malloc(n + 2);

    assert_non_null(p);
    memset(p, 'x', n + 1);
    p[0] = '/';
    p[n + 1] = '\0';
    return p;
}

static void a_socket_path_that_is_too_long_is_told(void **state)
{
    const size_t fits = PATHS_SOCKET_MAX - strlen("/run/yagura/correlate") - 1;
    char *just = long_prefix(fits), *over = long_prefix(fits + 1);
    struct loaded l = load(NULL, just);

    (void)state;
    assert_int_equal(l.e, ERR_OK);
    unload(&l);

    l = load(NULL, over);
    assert_int_equal(l.e, ERR_SYNTAX);
    assert_int_equal(report_errors(l.r), 2);            /* decode's and correlate's side */
    assert_non_null(strstr(report_line(l.r, 0), "default: decode/correlate: the path '/xx"));
    assert_non_null(strstr(report_line(l.r, 0), "has 108 bytes, a socket's may have 107"));
    unload(&l);

    char *path = in_dir("ossec.conf");
    write_file("ossec.conf", IN("<decode><correlate>ipc://c</correlate></decode>"
                                "<correlate><decoders>ipc://c</decoders></correlate>"));
    l = load(path, over);                               /* what is written hides the default */
    assert_int_equal(l.e, ERR_OK);
    unload(&l);
    free(path);
    free(just);
    free(over);
}

static void a_file_that_is_named_must_be_there(void **state)
{
    struct loaded l = load("no/such/ossec.conf", "p");

    (void)state;
    assert_int_equal(l.e, ERR_SYS);
    assert_string_equal(report_line(l.r, 0), "no/such/ossec.conf: No such file or directory");
    unload(&l);
}

static void the_usual_file_is_read_when_it_is_there(void **state)
{
    (void)state;
    make_sub("etc");
    make_sub("etc/yagura");
    write_file("etc/yagura/ossec.conf", IN("<global><logall>yes</logall></global>"));
    struct loaded l = load(NULL, dir);
    assert_int_equal(l.e, ERR_OK);
    assert_true(l.c->global.logall);
    unload(&l);
}

/* ---- rule files ---- */

typedef enum err find(struct config_files **, const struct config *, struct report *);

static void print_files(FILE *f, find *of, struct loaded *l)
{
    struct config_files *files = NULL;
    const size_t skip = strlen(dir) + strlen("/lay/etc/");

    if (of(&files, l->c, l->r) != ERR_OK)
        return;
    for (size_t i = 0; i < files->n; i++)
        fprintf(f, "%s(%s) ", files->file[i].path + skip, files->file[i].written);
    config_files_free(files);
}

static const struct { const char *story, *text, *want; } layouts[] = {
    { "beside, below and next door", "<include>here.xml</include><include>below.xml</include>"
      "<include>next.xml</include>"
      "<decoder>decoder.xml</decoder>",
      "here.xml(here.xml) rules/below.xml(below.xml) ../rules/next.xml(next.xml) decoder.xml(decoder.xml) " },
    { "with a directory, from here or from above",
      "<include>rules/below.xml</include><include>rules/next.xml</include>"
      "<decoder>etc/decoder.xml</decoder><list>etc/lists/bad</list><list>ips</list>",
      "rules/below.xml(rules/below.xml) ../rules/next.xml(rules/next.xml) ../etc/decoder.xml(etc/decoder.xml) "
      "../etc/lists/bad(etc/lists/bad) lists/ips(ips) " },
    { "without decoders, the usual ones", "<include>here.xml</include>",
      "here.xml(here.xml) decoder.xml(decoder.xml) yagura_decoder.xml(yagura_decoder.xml) "
      "local_decoder.xml(local_decoder.xml) " },
    { "a directory, sorted, .xml alone", "<rule_dir>rules</rule_dir><decoder>decoder.xml</decoder>",
      "rules/B.xml(B.xml) rules/a.xml(a.xml) rules/below.xml(below.xml) decoder.xml(decoder.xml) " },
    { "a pattern, and what is listed is not listed again",
      "<include>below.xml</include><rule_dir pattern='^b|^a'>rules</rule_dir>"
      "<decoder>decoder.xml</decoder>",
      "rules/below.xml(below.xml) rules/B.xml(B.xml) rules/a.xml(a.xml) rules/b.txt(b.txt) decoder.xml(decoder.xml) " },
    { "a file named twice is read once", "<include>here.xml</include>\n<include>here.xml</include>"
      "<decoder>decoder.xml</decoder>",
      "here.xml(here.xml) decoder.xml(decoder.xml) "
      "lay/etc/ossec.conf:2: warning: rules/include: 'here.xml' is named above: read once\n" },
    { "every missing file is told",
      "<include>x.xml</include>\n<rule_dir>y</rule_dir>\n<decoder>z.xml</decoder><list>l</list>",
      "lay/etc/ossec.conf:1: rules/include: no rule file 'x.xml' in or near 'lay/etc'\n"
      "lay/etc/ossec.conf:2: rules/include: no directory 'y' in or near 'lay/etc'\n"
      "lay/etc/ossec.conf:3: rules/decoder: no decoder file 'z.xml' in or near 'lay/etc'\n"
      "lay/etc/ossec.conf:3: rules/list: no list 'l' in or near 'lay/etc'\n" },
    { "an absolute path stays as it is", "<include>/no/such.xml</include>"
      "<decoder>decoder.xml</decoder>",
      "decoder.xml(decoder.xml) lay/etc/ossec.conf:1: rules/include: no rule file '/no/such.xml' in or near 'lay/etc'\n" },
};

static void make_layout(void)
{
    static const char *const dirs[] = { "lay", "lay/etc", "lay/etc/rules", "lay/etc/lists",
        "lay/rules" };
    static const char *const files[] = {
        "lay/etc/here.xml", "lay/etc/decoder.xml", "lay/etc/yagura_decoder.xml",
        "lay/etc/local_decoder.xml",
        "lay/etc/rules/below.xml",
        "lay/etc/rules/a.xml", "lay/etc/rules/B.xml", "lay/etc/rules/b.txt", "lay/etc/rules/.a.xml",
        "lay/etc/lists/bad.cdb", "lay/etc/lists/ips", "lay/rules/next.xml",
    };

    for (size_t i = 0; i < COUNT(dirs); i++)
        make_sub(dirs[i]);
    for (size_t i = 0; i < COUNT(files); i++)
        write_file(files[i], "");
}

/* told() takes the directory off once a line; here it stands twice. */
static void strip_dir(char *text)
{
    char *at;

    while ((at = strstr(text, dir)) != NULL)
        memmove(at, at + strlen(dir) + 1, strlen(at + strlen(dir) + 1) + 1);
}

static void files_are_found_where_ossec_has_them(void **state)
{
    char *conf = in_dir("lay/etc/ossec.conf");

    (void)state;
    make_layout();
    for (size_t i = 0; i < COUNT(layouts); i++) {
        char *text = NULL, *got = NULL;
        size_t n = 0;
        assert_true(asprintf(&text, "<ossec_config><rules>%s</rules></ossec_config>",
            layouts[i].text) > 0);
        write_file("lay/etc/ossec.conf", text);
        struct loaded l = load(conf, "p");
        FILE *f = open_memstream(&got, &n);
        assert_non_null(f);
        assert_int_equal(l.e, ERR_OK);
        print_files(f, config_rule_files, &l);
        print_files(f, config_decoder_files, &l);
        print_files(f, config_list_files, &l);
        char *report = told(l.r);
        fputs(report, f);
        fclose(f);
        strip_dir(got);
        if (strcmp(got, layouts[i].want) != 0)
            fail_msg("%s: got \"%s\", want \"%s\"", layouts[i].story, got, layouts[i].want);
        free(report);
        free(got);
        free(text);
        unload(&l);
    }
    free(conf);
}

static void without_rules_what_lies_there_is_taken(void **state)
{
    struct config_files *files = NULL;
    char *conf = in_dir("lay/etc/ossec.conf");

    (void)state;
    write_file("lay/etc/ossec.conf", "");
    struct loaded l = load(conf, "p");
    assert_int_equal(l.e, ERR_OK);
    assert_int_equal(config_rule_files(&files, l.c, l.r), ERR_OK);
    assert_int_equal(files->n, 3);
    assert_string_equal(files->file[0].written, "B.xml");
    config_files_free(files);
    unload(&l);
    free(conf);

    l = load(NULL, "no/such/prefix");                   /* and nothing there is fine too */
    assert_int_equal(config_rule_files(&files, l.c, l.r), ERR_OK);
    assert_int_equal(files->n, 0);
    config_files_free(files);
    assert_int_equal(config_decoder_files(&files, l.c, l.r), ERR_OK);
    assert_int_equal(files->n, 0);
    config_files_free(files);
    unload(&l);
}

static void a_bad_pattern_is_told(void **state)
{
    struct config_files *files = NULL;
    char *conf = in_dir("lay/etc/ossec.conf");

    (void)state;
    write_file("lay/etc/ossec.conf", IN("<rules>\n<rule_dir pattern='(a'>rules</rule_dir>"
        "</rules>"));
    struct loaded l = load(conf, "p");
    assert_int_equal(config_rule_files(&files, l.c, l.r), ERR_SYNTAX);
    assert_null(files);
    assert_non_null(strstr(report_line(l.r, 0), "ossec.conf:3: rules/include: pattern '(a': "));
    unload(&l);
    free(conf);
}

static void the_shared_configuration_names_files_that_exist(void **state)
{
    static const char path[] = "../shared/data/ossec-4.3/ossec.conf";
    struct config_files *files = NULL;

    (void)state;
    if (access(path, R_OK) != 0) {
        print_message("skipped: no %s here\n", path);
        skip();
    }
    struct loaded l = load(path, "p");
    assert_int_equal(l.e, ERR_OK);
    assert_int_equal(config_rule_files(&files, l.c, l.r), ERR_OK);
    assert_int_equal(files->n, 86);
    for (size_t i = 0; i < files->n; i++)
        assert_int_equal(access(files->file[i].path, R_OK), 0);
    config_files_free(files);
    assert_int_equal(config_decoder_files(&files, l.c, l.r), ERR_OK);
    assert_int_equal(files->n, 1);
    assert_string_equal(files->file[0].path, "../shared/data/ossec-4.3/decoder.xml");
    config_files_free(files);
    assert_int_equal(report_warnings(l.r), 0);
    unload(&l);
}

/* ---- hostile files ---- */

static void every_prefix_of_a_file_is_answered(void **state)
{
    char *text = fix_ends();

    (void)state;
    for (size_t n = strlen(text); n > 0; n -= n > 97 ? 97 : n) {
        text[n] = '\0';
        struct loaded l = load_text(text);
        unload(&l);
    }
    free(text);
}

static char *many(const char *part, size_t times)
{
    char *text = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&text, &n);

    assert_non_null(f);
    fputs("<ossec_config>", f);
    for (size_t i = 0; i < times; i++)
        fputs(part, f);
    fputs("</ossec_config>", f);
    fclose(f);
    return text;
}

static void floods_end_in_an_answer(void **state)
{
    static const struct { const char *part; size_t errors; } rows[] = {
        { "<x/>",                                                                   50000 },
        { "<global><x/></global>",                                                  50000 },
        { "<remote/>",                                                              0 },
        { "<syscheck><ignore>x</ignore></syscheck>",                                0 },
        { "<remote><allowed-ips>192.0.2.1,::1,,any</allowed-ips></remote>",                     0 },
        { "<ingest><listen>tcp://*:1,tcp://*:2</listen></ingest>",                  0 },
        { "<ingest><listen>%RUN%%RUN%%RUN</listen></ingest>",                       50000 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *text = many(rows[i].part, 50000);
        struct loaded l = load_text(text);
        if (report_errors(l.r) != rows[i].errors)
            fail_msg("%s: %zu errors", rows[i].part, report_errors(l.r));
        unload(&l);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_is_told_by_file_and_line),
        cmocka_unit_test(what_is_right_is_understood),
        cmocka_unit_test(oddities_are_warned_of),
        cmocka_unit_test(without_a_file_the_stages_find_each_other),
        cmocka_unit_test(every_option_takes_its_own_default),
        cmocka_unit_test(the_manual_has_every_option),
        cmocka_unit_test(a_prefix_moves_everything),
        cmocka_unit_test(a_control_name_is_a_file_name),
        cmocka_unit_test(a_socket_path_that_is_too_long_is_told),
        cmocka_unit_test(a_file_that_is_named_must_be_there),
        cmocka_unit_test(the_usual_file_is_read_when_it_is_there),
        cmocka_unit_test(files_are_found_where_ossec_has_them),
        cmocka_unit_test(without_rules_what_lies_there_is_taken),
        cmocka_unit_test(a_bad_pattern_is_told),
        cmocka_unit_test(the_shared_configuration_names_files_that_exist),
        cmocka_unit_test(every_prefix_of_a_file_is_answered),
        cmocka_unit_test(floods_end_in_an_answer),
    };
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
