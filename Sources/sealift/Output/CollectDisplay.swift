// SPDX-License-Identifier: Apache-2.0
internal import Collect
internal import OCI

/// Shows what a collect does.
final class CollectDisplay: Sendable {
    // The names of the spec are resolved to content before it is known how much it is.
    let transfers = TransferDisplay("resolve")

    /// Shows an event of the pipeline.
    @Sendable func show(_ event: CollectEvent) {
        switch event {
        case .note(let text): Console.say(text)
        case .planned(let size, let blobs, let present, let names):
            let known = present > 1 << 20 ? ", \(present.asBytes) are here already" : ""
            finish()
            Console.say("\(blobs) blobs, \(size.asBytes)\(known)")
            transfers.next("collect", total: size, already: present, names: names)
        case .copied(let bytes): transfers.running.add(bytes)
        case .proving: transfers.running.notice("proving the builds")
        case .deriving: transfers.running.notice("deriving the ids of the images")
        }
    }

    /// Takes the display away.
    func finish() { transfers.finish() }
}
