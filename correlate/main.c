/*
 * correlate - events become alerts: what does history say?
 *
 * Takes decoded events from decoders, replays what they left to decide against what came
 * before, and keeps the alerts until alertd has them.  One transaction holds an event's effect on
 * history, the alerts it caused and how far the batches were taken: nothing is counted
 * twice, nothing is lost, and a replay makes the same alerts with the same ids.
 *
 * It trusts decoders for what a line said and believes none of their lengths.  It opens no file after
 * start but its state, and speaks to no network but its two neighbours.
 */
#include "correlate/correlator.h"
#include "correlate/pipe.h"

static const struct flag flags[] = {
    { "fresh", false, "with --test: each event meets an empty history" },
    { "trace", false, "with --test: tell how the rules were walked" },
};

int main(int argc, char **argv)
{
    static const struct stage correlate = {
        .name = "correlate",
        .doc = "Turns events into alerts: counters, first-time-seen, and the rules that ask history.",
        .flags = flags, .n_flags = sizeof flags / sizeof flags[0],
        .open = correlator_open, .connect = correlator_connect, .close = correlator_close,
        .status = correlator_status, .pipe = pipe_run,
    };
    return stage_main(&correlate, argc, argv);
}
