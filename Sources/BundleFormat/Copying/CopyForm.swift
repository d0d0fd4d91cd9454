// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import OCI

/// The files that a copy of a bundle has: one, or volumes.
struct CopyForm {
    /// The last part of the bundle's path.
    let name: String
    /// Bytes of each volume but the last; `nil` for one file.
    let volumeSize: Int64?
    let size: Int64

    /// Chooses the form: volumes of the wanted size; else one file; else the volumes that the bundle has already, where the
    /// file system holds no file of that size.
    /// - Throws: a ``Failure`` of kind `space` where no form fits, with what to choose; of kind `usage` for volumes of a
    ///   size that cannot be; of kind `data` where a bundle is to be split that others have packed.
    init(of bundle: Bundle, wanting wanted: Int64?, limits: MediumLimits) throws(Failure) {
        name = Self.name(of: bundle)
        size = bundle.size
        guard let wanted, wanted < size else {
            if let own = bundle.volumes.volumeSize, size > limits.largestFile, own <= limits.largestFile {
                volumeSize = own
            } else {
                volumeSize = nil
                try limits.check(name, size: size, least: bundle.plan().leastVolume)
            }
            return
        }
        guard bundle.isLaidOut else {
            throw Failure(
                .data, "split", bundle.path, because: "it is not packed as sealift does",
                remedy: "leave --volume-size out, or collect it again with that option")
        }
        let least = try bundle.plan().leastVolume
        guard wanted >= least else {
            throw Failure(
                .usage, "split the bundle into volumes of", "\(wanted) bytes",
                because:
                    "the first must hold the index and the tools, and there can be \(BundlePlan.mostVolumes) at most",
                remedy: "choose at least \(least) bytes")
        }
        volumeSize = wanted
        try limits.check(Volumes.name(name, number: 1), size: wanted, least: least)
    }

    /// What the copy is called: as the bundle, in another folder.
    static func name(of bundle: Bundle) -> String {
        bundle.path.split(separator: "/").last.map(String.init) ?? bundle.path
    }

    /// The files below `folder`, with their sizes.
    func files(in folder: String) -> [(path: String, size: Int64)] {
        Volumes.names("\(folder)/\(name)", size: size, volumeSize: volumeSize)
    }
}
