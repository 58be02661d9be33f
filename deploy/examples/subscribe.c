/* subscribe ENDPOINT - print each alert as it comes
 * cc -o subscribe subscribe.c -lzmq -lmsgpackc */
#include <msgpack.h>
#include <stdio.h>
#include <zmq.h>

int main(int argc, char **argv)
{
    void *sub = zmq_socket(zmq_ctx_new(), ZMQ_SUB);
    zmq_msg_t frame[3];                 /* topic, header, alert */

    if (argc != 2 || zmq_connect(sub, argv[1]) != 0
        || zmq_setsockopt(sub, ZMQ_SUBSCRIBE, "alert/", 6) != 0)
        return 1;
    for (;;) {
        for (int i = 0; i < 3; i++) {
            zmq_msg_init(&frame[i]);
            if (zmq_msg_recv(&frame[i], sub, 0) < 0)
                return 1;
        }
        msgpack_unpacked alert;
        msgpack_unpacked_init(&alert);
        if (msgpack_unpack_next(&alert, zmq_msg_data(&frame[2]), zmq_msg_size(&frame[2]), NULL) > 0)
            msgpack_object_print(stdout, alert.data);
        putchar('\n');
        fflush(stdout);
        msgpack_unpacked_destroy(&alert);
        for (int i = 0; i < 3; i++)
            zmq_msg_close(&frame[i]);
    }
}
