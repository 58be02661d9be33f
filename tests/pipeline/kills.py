#!/usr/bin/python3
"""Random SIGKILLs and stops of every process while lines flow: each line is one alert, once, in order.

The sequence comes from a seed; SEED and KILLS in the environment make another or a longer one.
"""
import os
import random
import signal

from probe import expect, probe_tower, write
from tower import count_lines, main, wait_for

SEED = int(os.environ.get("SEED", "1"))
KILLS = int(os.environ.get("KILLS", "20"))
STAGE = {"decode-1": "decode", "decode-2": "decode"}


def kills_of_everything_at_random():
    r = random.Random(SEED)
    t = probe_tower()
    try:
        t.enrol()
        t.start_all(decoders=2)
        n = 0
        for k in range(KILLS):
            write(t, n, 1500)
            n += 1500
            at = n - r.randrange(1500)          # somewhere in the middle of this
            wait_for("alert %d (seed %d, kill %d)" % (at, SEED, k),
                     lambda: count_lines(t.alerts_path()) >= at - 1500, 40)
            victims = r.sample(sorted(t.procs), r.choice((1, 1, 1, 2, 3)))
            frozen = r.choice(sorted(t.procs))
            if frozen not in victims:           # somebody else stands still meanwhile
                t.procs[frozen].send_signal(signal.SIGSTOP)
            for v in victims:
                t.kill(v)
            for v in r.sample(victims, len(victims)):
                t.start(STAGE.get(v, v), v, wait=False)
            if frozen not in victims:
                t.procs[frozen].send_signal(signal.SIGCONT)
        expect(t, n, 60)
        print("   seed %d: %d kills, %d alerts, each once" % (SEED, KILLS, n))
    except BaseException:
        print("   SEED=%d repeats it" % SEED)
        for name in t.procs:
            print(name, t.status(name), t.errors(name)[-600:])
        raise
    finally:
        t.close()


main(kills_of_everything_at_random)
