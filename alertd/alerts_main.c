/*
 * alerts - follow the alerts as they come, or ask for past ones
 *
 * `tail` subscribes to PUB.  It sees by the numbers when something was missed and fills the hole by
 * replay, so what it prints is complete and in order.  `replay` asks for a range.
 *
 * What arrives is checked, and escaped for the terminal as if nobody had done so before.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zmq.h>

#include "common/forms/forms.h"
#include "alertd/line.h"
#include "alertd/notice.h"
#include "alertd/replay.h"
#include "common/conf/config.h"
#include "common/conf/keyfile.h"
#include "common/stage/hop.h"

enum { PARTS = 3, ANSWER_MS = 5000, EXIT_USAGE = 2, HWM = 65536 };

struct tool {
    const char *prefix, *conf, *command;
    uint64_t from, to, count, level;
    bool has_from, json, colour;
    const char *pub, *replay;           /* endpoints */
    struct keypair key;                 /* the stages', once an endpoint needs it */
    void *zmq, *asked;                  /* the replay socket, once needed */
    uint64_t epoch, next;               /* tail: the number wanted next; 0: not known yet */
    struct buffer out;
    struct stamp stamp;
};

static void usage(FILE *out)
{
    fputs("usage: yagura alerts tail [--level N] [--from N] [--json] [--color]\n"
          "       yagura alerts replay --from N [--to N | --count N] [--level N] [--json] [--color]\n\n"
          "  tail              print each alert as it comes\n"
          "  replay            print alerts of the journal; 1 is the first there ever was\n\n"
          "  -f, --from N      begin with alert number N (0: the oldest there is)\n"
          "  -t, --to N        end with alert number N\n"
          "  -n, --count N     end after N alerts\n"
          "  -l, --level N     only alerts of level N and above\n"
          "      --json        one JSON object for each alert, as in alerts.json\n"
          "      --color       colours, also when the output is no terminal\n"
          "  -p, --prefix DIR  alertd keeps every file below DIR instead of /\n"
          "  -c, --config FILE read FILE instead of PREFIX/etc/yagura/ossec.conf\n"
          "  -h, --help        this text\n", out);
}

