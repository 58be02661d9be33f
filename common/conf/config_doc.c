#include <inttypes.h>

#include "common/conf/config.h"
#include "common/conf/table.h"

static const char *unit(uint64_t *v)
{
    static const char *const units[] = { "", "K", "M", "G", "T" };
    size_t i = 0;

    for (; i < 4 && *v > 0 && *v % 1024 == 0; i++)
        *v /= 1024;
    return units[i];
}

static void print_bytes(const struct option *o, FILE *out)
{
    uint64_t min = o->min, max = o->max;
    const char *a = unit(&min), *b = unit(&max);

    fprintf(out, "bytes, %" PRIu64 "%s to %" PRIu64 "%s", min, a, max, b);
}

static void print_words(const struct words *w, FILE *out)
{
    for (size_t i = 0; i < w->n; i++)
        fprintf(out, "%s%s", i > 0 ? "|" : "", w->word[i]);
}

static void print_kind(const struct option *o, FILE *out)
{
    switch (o->kind) {
    case KIND_BOOL:      fputs("yes|no", out); break;
    case KIND_U32:       fprintf(out, "%" PRIu64 " to %" PRIu64, o->min, o->max); break;
    case KIND_BYTES:     print_bytes(o, out); break;
    case KIND_SECONDS:   fprintf(out, "seconds, hourly or daily"); break;
    case KIND_ENUM:      print_words(o->words, out); break;
    case KIND_TEXT:      fputs("text", out); break;
    case KIND_PATH:      fputs("path", out); break;
    case KIND_LIST:      fputs("list", out); break;
    case KIND_NETS:      fputs("addresses and networks", out); break;
    case KIND_ADDRESS:   fputs("address", out); break;
    case KIND_ENDPOINTS: fputs("endpoints", out); break;
    case KIND_HOPS:      fputs("endpoints, ipc:// or, with the stages' key, tcp://", out); break;
    case KIND_LOCALS:    fputs("endpoints, ipc:// or tcp://; beyond this host with the stages' key", out); break;
    case KIND_KNOWN:     break;
    }
}

static void print_options(const struct section *s, FILE *out)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct option *o = &s->option[i];
        if (o->kind == KIND_KNOWN)
            continue;
        fprintf(out, "  %s (", o->name);
        print_kind(o, out);
        fprintf(out, "; default %s)\n      %s\n", o->fallback[0] != '\0' ? o->fallback : "empty",
                o->doc);
    }
}

static void print_known(const struct section *s, FILE *out)
{
    size_t known = 0;

    for (size_t i = 0; i < s->n; i++)
        if (s->option[i].kind == KIND_KNOWN)
            fprintf(out, "%s%s", known++ == 0 ? "  accepted, not acted on in this version: " : ", ",
                    s->option[i].name);
    if (known > 0)
        putc('\n', out);
}

void config_doc(FILE *out)
{
    fputs("<rules>: what is loaded, in the order written\n  ", out);
    print_words(table_entry_words(), out);
    fputs(" (text; the directories take pattern=\"REGEX\", default .xml$)\n\n", out);
    for (size_t i = 0; i < table_sections(); i++) {
        const struct section *s = table_section(i);
        fprintf(out, "<%s>%s: %s\n", s->name, s->shape == SECTION_REPEATED ? ", repeatable" : "",
                s->doc);
        print_options(s, out);
        print_known(s, out);
        putc('\n', out);
    }
}
