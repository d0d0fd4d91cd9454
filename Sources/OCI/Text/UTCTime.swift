// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Times as RFC 3339 writes them in UTC: `2026-11-26T14:03:23Z`.
package enum UTCTime {
    /// The text of so many seconds since 1970; `nil` outside of the years 0 to 9999.
    package static func text(_ seconds: Int64) -> String? {
        var (time, parts) = (time_t(seconds), tm())
        guard gmtime_r(&time, &parts) != nil, (0...9999).contains(Int(parts.tm_year) + 1900) else {
            return nil
        }
        func digits(_ value: Int32, count: Int = 2) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        return
            "\(digits(parts.tm_year + 1900, count: 4))-\(digits(parts.tm_mon + 1))-\(digits(parts.tm_mday))"
            + "T\(digits(parts.tm_hour)):\(digits(parts.tm_min)):\(digits(parts.tm_sec))Z"
    }
}