__attribute__((format(printf, 1, 2), noreturn))
static void fail(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fputs("yagura-alerts: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

static void put_again(struct buffer *b, const struct notice *n)
{
    for (size_t i = 0; i < n->body.n; i++)      /* one object, one line, whoever wrote it */
        buffer_byte(b, (uint8_t)n->body.p[i] < 0x20 || n->body.p[i] == 0x7f ? ' ' : n->body.p[i]);
    buffer_byte(b, '\n');
}

static void print(struct tool *t, const struct notice *n)
{
    if (n->entry.a.level < t->level)
        return;
    buffer_reset(&t->out);
    if (!t->json)
        line_put(&t->out, &n->entry, &t->stamp, t->colour);
    else if (notice_is_json(n))
        put_again(&t->out, n);
    else
        form_alert_json(&t->out, &n->entry, &t->stamp);
    if (!buffer_ok(&t->out))
        fail("out of memory");
    if (fwrite(t->out.p, 1, t->out.n, stdout) != t->out.n)
        exit(0);                        /* nobody reads any more */
}

/* One message of any number of parts, PARTS at most kept.  Returns their number, 0 when none came. */
static size_t receive(void *socket, long timeout_ms, zmq_msg_t m[PARTS])
{
    zmq_pollitem_t item = { .socket = socket, .events = ZMQ_POLLIN };
    size_t n = 0;
    bool more = true;

    if (zmq_poll(&item, 1, timeout_ms) <= 0)
        return 0;
    while (more) {
        zmq_msg_t part;
        zmq_msg_init(&part);
        if (zmq_msg_recv(&part, socket, 0) < 0)
            fail("%s", zmq_strerror(errno));
        more = zmq_msg_more(&part);
        if (n < PARTS) {
            zmq_msg_init(&m[n]);
            zmq_msg_move(&m[n], &part);
        }
        n++;
        zmq_msg_close(&part);
    }
    return n;
}

static void close_parts(zmq_msg_t *m, size_t n)
{
    for (size_t i = 0; i < n && i < PARTS; i++)
        zmq_msg_close(&m[i]);
}

/* The next PARTS frames of a longer message. */
static bool next_parts(void *socket, zmq_msg_t m[PARTS], bool *more)
{
    bool ok = true;

    for (size_t i = 0; i < PARTS; i++) {
        zmq_msg_init(&m[i]);
        if (ok && *more && zmq_msg_recv(&m[i], socket, 0) >= 0)
            *more = zmq_msg_more(&m[i]);
        else
            ok = false;
    }
    return ok;
}

static enum err read_notice(struct notice *n, zmq_msg_t m[PARTS])
{
    const struct slice part[PARTS] = { hop_frame(&m[0]), hop_frame(&m[1]), hop_frame(&m[2]) };

    return notice_read(n, part);
}

static const struct keypair *key_for(struct tool *t, const char *endpoint)
{
    struct paths *paths;
    char *path;

    if (!hop_needs_key_public(endpoint))
        return NULL;
    if (paths_new(&paths, t->prefix) != ERR_OK || (path = paths_join(paths->state, KEYFILE_STAGES)) == NULL)
        fail("out of memory");
    enum err e = keyfile_read(path, &t->key);
    if (e != ERR_OK)
        fail("%s needs the stages' key, but %s: %s", endpoint, path, keyfile_why(e));
    free(path);
    paths_free(paths);
    return &t->key;
}

static void send_question(struct tool *t, const struct replay *q)
{
    zmq_pollitem_t item = { .events = ZMQ_POLLOUT };

    if (t->asked == NULL) {
        enum err e = hop_connect_public(&t->asked, t->zmq, ZMQ_DEALER, t->replay, HWM, key_for(t, t->replay));
        if (e != ERR_OK)
            fail("%s: %s", t->replay, err_str(e));
    }
    item.socket = t->asked;
    if (zmq_poll(&item, 1, ANSWER_MS) <= 0 || hop_send_record(t->asked, NULL, &replay_schema, q) != ERR_OK)
        fail("alertd does not answer at %s", t->replay);
}

static void print_answer(struct tool *t, const struct replay_reply *r, bool more)
{
    zmq_msg_t m[PARTS];
    struct notice n;

    for (uint64_t i = 0; more && i < r->count; i++) {
        if (!next_parts(t->asked, m, &more) || read_notice(&n, m) != ERR_OK)
            fail("the answer of %s does not read", t->replay);
        print(t, &n);
        notice_done(&n);
        close_parts(m, PARTS);
    }
}

/* Ask once, print what comes. */
static struct replay_reply ask(struct tool *t, const struct replay *q)
{
    zmq_pollitem_t item = { .events = ZMQ_POLLIN };
    struct replay_reply r;
    zmq_msg_t m;

    send_question(t, q);
    item.socket = t->asked;
    if (zmq_poll(&item, 1, ANSWER_MS) <= 0)
        fail("alertd does not answer at %s", t->replay);
    zmq_msg_init(&m);
    if (zmq_msg_recv(&m, t->asked, 0) < 0 || record_unpack(&replay_reply_schema, &r, hop_frame(&m)) != ERR_OK)
        fail("the answer of %s does not read", t->replay);
    print_answer(t, &r, zmq_msg_more(&m));
    zmq_msg_close(&m);
    return r;
}

/* Print from..to (0: the newest) and return the number behind the last one. */
static uint64_t replay(struct tool *t, uint64_t from, uint64_t to, uint64_t count)
{
    for (bool first = true; ; first = false) {
        const struct replay q = { .from = from, .to = to, .count = count };
        struct replay_reply r = ask(t, &q);
        if (first && from > 0 && from < r.oldest)
            fprintf(stderr, "yagura-alerts: alerts before %" PRIu64 " are no longer kept\n", r.oldest);
        t->epoch = r.epoch;
        count = count == 0 ? 0 : count - (r.count < count ? r.count : count);
        bool done = r.count == 0 || r.next > r.tail || (to != 0 && r.next > to) || (q.count != 0 && count == 0);
        if (done || r.next <= from)
            return r.next;
        from = r.next;
    }
}

static void follow_epoch(struct tool *t, const struct notice *n)
{
    if (t->next != 0 && t->epoch != n->epoch) {
        fprintf(stderr, "yagura-alerts: the alert journal was made anew; numbers begin again\n");
        t->next = 1;
    }
    t->epoch = n->epoch;
    if (t->next == 0)
        t->next = n->beat ? n->seq + 1 : n->seq;
}

static void follow(struct tool *t, const struct notice *n)
{
    follow_epoch(t, n);
    uint64_t last = n->beat ? n->seq : n->seq - 1;      /* all up to here must have been seen */
    if (t->next <= last) {
        fflush(stdout);
        fprintf(stderr, "yagura-alerts: alerts %" PRIu64 " to %" PRIu64 " were missed; asking for them\n",
                t->next, last);
        (void)replay(t, t->next, last, 0);
        t->next = last + 1;
    }
    if (!n->beat && n->seq >= t->next) {
        print(t, n);
        t->next = n->seq + 1;
    }
}

static void tail(struct tool *t)
{
    static const char *const topics[] = { "alert/", "beat" };
    void *socket = NULL;
    zmq_msg_t m[PARTS];
    struct notice n;

    enum err e = hop_connect_public(&socket, t->zmq, ZMQ_SUB, t->pub, HWM, key_for(t, t->pub));
    if (e != ERR_OK)
        fail("%s: %s", t->pub, err_str(e));
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++)
        if (zmq_setsockopt(socket, ZMQ_SUBSCRIBE, topics[i], strlen(topics[i])) != 0)
            fail("%s", zmq_strerror(errno));
    if (t->has_from)
        t->next = replay(t, t->from, 0, 0);
    for (;;) {
        fflush(stdout);
        size_t parts = receive(socket, -1, m);
        if (parts == PARTS && read_notice(&n, m) == ERR_OK) {
            follow(t, &n);
            notice_done(&n);
        }
        close_parts(m, parts);
    }
}

enum { OPTION_JSON = 256, OPTION_COLOUR };

static uint64_t number(const char *text)
{
    char *end;

    errno = 0;
    unsigned long long n = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || *text == '-')
        fail("%s: not a number", text);
    return n;
}

