
/*
 * For libraries that are loaded before the C library: a file that they share
 * with a test
 */


#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>


/* size bytes of the file that a variable of the environment names; NULL: it
   names none.  The system is asked, not the functions that we stand before */

static void *
preload_shared(const char *variable, size_t size)
{
    int          fd;
    void        *p;
    const char  *file;

    file = getenv(variable);
    if (file == NULL) {
        return NULL;
    }

    fd = syscall(SYS_openat, AT_FDCWD, file, O_RDWR|O_CLOEXEC);
    if (fd == -1) {
        abort();
    }

    p = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        abort();
    }

    syscall(SYS_close, fd);

    return p;
}
