#include "ingest/datagrams.h"

#include <stdlib.h>
#include <sys/uio.h>

#define QUEUE_BYTES (8 << 20)

union control { char at[CMSG_SPACE(sizeof(uint32_t))]; struct cmsghdr align; };

struct datagrams {
    struct mmsghdr heads[DATAGRAMS_TURN];
    struct iovec parts[DATAGRAMS_TURN];
    struct sockaddr_storage from[DATAGRAMS_TURN];
    union control control[DATAGRAMS_TURN];
    char bytes[DATAGRAMS_TURN][DATAGRAMS_BYTES];
};

enum err datagrams_new(struct datagrams **ret)
{
    struct datagrams *d = calloc(1, sizeof *d);

    if (d == NULL)
        return ERR_NOMEM;
    *ret = d;
    return ERR_OK;
}

void datagrams_free(struct datagrams *d)
{
    free(d);
}

void datagrams_prepare(int fd)
{
    const int bytes = QUEUE_BYTES, one = 1;

    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    (void)setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &one, sizeof one);
}

/* The kernel writes lengths into the heads, so they are set anew each time. */
static void set_up(struct datagrams *d)
{
    for (size_t i = 0; i < DATAGRAMS_TURN; i++) {
        d->parts[i] = (struct iovec){ d->bytes[i], DATAGRAMS_BYTES };
        d->heads[i].msg_hdr = (struct msghdr){
            .msg_name = &d->from[i], .msg_namelen = sizeof d->from[i],
            .msg_iov = &d->parts[i], .msg_iovlen = 1,
            .msg_control = &d->control[i], .msg_controllen = sizeof d->control[i],
        };
    }
}

static void read_drops(struct msghdr *head, uint32_t *drops)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(head); c != NULL; c = CMSG_NXTHDR(head, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL)
            memcpy(drops, CMSG_DATA(c), sizeof *drops);
}

void datagrams_read(struct datagrams *d, int fd, datagrams_take *take, void *arg,
                    uint32_t *kernel_drops)
{
    set_up(d);
    int n = recvmmsg(fd, d->heads, DATAGRAMS_TURN, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++) {
        read_drops(&d->heads[i].msg_hdr, kernel_drops);
        take(arg, (const struct sockaddr *)&d->from[i],
             (struct slice){ d->bytes[i], d->heads[i].msg_len });
    }
}
