// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <isa-l/igzip_lib.h>
#include <isa-l/crc64.h>

// The buffer sizes are macros of a form that Swift does not import.
enum { sealift_level = 1, sealift_level_buffer = ISAL_DEF_LVL1_DEFAULT };
