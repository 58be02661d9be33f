#include "common/rules/vec.h"

#include <stdlib.h>
#include <string.h>

enum err vec_insert(struct vec *v, size_t i, void *p)
{
    if (v->n == v->room) {
        size_t room = v->room == 0 ? 8 : 2 * v->room;
        void **at = realloc(v->at, room * sizeof *at);
        if (at == NULL)
            return ERR_NOMEM;
        v->at = at;
        v->room = room;
    }
    memmove(v->at + i + 1, v->at + i, (v->n - i) * sizeof *v->at);
    v->at[i] = p;
    v->n++;
    return ERR_OK;
}

enum err vec_push(struct vec *v, void *p)
{
    return vec_insert(v, v->n, p);
}

bool vec_has(const struct vec *v, const void *p)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->at[i] == p)
            return true;
    return false;
}

void vec_free(struct vec *v)
{
    free(v->at);
    *v = (struct vec){ 0 };
}
