// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <isa-l/igzip_lib.h>
#include <isa-l/crc64.h>
