// SPDX-License-Identifier: Apache-2.0
internal import BundleFormat
internal import FoundationEssentials
internal import OCI

/// When the content of a bundle was made, as the configs of its images say.
enum CreationTime {
    /// The newest `created` of the images' configs in SPDX's form; the begin of 1970 where none says one.
    /// - Throws: a ``Failure`` where a config cannot be read.
    static func newest(of images: [BundleImage], content: any ContentSource) throws(Failure) -> String {
        struct Config: Decodable { let created: String? }
        var newest = Date(timeIntervalSince1970: 0)
        var seen: Set<Digest> = []
        for config in images.flatMap(\.instances).compactMap(\.config)
        where seen.insert(config.digest).inserted && config.size <= 4 << 20 {
            let bytes = try content.bytes(of: config)
            guard let text = (try? JSONText.decode(Config.self, from: bytes))?.created,
                let time = date(text), time > newest
            else { continue }
            newest = time
        }
        return newest.formatted(.iso8601)
    }

    /// A time of RFC 3339 in whole seconds, up to the year 9999.
    static func date(_ text: String) -> Date? {
        let fraction = text.dropFirst(19).prefix { $0 == "." || $0.isASCII && $0.isNumber }
        let zone = text.dropFirst(19 + fraction.count)
        guard text.utf8.count < 64, let date = try? Date("\(text.prefix(19))\(zone)", strategy: .iso8601),
            date < Date(timeIntervalSince1970: 253_402_300_800)
        else { return nil }
        return date
    }
}
