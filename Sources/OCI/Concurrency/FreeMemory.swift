// SPDX-License-Identifier: Apache-2.0
internal import CLinux

/// Gives the system back what has been freed, for a program that has read a lot and then runs for long. glibc keeps it
/// otherwise.
package func giveBackFreeMemory() { _ = malloc_trim(0) }
