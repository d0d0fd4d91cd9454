#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Push small synthetic images into a local plain-HTTP registry (no network).
usage: mkimages.py http://127.0.0.1:5000 KIND MiB name:tag ...      KIND = v2 | list | oci | ociindex | ocinomt"""
import sys, io, json, gzip, hashlib, tarfile, random, urllib.request, urllib.error
base, kind, mib, names = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4:]
def req(m, url, data=None, hdr={}):
    r = urllib.request.Request(url, data=data, method=m, headers=hdr)
    return urllib.request.urlopen(r)
def put_blob(repo, data):
    d = 'sha256:' + hashlib.sha256(data).hexdigest()
    try: req('HEAD', f'{base}/v2/{repo}/blobs/{d}'); return d
    except urllib.error.HTTPError: pass
    u = req('POST', f'{base}/v2/{repo}/blobs/uploads/', b'').headers['Location']
    if u.startswith('/'): u = base + u
    u += ('&' if '?' in u else '?') + 'digest=' + d
    req('PUT', u, data, {'Content-Type': 'application/octet-stream'})
    return d
def put_man(repo, ref, mt, obj):
    data = json.dumps(obj, indent=3).encode()
    req('PUT', f'{base}/v2/{repo}/manifests/{ref}', data, {'Content-Type': mt})
    return 'sha256:' + hashlib.sha256(data).hexdigest(), len(data)
V2 = ('application/vnd.docker.distribution.manifest.v2+json', 'application/vnd.docker.container.image.v1+json', 'application/vnd.docker.image.rootfs.diff.tar.gzip')
OCI = ('application/vnd.oci.image.manifest.v1+json', 'application/vnd.oci.image.config.v1+json', 'application/vnd.oci.image.layer.v1.tar+gzip')
def image(repo, tag_or_none, arch, variant, mts, seed, with_mt=True):
    rnd = random.Random(seed)
    layers, diffs = [], []
    for i, data in enumerate([b'base layer shared by all\n', rnd.randbytes(int(mib*1048576)) or b'x']):
        b = io.BytesIO(); t = tarfile.open(fileobj=b, mode='w', format=tarfile.USTAR_FORMAT)
        ti = tarfile.TarInfo(f'file{i}'); ti.size = len(data); ti.mtime = 1600000000; t.addfile(ti, io.BytesIO(data)); t.close()
        raw = b.getvalue(); gz = gzip.compress(raw, 1, mtime=0)
        layers.append((put_blob(repo, gz), len(gz))); diffs.append('sha256:' + hashlib.sha256(raw).hexdigest())
    cfg = {'architecture': arch, 'os': 'linux', 'config': {'Labels': {'name': seed}}, 'rootfs': {'type': 'layers', 'diff_ids': diffs}, 'history': [{'created': '2020-09-13T12:26:40Z', 'created_by': f'l{i}'} for i in range(2)]}
    if variant: cfg['variant'] = variant
    c = json.dumps(cfg).encode(); cd = put_blob(repo, c)
    m = {'schemaVersion': 2}
    if with_mt: m['mediaType'] = mts[0]
    m['config'] = {'mediaType': mts[1], 'size': len(c), 'digest': cd}
    m['layers'] = [{'mediaType': mts[2], 'size': s, 'digest': d} for d, s in layers]
    data = json.dumps(m, indent=3).encode(); dg = 'sha256:' + hashlib.sha256(data).hexdigest()
    req('PUT', f'{base}/v2/{repo}/manifests/{tag_or_none or dg}', data, {'Content-Type': mts[0]})
    return dg, len(data)
for n in names:
    repo, tag = n.rsplit(':', 1)
    if kind == 'v2': d, s = image(repo, tag, 'amd64', None, V2, n)
    elif kind == 'oci': d, s = image(repo, tag, 'amd64', None, OCI, n)
    elif kind == 'ocinomt': d, s = image(repo, tag, 'amd64', None, OCI, n, with_mt=False)
    else:
        mts = V2 if kind == 'list' else OCI
        ms = []
        for arch, var in (('amd64', None), ('arm64', 'v8')):
            d, s = image(repo, None, arch, var, mts, n + arch)
            p = {'architecture': arch, 'os': 'linux'}
            if var: p['variant'] = var
            ms.append({'mediaType': mts[0], 'size': s, 'digest': d, 'platform': p})
        mt = 'application/vnd.docker.distribution.manifest.list.v2+json' if kind == 'list' else 'application/vnd.oci.image.index.v1+json'
        d, s = put_man(repo, tag, mt, {'schemaVersion': 2, 'mediaType': mt, 'manifests': ms})
    print(n, kind, d)
