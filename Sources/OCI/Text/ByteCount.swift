// SPDX-License-Identifier: Apache-2.0

extension Int64 {
    /// A count of bytes for people: `512 B`, `1.4 MiB`.
    package var asBytes: String {
        var value = Double(self)
        for unit in ["B", "KiB", "MiB", "GiB", "TiB"] {
            if value < 1000 || unit == "TiB" {
                let tenths = Int64((value * 10).rounded())
                return unit == "B" || value >= 100
                    ? "\(Int64(value.rounded())) \(unit)" : "\(tenths / 10).\(tenths % 10) \(unit)"
            }
            value /= 1024
        }
        return "\(self) B"
    }
}
