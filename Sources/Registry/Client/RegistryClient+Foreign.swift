// SPDX-License-Identifier: Apache-2.0
package import OCI

extension RegistryClient {
    /// Fetches a layer that registries may not distribute into `sink`, from the first of `urls`, those of its descriptor,
    /// that has it. No login is sent, and a server on this host or beside it is not asked unless the registry is one.
    /// After return the sink has finished, and so verified size and digest.
    /// - Throws: a ``Failure`` as of ``fetch(_:of:into:)``.
    package func fetch(
        foreign blob: Descriptor, from urls: [String], of reference: Reference, into sink: any BlobSink
    ) async throws(Failure) {
        let artifact = "the blob \(blob.digest) of \(reference)"
        let registryIsLocal = try await endpoints.candidates(for: reference.domain).contains {
            $0.address(.https, target: "/").isLocal
        }
        var sources: [Source] = []
        for url in urls {
            let address = try HTTPURL(url)
            var source = Source(access: nil, authority: address.authority) { () throws(AttemptError) in
                address
            }
            source.refusesLocalPeer = !registryIsLocal
            sources.append(source)
        }
        try await BlobDownload(web, item: "\(blob.digest)", artifact: artifact, size: blob.size, into: sink)
            .run(sources)
    }
}
