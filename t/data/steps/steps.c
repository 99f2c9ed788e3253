
/*
 * Loaded before the C library, counts the calls that a worker makes while it
 * works for one request, and kills it before the n-th of them.  What is told
 * and asked is in a file of shared memory, see t/lib/Steps.pm, which also writes
 * the functions that stand in front of those of the libraries
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../preload.h"


/* as t/lib/Steps.pm packs it */

typedef struct {
    uint32_t   at;                          /* dies before this one; 0: idle */
    int32_t    pid;                         /* of who works for the request */
    int32_t    fd;                          /* its connection */
    uint32_t   count;
    uint32_t   done;                        /* its connection is closed */
    uint32_t   died;
    char       name[40];                    /* of the last call */
} steps_t;


typedef ssize_t (*steps_recv_pt)(int fd, void *buffer, size_t size, int flags);
typedef int (*steps_close_pt)(int fd);


static void steps_open(void) __attribute__((constructor));
void *steps_real(const char *name);
void steps_call(const char *name);
ssize_t recv(int fd, void *buffer, size_t size, int flags);
int close(int fd);


static steps_t  *steps;


static void
steps_open(void)
{
    steps = preload_shared("ZWFW_STEPS", sizeof(steps_t));
}


void *
steps_real(const char *name)
{
    void  *real;

    real = dlsym(RTLD_NEXT, name);
    if (real == NULL) {
        abort();
    }

    return real;
}


/* threads work for a request as well */

void
steps_call(const char *name)
{
    if (steps == NULL || steps->at == 0 || steps->pid != getpid()) {
        return;
    }

    if (__atomic_add_fetch(&steps->count, 1, __ATOMIC_SEQ_CST) != steps->at) {
        return;
    }

    strncpy(steps->name, name, sizeof(steps->name) - 1);
    steps->died = 1;

    syscall(SYS_kill, getpid(), SIGKILL);
}


/* the request has begun */

ssize_t
recv(int fd, void *buffer, size_t size, int flags)
{
    ssize_t                n;
    static steps_recv_pt   real;

    if (real == NULL) {
        real = (steps_recv_pt) steps_real("recv");
    }

    steps_call("recv");

    n = real(fd, buffer, size, flags);

    if (n > 0 && steps && steps->at && steps->pid == 0
        && memmem(buffer, n, "\r\nX-Steps: ", 11))
    {
        steps->fd = fd;
        steps->count = 0;
        __atomic_store_n(&steps->pid, getpid(), __ATOMIC_SEQ_CST);
    }

    return n;
}


/* nothing is done for it any more */

int
close(int fd)
{
    int                    rc;
    static steps_close_pt  real;

    if (real == NULL) {
        real = (steps_close_pt) steps_real("close");
    }

    steps_call("close");

    rc = real(fd);

    if (steps && steps->at && steps->pid == getpid() && steps->fd == fd) {
        steps->at = 0;
        steps->done = 1;
    }

    return rc;
}
