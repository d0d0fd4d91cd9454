// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
package import OCI

/// What a writer has changed in its store, so that it can be undone.
struct StoreChanges: Sendable {
    /// A name that was given or taken.
    enum Step: Sendable {
        /// This path was not there before.
        case placed(String)
        /// What was at the path is kept in staging.
        case takenAway(String, kept: String)
        /// What was at the path is kept in staging, and took the place of what is there now.
        case exchanged(String, kept: String)
    }
    /// Folders that the store did not have before, each after the one that holds it.
    var places: [String] = []
    /// Whether what was done has been undone, so that those folders may go with the writer.
    var isUndone = false
    /// In the order in which they were done.
    var steps: [Step] = []
    /// The list's bytes before the first change, if there was a list, and as they were written last.
    var list: (before: [UInt8]?, now: [UInt8])?
    /// Entries of the list, and what stood in their place.
    var entries: [(new: StoredImage, old: StoredImage?)] = []
}

extension StoreWriter {
    /// Runs `body` and keeps what it changed in the store; where it fails, undoes all of that.
    /// - Throws: what `body` throws; where not everything could be undone, its reason says so.
    package func transaction<Result>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        do throws(Failure) {
            let result = try body()
            commit()
            return result
        } catch {
            var failure = error
            do throws(Failure) { try rollBack() } catch {
                failure.reason += "; and undoing what was done failed: \(error.artifact): \(error.reason)"
            }
            throw failure
        }
    }

    /// Keeps what was changed until now, and removes what was taken out of the store; what cannot be removed is left in
    /// staging to the next writer.
    package func commit() {
        let steps = changes.withLock { state in
            defer { state = StoreChanges() }
            return state.steps
        }
        for step in steps {
            switch step {
            case .placed: break
            case .takenAway(_, let kept), .exchanged(_, let kept): try? removeTree(at: kept)
            }
        }
    }

    /// Undoes everything that this writer has changed since its last commit, the list first: every file has the bytes
    /// that it had, and folders that the store did not have go with the writer.
    ///
    /// For a run that failed. A killed one leaves what it had finished, which is whole, and a rerun uses it.
    package func rollBack() throws(Failure) {
        let changes = changes.withLock { state in
            defer { state = StoreChanges(places: state.places, isUndone: true) }
            return state
        }
        try restoreList(changes)
        for step in changes.steps.reversed() {
            switch step {
            case .placed(let path): try move(path, to: "\(stagingFolder())/undone", optional: true)
            case .takenAway(let path, let kept): try move(kept, to: path)
            case .exchanged(let path, let kept):
                guard sealift_exchange(kept, path) == 0 else {
                    throw Failure.system("put back", artifact: path)
                }
            }
        }
    }

    private func restoreList(_ changes: StoreChanges) throws(Failure) {
        guard let list = changes.list else { return }
        // sealer takes no lock: what it has listed since stays.
        let now = try store.listBytes()
        // The change was noted before it was made.
        if now == list.before { return }
        guard now == list.now else {
            var current = try store.list()
            for (new, old) in changes.entries.reversed() {
                if let old { current.set(old) } else { current.remove(new) }
            }
            return try put(current.bytes, at: store.listFile)
        }
        if let before = list.before { return try put(before, at: store.listFile) }
        guard unlink(store.listFile) == 0 else { throw Failure.system("remove", artifact: store.listFile) }
    }

    /// Puts `old` in the place of `new` in the list, or nothing, for all `changes` in one step. An entry that is
    /// so already stays. Files of images and layers are left alone.
    package func relist(_ changes: [(new: StoredImage, old: StoredImage?)]) throws(Failure) {
        if changes.isEmpty { return }
        try changeList(noting: changes.map { ($0.old ?? $0.new, $0.new) }) { list in
            for (new, old) in changes {
                if let old { list.set(old) } else { list.remove(new) }
            }
        }
    }

    /// Changes the list by `body` in one step.
    /// - Parameter entries: the entries that are there afterwards, and what was in their place.
    func changeList(
        noting entries: [(new: StoredImage, old: StoredImage?)], _ body: (inout ImageList) -> Void
    ) throws(Failure) {
        let before = try store.listBytes()
        // Read right before it is written: sealer itself takes no lock.
        var list = try store.list()
        body(&list)
        let bytes = list.bytes
        changes.withLock { state in
            state.list = (state.list.map(\.before) ?? before, bytes)
            state.entries += entries
        }
        try put(bytes, at: store.listFile)
    }
}
