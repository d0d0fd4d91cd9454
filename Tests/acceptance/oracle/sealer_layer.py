#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From-first-principles model of sealer 0.8.x layer tar (TarWithoutRootDir), layer id and tar-split file.
usage: sealer_layer.py digest DIR [--as DIR2]    print layer id and tar size; DIR2 = path that symlink
                                                 link fields are made from (default DIR)
       sealer_layer.py tar DIR OUT               write the tar stream
       sealer_layer.py tarsplit DIR              print the tar-split JSON lines (uncompressed tar-data.json.gz)"""
import os, sys, stat, hashlib, pwd, grp, json, base64, posixpath
EMPTY = '5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef'
BLK = 512

def isascii(b): return all(0 < c < 0x80 for c in b)
def toascii(b):
    # Go drops every rune >= 0x80; an invalid UTF-8 byte is one rune too
    return bytes(c for c in b if 0 < c < 0x80)
def fits_oct(n, x): return x >= 0 and x < 1 << (3*(n-1))
def octal(n, x):
    if not fits_oct(n, x): x = 0
    return (b'%o' % x).rjust(n-1, b'0') + b'\0'
def string(n, s):
    out = bytearray(s[:n].ljust(n, b'\0'))
    if len(s) > n and out[n-1:n] == b'/': out[len(bytes(out).rstrip(b'/'))] = 0
    return bytes(out)
def split_ustar(name):
    l = len(name)
    if l <= 100 or not isascii(name): return None
    if l > 156: l = 156
    elif name.endswith(b'/'): l -= 1
    i = name.rfind(b'/', 0, l)
    if i <= 0 or len(name)-i-1 > 100 or len(name)-i-1 == 0 or i > 155: return None
    return name[:i], name[i+1:]
def header(name, mode, uid, gid, size, mtime, flag, link=b'', uname=b'', gname=b'', maj=0, mnr=0, prefix=b'', raw=False):
    h = bytearray(512)
    h[0:100] = string(100, name); h[100:108] = octal(8, mode); h[108:116] = octal(8, uid); h[116:124] = octal(8, gid)
    h[124:136] = octal(12, size); h[136:148] = octal(12, mtime); h[156:157] = flag; h[157:257] = string(100, link)
    h[257:263] = b'ustar\0'; h[263:265] = b'00'
    if not raw:
        h[265:297] = string(32, uname); h[297:329] = string(32, gname); h[329:337] = octal(8, maj); h[337:345] = octal(8, mnr)
    h[345:500] = string(155, prefix)
    h[148:156] = b' '*8
    h[148:156] = (b'%06o' % sum(h)) + b'\0 '
    return bytes(h)
def paxrec(k, v):
    n = len(k) + len(v) + 3; n += len(str(n))
    r = b'%d %s=%s\n' % (n, k, v)
    if len(r) != n: n = len(r); r = b'%d %s=%s\n' % (n, k, v)
    return r
def pad(n): return b'\0' * (-n % BLK)

def emit(name, mode, uid, gid, size, mtime, flag, link, uname, gname, maj=0, mnr=0):
    """header bytes the way Go's archive/tar Writer picks them with Format unspecified"""
    pax = {}
    ustar = True
    def S(v, n, key, canpath=False):
        nonlocal ustar
        if not isascii(v) and v or len(v) > n:
            if not (canpath and split_ustar(v)): ustar = False
            pax[key] = v
    def N(v, n, key):
        nonlocal ustar
        if not fits_oct(n, v): ustar = False; pax[key] = b'%d' % v
    S(name, 100, b'path', True); S(link, 100, b'linkpath'); S(uname, 32, b'uname'); S(gname, 32, b'gname')
    N(uid, 8, b'uid'); N(gid, 8, b'gid'); N(size, 12, b'size'); N(mtime, 12, b'mtime')
    if ustar:
        sp = split_ustar(name)
        pre, nm = sp if sp else (b'', name)
        return header(nm, mode, uid, gid, size, mtime, flag, link, uname, gname, maj, mnr, pre)
    body = b''.join(paxrec(k, pax[k]) for k in sorted(pax))
    d, f = posixpath.split(name)
    xn = toascii(posixpath.normpath(posixpath.join(d, b'PaxHeaders.0', f)))[:100].rstrip(b'/')
    return (header(xn, 0, 0, 0, len(body), 0, b'x', raw=True) + body + pad(len(body)) +
            header(toascii(name), mode, uid, gid, size, mtime, flag, toascii(link), toascii(uname), toascii(gname), maj, mnr))

def names(uid, gid, _c={}):
    def u(i):
        try: return pwd.getpwuid(i).pw_name.encode()
        except KeyError: return b''
    def g(i):
        try: return grp.getgrgid(i).gr_name.encode()
        except KeyError: return b''
    if (uid, gid) not in _c: _c[(uid, gid)] = (u(uid), g(gid))
    return _c[(uid, gid)]

def walk(root):
    """filepath.Walk: lstat, pre-order, children sorted by name bytes inside each directory"""
    for n in sorted(os.listdir(root)):
        p = os.path.join(root, n); st = os.lstat(p)
        yield p, st
        if stat.S_ISDIR(st.st_mode): yield from walk(p)

