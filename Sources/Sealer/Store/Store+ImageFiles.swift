// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI

/// Whether the files of the image database are those of their ids.
extension Store {
    /// Reads the image of an entry of the list and compares its file with the entry.
    /// - Returns: the image, and why its file is not the one of its id, name and platform; no reason where it is.
    /// - Throws: a ``Failure`` where there is no file that can be read as an image.
    func proven(_ entry: StoredImage) throws(Failure) -> (image: SealerImage, fault: String?) {
        let image = try image(entry)
        let bytes = try File.open(imageFile(entry.id)).bytes(limit: SealerImage.largestSize)
        return (image, fault(in: image, bytes, of: entry))
    }

    private func fault(in image: SealerImage, _ bytes: [UInt8], of entry: StoredImage) -> String? {
        guard image.id == entry.id else { return "its file states the id \(image.id)" }
        guard let derived = Self.derivedID(of: bytes, stating: entry.id) else {
            return "its file states no id as sealer writes it"
        }
        guard derived == entry.id || isTag(bytes, of: entry.id) else {
            return "the content of its file has the id \(derived)"
        }
        guard image.name == entry.name else { return "its file is the one of \(image.name)" }
        let isPlatform = image.platform.value == entry.platform.value
        return isPlatform ? nil : "its file is for \(image.platform.value)"
    }

    /// The id of the content `yaml` of an image's file: sha256 without the line that states the id; `nil` where there
    /// is no such line.
    /// - Parameter other: an id that takes the place of the stated one.
    static func derivedID(of yaml: [UInt8], stating id: String, replacedBy other: String? = nil) -> String? {
        let line = Array("\n  id: \(id)\n".utf8)
        guard let place = yaml.firstRange(of: line) else { return nil }
        let new = other.map { Array("\n  id: \($0)\n".utf8) } ?? [UInt8(ascii: "\n")]
        return Digest(of: yaml[..<place.lowerBound] + new + yaml[place.upperBound...]).hex
    }

    /// Whether `yaml` is what `sealer tag` makes of another image of this store: it hashes the file with the id of the
    /// image that it was.
    private func isTag(_ yaml: [UInt8], of id: String) -> Bool {
        let names = (try? Folder.open("\(path)/metadata/imagedb").names()) ?? []
        return names.contains { name in
            let other = String(decoding: name, as: UTF8.self)
            guard other.hasSuffix(".yaml"), Digest(hex: String(other.dropLast(5))) != nil else {
                return false
            }
            return Self.derivedID(of: yaml, stating: id, replacedBy: String(other.dropLast(5))) == id
        }
    }
}
