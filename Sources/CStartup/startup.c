// SPDX-License-Identifier: Apache-2.0
// What happens before Swift's runtime starts, and what the executable says of itself.
#include "startup.h"
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>

// Swift's runtime reads the arguments and its own file below /proc, and aborts without a word where it is missing: in an
// empty root it often is. Runs before the constructors of all libraries.
static void require_proc(int count, char **arguments, char **environment) {
    (void)count, (void)arguments, (void)environment;
    if (access("/proc/self/exe", F_OK) == 0) return;
    static const char text[] =
        "sealift: cannot start: /proc is not mounted here, and the program needs it\n"
        "  → mount it: mount -t proc proc /proc\n";
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0) _exit(78);
    _exit(78);
}
// Where a standard descriptor is closed, the next file that is opened would take its number, and what is meant for people
// would be written into it. What is put there cannot be written.
static void keep_standard_descriptors(int count, char **arguments, char **environment) {
    (void)count, (void)arguments, (void)environment;
    for (int number = 0; number < 3; number++) {
        if (fcntl(number, F_GETFD) != -1) continue;
        if (open("/dev/null", O_RDONLY) != number && open("/", O_RDONLY) != number) _exit(71);
    }
}

// The sanitizer puts a red zone behind a variable, and a function of its own before ours: a gap here is a null function.
#define SEALIFT_AS_IT_IS no_sanitize("address")
__attribute__((section(".preinit_array"), used, aligned(sizeof(void *)), SEALIFT_AS_IT_IS)) static void (*const first[])(int, char **, char **) = {
    keep_standard_descriptors, require_proc};

// A note that names the version, so that an executable can be told from others without running it: `readelf -n`.
__attribute__((section(".note.sealift"), aligned(4), used, SEALIFT_AS_IT_IS)) static const struct {
    uint32_t name_size, text_size, type;
    char name[8];
    char text[32];
} note = {8, 32, 1, "sealift", SEALIFT_VERSION};

// Another definition, given to the linker, takes the place of this one.
__attribute__((weak)) const char sealift_commit[] = "";

const char *sealift_build_commit(void) { return sealift_commit; }
