/* plugins - the decoders that OSSEC has as C functions (<plugin_decoder>) */
#include "common/rules/tree.h"

static struct slice next_word(struct slice *rest)
{
    size_t n = 0;

    while (rest->n > 0 && rest->p[0] == ' ')
        *rest = slice_from(*rest, 1);
    while (n < rest->n && rest->p[n] != ' ')
        n++;
    struct slice word = { rest->p, n };
    *rest = slice_from(*rest, n);
    return word;
}

static bool starts(struct slice s, const char *with)
{
    return slice_starts(s, slice_of(with));
}

/* ---- pf: rule 4/(match) block in on lo0: 192.0.2.1.48784 > 192.0.2.2.23: S ... ---- */

/* "a.b.c.d.port", perhaps with a colon behind it; the port is the fifth part */
static void take_peer(struct decoded *d, struct slice s, enum named_field ip,
                      enum named_field port)
{
    size_t dots = 0, i = 0;

    if (s.n > 0 && s.p[s.n - 1] == ':')
        s.n--;
    for (; i < s.n; i++)
        if (s.p[i] == '.' && ++dots == 4)
            break;
    if (s.n == 0)
        return;
    decoded_set(d, ip, (struct slice){ s.p, i });
    if (i < s.n)
        decoded_set(d, port, slice_from(s, i + 1));
}

static struct slice pf_protocol(struct slice rest)
{
    while (rest.n > 0 && rest.p[0] == ' ')
        rest = slice_from(rest, 1);
    if (rest.n > 0 && rest.p[0] == 'u')
        return SLICE("UDP");
    return rest.n > 0 && rest.p[0] == 'i' ? SLICE("ICMP") : SLICE("TCP");
}

static void decode_pf(struct work *w, struct decoded *d)
{
    const char *close = d->log.n == 0 ? NULL : memchr(d->log.p, ')', d->log.n);

    (void)w;
    if (close == NULL)
        return;
    struct slice rest = slice_from(d->log, (size_t)(close - d->log.p) + 1);
    struct slice action = next_word(&rest);
    if (!slice_eq(action, SLICE("pass")) && !slice_eq(action, SLICE("block")))
        return;
    decoded_set(d, FIELD_ACTION, action);
    struct slice word = next_word(&rest);           /* in, out */
    while (word.n > 0 && word.p[word.n - 1] != ':') /* on lo0: */
        word = next_word(&rest);
    take_peer(d, next_word(&rest), FIELD_SRCIP, FIELD_SRCPORT);
    if (!slice_eq(next_word(&rest), SLICE(">")))
        return;
    take_peer(d, next_word(&rest), FIELD_DSTIP, FIELD_DSTPORT);
    decoded_set(d, FIELD_PROTOCOL, pf_protocol(rest));
}

/* ---- SonicWall ---- */

static const struct { const char *id; enum category category; const char *action; } sonic_ids[] = {
    { "98", CATEGORY_FIREWALL, "pass" },  { "597", CATEGORY_FIREWALL, "pass" },
    { "598", CATEGORY_FIREWALL, "pass" }, { "38", CATEGORY_FIREWALL, "drop" },
    { "36", CATEGORY_FIREWALL, "drop" },  { "173", CATEGORY_FIREWALL, "drop" },
    { "174", CATEGORY_FIREWALL, "drop" }, { "37", CATEGORY_FIREWALL, "drop" },
    { "537", CATEGORY_FIREWALL, "close" }, { "97", CATEGORY_SQUID, NULL },
};

static void take_result(struct work *w, struct decoded *d)
{
    struct captures c;

    if (!probe_match(w->rs->sonic[SONIC_RESULT], w, d->log, &c) || c.n < 3)
        return;
    decoded_set(d, FIELD_ID, c.at[0]);
    char *url = arena_alloc(w->arena, c.at[1].n + c.at[2].n + 1);
    if (url == NULL)
        return;
    memcpy(url, c.at[1].p, c.at[1].n);
    memcpy(url + c.at[1].n, c.at[2].p, c.at[2].n);
    decoded_set(d, FIELD_URL, (struct slice){ url, c.at[1].n + c.at[2].n });
}

/* What the event is depends on its category and message id, not on the decoder's type. */
static void classify_sonic(struct work *w, struct decoded *d, struct slice category)
{
    struct slice id = d->field[FIELD_ID];

    d->category = CATEGORY_SYSLOG;
    if (slice_eq(category, SLICE("32"))) {
        d->category = CATEGORY_IDS;
        return;
    }
    for (size_t i = 0; i < sizeof sonic_ids / sizeof sonic_ids[0]; i++)
        if (slice_eq(id, slice_of(sonic_ids[i].id))) {
            d->category = (uint32_t)sonic_ids[i].category;
            if (sonic_ids[i].action != NULL)
                decoded_set(d, FIELD_ACTION, slice_of(sonic_ids[i].action));
            else
                take_result(w, d);
            return;
        }
}

