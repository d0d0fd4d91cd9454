// SPDX-License-Identifier: Apache-2.0
// Starts a program that must not act on the host: in a root of its own, without privileges beyond that root.
#pragma once
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>

// What the steps of a start are called when they fail, by ``sealift_confined_step``.
enum {
    sealift_step_none = 0, sealift_step_mounts, sealift_step_proc, sealift_step_root, sealift_step_session,
    sealift_step_limits, sealift_step_capabilities, sealift_step_filter, sealift_step_program,
};
enum { sealift_new_names = 0x04000000, sealift_new_cgroups = 0x02000000 };

// Makes a bind mount of `source`, read only, without devices and setuid programs; with all that is mounted below
// it where the kernel can (5.12), else without.
static inline int sealift_bind_read_only(const char *source, const char *target) {
    struct { unsigned long long set, clear, propagation, user; } change = {1 | 2 | 4, 0, 0, 0};
    if (mount(source, target, 0, 0x5000, 0) != 0) return -1;  // MS_BIND | MS_REC
    if (syscall(442, -100, target, 0x8000, &change, sizeof change) == 0) return 0;  // mount_setattr, AT_RECURSIVE
    if (errno != ENOSYS && errno != EPERM) return -1;
    if (umount2(target, 2) != 0 || mount(source, target, 0, 0x1000, 0) != 0) return -1;
    return mount(0, target, 0, 0x1000 | 0x20 | 1 | 2 | 4, 0);  // MS_BIND | MS_REMOUNT | ro, nosuid, nodev
}
// Makes a bind mount of a device that can be read and written, but keeps its owner, mode and times.
static inline int sealift_show_device(const char *source, const char *target) {
    if (mount(source, target, 0, 0x1000, 0) != 0) return -1;  // MS_BIND
    return mount(0, target, 0, 0x1000 | 0x20 | 1 | 2 | 8, 0);  // MS_BIND | MS_REMOUNT | ro, nosuid, noexec
}
// Takes setuid programs and devices out of a mount that stays writable.
static inline int sealift_disarm(const char *target) {
    struct { unsigned long long set, clear, propagation, user; } change = {2 | 4, 0, 0, 0};
    if (syscall(442, -100, target, 0, &change, sizeof change) == 0) return 0;
    if (errno != ENOSYS && errno != EPERM) return -1;
    return mount(0, target, 0, 0x1000 | 0x20 | 2 | 4, 0);
}

// chown, dac_override, fowner, fsetid, kill, setgid, setuid, sys_chroot, setfcap: what building files needs.
static const unsigned long long sealift_kept_capabilities =
    1ull << 0 | 1ull << 1 | 1ull << 3 | 1ull << 4 | 1ull << 5 | 1ull << 6 | 1ull << 7 | 1ull << 18 | 1ull << 31;

static inline int sealift_drop_capabilities(void) {
    for (int number = 0; number < 64; number++) {
        if (sealift_kept_capabilities >> number & 1) continue;
        if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0) != 0 && errno != EINVAL) return -1;
    }
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    unsigned low = (unsigned)sealift_kept_capabilities, high = (unsigned)(sealift_kept_capabilities >> 32);
    struct __user_cap_data_struct data[2] = {{low, low, 0}, {high, high, 0}};
    return (int)syscall(SYS_capset, &header, data);
}

#if defined(__x86_64__)
#define SEALIFT_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define SEALIFT_ARCH AUDIT_ARCH_AARCH64
#endif
#define SEALIFT_RETURN(value) BPF_STMT(BPF_RET | BPF_K, (value))
#define SEALIFT_LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)(offset))
#define SEALIFT_ARGUMENT(number) (offsetof(struct seccomp_data, args) + 8 * (number))
#define SEALIFT_REFUSE(code) SEALIFT_RETURN(SECCOMP_RET_ERRNO | (code))
#define SEALIFT_DENY(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1), SEALIFT_REFUSE(EPERM)

