/* What parses, printed and parsed again, is the same tree; lines never run backwards. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/text/xml.h"

static void same_node(const struct xml_node *a, const struct xml_node *b)
{
    assert(slice_eq(a->name, b->name) && slice_eq(a->content, b->content));
    assert(a->n_attr == b->n_attr);
    for (size_t i = 0; i < a->n_attr; i++)
        assert(slice_eq(a->attr[i].name, b->attr[i].name) &&
               slice_eq(a->attr[i].value, b->attr[i].value));
    assert((a->first == NULL) == (b->first == NULL));
}

static void same_tree(const struct xml_node *a, const struct xml_node *b)
{
    const struct xml_node *m = a, *n = b;
    uint32_t line = 0;

    while (m != NULL && n != NULL) {
        same_node(m, n);
        assert(m->line >= line);
        line = m->line;
        m = xml_walk(a, m);
        n = xml_walk(b, n);
    }
    assert(m == NULL && n == NULL);
}

static void print_and_parse(const struct xml *x, struct report *r)
{
    struct xml *again = NULL;
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    if (out == NULL)
        return;
    xml_print(xml_root(x), out);
    fclose(out);
    assert(xml_parse(&again, "again", (struct slice){ text, n }, r) == ERR_OK);
    same_tree(xml_root(x), xml_root(again));
    xml_free(again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct report *r = NULL;
    struct xml *x = NULL;

    if (report_new(&r) != ERR_OK)
        return 0;
    if (xml_parse(&x, "fuzz", (struct slice){ (const char *)data, size }, r) == ERR_OK) {
        print_and_parse(x, r);
        enum err e = xml_substitute(x, r);
        assert((e == ERR_OK) == (report_errors(r) == 0));
    } else {
        assert(report_errors(r) == 1);
    }
    xml_free(x);
    report_free(r);
    return 0;
}
