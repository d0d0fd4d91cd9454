// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// The value of a `Retry-After` field: seconds, or a date (RFC 9110, 10.2.3).
struct RetryAfter {
    /// How long to wait from now; never negative.
    let wait: Duration

    init?(_ text: String) { self.init(text, now: Int64(time(nil))) }

    /// - Parameter now: seconds since 1970.
    init?(_ text: String, now: Int64) {
        if let seconds = UInt32(text) {
            wait = .seconds(Int64(seconds))
            return
        }
        guard let date = Self.date(text) else { return nil }
        wait = .seconds(max(0, date - now))
    }

    /// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that servers may send.
    static func date(_ text: String) -> Int64? {
        let words = text.split(separator: " ")
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard words.count == 6, words[5] == "GMT", let day = Int32(words[1]),
            let month = months.firstIndex(of: String(words[2])), let year = Int32(words[3]),
            (1...31).contains(day), (1970...9999).contains(year)
        else { return nil }
        let clock = words[4].split(separator: ":").map { Int32($0) }
        guard clock.count == 3, let hour = clock[0], let minute = clock[1], let second = clock[2],
            (0...23).contains(hour), (0...59).contains(minute), (0...60).contains(second)
        else { return nil }
        var fields = tm()
        fields.tm_year = year - 1900
        fields.tm_mon = Int32(month)
        fields.tm_mday = day
        fields.tm_hour = hour
        fields.tm_min = minute
        fields.tm_sec = second
        return Int64(timegm(&fields))
    }
}
