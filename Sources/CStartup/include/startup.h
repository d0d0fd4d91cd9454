// SPDX-License-Identifier: Apache-2.0
// What the executable says of itself.
#pragma once

// The one place of the version. CHANGELOG.md and the tag follow it.
#define SEALIFT_VERSION "0.1.0"

// The commit that it was built from; empty where the build did not give one, as bundles/tool/build.sh does.
const char *sealift_build_commit(void);
