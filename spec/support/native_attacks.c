/* What native code would try that had broken out of Lua: `native_attacks N FILE` locks itself in as
 * a rule worker does, and tries the Nth. It dies of SIGSYS, or exits with REFUSED; one that exits
 * with 0 has found a hole. `native_attacks` alone prints the names. FILE is open for writing when
 * the lock falls, as descriptor 5, and mapped for all processes. */
#include <fcntl.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "program/sandbox/lockdown.h"

#define REFUSED 10
#define FILE_FD 5
#define X32_BIT 0x40000000

static char *shared; /* FILE, mapped */

static long try_open(void) {
    return open("/etc/passwd", O_RDONLY);
}
static long try_creat(void) {
    return open("evil", O_CREAT | O_WRONLY, 0600);
}
static long try_openat2(void) {
    return syscall(437, AT_FDCWD, "/etc/passwd", NULL, 0);
}
static long try_execve(void) {
    return execl("/bin/sh", "sh", "-c", "true", (char *)NULL);
}
static long try_fork(void) {
    return fork();
}
static long try_vfork(void) {
    return syscall(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
}
static long try_clone3(void) {
    return syscall(435, NULL, 0);
}
static long try_socket(void) {
    return socket(AF_INET, SOCK_STREAM, 0);
}
static long try_socketpair(void) {
    int pair[2];
    return socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
}
static long try_sendmsg(void) {
    struct msghdr m = {0};
    return sendmsg(0, &m, 0);
}
static long try_kill_parent(void) {
    return kill(getppid(), 0);
}
static long try_kill_all(void) {
    return kill(-1, 0);
}
static long try_mmap_rwx(void) {
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0) != MAP_FAILED
               ? 0
               : -1;
}
static long try_mprotect_exec(void) {
    return mprotect((void *)((unsigned long)try_open & ~4095ul), 4096,
                    PROT_READ | PROT_WRITE | PROT_EXEC);
}
static long try_mmap_file(void) {
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, FILE_FD, 0) != MAP_FAILED ? 0 : -1;
}
static long try_memfd(void) {
    return memfd_create("evil", 0);
}
static long try_io_uring(void) {
    struct io_uring_params p = {0};
    return syscall(425, 4, &p);
}
static long try_ptrace(void) {
    return syscall(SYS_ptrace, 0, 0, 0, 0);
}
static long try_read_memory(void) {
    return syscall(SYS_process_vm_readv, getppid(), 0, 0, 0, 0, 0);
}
static long try_unlink(void) {
    return unlink("victim");
}
static long try_rename(void) {
    return rename("victim", "evil");
}
static long try_mkdir(void) {
    return mkdir("evil", 0700);
}
static long try_symlink(void) {
    return symlink("/etc/passwd", "evil");
}
static long try_chmod(void) {
    return chmod("victim", 0777);
}
static long try_write(void) {
    return write(FILE_FD, "evil", 4);
}
static long try_pwrite(void) {
    return pwrite(FILE_FD, "evil", 4, 0);
}
static long try_truncate(void) {
    return ftruncate(FILE_FD, 0);
}
static long try_write_stdout(void) {
    return write(STDOUT_FILENO, "escaped\n", 8);
}
static long try_dup(void) {
    return dup2(FILE_FD, 0);
}
static long try_fcntl_dup(void) {
    return fcntl(FILE_FD, F_DUPFD, 10);
}
static long try_fcntl_owner(void) {
    return fcntl(FILE_FD, F_SETOWN, getppid());
}
static long try_ioctl(void) {
    char c = 'x';
    return ioctl(0, 0x5412 /* TIOCSTI */, &c);
}
static long try_setuid(void) {
    return setuid(0);
}
static long try_prctl(void) {
    return prctl(PR_SET_DUMPABLE, 1);
}
static long try_seccomp(void) {
    return syscall(SYS_seccomp, 0, 0, NULL);
}
static long try_rlimit(void) {
    struct rlimit r = {1024, 1024};
    return setrlimit(RLIMIT_NOFILE, &r);
}
static long try_bpf(void) {
    return syscall(SYS_bpf, 0, NULL, 0);
}
static long try_userfaultfd(void) {
    return syscall(SYS_userfaultfd, 0);
}
static long try_mount(void) {
    return syscall(SYS_mount, "none", "/tmp", "tmpfs", 0, NULL);
}
static long try_unshare(void) {
    return unshare(CLONE_NEWUSER);
}
static long try_chroot(void) {
    return chroot("/");
}
static long try_keyctl(void) {
    return syscall(SYS_keyctl, 0, 0, 0, 0, 0);
}
static long try_shared(void) {
    memcpy(shared, "evil", 4);
    return 0;
}
static long try_lock(void) {
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(FILE_FD, F_SETLK, &lock);
}
static long try_stat(void) {
    struct stat status;
    return stat("/etc/passwd", &status);
}
static long try_memory(void) {
    return malloc((size_t)1 << 30) ? 0 : -1;
}
#if defined(__x86_64__)
static long try_x32(void) {
    return syscall(X32_BIT | SYS_getpid);
}
static long try_int80(void) {
    long result = 20; /* getpid of 32 bits */
    __asm__ volatile("int $0x80" : "+a"(result) : : "memory");
    return result;
}
#endif