static void decode_sonic(struct work *w, struct decoded *d)
{
    struct captures head, peers;

    if (!probe_match(w->rs->sonic[SONIC_HEAD], w, d->log, &head) || head.n < 3)
        return;
    decoded_set(d, FIELD_STATUS, head.at[0]);
    decoded_set(d, FIELD_ID, head.at[2]);
    if (probe_match(w->rs->sonic[SONIC_PEERS], w, d->log, &peers) && peers.n >= 4) {
        decoded_set(d, FIELD_SRCIP, peers.at[0]);
        decoded_set(d, FIELD_SRCPORT, peers.at[1]);
        decoded_set(d, FIELD_DSTIP, peers.at[2]);
        decoded_set(d, FIELD_DSTPORT, peers.at[3]);
    }
    classify_sonic(w, d, head.at[1]);
}

/* ---- Symantec Web Security: 20070717,73613,1=5,11=192.0.2.1,10=alice,3=1,2=1 ---- */

static void decode_symantec(struct work *w, struct decoded *d)
{
    static const struct { const char *key; enum named_field field; bool whole; } rows[] = {
        { "10=", FIELD_DSTUSER, false }, { "11=", FIELD_SRCIP, false },
        { "60=", FIELD_URL, false },     { "3=", FIELD_ID, true }, { "2=", FIELD_ID, true },
    };
    const size_t id_max = 9;
    struct slice rest = d->log;

    (void)w;
    while (rest.n > 0) {
        const char *comma = memchr(rest.p, ',', rest.n);
        struct slice part = { rest.p, comma == NULL ? rest.n : (size_t)(comma - rest.p) };
        rest = slice_from(rest, part.n + 1);
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            if (!starts(part, rows[i].key))
                continue;
            struct slice value = rows[i].whole ? part : slice_from(part, strlen(rows[i].key));
            if (rows[i].whole && value.n > id_max)
                value.n = id_max;
            decoded_set(d, rows[i].field, value);
        }
    }
}

/* Alerts of another OSSEC are passed on as they are. */
static void decode_ossec_alert(struct work *w, struct decoded *d)
{
    (void)w;
    (void)d;
}

decoder_plugin *plugin_find(struct slice name)
{
    static const struct { const char *name; decoder_plugin *plugin; } rows[] = {
        { "PF_Decoder", decode_pf },
        { "SonicWall_Decoder", decode_sonic },
        { "SymantecWS_Decoder", decode_symantec },
        { "OSSECAlert_Decoder", decode_ossec_alert },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (slice_eq(name, slice_of(rows[i].name)))
            return rows[i].plugin;
    return NULL;
}

void plugin_load(struct loader *l, decoder_plugin *p)
{
    static const char *const texts[SONIC_COUNT] = {
        [SONIC_HEAD] = "pri=(\\d) c=(\\d+) m=(\\d+) ",
        [SONIC_PEERS] = "src=(\\d+.\\d+.\\d+.\\d+):(\\d+):\\S+ dst=(\\d+.\\d+.\\d+.\\d+):(\\d+):",
        [SONIC_RESULT] = "result=(\\d+) dstname=(\\S+) arg=(\\S+)$",
    };

    if (p != decode_sonic || l->rs->sonic[SONIC_HEAD] != NULL)
        return;
    for (size_t i = 0; i < SONIC_COUNT; i++)
        l->rs->sonic[i] = probe_new(l, PATTERN_REGEX, slice_of(texts[i]), 0, "plugin_decoder");
}

/* ---- firewalls ---- */

void firewall_normalise(struct decoded *d)
{
    static const struct { const char *first, *name; } rows[] = {
        { "dDrRbB", "DROP" }, { "cCtT", "CLOSED" }, { "aApPoO", "ALLOW" },
    };
    struct slice action = d->field[FIELD_ACTION], to = SLICE("UNKNOWN");

    if (action.p == NULL)
        return;
    for (size_t i = 0; action.n > 0 && i < sizeof rows / sizeof rows[0]; i++)
        if (memchr(rows[i].first, action.p[0], strlen(rows[i].first)) != NULL)
            to = slice_of(rows[i].name);
    decoded_set(d, FIELD_ACTION, to);
}