// Refuses the system calls that reach beyond a root: mounts, namespaces, keys, modules, clocks, handles, tracing of
// the kernel, io_uring, typing into terminals, sockets other than local and IP ones; and calls of other
// architectures or newer than the filter.
static inline int sealift_filter_calls(void) {
    static const struct sock_filter filter[] = {
        SEALIFT_LOAD(offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SEALIFT_ARCH, 1, 0), SEALIFT_REFUSE(ENOSYS),
        SEALIFT_LOAD(offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 463, 0, 1), SEALIFT_REFUSE(ENOSYS),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1), SEALIFT_REFUSE(ENOSYS),
        SEALIFT_DENY(SYS_mount), SEALIFT_DENY(SYS_umount2), SEALIFT_DENY(SYS_pivot_root),
        SEALIFT_DENY(SYS_unshare), SEALIFT_DENY(SYS_setns), SEALIFT_DENY(428 /* open_tree */),
        SEALIFT_DENY(429 /* move_mount */), SEALIFT_DENY(430 /* fsopen */), SEALIFT_DENY(431 /* fsconfig */),
        SEALIFT_DENY(432 /* fsmount */), SEALIFT_DENY(433 /* fspick */), SEALIFT_DENY(442 /* mount_setattr */),
        SEALIFT_DENY(SYS_open_by_handle_at), SEALIFT_DENY(SYS_name_to_handle_at), SEALIFT_DENY(SYS_keyctl),
        SEALIFT_DENY(SYS_add_key), SEALIFT_DENY(SYS_request_key), SEALIFT_DENY(SYS_init_module),
        SEALIFT_DENY(SYS_finit_module), SEALIFT_DENY(SYS_delete_module), SEALIFT_DENY(SYS_kexec_load),
        SEALIFT_DENY(SYS_kexec_file_load), SEALIFT_DENY(SYS_reboot), SEALIFT_DENY(SYS_swapon),
        SEALIFT_DENY(SYS_swapoff), SEALIFT_DENY(SYS_settimeofday), SEALIFT_DENY(SYS_clock_settime),
        SEALIFT_DENY(SYS_adjtimex), SEALIFT_DENY(SYS_clock_adjtime), SEALIFT_DENY(SYS_acct),
        SEALIFT_DENY(SYS_quotactl), SEALIFT_DENY(SYS_bpf), SEALIFT_DENY(SYS_perf_event_open),
        SEALIFT_DENY(SYS_userfaultfd), SEALIFT_DENY(SYS_syslog), SEALIFT_DENY(SYS_vhangup),
        SEALIFT_DENY(SYS_sethostname), SEALIFT_DENY(SYS_setdomainname), SEALIFT_DENY(SYS_ptrace),
        SEALIFT_DENY(SYS_process_vm_readv), SEALIFT_DENY(SYS_process_vm_writev), SEALIFT_DENY(SYS_kcmp),
        SEALIFT_DENY(438 /* pidfd_getfd */), SEALIFT_DENY(440 /* process_madvise */),
        SEALIFT_DENY(443 /* quotactl_fd */),
        SEALIFT_DENY(SYS_fanotify_init), SEALIFT_DENY(425 /* io_uring_setup */),
        SEALIFT_DENY(426 /* io_uring_enter */), SEALIFT_DENY(427 /* io_uring_register */),
#if defined(__x86_64__)
        SEALIFT_DENY(SYS_iopl), SEALIFT_DENY(SYS_ioperm), SEALIFT_DENY(SYS_uselib), SEALIFT_DENY(SYS_modify_ldt),
#endif
        // prctl that would let it live on when sealift is gone: PR_SET_PDEATHSIG with another signal than SIGKILL.
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 6), SEALIFT_LOAD(SEALIFT_ARGUMENT(0)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PR_SET_PDEATHSIG, 0, 3), SEALIFT_LOAD(SEALIFT_ARGUMENT(1)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SIGKILL, 1, 0), SEALIFT_REFUSE(EPERM), SEALIFT_RETURN(SECCOMP_RET_ALLOW),
        // clone with a flag that makes a namespace.
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4), SEALIFT_LOAD(SEALIFT_ARGUMENT(0)),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x7E020000, 0, 1), SEALIFT_REFUSE(EPERM),
        SEALIFT_RETURN(SECCOMP_RET_ALLOW),
        // ioctl that types into a terminal: TIOCSTI, TIOCLINUX.
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 5), SEALIFT_LOAD(SEALIFT_ARGUMENT(1)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x5412, 1, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x541C, 0, 1),
        SEALIFT_REFUSE(EPERM), SEALIFT_RETURN(SECCOMP_RET_ALLOW),
        // socket of another family than unix, IPv4, IPv6 and netlink: vsock reaches a virtual machine's host.
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 6), SEALIFT_LOAD(SEALIFT_ARGUMENT(0)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 4, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 2, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 10, 2, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 16, 1, 0),
        SEALIFT_REFUSE(EAFNOSUPPORT),
        SEALIFT_RETURN(SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof filter[0], (struct sock_filter *)filter};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

// RLIMIT_ of <sys/resource.h>, which names again what Glibc's module names; so does <fcntl.h>.
enum { sealift_limit_file = 1, sealift_limit_core = 4, sealift_limit_open = 7, sealift_limit_locked = 8, sealift_limit_queue = 12 };
static inline int sealift_limit(int kind, unsigned long long value) {
    struct { unsigned long long soft, hard; } limit = {value, value}, now;
    if (syscall(SYS_prlimit64, 0, kind, 0, &now) == 0 && now.hard < value) limit.soft = limit.hard = now.hard;
    return (int)syscall(SYS_prlimit64, 0, kind, &limit, 0);
}

