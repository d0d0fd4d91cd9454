// SPDX-License-Identifier: Apache-2.0
// Calls of Linux that glibc does not wrap, or that Swift's Glibc module does not show.
#pragma once
#include <errno.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <malloc.h>
#include <net/if.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/types.h>
#include <sys/xattr.h>
#include <unistd.h>

// openat2(2): glibc has no wrapper. -1 and errno as every other call.
static inline int sealift_openat2(int folder, const char *path, unsigned long long flags,
                                  unsigned long long resolve) {
    struct open_how how = {.flags = flags, .resolve = resolve};
    return (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
}

// pipe2(2), which is _GNU_SOURCE's, with O_CLOEXEC: no program that another thread starts meanwhile inherits an end.
static inline int sealift_pipe(int ends[2]) { return (int)syscall(SYS_pipe2, ends, 02000000); }

// AT_EMPTY_PATH and O_PATH, which fcntl.h shows to _GNU_SOURCE alone.
enum { sealift_at_empty_path = 0x1000, sealift_o_path = 0x200000 };
// O_DIRECT as well, and it differs.
#if defined(__aarch64__)
enum { sealift_o_direct = 0x10000 };
#else
enum { sealift_o_direct = 0x4000 };
#endif

static inline unsigned long sealift_makedev(unsigned major, unsigned minor) { return makedev(major, minor); }
static inline unsigned sealift_major(unsigned long device) { return major(device); }
static inline unsigned sealift_minor(unsigned long device) { return minor(device); }

// SEEK_DATA and SEEK_HOLE of lseek(2), copy_file_range(2), syncfs(2) and fallocate(2), which are _GNU_SOURCE's
// as well.
enum { sealift_seek_data = 3, sealift_seek_hole = 4 };

static inline long sealift_copy_file_range(int from, long long *from_offset, int to, long long *to_offset,
                                           unsigned long count) {
    return syscall(SYS_copy_file_range, from, from_offset, to, to_offset, count, 0);
}
// renameat2(2) with RENAME_EXCHANGE: two names of one file system change places at once.
static inline int sealift_exchange(const char *one, const char *other) {
    return (int)syscall(SYS_renameat2, -100, one, -100, other, 2u);
}
static inline int sealift_syncfs(int file) { return (int)syscall(SYS_syncfs, file); }
extern int fallocate(int file, int mode, off_t offset, off_t length);
// Not in memory (tmpfs), where to reserve a page is to fill it.
static inline int sealift_fallocate(int file, off_t length) {
    struct statfs system;
    if (fstatfs(file, &system) == 0 && system.f_type == TMPFS_MAGIC) { errno = EOPNOTSUPP; return -1; }
    return fallocate(file, 0, 0, length);
}
// Reserves space and leaves the file's length as it is: FALLOC_FL_KEEP_SIZE.
static inline int sealift_reserve(int file, off_t length) { return fallocate(file, 1, 0, length); }
// sync_file_range(2): starts to write dirty pages; `wait` also waits until all of them are on the medium.
static inline int sealift_write_back(int file, off_t offset, off_t length, int wait) {
    return (int)syscall(SYS_sync_file_range, file, offset, length, wait ? 7 : 2);
}

// Namespaces and mounts of one thread: unshare(2), mount(2), umount2(2) and
// mount_setattr(2). (fcntl.h and sys/mount.h would name again what Glibc's module names; -100 is AT_FDCWD.)
enum {
    sealift_new_mounts = 0x00020000,
    sealift_new_ipc = 0x08000000,
    sealift_new_processes = 0x20000000,
    sealift_new_network = 0x40000000,
};
extern int unshare(int flags);
static inline int sealift_unshare(int flags) { return unshare(flags); }

enum {
    sealift_mount_private = 0x44000,  // MS_REC | MS_PRIVATE
    sealift_mount_bind = 0x5000,  // MS_BIND | MS_REC
    sealift_mount_bind_read_only = 0x1021,  // MS_BIND | MS_REMOUNT | MS_RDONLY
    sealift_mount_disarmed = 0x6,  // MS_NOSUID | MS_NODEV
};
extern int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data);
extern int umount2(const char *target, int flags);
static inline int sealift_mount(const char *source, const char *target, const char *type, unsigned long flags,
                                const char *options) {
    return mount(source, target, type, flags, options);
}
static inline int sealift_unmount(const char *target) { return umount2(target, 0); }

// Makes a mount, or with `all` also every one below it, read only or writable. ENOSYS before Linux 5.12.
static inline int sealift_mount_protect(const char *target, int read_only, int all) {
    struct { unsigned long long set, clear, propagation, user; } change = {0, 0, 0, 0};
    if (read_only) change.set = 1; else change.clear = 1;
    return (int)syscall(442, -100, target, all ? 0x8000 : 0, &change, sizeof change);
}

// Brings up the loopback of this thread's network namespace.
static inline int sealift_raise_loopback(void) {
    struct ifreq request = {.ifr_name = "lo"};
    int handle = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (handle < 0) return -1;
    int done = ioctl(handle, SIOCGIFFLAGS, &request);
    request.ifr_flags |= IFF_UP;
    if (done == 0) done = ioctl(handle, SIOCSIFFLAGS, &request);
    close(handle);
    return done;
}

// Starts a program in the namespaces and the folder of this thread; it is killed when this thread ends. Nothing
// is read from standard input; both outputs go to `output`. Between fork and exec only what a signal handler may
// call is called. The id of the child, or -1 and errno.
static inline int sealift_start(const char *program, char *const arguments[], char *const environment[],
                                int output) {
    int child = fork();
    if (child != 0) return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, 0);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    int nothing = (int)syscall(SYS_openat, -100, "/dev/null", 0);
    dup2(nothing, 0);
    dup2(output, 1);
    dup2(output, 2);
    execve(program, arguments, environment);
    _exit(127);
}

#include "confinement.h"