def entries(root, asroot=None):
    """yield (kind, name, header_bytes, path_or_None, size)"""
    root = os.fsencode(root).rstrip(b'/'); asroot = os.fsencode(asroot).rstrip(b'/') if asroot else root
    for p, st in walk(root):
        rel = p[len(root)+1:]; m = st.st_mode
        mode = m & 0o7777
        mtime = (st.st_mtime_ns + 500_000_000) // 10**9      # round half up
        un, gn = names(st.st_uid, st.st_gid); link = b''; size = 0; maj = mnr = 0; src = None
        if stat.S_ISREG(m): flag = b'0'; size = st.st_size; src = p
        elif stat.S_ISDIR(m): flag = b'5'
        elif stat.S_ISLNK(m): flag = b'2'; link = os.readlink(p)          # sealer writes a random path here; sealift the target
        elif stat.S_ISCHR(m) or stat.S_ISBLK(m):
            flag = b'3' if stat.S_ISCHR(m) else b'4'; maj, mnr = os.major(st.st_rdev), os.minor(st.st_rdev)
            if stat.S_ISCHR(m) and maj == 0 and mnr == 0:                  # overlay whiteout
                rel = posixpath.join(posixpath.dirname(rel), b'.wh.' + posixpath.basename(rel)); mode = 0o600; flag = b'0'
        elif stat.S_ISFIFO(m): flag = b'6'
        else: raise SystemExit('socket not supported: %r' % p)
        yield rel, emit(rel, mode, st.st_uid, st.st_gid, size, mtime, flag, link, un, gn, maj, mnr), src, size
        if stat.S_ISDIR(m):
            try: op = os.getxattr(p, 'trusted.overlay.opaque', follow_symlinks=False)
            except OSError: op = b''
            if op == b'y':
                w = rel + b'/.wh..wh..opq'
                yield w, emit(w, mode & 0o777, st.st_uid, st.st_gid, 0, 0, b'0', b'', un, gn), None, 0

def tar_chunks(root, asroot=None):
    for name, hdr, src, size in entries(root, asroot):
        yield hdr
        if src and size:
            n = 0
            with open(src, 'rb') as fh:
                while True:
                    c = fh.read(1 << 20)
                    if not c: break
                    n += len(c); yield c
            assert n == size
            yield pad(size)
    yield b'\0' * 1024                                        # two zero blocks, no 10 KiB record padding

def digest(root, asroot=None):
    h = hashlib.sha256(); n = 0
    for c in tar_chunks(root, asroot): h.update(c); n += len(c)
    d = h.hexdigest()
    return ('' if d == EMPTY else 'sha256:' + d), n           # an empty tree gives no layer at all

# ---- tar-split -------------------------------------------------------------------------------
def _crc_table():
    t = []
    for i in range(256):
        c = i
        for _ in range(8): c = (c >> 1) ^ 0xD800000000000000 if c & 1 else c >> 1   # ISO 3309 polynomial, reflected
        t.append(c)
    return t
CRC = _crc_table()
def crc64iso(path):
    c = 0xFFFFFFFFFFFFFFFF
    with open(path, 'rb') as fh:
        for b in iter(lambda: fh.read(1 << 20), b''):
            for x in b: c = CRC[(c ^ x) & 0xFF] ^ (c >> 8)
    return (c ^ 0xFFFFFFFFFFFFFFFF).to_bytes(8, 'big')
def gojson_str(b):
    """Go encoding/json of a valid UTF-8 string: HTML escaping on"""
    s = json.dumps(b.decode('utf-8'), ensure_ascii=False)
    for a, e in (('<', '\\u003c'), ('>', '\\u003e'), ('&', '\\u0026'), ('\u2028', '\\u2028'), ('\u2029', '\\u2029')): s = s.replace(a, e)
    return s
def tarsplit(root, asroot=None):
    """yield JSON lines"""
    pos = 0; pending = b''
    def seg(b):
        nonlocal pos
        r = '{"type":2,"payload":"%s","position":%d}\n' % (base64.b64encode(b).decode(), pos); pos += 1; return r
    for name, hdr, src, size in entries(root, asroot):
        yield seg(pending + hdr); pending = b''
        try: name.decode('utf-8'); nm = '"name":' + gojson_str(name)
        except UnicodeDecodeError: nm = '"name_raw":"%s"' % base64.b64encode(name).decode()
        # tar-split reads back the name from the tar: for a USTAR/PAX header that is the full name
        if size:
            yield '{"type":1,%s,"size":%d,"payload":"%s","position":%d}\n' % (nm, size, base64.b64encode(crc64iso(src)).decode(), pos)
            pending = pad(size)
        else:
            yield '{"type":1,%s,"payload":null,"position":%d}\n' % (nm, pos)
        pos += 1
    yield seg(pending + b'\0'*1024)
    yield seg(b'')

if __name__ == '__main__':
    cmd, d = sys.argv[1], sys.argv[2]
    asd = sys.argv[sys.argv.index('--as')+1] if '--as' in sys.argv else None
    if cmd == 'digest': print(*digest(d, asd))
    elif cmd == 'tar':
        with open(sys.argv[3], 'wb') as o:
            for c in tar_chunks(d, asd): o.write(c)
    elif cmd == 'tarsplit':
        for l in tarsplit(d, asd): sys.stdout.write(l)
