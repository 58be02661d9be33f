#include "common/text/xml.h"

#include <errno.h>
#include <expat.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/text/xml_tame.h"
#include "common/text/xml_tree.h"

#define ARENA_BASE   ((size_t)64 << 20)         /* room for variables */
#define ARENA_FACTOR 64                         /* <a/> is 4 bytes there, about 112 here */

/* A tree under construction: the state behind expat's handlers. */
struct builder {
    XML_Parser expat;
    struct xml *x;
    struct report *report;
    struct xml_node *now;       /* the innermost open element */
    unsigned depth;             /* open elements, the root around all counted */
    size_t end;                 /* where the closing tag of that root stands */
    enum err failed;
    bool stray_told;            /* the warning about text outside any element */
    size_t n_text;              /* bytes since the last tag, above XML_TEXT_MAX too */
    char text[XML_TEXT_MAX];
};

static uint32_t line_now(const struct builder *b)
{
    return (uint32_t)XML_GetCurrentLineNumber(b->expat);
}

static void fail(struct builder *b, enum err e)
{
    b->failed = e;
    (void)XML_StopParser(b->expat, XML_FALSE);  /* fails only when stopped already */
}

static void refuse(struct builder *b, uint32_t line, const char *what)
{
    report_error(b->report, b->x->file, line, "%s is longer than %zu bytes", what, XML_TEXT_MAX);
    fail(b, ERR_SYNTAX);
}

/* expat hands out UTF-8 made of ISO-8859-1: give each byte back as it came. */
static size_t narrow(char *to, const char *from, size_t n)
{
    size_t k = 0;

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)from[i];
        if (c >= 0x80 && i + 1 < n)
            c = (unsigned char)(c << 6 | ((unsigned char)from[++i] & 0x3f));
        to[k++] = (char)c;
    }
    return k;
}

static struct slice keep(struct builder *b, const char *text)
{
    const size_t n = strlen(text);

    if (n == 0)
        return SLICE("");
    if (n > 2 * XML_TEXT_MAX) {
        refuse(b, line_now(b), "a name or value");
        return SLICE("");
    }
    char *p = arena_alloc(b->x->arena, n + 1);
    if (p == NULL) {
        fail(b, ERR_NOMEM);
        return SLICE("");
    }
    struct slice s = { p, narrow(p, text, n) };
    if (s.n > XML_TEXT_MAX)
        refuse(b, line_now(b), "a name or value");
    return s;
}

static void keep_attrs(struct builder *b, struct xml_node *n, const char **pair)
{
    while (pair[2 * n->n_attr] != NULL)
        n->n_attr++;
    if (n->n_attr == 0)
        return;
    n->attr = arena_alloc(b->x->arena, n->n_attr * sizeof n->attr[0]);
    if (n->attr == NULL) {
        fail(b, ERR_NOMEM);
        return;
    }
    for (size_t i = 0; i < n->n_attr && b->failed == ERR_OK; i++)
        n->attr[i] = (struct xml_attr){ keep(b, pair[2 * i]), keep(b, pair[2 * i + 1]) };
}

static void add_child(struct xml_node *parent, struct xml_node *n)
{
    n->parent = parent;
    if (parent->last != NULL)
        parent->last->next = n;
    else
        parent->first = n;
    parent->last = n;
}

static void on_open(void *user, const char *name, const char **pair)
{
    struct builder *b = user;

    if (b->failed != ERR_OK)
        return;
    if (b->depth++ == 0)
        return;                 /* the root that xml_tame put around */
    if (b->depth > XML_DEPTH_MAX + 1) {
        report_error(b->report, b->x->file, line_now(b), "elements nest deeper than %d",
                     XML_DEPTH_MAX);
        fail(b, ERR_SYNTAX);
        return;
    }
    struct xml_node *n = arena_alloc(b->x->arena, sizeof *n);
    if (n == NULL) {
        fail(b, ERR_NOMEM);
        return;
    }
    n->line = line_now(b);
    n->name = keep(b, name);
    n->content = SLICE("");
    keep_attrs(b, n, pair);
    add_child(b->now, n);
    b->now = n;
    b->n_text = 0;
}

