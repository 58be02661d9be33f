/* notify - tell systemd how we are (sd_notify(3): a datagram to $NOTIFY_SOCKET); without it, nothing */
#ifndef COMMON_STAGE_NOTIFY_H
#define COMMON_STAGE_NOTIFY_H

void notify_ready(void);
void notify_stopping(void);
void notify_watchdog(void);     /* we still serve; called once a second */

#endif