static const struct {
    const char *name;
    long (*run)(void);
} attacks[] = {
    {"open", try_open},
    {"create a file", try_creat},
    {"openat2", try_openat2},
    {"execve", try_execve},
    {"fork", try_fork},
    {"vfork", try_vfork},
    {"clone3", try_clone3},
    {"socket", try_socket},
    {"socketpair", try_socketpair},
    {"sendmsg", try_sendmsg},
    {"signal the parent", try_kill_parent},
    {"signal everybody", try_kill_all},
    {"map memory to execute", try_mmap_rwx},
    {"make memory executable", try_mprotect_exec},
    {"map an open file", try_mmap_file},
    {"memfd_create", try_memfd},
    {"io_uring", try_io_uring},
    {"ptrace", try_ptrace},
    {"read another process", try_read_memory},
    {"unlink", try_unlink},
    {"rename", try_rename},
    {"mkdir", try_mkdir},
    {"symlink", try_symlink},
    {"chmod", try_chmod},
    {"write to an open file", try_write},
    {"pwrite to an open file", try_pwrite},
    {"truncate an open file", try_truncate},
    {"write to stdout", try_write_stdout},
    {"dup2", try_dup},
    {"fcntl F_DUPFD", try_fcntl_dup},
    {"fcntl F_SETOWN", try_fcntl_owner},
    {"ioctl", try_ioctl},
    {"setuid", try_setuid},
    {"prctl", try_prctl},
    {"another filter", try_seccomp},
    {"raise a limit", try_rlimit},
    {"bpf", try_bpf},
    {"userfaultfd", try_userfaultfd},
    {"mount", try_mount},
    {"unshare", try_unshare},
    {"chroot", try_chroot},
    {"keyctl", try_keyctl},
    {"a gigabyte of memory", try_memory},
    {"write to shared memory", try_shared},
    {"lock a file", try_lock},
    {"stat", try_stat},
#if defined(__x86_64__)
    {"a call by the x32 numbers", try_x32},
    {"a call by the 32-bit gate", try_int80},
#endif
};
#define COUNT (sizeof attacks / sizeof attacks[0])

int main(int argc, char **argv) {
    if (argc < 3) {
        for (size_t i = 0; i < COUNT; i++) puts(attacks[i].name);
        return 0;
    }
    size_t which = strtoul(argv[1], NULL, 10);
    int file = open(argv[2], O_RDWR);
    shared = mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    const LockdownOptions options = {.write_fd = STDERR_FILENO, .memory = 64 << 20, .seconds = 10};
    if (which >= COUNT || file < 0 || dup2(file, FILE_FD) != FILE_FD || shared == MAP_FAILED ||
        !lockdown(&options)) {
        return 2;
    }
    _exit(attacks[which].run() >= 0 ? 0 : REFUSED);
}