static void close_root(struct builder *b)
{
    if ((size_t)XML_GetCurrentByteIndex(b->expat) >= b->end)
        return;
    report_error(b->report, b->x->file, line_now(b), "a closing tag without an opening one");
    fail(b, ERR_SYNTAX);
}

static void keep_content(struct builder *b)
{
    if (b->n_text > XML_TEXT_MAX) {
        refuse(b, b->now->line, "the content");
        return;
    }
    if (b->n_text == 0)
        return;
    b->now->content = arena_copy(b->x->arena, (struct slice){ b->text, b->n_text });
    if (b->now->content.p == NULL)
        fail(b, ERR_NOMEM);
}

static void on_close(void *user, const char *name)
{
    struct builder *b = user;

    (void)name;
    if (b->failed != ERR_OK)
        return;
    if (--b->depth == 0) {
        close_root(b);
        return;
    }
    keep_content(b);
    b->now = b->now->parent;
    b->n_text = 0;
}

static bool is_blank(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strchr(" \t\r\n", s[i]) == NULL)
            return false;
    return true;
}

static void on_text(void *user, const char *s, int len)
{
    struct builder *b = user;
    const size_t n = (size_t)len;

    if (b->failed != ERR_OK)
        return;
    if (b->now == &b->x->root) {
        if (!b->stray_told && !is_blank(s, n))
            report_warn(b->report, b->x->file, line_now(b), "text outside any element: ignored");
        b->stray_told = b->stray_told || !is_blank(s, n);
        return;
    }
    /* one byte of ours is at most two of expat's; what is over is only counted */
    for (size_t i = 0; i < n; i += (unsigned char)s[i] >= 0x80 ? 2 : 1) {
        if (b->n_text < XML_TEXT_MAX)
            (void)narrow(b->text + b->n_text, s + i, (unsigned char)s[i] >= 0x80 ? 2 : 1);
        b->n_text++;
    }
}

static void tell_mismatch(struct builder *b)
{
    const struct xml_node *n = b->now;

    if (n == &b->x->root)
        report_error(b->report, b->x->file, line_now(b), "a closing tag without an opening one");
    else if ((size_t)XML_GetCurrentByteIndex(b->expat) >= b->end)
        report_error(b->report, b->x->file, n->line, "<%.*s> is never closed", SLICE_FMT(n->name));
    else
        report_error(b->report, b->x->file, line_now(b),
                     "the closing tag does not match <%.*s> of line %u", SLICE_FMT(n->name),
                     n->line);
}

static enum err tell(struct builder *b)
{
    const enum XML_Error e = XML_GetErrorCode(b->expat);

    if (b->failed != ERR_OK)
        return b->failed;
    if (e == XML_ERROR_NO_MEMORY)
        return ERR_NOMEM;
    if (e == XML_ERROR_TAG_MISMATCH)
        tell_mismatch(b);
    else
        report_error(b->report, b->x->file, line_now(b), "%s", XML_ErrorString(e));
    return ERR_SYNTAX;
}

static enum err build(struct builder *b, struct slice text)
{
    b->expat = XML_ParserCreate("ISO-8859-1");
    if (b->expat == NULL)
        return ERR_NOMEM;
    b->end = text.n - strlen(XML_TAME_CLOSE);
    b->now = &b->x->root;
    XML_SetUserData(b->expat, b);
    XML_SetElementHandler(b->expat, on_open, on_close);
    XML_SetCharacterDataHandler(b->expat, on_text);

    enum err e = ERR_OK;
    if (XML_Parse(b->expat, text.p, (int)text.n, 1) != XML_STATUS_OK)
        e = tell(b);
    XML_ParserFree(b->expat);
    return e;
}

static enum err tree_new(struct xml **ret, const char *file, size_t size)
{
    struct xml *x = calloc(1, sizeof *x);

    if (x == NULL)
        return ERR_NOMEM;
    if (arena_new(&x->arena, ARENA_BASE + size * ARENA_FACTOR) == ERR_OK)
        x->file = arena_text(x->arena, slice_of(file));
    if (x->file == NULL) {
        xml_free(x);
        return ERR_NOMEM;
    }
    x->root = (struct xml_node){ .name = SLICE(""), .content = SLICE("") };
    *ret = x;
    return ERR_OK;
}

void xml_free(struct xml *x)
{
    if (x == NULL)
        return;
    arena_free(x->arena);
    free(x);
}