// What the child does between fork and exec; only calls that a signal handler may make. Returns the step that failed.
static inline int sealift_confine(const char *root, int output, unsigned long long largest_file) {
    // The kernel's choice when memory is short, before anything else on the host.
    int score = (int)syscall(SYS_openat, -100, "/proc/self/oom_score_adj", 02000001);
    if (score >= 0 && write(score, "1000", 4) != 4) errno = 0;
    // A mount namespace of its own: the thread that waits keeps the host's root.
    if (unshare(0x00020000) != 0 || mount(0, "/", 0, 0x44000, 0) != 0) return sealift_step_mounts;
    if (chdir(root) != 0) return sealift_step_root;
    // Other users than root see no processes but their own; root sees of sealift's first process the arguments, no more.
    if (mount("proc", "proc", "proc", 1 | 2 | 4 | 8, "hidepid=2") != 0) return sealift_step_proc;
    static const char *const masked[] = {
        "proc/kcore", "proc/keys", "proc/timer_list", "proc/sched_debug", "proc/kallsyms", "proc/kmsg", "proc/vmallocinfo",
        "proc/kpagecount", "proc/kpageflags", "proc/kpagecgroup", "proc/latency_stats", "proc/slabinfo"};
    for (unsigned i = 0; i < sizeof masked / sizeof masked[0]; i++)
        if (mount("dev/null", masked[i], 0, 0x1000, 0) != 0 && errno != ENOENT) return sealift_step_proc;
    if (syscall(SYS_pivot_root, ".", ".") != 0 || umount2(".", 2) != 0 || chdir("/") != 0) return sealift_step_root;
    if (mount(0, "/", 0, 0x1000 | 0x20 | 1 | 2 | 4, 0) != 0) return sealift_step_root;
    // By its read-only mount: by the host's, a descriptor would be enough to give the device another mode.
    int nothing = (int)syscall(SYS_openat, -100, "/dev/null", 02000002);
    if (nothing < 0 || dup2(nothing, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0) return sealift_step_session;
    if (setsid() < 0) return sealift_step_session;
    if (syscall(436, 3u, ~0u, 4u) != 0) {  // close_range, on exec; before Linux 5.11 each by itself: F_SETFD, FD_CLOEXEC
        if (errno != ENOSYS && errno != EINVAL) return sealift_step_session;
        for (int number = 3; number < 65536; number++) syscall(SYS_fcntl, number, 2, 1);
    }
    if (sealift_limit(sealift_limit_core, 0) != 0 || sealift_limit(sealift_limit_file, largest_file) != 0 ||
        sealift_limit(sealift_limit_open, 65536) != 0 || sealift_limit(sealift_limit_locked, 1 << 16) != 0 ||
        sealift_limit(sealift_limit_queue, 1 << 20) != 0)
        return sealift_step_limits;
    umask(022);
    return sealift_step_none;
}

// What the process does that becomes the program. Returns the step that failed.
static inline int sealift_become(const char *program, char *const arguments[], char *const environment[]) {
    if (sealift_drop_capabilities() != 0) return sealift_step_capabilities;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || sealift_filter_calls() != 0) return sealift_step_filter;
    execve(program, arguments, environment);
    return sealift_step_program;
}

// The first process of the namespace waits for the program, and reaps what others leave. It ends when sealift does, and
// all others with it. The program itself would not: the kernel no longer signals the death of its parent to a process that
// has taken another identity.
static inline int sealift_wait_as_first(int program) {
    syscall(436, 3u, ~0u, 0u);  // close_range
    for (;;) {
        int status = 0, ended = (int)syscall(SYS_wait4, -1, &status, 0, 0);
        if (ended < 0 && errno != EINTR) return 126;
        if (ended == program) return (status & 0x7F) == 0 ? status >> 8 & 0xFF : 128 + (status & 0x7F);
    }
}

// Starts a program in the process namespace that this thread has unshared, confined to `root`. Its errors before the
// program runs come through `report`: two ints, the step and errno. The id of the namespace's first process, which ends
// as the program does, 128 and its number for a signal; or -1 and errno.
static inline int sealift_start_confined(const char *root, const char *program, char *const arguments[],
                                         char *const environment[], int output, int report,
                                         unsigned long long largest_file) {
    int child = fork();
    if (child != 0) return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, 0);
    for (int number = 1; number < 32; number++) signal(number, SIG_DFL);
    int step[2] = {sealift_confine(root, output, largest_file), errno};
    if (step[0] == sealift_step_none) {
        // No other process may read this copy of sealift's memory.
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        int second = (int)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
        if (second > 0) _exit(sealift_wait_as_first(second));
        step[0] = second < 0 ? sealift_step_program : sealift_become(program, arguments, environment);
        step[1] = errno;
    }
    if (write(report, step, sizeof step) != sizeof step) _exit(125);
    _exit(126);
}

static inline int sealift_process_descriptor(int process) { return (int)syscall(434, process, 0); }  // pidfd_open
