// SPDX-License-Identifier: Apache-2.0
internal import Build
internal import BundleFormat
internal import OCI
internal import Spec

extension BuildInputs {
    /// What a collect carries for `platform`.
    init(
        spec: Spec, platform: Platform, files: [Lock.File], images: [BundleImage],
        content: any ContentSource
    ) throws(Failure) {
        var found: [String: File] = [:]
        for file in files where file.platform == nil || file.platform == platform {
            found[file.name] = File(descriptor: file.descriptor, url: file.url)
        }
        var carried: [RegistryImage] = []
        for image in images where image.reference != spec.base?.image {
            guard let instance = image.instance(for: platform) else { continue }
            let isWhole = instance.descriptor.digest == image.top.descriptor.digest
            carried.append(
                try RegistryImage(
                    reference: image.reference, manifests: isWhole ? [instance] : [image.top, instance]))
        }
        self.init(spec: spec, platform: platform, files: found, images: carried, content: content)
    }
}
