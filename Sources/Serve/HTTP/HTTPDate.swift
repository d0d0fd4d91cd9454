// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// The time as HTTP writes it, made once a second. Source: RFC 9110, section 5.6.7.
struct HTTPDate {
    private var second: time_t = -1
    private var cached = ""

    /// The present time: `Sun, 06 Nov 1994 08:49:37 GMT`.
    mutating func text() -> String {
        var now = time(nil)
        if now == second { return cached }
        second = now
        var parts = tm()
        gmtime_r(&now, &parts)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        cached =
            "\(days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon)]) "
            + "\(1900 + parts.tm_year) \(hours(parts)) GMT"
        return cached
    }
}

/// The time as the common log format writes it, in UTC.
enum LogTime {
    /// `06/Nov/1994:08:49:37 +0000` for a count of seconds since 1970.
    static func text(_ seconds: Int) -> String {
        var time = time_t(seconds)
        var parts = tm()
        gmtime_r(&time, &parts)
        return
            "\(two(parts.tm_mday))/\(months[Int(parts.tm_mon)])/\(1900 + parts.tm_year):\(hours(parts)) +0000"
    }
}

private let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
private func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
private func hours(_ parts: tm) -> String {
    "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
}
