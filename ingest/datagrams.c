#include "ingest/datagrams.h"

#include <linux/sock_diag.h>
#include <stdlib.h>
#include <sys/uio.h>

#define QUEUE_BYTES (8 << 20)

struct datagrams {
    struct mmsghdr heads[DATAGRAMS_TURN];
    struct iovec parts[DATAGRAMS_TURN];
    struct sockaddr_storage from[DATAGRAMS_TURN];
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
    const int bytes = QUEUE_BYTES;

    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

/* SO_RXQ_OVFL would tell only with the next datagram that has room. */
uint32_t datagrams_dropped(int fd)
{
    uint32_t figures[SK_MEMINFO_VARS] = { 0 };
    socklen_t n = sizeof figures;

    return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, figures, &n) == 0 ? figures[SK_MEMINFO_DROPS] : 0;
}

/* The kernel writes lengths into the heads, so they are set anew each time. */
static void set_up(struct datagrams *d)
{
    for (size_t i = 0; i < DATAGRAMS_TURN; i++) {
        d->parts[i] = (struct iovec){ d->bytes[i], DATAGRAMS_BYTES };
        d->heads[i].msg_hdr = (struct msghdr){
            .msg_name = &d->from[i], .msg_namelen = sizeof d->from[i],
            .msg_iov = &d->parts[i], .msg_iovlen = 1,
        };
    }
}

void datagrams_read(struct datagrams *d, int fd, datagrams_take *take, void *arg)
{
    set_up(d);
    int n = recvmmsg(fd, d->heads, DATAGRAMS_TURN, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++)
        take(arg, (const struct sockaddr *)&d->from[i],
             (struct slice){ d->bytes[i], d->heads[i].msg_len });
}
