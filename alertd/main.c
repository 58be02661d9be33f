/*
 * alertd - alerts leave here: files, PUB, replay
 *
 * Fetches alerts from every correlate, keeps them in its own journal, writes the alert and archive
 * files, and tells subscribers.  It opens its store and its files at start, new files each
 * day, and speaks to correlate and to those who subscribe.
 */
#include "alertd/keeper.h"

int main(int argc, char **argv)
{
    static const struct stage alertd = {
        .name = "alertd",
        .doc = "Keeps the alerts: journals them, writes them to files, publishes and replays them.",
        .open = keeper_open, .connect = keeper_connect, .close = keeper_close,
        .status = keeper_status,
    };
    return stage_main(&alertd, argc, argv);
}
