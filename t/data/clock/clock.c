
/*
 * Loaded before the C library, tells a time that is wrong by as many seconds as
 * a file says, see t/lib/Clock.pm.  The system is asked without the C library:
 * the sanitizers ask for the time before a library that they are to call is ready
 */


#define _GNU_SOURCE

#include <stdint.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "../preload.h"


static void clock_open(void) __attribute__((constructor));


static volatile int64_t  *clock_wrong;


static void
clock_open(void)
{
    clock_wrong = preload_shared("ZWFW_CLOCK", sizeof(int64_t));
}


int
clock_gettime(clockid_t id, struct timespec *ts)
{
    int  rc;

    rc = syscall(SYS_clock_gettime, id, ts);

    if (rc == 0 && clock_wrong
        && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
    {
        ts->tv_sec += *clock_wrong;
    }

    return rc;
}


int
gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    struct timespec  ts;

    (void) zone;

    if (clock_gettime(CLOCK_REALTIME, &ts) == -1) {
        return -1;
    }

    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;

    return 0;
}


time_t
time(time_t *t)
{
    struct timespec  ts;

    if (clock_gettime(CLOCK_REALTIME, &ts) == -1) {
        return -1;
    }

    if (t) {
        *t = ts.tv_sec;
    }

    return ts.tv_sec;
}
