#include "program/sandbox/lockdown.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#error "name this processor's AUDIT_ARCH here; its system calls are found by their __NR_ names"
#endif

#define NOBODY 65534

/* (argument & mask) == value; a mask of 0 is true for anything. Only the low half of an argument is
 * looked at: those below are ints, or have their meaning there. */
typedef struct Condition {
    unsigned argument;
    uint32_t mask, value;
} Condition;

/* A call is allowed where one row of its number has both conditions true. */
typedef struct Allowed {
    unsigned call;
    Condition conditions[2];
} Allowed;

#define EXACTLY(argument, value) \
    { argument, UINT32_MAX, (uint32_t)(value) }
#define NEVER_EXECUTABLE \
    { 2, PROT_EXEC, 0 }
#define ROW_INSTRUCTIONS 9

typedef struct Filter {
    struct sock_filter code[512];
    unsigned short size;
} Filter;

static void emit(Filter *filter, uint16_t code, uint32_t k, uint8_t yes, uint8_t no) {
    filter->code[filter->size++] = (struct sock_filter){code, yes, no, k};
}

/* A row: load the number, leave where it is another; the same for each condition; allow. */
static void emit_row(Filter *filter, const Allowed *row) {
    unsigned conditions = 0;
    for (unsigned i = 0; i < 2; i++) {
        conditions += row->conditions[i].mask != 0;
    }
    uint8_t left = (uint8_t)(3 * conditions + 1);
    emit(filter, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
    emit(filter, BPF_JMP | BPF_JEQ | BPF_K, row->call, 0, left);
    for (unsigned i = 0; i < 2; i++) {
        const Condition *condition = &row->conditions[i];
        if (condition->mask == 0) {
            continue;
        }
        left = (uint8_t)(left - 3);
        emit(filter, BPF_LD | BPF_W | BPF_ABS,
             (uint32_t)(offsetof(struct seccomp_data, args) + 8 * condition->argument), 0, 0);
        emit(filter, BPF_ALU | BPF_AND | BPF_K, condition->mask, 0, 0);
        emit(filter, BPF_JMP | BPF_JEQ | BPF_K, condition->value, 0, left);
    }
    emit(filter, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
}

/* What is mapped for all processes at once, a database's shared memory, can be read from here on
 * and not be written: the snapshot is taken, and nothing that reading it needs writes there. */
static bool seal_shared_memory(void) {
    FILE *file = fopen("/proc/self/maps", "re");
    if (file == NULL) {
        return false;
    }
    char line[PATH_MAX + 128];
    bool sealed = true;
    while (sealed && fgets(line, sizeof line, file) != NULL) {
        unsigned long begin, end;
        char rights[5];
        if (sscanf(line, "%lx-%lx %4s", &begin, &end, rights) == 3 && rights[1] == 'w' &&
            rights[3] == 's') {
            sealed = mprotect((void *)begin, end - begin, PROT_READ) == 0;
        }
    }
    fclose(file);
    return sealed;
}

static bool filter_calls(int write_fd) {
    const Allowed rows[] = {
        {__NR_read, {{0}}},
        {__NR_pread64, {{0}}},
        {__NR_write, {EXACTLY(0, write_fd)}},
#if defined(__SANITIZE_ADDRESS__)
        {__NR_write, {EXACTLY(0, STDERR_FILENO)}}, /* the report, if there is one */
        {__NR_mprotect, {NEVER_EXECUTABLE}},
        {__NR_sched_yield, {{0}}},
        {__NR_futex, {{0}}},
        {__NR_sigaltstack, {{0}}}, /* asked at every longjmp */
        {__NR_getpid, {{0}}},
#endif
        {__NR_mmap, {{3, MAP_ANONYMOUS, MAP_ANONYMOUS}, NEVER_EXECUTABLE}},
        {__NR_munmap, {{0}}},
        {__NR_mremap, {{0}}},
        {__NR_madvise, {{0}}},
        {__NR_brk, {{0}}},
        {__NR_clock_gettime, {{0}}},
#if defined(__NR_time)
        {__NR_time, {{0}}},
#endif
        {__NR_gettimeofday, {{0}}},
        {__NR_clock_nanosleep, {{0}}},
        {__NR_rt_sigreturn, {{0}}},
        {__NR_exit, {{0}}},
        {__NR_exit_group, {{0}}},
    };
    Filter filter = {.size = 0};
    _Static_assert(sizeof rows / sizeof rows[0] * ROW_INSTRUCTIONS + 5 <
                       sizeof filter.code / sizeof filter.code[0],
                   "the filter needs more room");

    /* Another architecture's numbers mean other calls. */
    emit(&filter, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
    emit(&filter, BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
    emit(&filter, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        emit_row(&filter, &rows[i]);
    }
    emit(&filter, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);

    struct sock_fprog program = {filter.size, filter.code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

#if !defined(__SANITIZE_ADDRESS__)
/* Bytes of address space in use, or 0 where it can't be told. */
static size_t address_space(void) {
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL) {
        return 0;
    }
    unsigned long pages = 0;
    if (fscanf(file, "%lu", &pages) != 1) {
        pages = 0;
    }
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}
#endif

static bool limit(int resource, size_t value) {
    const struct rlimit both = {value, value};
    return setrlimit((__rlimit_resource_t)resource, &both) == 0;
}

static bool limit_resources(const LockdownOptions *options) {
#if !defined(__SANITIZE_ADDRESS__) /* its shadow alone is terabytes of addresses */
    size_t used = address_space();
    if (used == 0 || !limit(RLIMIT_AS, used + options->memory)) {
        return false;
    }
#endif
    return limit(RLIMIT_CPU, options->seconds) && limit(RLIMIT_CORE, 0) && limit(RLIMIT_FSIZE, 0) &&
           limit(RLIMIT_NPROC, 0) && limit(RLIMIT_NOFILE, 0);
}

/* Root becomes nobody. Inside a user namespace that maps one user there is nobody to become, and
 * the filter holds all the same: hence no check. */
static void drop_user(void) {
    if (geteuid() == 0 && setgroups(0, NULL) == 0 && setresgid(NOBODY, NOBODY, NOBODY) == 0 &&
        setresuid(NOBODY, NOBODY, NOBODY) != 0) {
        errno = 0;
    }
}

bool lockdown(const LockdownOptions *options) {
    drop_user(); /* which clears the signal of the parent's death */
    return seal_shared_memory() && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 &&
           prctl(PR_SET_DUMPABLE, 0) == 0 && limit_resources(options) &&
           filter_calls(options->write_fd);
}
