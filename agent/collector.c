#include "agent/collector.h"

#include <errno.h>
#include <malloc.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/command.h"
#include "agent/files.h"
#include "agent/identity.h"
#include "agent/journal.h"
#include "agent/spool.h"
#include "agent/uplink.h"
#include "common/stage/log.h"

#define FINGERPRINT_BYTES 16

struct collector;
struct child { struct collector *c; struct command *command; };

struct collector {
    struct run *run;
    struct identity identity;
    struct host host;
    struct utsname uts;
    char fingerprint[2 * FINGERPRINT_BYTES + 1];
    char os[sizeof ((struct utsname *)NULL)->sysname + sizeof ((struct utsname *)NULL)->release + 1];
    struct spool *spool;
    struct files *files;
    struct journal *journal;
    struct format **formats;
    size_t n_formats;
    struct child *children;
    size_t n_children;
    struct uplink *uplink;
    void *socket;               /* as the loop knows it */
    uint32_t generation;
    uint64_t now_us, looked_ms, shortened;
    uint64_t records, records_then;     /* taken; of these before the last give_back() */
    bool waits;                 /* a source was told to wait */
    bool disk_full, failed;
};

/* Taking records */

static bool take(struct collector *c, enum spool_use use, struct slice location, struct slice text)
{
    size_t most = c->run->config->agent.max_line;
    bool shortened = text.n > most;
    const struct raw r = { RAW_LOG, location, c->now_us, { text.p, shortened ? most : text.n } };

    if (c->disk_full || c->failed || !spool_room(c->spool, use)
        || spool_add(c->spool, &r) != ERR_OK) {
        c->waits = true;
        return false;
    }
    c->records++;
    c->shortened += shortened;
    return true;
}

static bool take_again(void *arg, struct slice location, struct slice text)
{
    return take(arg, SPOOL_REREADABLE, location, text);
}

static bool take_once(void *arg, struct slice location, struct slice text)
{
    return take(arg, SPOOL_ONCE, location, text);
}

/* Committing and sending */

static void fail(struct collector *c, const char *what, enum err e)
{
    if (!c->failed)
        log_error("%s: %s", what, e == ERR_SYS ? strerror(errno) : err_str(e));
    c->failed = true;
    loop_stop(c->run->loop);
}

static enum err save(void *arg)
{
    struct collector *c = arg;
    enum err e = files_save(c->files);

    return e == ERR_OK && c->journal != NULL ? journal_save(c->journal) : e;
}

static bool has_news(const struct collector *c)
{
    return spool_pending(c->spool) || files_moved(c->files)
           || (c->journal != NULL && journal_moved(c->journal));
}

static void saved(struct collector *c)
{
    files_saved(c->files);
    if (c->journal != NULL)
        journal_saved(c->journal);
    if (c->disk_full)
        log_info("the disk has room again, going on");
    c->disk_full = false;
}

static void commit(struct collector *c)
{
    if (c->failed || !has_news(c))
        return;
    enum err e = spool_commit(c->spool, save, c);
    if (e == ERR_OK) {
        saved(c);
    } else if (e == ERR_FULL || e == ERR_NOMEM) {
        if (!c->disk_full)
            log_error("no room for the state, every source waits until there is: %s",
                      err_str(e));
        c->disk_full = true;
    } else {
        fail(c, "cannot write the state", e);
    }
}

static void gather(void *arg);

static void schedule(struct collector *c, uint32_t ms)
{
    enum err e = loop_once(c->run->loop, ms, gather, c);
    if (e != ERR_OK)
        fail(c, "cannot set a timer", e);
}

static void serve_uplink(void *arg)
{
    struct collector *c = arg;
    enum err e = uplink_receive(c->uplink, loop_now_ms());

    if (e == ERR_OK)
        e = uplink_send(c->uplink);
    spool_relax(c->spool);
    if (e != ERR_OK && e != ERR_FULL)
        fail(c, "cannot go on sending", e);
    if (c->waits && spool_room(c->spool, SPOOL_REREADABLE))
        schedule(c, 0);
}

