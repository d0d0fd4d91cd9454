# SPDX-License-Identifier: Apache-2.0
"""Mistakes that people make, each answered with what failed, on what, why, and what to do next."""

import contents
from harness import call, case


@case
def mistakes_are_explained(world):
    """A spec of nothing, a mistyped store or folder, a foreign archive, an address of another host, a folder as a file."""
    folder = world.folder("mistakes")
    (folder / "empty.yaml").write_text("version: 1\nname: e\nplatforms: [linux/amd64]\n")
    for command in ("collect", "check", "lock"):
        world.refused(78, ["names nothing to carry", "sealift init"], command, folder / "empty.yaml", *world.network,
                      unchanged=[folder])
    world.refused(66, ["/nonexistent/store"], "apply", "--rollback", "--store", "/nonexistent/store")
    (folder / "s.yaml").write_text(f"version: 1\nname: s\nplatforms: [{world.own}]\nimages: ['{contents.CALICO[0]}']\n")
    world.refused(66, ["the folder .*nodir does not exist", "make the folder"], "collect", folder / "s.yaml",
                  "-o", folder / "nodir/s.sealift", *world.network, unchanged=[folder])
    call("skopeo", "copy", "-q", "--src-tls-verify=false", "--override-arch", world.architectures[0],
         f"docker://{world.registry}/docker.io/{contents.CALICO[0]}", f"oci-archive:{folder}/foreign.tar")
    world.refused(65, ["that sealift has not made", "from: oci-archive"], "inspect", folder / "foreign.tar")
    world.refused(78, ["192.0.2.1:5000", "an address of this host"], "serve", world.bundle, "--listen", "192.0.2.1:5000")
    for command in ("inspect", "verify", "collect", "check", "import"):
        world.refused((64, 66), ["is a folder"], command, folder)
