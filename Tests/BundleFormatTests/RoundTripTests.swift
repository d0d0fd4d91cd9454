// SPDX-License-Identifier: Apache-2.0
import BundleFormat
import Foundation
import OCI
import Testing

/// What is written can be read.
@Suite struct RoundTripTests {
    @Test func theReaderFindsAll() throws {
        try withFolder { folder in
            let fixture = try Fixture()
            let plan = try fixture.plan()
            try fixture.write(plan, at: folder + "/b.tar")
            let bundle = try Bundle(opening: folder + "/b.tar")
            #expect(bundle.spec == fixture.spec)
            #expect(bundle.lock == fixture.lock)
            #expect(bundle.indexDigest == plan.indexDigest)
            #expect(bundle.size == plan.size)
            #expect(bundle.images.map(\.locked) == fixture.lock.images)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["b.tar"])
            for blob in plan.blobs {
                let read = try bundle.bytes(of: blob.descriptor)
                #expect(read == blob.bytes ?? fixture.blobs[blob.descriptor.digest])
                let regions = try #require(bundle.regions(of: blob.descriptor.digest))
                #expect(regions.map(\.offset) == [blob.offset])
                #expect(regions.map(\.count) == [blob.descriptor.size])
            }
            #expect(bundle.verify().isEmpty)
            #expect(bundle.missing.isEmpty)
        }
    }
}
