#include "yagura/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "yagura/sibling.h"

enum { ARGS_MAX = 12 };

/* Only calls that are safe between fork and exec. */
static void become(const char *path, const char **argv, int in, int out)
{
    sigset_t none;

    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(in, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0)
        _exit(127);
    execv(path, (char *const *)argv);
    _exit(127);
}

static enum err read_all(int fd, struct tool_text *out)
{
    out->n = 0;
    while (out->n <= TOOL_TEXT_MAX) {
        ssize_t k = read(fd, out->at + out->n, TOOL_TEXT_MAX + 1 - out->n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return ERR_SYS;
        if (k == 0) {
            out->at[out->n] = '\0';
            return ERR_OK;
        }
        out->n += (size_t)k;
    }
    return ERR_LIMIT;
}

static enum err wait_for(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return ERR_SYS;
    return status == 0 ? ERR_OK : ERR_DENIED;
}

static void close_pair(int pair[2])
{
    for (int i = 0; i < 2; i++)
        if (pair[i] >= 0)
            (void)close(pair[i]);
}

enum err tool_run(const char *program, const char *const *argv, struct slice in,
                  struct tool_text *out)
{
    const char *args[ARGS_MAX + 2];
    int to[2] = { -1, -1 }, from[2] = { -1, -1 };
    struct tool_text *text = out != NULL ? out : malloc(sizeof *text);
    char *path = NULL;
    size_t n = 0;

    while (n < ARGS_MAX && argv[n] != NULL) {
        args[n + 1] = argv[n];
        n++;
    }
    args[n + 1] = NULL;
    enum err e = in.n > TOOL_TEXT_MAX || argv[n] != NULL ? ERR_LIMIT : ERR_OK;
    if (e == ERR_OK && text == NULL)
        e = ERR_NOMEM;
    if (e == ERR_OK)
        e = sibling_path(&path, program);
    if (e == ERR_OK && (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0))
        e = ERR_SYS;
    if (e == ERR_OK && in.n > 0 && write(to[1], in.p, in.n) != (ssize_t)in.n)
        e = ERR_SYS;                    /* it fits the pipe, so it is written whole at once */
    args[0] = path;
    pid_t pid = e == ERR_OK ? fork() : -1;
    if (pid == 0)
        become(path, args, to[0], from[1]);
    close_pair(to);
    if (from[1] >= 0)
        (void)close(from[1]);
    from[1] = -1;
    if (e == ERR_OK)
        e = pid > 0 ? read_all(from[0], text) : ERR_SYS;
    close_pair(from);                   /* or one that says too much would wait for us to read */
    enum err ended = pid > 0 ? wait_for(pid) : ERR_OK;
    free(path);
    if (out == NULL)
        free(text);
    return e == ERR_OK ? ended : e;
}
