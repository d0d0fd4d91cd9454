// SPDX-License-Identifier: Apache-2.0
internal import Build
internal import BundleFormat
internal import OCI

extension BuildInputs {
    /// What `bundle` carries for `platform`.
    init(
        _ bundle: Bundle, for platform: Platform, content: any ContentSource
    ) throws(Failure) {
        var files: [String: File] = [:]
        for file in bundle.files where file.platform == nil || file.platform == platform {
            files[file.name] = File(descriptor: file.descriptor, url: file.url)
        }
        var images: [RegistryImage] = []
        for image in bundle.images where image.reference != bundle.spec.base?.image {
            guard let instance = image.instance(for: platform) else { continue }
            let isWhole = instance.descriptor.digest == image.top.descriptor.digest
            images.append(
                try RegistryImage(
                    reference: image.reference, manifests: isWhole ? [instance] : [image.top, instance]))
        }
        self.init(
            spec: bundle.spec, platform: platform, files: files, images: images, content: content)
    }
}