static void take_option(struct tool *t, int letter)
{
    switch (letter) {
    case 'f': t->from = number(optarg); t->has_from = true; break;
    case 't': t->to = number(optarg); break;
    case 'n': t->count = number(optarg); break;
    case 'l': t->level = number(optarg); break;
    case 'p': t->prefix = optarg; break;
    case 'c': t->conf = optarg; break;
    case OPTION_JSON: t->json = true; break;
    case OPTION_COLOUR: t->colour = true; break;
    case 'h':
        usage(stdout);
        exit(0);
    default:
        usage(stderr);
        exit(EXIT_USAGE);
    }
}

static bool is_tail(const struct tool *t)
{
    return strcmp(t->command, "tail") == 0;
}

static void read_options(struct tool *t, int argc, char **argv)
{
    static const struct option options[] = {
        { "from", required_argument, NULL, 'f' },   { "to", required_argument, NULL, 't' },
        { "count", required_argument, NULL, 'n' },  { "level", required_argument, NULL, 'l' },
        { "prefix", required_argument, NULL, 'p' }, { "config", required_argument, NULL, 'c' },
        { "json", no_argument, NULL, OPTION_JSON }, { "color", no_argument, NULL, OPTION_COLOUR },
        { "help", no_argument, NULL, 'h' },         { NULL, 0, NULL, 0 },
    };
    int letter;

    while ((letter = getopt_long(argc, argv, "f:t:n:l:p:c:h", options, NULL)) != -1)
        take_option(t, letter);
    t->command = optind + 1 == argc ? argv[optind] : "";
    if (!is_tail(t) && (strcmp(t->command, "replay") != 0 || !t->has_from)) {
        usage(stderr);
        exit(EXIT_USAGE);
    }
}

static struct config *read_config(struct tool *t)
{
    struct report *r;
    struct paths *paths;
    struct config *c;

    if (report_new(&r) != ERR_OK || paths_new(&paths, t->prefix) != ERR_OK)
        fail("out of memory");
    if (config_load(&c, t->conf, paths, r) != ERR_OK) {
        report_print(r, stderr);
        exit(1);
    }
    report_free(r);
    paths_free(paths);
    if (c->alertd.pub.n == 0 || c->alertd.replay.n == 0)
        fail("the configuration names no endpoint for <alertd> pub or replay");
    t->pub = c->alertd.pub.item[0].p;
    t->replay = c->alertd.replay.item[0].p;
    return c;
}

int main(int argc, char **argv)
{
    struct tool t = { .colour = isatty(STDOUT_FILENO) != 0 };

    read_options(&t, argc, argv);
    struct config *c = read_config(&t);
    t.zmq = zmq_ctx_new();
    if (t.zmq == NULL)
        fail("out of memory");
    if (is_tail(&t))
        tail(&t);
    else
        (void)replay(&t, t.from, t.to, t.count);
    hop_close(t.asked);
    zmq_ctx_term(t.zmq);
    buffer_free(&t.out);
    keyfile_wipe(&t.key);
    config_free(c);
    return fflush(stdout) == 0 ? 0 : 1;
}
