#include "common/rules/lists.h"

#include <stdlib.h>

#include "common/rules/names.h"

struct list {
    char *text, *name;
    struct names keys;
    struct slice *value;                /* by number of the key, from 0 */
    size_t room;
    size_t name_n;
};

static char *copy(struct slice s)
{
    char *p = malloc(s.n + 1);

    if (p != NULL && s.n > 0)
        memcpy(p, s.p, s.n);
    if (p != NULL)
        p[s.n] = '\0';
    return p;
}

static struct slice line_of(struct slice *rest)
{
    const char *end = memchr(rest->p, '\n', rest->n);
    struct slice line = { rest->p, end == NULL ? rest->n : (size_t)(end - rest->p) };

    *rest = slice_from(*rest, line.n + 1);
    return line;
}

static struct slice without_comment(struct slice line)
{
    const char *hash = memmem(line.p, line.n, "###", 3);

    if (hash != NULL)
        line.n = (size_t)(hash - line.p);
    while (line.n > 0 && strchr(" \t\r", line.p[line.n - 1]) != NULL)
        line.n--;
    return line;
}

static enum err add_pair(struct list *l, struct slice key, struct slice value)
{
    uint32_t before = l->keys.n, number;

    if (names_add(&l->keys, key, &number) != ERR_OK)
        return ERR_NOMEM;
    if (l->keys.n == before)
        return ERR_OK;
    if (number > l->room) {
        size_t room = 2 * l->room + 16;
        struct slice *v = realloc(l->value, room * sizeof *v);
        if (v == NULL)
            return ERR_NOMEM;
        l->value = v;
        l->room = room;
    }
    l->value[number - 1] = value;
    return ERR_OK;
}

static enum err read_pairs(struct list *l, struct slice rest)
{
    enum err err = ERR_OK;

    while (rest.n > 0 && err == ERR_OK) {
        struct slice line = without_comment(line_of(&rest));
        const char *colon = line.n == 0 ? NULL : memchr(line.p, ':', line.n);
        if (colon != NULL) {
            size_t at = (size_t)(colon - line.p);
            err = add_pair(l, (struct slice){ line.p, at }, slice_from(line, at + 1));
        }
    }
    return err;
}

enum err list_new(struct list **ret, struct slice name, struct slice text)
{
    struct list *l = calloc(1, sizeof *l);

    if (l == NULL)
        return ERR_NOMEM;
    l->text = copy(text);
    l->name = copy(name);
    l->name_n = name.n;
    if (l->text == NULL || l->name == NULL
        || read_pairs(l, (struct slice){ l->text, text.n }) != ERR_OK) {
        list_free(l);
        return ERR_NOMEM;
    }
    *ret = l;
    return ERR_OK;
}

void list_free(struct list *l)
{
    if (l == NULL)
        return;
    names_free(&l->keys);
    free(l->value);
    free(l->text);
    free(l->name);
    free(l);
}

static struct slice without_suffix(struct slice name)
{
    if (name.n > 4 && memcmp(name.p + name.n - 4, ".cdb", 4) == 0)
        name.n -= 4;
    return name;
}

const struct list *list_find(const struct vec *lists, struct slice name)
{
    for (size_t i = 0; i < lists->n; i++) {
        const struct list *l = lists->at[i];
        struct slice declared = { l->name, l->name_n };
        if (slice_eq(without_suffix(declared), without_suffix(name)))
            return l;
    }
    return NULL;
}

bool list_get(const struct list *l, struct slice key, struct slice *ret)
{
    uint32_t number = names_find(&l->keys, key);

    if (number != 0)
        *ret = l->value[number - 1];
    return number != 0;
}

bool list_get_address(const struct list *l, struct slice address, struct slice *ret)
{
    if (list_get(l, address, ret))
        return true;
    for (; address.n > 0; address.n--)
        if (address.p[address.n - 1] == '.' && list_get(l, address, ret))
            return true;
    return false;
}
