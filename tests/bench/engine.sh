#!/bin/sh
# What decoding and the rule walk cost a line, with OSSEC's stock rules.
data=../shared/data
if [ ! -e $data/bench/stream.log.gz ]; then
    echo "engine  skipped: $data is not here"
    exit 0
fi
exec "$YAGURA_BIN/../tests/bench/engine_bench" $data/ossec-4.3/ossec.conf $data/bench/stream.log.gz
