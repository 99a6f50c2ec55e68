/* For LD_PRELOAD: every file lies on NFS. */
#include <sys/statfs.h>

int statfs(const char *path, struct statfs *status) {
    (void)path;
    *status = (struct statfs){.f_type = 0x6969};
    return 0;
}