enum err xml_parse(struct xml **ret, const char *file, struct slice text, struct report *r)
{
    struct slice tame = { NULL, 0 };
    struct builder *b = NULL;
    struct xml *x = NULL;
    enum err e;

    if (text.n > XML_FILE_MAX) {
        report_error(r, file, 0, "larger than %zu bytes", XML_FILE_MAX);
        return ERR_SYNTAX;
    }
    e = xml_tame(&tame, file, text, r);
    if (e == ERR_OK)
        e = tree_new(&x, file, text.n);
    if (e == ERR_OK)
        e = (b = calloc(1, sizeof *b)) != NULL ? ERR_OK : ERR_NOMEM;
    if (e == ERR_OK) {
        b->x = x;
        b->report = r;
        e = build(b, tame);
    }
    if (e == ERR_OK)
        *ret = x;
    else
        xml_free(x);
    if (e == ERR_NOMEM)
        report_error(r, file, 0, "%s", err_str(e));
    free(b);
    free((void *)(uintptr_t)tame.p);
    return e;
}

/* At most XML_FILE_MAX + 1 bytes: one more than xml_parse() takes. */
static enum err read_all(char **ret, size_t *ret_n, int fd)
{
    struct stat st;
    size_t n = 0;

    if (fstat(fd, &st) < 0)
        return ERR_SYS;
    if (!S_ISREG(st.st_mode)) {
        errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
        return ERR_SYS;
    }
    const size_t size = (size_t)st.st_size;
    const size_t room = (size < XML_FILE_MAX ? size : XML_FILE_MAX) + 1;
    char *p = malloc(room);
    if (p == NULL)
        return ERR_NOMEM;
    while (n < room) {
        ssize_t got = read(fd, p + n, room - n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            free(p);
            return ERR_SYS;
        }
        if (got == 0)
            break;
        n += (size_t)got;
    }
    *ret = p;
    *ret_n = n;
    return ERR_OK;
}

enum err xml_load(struct xml **ret, const char *path, struct report *r)
{
    char *p = NULL;
    size_t n = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    enum err e = fd < 0 ? ERR_SYS : read_all(&p, &n, fd);

    if (e == ERR_OK)
        e = xml_parse(ret, path, (struct slice){ p, n }, r);
    else
        report_error(r, path, 0, "%s", e == ERR_SYS ? strerror(errno) : err_str(e));
    if (fd >= 0)
        (void)close(fd);        /* only read from */
    free(p);
    return e;
}

const struct xml_node *xml_root(const struct xml *x)
{
    return &x->root;
}

bool xml_attr(const struct xml_node *n, const char *name, struct slice *ret)
{
    for (size_t i = 0; i < n->n_attr; i++)
        if (slice_eq(n->attr[i].name, slice_of(name))) {
            *ret = n->attr[i].value;
            return true;
        }
    return false;
}

const struct xml_node *xml_walk(const struct xml_node *top, const struct xml_node *n)
{
    if (n->first != NULL)
        return n->first;
    while (n != top && n->next == NULL)
        n = n->parent;
    return n == top ? NULL : n->next;
}

static void print_open(const struct xml_node *n, FILE *out)
{
    fprintf(out, "<%.*s", SLICE_FMT(n->name));
    for (size_t i = 0; i < n->n_attr; i++) {
        const struct slice v = n->attr[i].value;
        const char quote = memchr(v.p, '"', v.n) != NULL ? '\'' : '"';
        fprintf(out, " %.*s=%c%.*s%c", SLICE_FMT(n->attr[i].name), quote, SLICE_FMT(v), quote);
    }
    putc('>', out);
}

static void print_close(const struct xml_node *n, FILE *out)
{
    fprintf(out, "%.*s</%.*s>", SLICE_FMT(n->content), SLICE_FMT(n->name));
}

void xml_print(const struct xml_node *top, FILE *out)
{
    for (const struct xml_node *n = top->first; n != NULL;) {
        print_open(n, out);
        if (n->first != NULL) {
            n = n->first;
            continue;
        }
        print_close(n, out);
        while (n->next == NULL && n->parent != top) {
            n = n->parent;
            print_close(n, out);
        }
        n = n->next;
    }
}