/* The loop waits for the socket that the uplink has now. */
static void follow_socket(struct collector *c)
{
    uint32_t generation;
    void *socket = uplink_socket(c->uplink, &generation);

    if (generation == c->generation)
        return;
    if (c->socket != NULL)
        loop_remove_socket(c->run->loop, c->socket);
    if (socket != NULL) {
        enum err e = loop_add_socket(c->run->loop, socket, serve_uplink, c);
        if (e != ERR_OK)
            fail(c, "cannot wait for the manager", e);
    }
    c->socket = socket;
    c->generation = generation;
}

/* Commands */

static void read_child(void *arg)
{
    struct child *child = arg;
    const struct sink sink = { take_once, child->c };
    int fd = command_fd(child->command);

    if (fd < 0)
        return;
    enum err e = command_read(child->command, &sink);
    if (e == ERR_FULL)
        loop_pause_fd(child->c->run->loop, fd, true);
    else if (e != ERR_AGAIN)
        loop_remove_fd(child->c->run->loop, fd);
    schedule(child->c, child->c->run->config->agent.batch_ms);
}

static void start_child(struct child *child, uint64_t now_ms)
{
    struct slice name = command_name(child->command);
    enum err e = command_start(child->command, now_ms);

    if (e == ERR_OK)
        e = loop_add_fd(child->c->run->loop, command_fd(child->command), read_child, child);
    if (e != ERR_OK)
        log_warn("cannot run a command, trying again when it is due command=%s: %s",
                 LOG_TEXT(name), e == ERR_SYS ? strerror(errno) : err_str(e));
}

static void tend_children(struct collector *c, uint64_t now_ms)
{
    bool room = spool_room(c->spool, SPOOL_ONCE) && !c->disk_full;

    for (size_t i = 0; i < c->n_children; i++) {
        struct command *command = c->children[i].command;
        if (command_due(command, now_ms) && room)
            start_child(&c->children[i], now_ms);
        else if (command_fd(command) >= 0 && room)
            loop_pause_fd(c->run->loop, command_fd(command), false);
        if (room && command_expire(command, now_ms))
            log_warn("a command ran too long and was killed command=%s",
                     LOG_TEXT(command_name(command)));
        if (room && command_over(command))
            read_child(&c->children[i]);
    }
}

/* Files and the journal */

static bool read_sources(struct collector *c, uint64_t now_ms)
{
    const struct sink sink = { take_again, c };
    bool more;

    files_notice(c->files);
    if (files_scan_due(c->files, now_ms)) {
        enum err e = files_scan(c->files, now_ms, (int64_t)(clock_now_us() / 1000000));
        if (e != ERR_OK)
            fail(c, "cannot read the state", e);
    }
    more = files_gather(c->files, now_ms);
    if (c->journal != NULL)
        more |= journal_gather(c->journal, &sink);
    return more;
}

static void gather(void *arg)
{
    struct collector *c = arg;

    c->waits = false;
    c->now_us = clock_now_us();
    bool more = read_sources(c, loop_now_ms());
    commit(c);
    enum err e = uplink_send(c->uplink);
    spool_relax(c->spool);
    if (e != ERR_OK)
        fail(c, "cannot send", e);
    loop_pause_fd(c->run->loop, files_fd(c->files), false);
    if (c->journal != NULL)
        loop_pause_fd(c->run->loop, journal_fd(c->journal), false);
    if (more && !c->failed)
        schedule(c, 0);
}

/* News: gather soon, and do not wake up for more of it meanwhile. */
static void notice_files(void *arg)
{
    struct collector *c = arg;

    loop_pause_fd(c->run->loop, files_fd(c->files), true);
    schedule(c, c->run->config->agent.batch_ms);
}

