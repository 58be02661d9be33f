#include "yagura/attack.h"

#include <stddef.h>

/* before: seconds before the end of the story */
static const struct { int before; const char *program, *text; } syslog_lines[] = {
#define SSHD(before, text) { before, "sshd[4711]", text }
#define GUESS(before, user, port)                                                      \
    SSHD(before, "Invalid user " user " from 203.0.113.66 port " port),                \
    SSHD(before, "Failed password for invalid user " user " from 203.0.113.66 port " port " ssh2")
    GUESS(40, "admin", "41010"),
    GUESS(38, "test", "41012"),
    GUESS(36, "oracle", "41018"),
    GUESS(34, "guest", "41022"),
    GUESS(32, "ubuntu", "41030"),
    SSHD(30, "Failed password for root from 203.0.113.66 port 41044 ssh2"),
    SSHD(28, "Failed password for root from 203.0.113.66 port 41044 ssh2"),
    SSHD(26, "Failed password for deploy from 203.0.113.66 port 41060 ssh2"),
    SSHD(24, "Failed password for deploy from 203.0.113.66 port 41060 ssh2"),
    SSHD(22, "Accepted password for deploy from 203.0.113.66 port 41060 ssh2"),
    SSHD(22, "pam_unix(sshd:session): session opened for user deploy(uid=1001) by (uid=0)"),
    { 18, "sudo", "  deploy : 3 incorrect password attempts ; TTY=pts/1 ; PWD=/home/deploy ; "
                  "USER=root ; COMMAND=/usr/bin/cat /etc/shadow" },
    { 12, "sudo", "  deploy : TTY=pts/1 ; PWD=/home/deploy ; USER=root ; COMMAND=/bin/bash" },
    { 8, "useradd[4790]", "new group: name=support, GID=1002" },
    { 8, "useradd[4790]", "new user: name=support, UID=0, GID=1002, home=/root, "
                          "shell=/bin/bash, from=/dev/pts/1" },
    { 4, "usermod[4795]", "add 'support' to group 'sudo'" },
#undef GUESS
#undef SSHD
};

static const struct { int before, status; const char *request; } access_lines[] = {
    { 50, 404, "/admin/" },            { 50, 404, "/administrator/" },
    { 49, 404, "/wp-login.php" },      { 49, 404, "/phpmyadmin/" },
    { 48, 404, "/manager/html" },      { 48, 404, "/backup.zip" },
    { 47, 404, "/.env" },              { 47, 404, "/config.php.bak" },
    { 46, 404, "/solr/admin/info" },   { 46, 404, "/owa/auth/logon.aspx" },
    { 45, 404, "/console/login" },     { 45, 404, "/server-status" },
    { 44, 404, "/old/" },              { 44, 404, "/test.php" },
    { 43, 400, "/cgi-bin/..%2f..%2f..%2fetc/passwd" },
    { 42, 200, "/items.php?id=7%27%20union%20select%20name,password%20from%20users--" },
};

static void put_syslog(FILE *out, time_t now)
{
    for (size_t i = 0; i < sizeof syslog_lines / sizeof syslog_lines[0]; i++) {
        time_t at = now - syslog_lines[i].before;
        struct tm tm;
        char stamp[sizeof "Mon DD HH:MM:SS"];

        if (localtime_r(&at, &tm) != NULL && strftime(stamp, sizeof stamp, "%b %e %T", &tm) > 0)
            fprintf(out, "%s sample %s: %s\n", stamp, syslog_lines[i].program,
                    syslog_lines[i].text);
    }
}

static void put_access(FILE *out, time_t now)
{
    for (size_t i = 0; i < sizeof access_lines / sizeof access_lines[0]; i++) {
        time_t at = now - access_lines[i].before;
        struct tm tm;
        char stamp[sizeof "DD/Mon/YYYYYY:HH:MM:SS +ZZZZ"];

        if (localtime_r(&at, &tm) != NULL
            && strftime(stamp, sizeof stamp, "%d/%b/%Y:%T %z", &tm) > 0)
            fprintf(out, "198.51.100.23 - - [%s] \"GET %s HTTP/1.1\" %d 196 \"-\" "
                    "\"Mozilla/5.0 (compatible; scanner)\"\n",
                    stamp, access_lines[i].request, access_lines[i].status);
    }
}

void attack_write(FILE *out, enum attack_log which, time_t now)
{
    switch (which) {
    case ATTACK_SYSLOG:
        put_syslog(out, now);
        return;
    case ATTACK_ACCESS:
        put_access(out, now);
        return;
    }
}
