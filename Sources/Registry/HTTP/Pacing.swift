// SPDX-License-Identifier: Apache-2.0
internal import OCI

/// The servers that asked to be left alone, and until when.
final class RateLimiter: Sendable {
    private let until = Monitor<[String: (end: ContinuousClock.Instant, reason: String)]>([:])

    func hold(_ authority: String, for time: Duration, because reason: String) {
        let end = ContinuousClock.now + time
        until.locked { until in
            if let known = until[authority], known.end > end { return }
            until[authority] = (end, reason)
        }
    }

    func left(_ authority: String) -> (time: Duration, reason: String)? {
        until.locked { until in
            guard let (end, reason) = until[authority] else { return nil }
            let left = end - ContinuousClock.now
            if left > .zero { return (left, reason) }
            until[authority] = nil
            return nil
        }
    }
}