static void notice_journal(void *arg)
{
    struct collector *c = arg;

    loop_pause_fd(c->run->loop, journal_fd(c->journal), true);
    schedule(c, c->run->config->agent.batch_ms);
}

/* What a burst took from the system, once it is over. */
static void give_back(struct collector *c)
{
    if (c->records == c->records_then || !uplink_idle(c->uplink))
        return;
    (void)malloc_trim(0);       /* nothing to give back is fine */
    c->records_then = c->records;
}

static uint32_t pause_ms(const struct collector *c, uint64_t now_ms)
{
    uint64_t most = c->disk_full ? COLLECTOR_FULL_MS : COLLECTOR_IDLE_MS;
    uint64_t pause = uplink_pause_ms(c->uplink, now_ms);

    return (uint32_t)(pause < most ? pause : most);
}

static void tick(void *arg)
{
    struct collector *c = arg;
    uint64_t now_ms = loop_now_ms();

    enum err e = uplink_tick(c->uplink, now_ms);
    if (e != ERR_OK && e != ERR_FULL)
        fail(c, "cannot speak to the manager", e);
    follow_socket(c);
    tend_children(c, now_ms);
    if (now_ms - c->looked_ms >= FILES_POLL_MS || c->disk_full) {
        c->looked_ms = now_ms;
        files_look_at_all(c->files);
        gather(c);
    }
    give_back(c);
    e = loop_once(c->run->loop, pause_ms(c, now_ms), tick, c);
    if (e != ERR_OK)
        fail(c, "cannot set a timer", e);
}

/* Opening */

static const char *const format_names[] = {
#define WORDS(set)              /* only those of log_format are rows here */
#define WORD(set, name, text)   WORD_##set(name, text)
#define WORD_log_format(name, text) [name] = text,
#define WORD_entry_kind(name, text)
#define WORD_connection(name, text)
#define WORD_protocol(name, text)
#define WORD_format(name, text)
#include "schemas/config_words.def"
};

static enum err add_command(struct collector *c, const struct config_localfile *l, bool full)
{
    struct child *children = realloc(c->children, (c->n_children + 1) * sizeof *children);
    if (children == NULL)
        return ERR_NOMEM;
    c->children = children;
    c->children[c->n_children] = (struct child){ .c = c };
    enum err e = command_new(&c->children[c->n_children].command, l->command, l->alias, full,
                             (uint64_t)l->frequency * 1000);
    c->n_children += e == ERR_OK;
    return e;
}

static enum err add_journal(struct collector *c, const struct config_localfile *l)
{
    enum err e = ERR_OK;

    if (c->journal == NULL)
        e = journal_new(&c->journal, c->spool, NULL);
    if (e == ERR_ABSENT) {
        log_warn("there is no journal here that can be read, going on without it");
        return ERR_OK;
    }
    return e == ERR_OK ? journal_want(c->journal, l->location) : e;
}

static enum err add_source(struct collector *c, const struct config_localfile *l)
{
    struct format *f;
    enum err e = format_new(&f, slice_of(format_names[l->log_format]), l->lines, l->multiline_regex);

    if (e != ERR_OK)
        return e;
    c->formats[c->n_formats++] = f;
    if (format_plain(f))
        log_warn("log_format %s is read line by line in this version path=%s",
                 format_names[l->log_format], LOG_TEXT(l->location));
    switch (format_source(f)) {
    case SOURCE_FILE:         return files_add(c->files, l->location, f, l->only_future_events);
    case SOURCE_COMMAND:      return add_command(c, l, false);
    case SOURCE_FULL_COMMAND: return add_command(c, l, true);
    case SOURCE_JOURNAL:      return add_journal(c, l);
    }
    return ERR_RANGE;
}

static enum err add_sources(struct collector *c)
{
    const struct config *config = c->run->config;

