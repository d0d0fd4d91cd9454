# SPDX-License-Identifier: Apache-2.0
"""Mistakes that people make, each answered with what failed, on what, why, and what to do next."""

import socket

import contents
import pytest
from harness import call, case, equal


@case
def a_name_that_does_not_exist_is_not_asked_for_again(world):
    """Of a host that the resolver does not know the error comes without a retry, with what to check; a server that is away is tried again."""
    folder = world.folder("no-such-host")
    # .invalid is reserved (RFC 6761). A resolver that does not answer at all would be asked again, and rightly so.
    if socket_error("nosuch.invalid") != socket.EAI_NONAME:
        pytest.skip("the resolver of this host does not say that a name is unknown")
    for host, retried in (("nosuch.invalid", False), ("127.0.0.1:9", True)):
        (folder / "x.yaml").write_text(f"version: 1\nname: x\nplatforms: [{world.own}]\nimages: ['{host}/a:1']\n")
        refused = world.refused((69, 78), [host, "→"], "check", folder / "x.yaml", "--insecure", host)
        equal("continues in" in refused.err, retried, f"whether {host} is asked again: {refused.err}")


def socket_error(name):
    """The error of the resolver for a name; None where it has an address."""
    try:
        socket.getaddrinfo(name, 443)
    except socket.gaierror as error:
        return error.errno
    return None


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
    for address, reason in (("192.0.2.1:5000", "Cannot assign"), ("nosuch.invalid:5000", "no address")):
        world.refused(78, [address, reason, "an address of this host"], "serve", world.bundle, "--listen", address)
    for command in ("inspect", "verify", "collect", "check", "import"):
        world.refused((64, 66), ["is a folder"], command, folder)
