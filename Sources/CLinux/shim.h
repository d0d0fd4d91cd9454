// SPDX-License-Identifier: Apache-2.0
// Calls of Linux that glibc does not wrap, or that Swift's Glibc module does not show.
#pragma once
#include <errno.h>
#include <linux/openat2.h>
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

// AT_EMPTY_PATH and O_PATH, which fcntl.h shows to _GNU_SOURCE alone.
enum { sealift_at_empty_path = 0x1000, sealift_o_path = 0x200000 };

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
static inline int sealift_syncfs(int file) { return (int)syscall(SYS_syncfs, file); }
extern int fallocate(int file, int mode, off_t offset, off_t length);
static inline int sealift_fallocate(int file, off_t length) { return fallocate(file, 0, 0, length); }