    c->formats = calloc(config->n_localfile + 1, sizeof *c->formats);
    if (c->formats == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < config->n_localfile; i++) {
        enum err e = add_source(c, &config->localfile[i]);
        if (e != ERR_OK) {
            log_error("%s:%u: localfile: %s", config->file, config->localfile[i].line,
                      err_str(e));
            return e;
        }
    }
    return c->journal != NULL ? journal_begin(c->journal) : ERR_OK;
}

static enum err load_identity(struct collector *c)
{
    char *path = paths_join(c->run->paths->state, "agent.key");
    if (path == NULL)
        return ERR_NOMEM;

    enum err e = identity_load(path, &c->identity);
    if (e == ERR_ABSENT)
        log_error("no key: `yagura agents extract` on the manager prints one, `yagura import`"
                  " takes it in here file=%s", path);
    else if (e == ERR_DENIED)
        log_error("others than its owner may read the key; chmod 600 it file=%s", path);
    else if (e != ERR_OK)
        log_error("cannot use the key file=%s: %s", path,
                  e == ERR_SYS ? strerror(errno) : err_str(e));
    free(path);
    return e;
}

/* Add ",text" to the endpoints; false when they are too long. */
static bool add_endpoint(struct identity *id, const char *scheme, struct slice host, uint32_t port)
{
    size_t n = strlen(id->endpoints), room = sizeof id->endpoints - n;
    bool v6 = memchr(host.p, ':', host.n) != NULL && scheme[0] != '\0';
    int put = snprintf(id->endpoints + n, room, "%s%s%s%.*s%s", n > 0 ? "," : "", scheme,
                       v6 ? "[" : "", SLICE_FMT(host), v6 ? "]" : "");

    if (put >= 0 && (size_t)put < room && port != 0)
        put += snprintf(id->endpoints + n + put, room - (size_t)put, ":%u", port);
    return put >= 0 && (size_t)put < room;
}

/* Where the manager is: <agent>, else <client>, else as the key line says. */
static enum err choose_endpoints(struct collector *c)
{
    const struct config *config = c->run->config;
    const struct { struct config_list list; const char *scheme; uint32_t port; } rows[] = {
        { config->agent.manager, "", 0 },
        { config->client.server_ip, "tcp://", config->client.port },
        { config->client.server_hostname, "tcp://", config->client.port },
    };
    size_t first = config->agent.manager.n > 0 ? 0 : 1;

    if (rows[0].list.n + rows[1].list.n + rows[2].list.n == 0)
        return ERR_OK;
    c->identity.endpoints[0] = '\0';
    for (size_t r = first; r < (first == 0 ? 1 : 3); r++)
        for (size_t i = 0; i < rows[r].list.n; i++)
            if (!add_endpoint(&c->identity, rows[r].scheme, rows[r].list.item[i], rows[r].port)) {
                log_error("more endpoints than fit into %d bytes", KEYLINE_ENDPOINTS_MAX);
                return ERR_RANGE;
            }
    return ERR_OK;
}

static enum err open_spool(struct collector *c)
{
    char *dir = paths_join(c->run->paths->state, "agent");
    if (dir == NULL)
        return ERR_NOMEM;

    const struct config_agent *a = &c->run->config->agent;
    const struct spool_options o = {
        .batch_records = a->batch, .batch_bytes = a->batch_bytes, .once_bytes = a->spool_size,
        .durable = true,
    };
    enum err e = spool_open(&c->spool, dir, &o);
    if (e != ERR_OK)
        log_error("cannot open the state directory=%s: %s", dir,
                  e == ERR_SYS ? strerror(errno) : err_str(e));
    free(dir);
    return e;
}

