#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sealer 0.8.x image id from first principles (simple scalars only; odd scalars: see yaml_and_kubefile_cases.json).
usage: image_id.py STORE            check every imagedb yaml below STORE (default /var/lib/sealer)
       image_id.py --cases FILE     check the three worked cases of yaml_and_kubefile_cases.json"""
import sys, re, json, hashlib, glob, os
SIMPLE = re.compile(r"^[A-Za-z0-9/.$_][^'\"#{}\[\],&*!|>%@`\n\t\\]*$")
YAML11 = {'y','Y','yes','Yes','YES','on','On','ON','n','N','no','No','NO','off','Off','OFF','true','True','TRUE','false','False','FALSE','null','Null','NULL','~'}
def scalar(s, col, indent):
    """libyaml plain scalar with best_width 80: a single space becomes a line break when column > 80"""
    if s == '': return '""'
    if s in YAML11 or re.fullmatch(r'[-+]?[0-9][0-9_.]*', s): return '"%s"' % s          # resolves to a non string
    t = s.replace('&&', '++')
    assert (SIMPLE.match(t) or s in ('. .',) or t.startswith('. ')) and ': ' not in s and ' #' not in s and not s.endswith((' ', ':')), s
    out, c, i, spaces = '', col, 0, False
    for i, ch in enumerate(s):
        if ch == ' ':
            if not spaces and c > 80 and 0 < i < len(s)-1 and s[i+1] != ' ': out += '\n' + ' '*indent; c = indent
            else: out += ch; c += 1
            spaces = True
        else: out += ch; c += 1; spaces = False
    return out
def clusterfile(name):
    # sigs yaml of v2.Cluster: keys sorted, creationTimestamp null always, empty hosts omitted, status always
    return ('apiVersion: sealer.cloud/v2\nkind: Cluster\nmetadata:\n  creationTimestamp: null\n  name: my-cluster\nspec:\n'
            '  image: %s\n  ssh:\n    port: "22"\n    user: root\nstatus: {}\n' % name)
def natkey(k):   # yaml.v2 orders keys naturally: digits by value, other characters by code point with letters after non letters
    return [(0, int(p), '') if p.isdigit() else (1, 0, p) for p in re.findall(r'\d+|\D', k)]
def seq(key, items, ind):
    return ' '*ind + key + ':\n' + ''.join(' '*ind + '- ' + scalar(x, ind+2, ind+2) + '\n' for x in items)
def mp(key, d, ind):
    return ' '*ind + key + ':\n' + ''.join(' '*(ind+2) + k + ': ' + scalar(d[k], ind+2+len(k)+2, ind+4) + '\n' for k in sorted(d, key=natkey))
def image_yaml(im, image_id=None):
    sp = im['spec']; name = im['metadata']['name']; cfg = sp.get('image_config') or {}
    y = 'kind: Image\nmetadata:\n  annotations:\n    sea.aliyun.com/ClusterFile: |\n'
    y += ''.join('      ' + l + '\n' for l in clusterfile(name).splitlines())
    y += '  creationTimestamp: null\n  name: %s\nspec:\n' % name
    if image_id: y += '  id: %s\n' % image_id
    y += '  image_config:\n'
    args, cmd = cfg.get('args') or {}, cfg.get('cmd') or {}
    if args: y += '    args:\n' + ''.join(mp(k, args[k], 6) for k in ('current', 'parent') if args.get(k))
    else: y += '    args: {}\n'
    if cmd: y += '    cmd:\n' + ''.join(seq(k, cmd[k], 6) for k in ('current', 'parent') if cmd.get(k))
    else: y += '    cmd: {}\n'
    if cfg.get('image_type'): y += '    image_type: %s\n' % cfg['image_type']
    if cfg.get('labels'): y += mp('labels', cfg['labels'], 4)
    if sp.get('layers'):
        y += '  layers:\n'
        for l in sp['layers']:
            f = ([('id', l['id'])] if l.get('id') else []) + [('type', l['type']), ('value', l['value'])]
            y += ''.join(('  - ' if i == 0 else '    ') + k + ': ' + scalar(v, 4+len(k)+2, 6) + '\n' for i, (k, v) in enumerate(f))
    p = sp['platform']
    y += '  platform:\n' + ''.join('    %s: %s\n' % (k, p[k]) for k in ('architecture', 'os', 'os_version', 'variant') if p.get(k))
    y += '  sealer_version: %s\nstatus: {}\n' % sp['sealer_version']
    return y
def image_id(im): return hashlib.sha256(image_yaml(im).encode()).hexdigest()

if __name__ == '__main__':
    if sys.argv[1:2] == ['--cases']:
        for c in json.load(open(sys.argv[2]))['images']:
            assert image_yaml(c['input']) == c['yaml'], image_yaml(c['input']); assert image_id(c['input']) == c['id']; print('OK', c['id'])
    else:
        import yaml
        root = sys.argv[1] if len(sys.argv) > 1 else '/var/lib/sealer'
        for f in sorted(glob.glob(root + '/metadata/imagedb/*.yaml')):
            raw = open(f).read(); im = yaml.safe_load(raw); want = os.path.basename(f)[:-5]
            got = image_id(im); full = image_yaml(im, got) == raw
            print('OK ' if got == want and full else 'BAD', want, 'file bytes equal' if full else 'file bytes differ')
