#!/bin/sh
# Makes identities.json anew: a test root, a server certificate for each kind of key, and a client's, with their private keys.
# Run by hand, from this folder, where the keys are to be replaced; then delete the stored signatures by deleting
# handshake-*.json, and run generate.js. Needs openssl 3 and python3. The keys are for tests and known to everybody.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
out=$PWD/identities.json
cd "$work"
mkdir new
: >index.txt
cat >ca.cnf <<'CNF'
[ca]
default_ca = test
[test]
database = index.txt
new_certs_dir = new
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
[root]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[intermediate]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:sealwire.test, DNS:localhost, IP:127.0.0.1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
CNF
# issue <name> <common name> <extensions> <issuer> <genpkey arguments…>
issue() {
  name=$1 subject=$2 extensions=$3 issuer=$4
  shift 4
  openssl genpkey -quiet "$@" -out "$name.key" 2>/dev/null || openssl genpkey "$@" -out "$name.key"
  openssl req -new -config ca.cnf -key "$name.key" -subj "/CN=$subject" -out "$name.csr"
  if [ "$issuer" = "$name" ]; then by="-selfsign -keyfile $name.key"; else by="-cert $issuer.pem -keyfile $issuer.key"; fi
  # shellcheck disable=SC2086
  openssl ca -batch -notext -config ca.cnf -extensions "$extensions" $by -in "$name.csr" -out "$name.pem" \
    -startdate 20200101000000Z -enddate 21191231235959Z 2>/dev/null
  openssl x509 -in "$name.pem" -outform DER -out "$name.der"
  openssl pkcs8 -topk8 -nocrypt -in "$name.key" -outform DER -out "$name.p8"
}
p256="-algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:named_curve"
p384="-algorithm EC -pkeyopt ec_paramgen_curve:P-384 -pkeyopt ec_param_enc:named_curve"
issue root 'Sealwire test root' root root $p256
issue intermediate 'Sealwire test intermediate' intermediate root $p256
issue p256 'Sealwire test server P-256' server intermediate $p256
issue p384 'Sealwire test server P-384' server root $p384
issue ed25519 'Sealwire test server Ed25519' server root -algorithm ED25519
issue rsa 'Sealwire test server RSA' server root -algorithm RSA -pkeyopt rsa_keygen_bits:2048
issue rsaPss 'Sealwire test server RSA-PSS' server root -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048
issue client 'Sealwire test client' client root -algorithm ED25519
python3 - >"$out" <<'PY'
import json, pathlib
read = lambda name: pathlib.Path(name).read_bytes().hex()
leaf = lambda name, *above: {
    'chain': [read(n + '.der') for n in (name, *above)],
    'privateKey': read(name + '.p8'),
}
print(json.dumps({
    'source': 'openssl',
    'howMade': 'sh identities.sh, once. Test keys: known to everybody, never to be trusted.',
    'serverName': 'sealwire.test',
    'root': {'certificate': read('root.der'), 'privateKey': read('root.p8')},
    'p256': leaf('p256', 'intermediate'),
    'p384': leaf('p384'),
    'ed25519': leaf('ed25519'),
    'rsa': leaf('rsa'),
    'rsaPss': leaf('rsaPss'),
    'client': leaf('client'),
}, indent=2))
PY