/* The machine's id is not told: only a hash that nothing else of it is made from. */
static void describe_host(struct collector *c)
{
    char id[64];
    uint8_t hash[FINGERPRINT_BYTES];
    FILE *in = fopen("/etc/machine-id", "re");
    size_t n = in != NULL ? fread(id, 1, sizeof id, in) : 0;

    if (in != NULL)
        (void)fclose(in);       /* only read from */
    (void)uname(&c->uts);       /* empty names if it should fail */
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, sizeof hash);
    crypto_generichash_update(&state, (const uint8_t *)"yagura host", 11);
    crypto_generichash_update(&state, (const uint8_t *)id, n);
    crypto_generichash_final(&state, hash, sizeof hash);
    sodium_bin2hex(c->fingerprint, sizeof c->fingerprint, hash, sizeof hash);
    (void)snprintf(c->os, sizeof c->os, "%s %s", c->uts.sysname, c->uts.release);
    c->host = (struct host){ YAGURA_VERSION, c->uts.nodename, c->os, c->fingerprint };
}

enum err collector_open(void **self, struct run *run)
{
    struct collector *c = calloc(1, sizeof *c);
    if (c == NULL)
        return ERR_NOMEM;

    *self = c;
    c->run = run;
    enum err e = load_identity(c);
    if (e == ERR_OK)
        e = choose_endpoints(c);
    if (e == ERR_OK)
        e = open_spool(c);
    if (e != ERR_OK)
        return e;
    describe_host(c);
    e = files_new(&c->files, c->spool, (struct sink){ take_again, c },
                  (uint64_t)c->run->config->agent.rescan * 1000);
    if (e != ERR_OK) {
        log_error("inotify does not start: %s", strerror(errno));
        return e;
    }
    return add_sources(c);
}

enum err collector_connect(void *self)
{
    struct collector *c = self;
    struct loop *l = c->run->loop;
    enum err e = uplink_new(&c->uplink, c->run->zmq, &c->identity, c->spool, &c->host, loop_now_ms());

    if (e != ERR_OK) {
        log_error("cannot connect endpoints=%s: %s", c->identity.endpoints, err_str(e));
        return e;
    }
    follow_socket(c);
    e = loop_add_fd(l, files_fd(c->files), notice_files, c);
    if (e == ERR_OK && c->journal != NULL)
        e = loop_add_fd(l, journal_fd(c->journal), notice_journal, c);
    if (e == ERR_OK)
        e = loop_once(l, 0, tick, c);
    if (e == ERR_OK)
        e = loop_once(l, 0, gather, c);
    if (e != ERR_OK)
        log_error("cannot start the loop: %s", err_str(e));
    return e;
}

void collector_close(void *self)
{
    struct collector *c = self;

    if (c == NULL)
        return;
    if (c->spool != NULL && c->files != NULL)
        commit(c);
    uplink_free(c->uplink);
    for (size_t i = 0; i < c->n_children; i++)
        command_free(c->children[i].command);
    free(c->children);
    files_free(c->files);
    journal_free(c->journal);
    for (size_t i = 0; i < c->n_formats; i++)
        format_free(c->formats[i]);
    free(c->formats);
    spool_free(c->spool);
    identity_wipe(&c->identity);
    free(c);
}

void collector_status(void *self, struct status_values *v)
{
    struct collector *c = self;
    struct uplink_state up;
    struct files_counts files;

    uplink_state(c->uplink, &up);
    files_counts(c->files, &files);
    const struct { const char *name; uint64_t n; } rows[] = {
        { "in", c->records },             { "out", up.arrived },
        { "sent", up.sent },              { "acked", up.acked },
        { "lag", spool_waiting(c->spool) }, { "connected", up.connected },
        { "credit", up.credit },          { "in_flight", up.in_flight },
        { "nacks", up.nacks },            { "refused", up.refused },
        { "files", files.followed },      { "files_open", files.open },
        { "unreadable", files.unreadable }, { "files_lost", files.lost },
        { "shortened", files.shortened + c->shortened }, { "restarts", files.restarts },
        { "waits", c->waits },            { "disk_full", c->disk_full },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        status_count(v, rows[i].name, rows[i].n);
    if (up.endpoint != NULL)
        status_text(v, "endpoint", slice_of(up.endpoint));
}
