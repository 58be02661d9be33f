#!/usr/bin/python3
"""subscribe.py ENDPOINT - print each alert as it comes (python3-zmq, python3-msgpack)"""
import sys

import msgpack
import zmq

sub = zmq.Context().socket(zmq.SUB)
sub.connect(sys.argv[1])
sub.subscribe(b"alert/")                # or b"alert/12/": level 12 alone
while True:
    topic, header, body = sub.recv_multipart()
    epoch, seq, topic_seq, alert_id = msgpack.unpackb(header)
    alert = msgpack.unpackb(body)
    print(seq, topic.decode(), alert["description"], alert["full_log"], flush=True)
