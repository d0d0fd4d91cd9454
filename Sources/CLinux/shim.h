// SPDX-License-Identifier: Apache-2.0
// Calls of Linux that glibc does not wrap, or that Swift's Glibc module does not show.
#pragma once
#include <errno.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
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
