// The content of messages.json, but for what must be refused (refused-vectors.ts): messages taken apart into fields
// beside their bytes. See vectors.ts.

import { type CallMessage, encodeCallMessages, encodeValue, type Value } from './call-messages.js';
import { encodeManifest, type Service } from './manifest.js';
import {
  announce,
  type ClientHello,
  type Extension,
  encodeCertificate,
  encodeCertificateVerify,
  encodeClientHello,
  encodeClose,
  encodeExtensions,
  encodePlainHello,
  encodeRefused,
  encodeServerHello,
  encodeTransportHello,
  type Refusal,
  type ServerHello,
} from './messages.js';
import { closeCodes, concat, text, u8, u16, u32 } from './notation.js';

export function messageVectors(): object {
  return {
    handshakeMessages: handshakeMessages(),
    manifests: manifests(),
    closes: Object.values(closeCodes).map((code) => ({ body: encodeClose(code), code })),
    closesReadAsNormal: [12, 255].map((code) => ({ body: encodeClose(code) })),
    callMessages: callMessages(),
    callMessagesInOtherForms: otherForms(),
  };
}

export const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

export const clientHello: ClientHello = {
  random: bytes(32, 0xc1),
  suites: [2, 1],
  groups: [0x001d],
  keyShares: [{ group: 0x001d, key: bytes(32, 0x21) }],
  signatureAlgorithms: [0x0403, 0x0503, 0x0804, 0x0807, 0x0809],
  serverName: 'sealwire.test',
  transport: 1,
  allowed: 0b1111,
  extensions: [],
};

export const serverHello: ServerHello = {
  random: bytes(32, 0x5e),
  suite: 2,
  group: 0x001d,
  keyShare: bytes(32, 0x22),
  iterations: 1000,
  extensions: [],
};

const services: Service[] = [
  { name: 'Arena', methods: ['login', 'move', 'scoreboard'].map((name, flags) => ({ name, flags })) },
  { name: 'Hud', methods: [{ name: 'damage', flags: 7 }] },
];

export const serverExtensions: Extension[] = announce({
  manifest: services,
  maxFrameBytes: 1_048_576,
  allowed: 0b1001,
});
export const askingExtensions: Extension[] = announce({
  manifest: services,
  maxFrameBytes: 65_536,
  allowed: 0b1111,
  clientCertificateRequest: { mode: 2, signatureAlgorithms: [0x0a0a, 0x0403, 0x0807] },
});
export const approvingExtensions: Extension[] = announce({
  manifest: [],
  maxFrameBytes: 65_536,
  allowed: 0b1111,
  verdictFollows: true,
});
const clientExtensions = announce({ manifest: [], maxFrameBytes: 65_536 });
export const unknownExtension: Extension = { type: 0xfafa, data: text('from a later version') };

function handshakeMessages(): object[] {
  const helloOfMany: ClientHello = {
    ...clientHello,
    suites: [0x0a0a, 1],
    groups: [0x11ec, 0x001d],
    keyShares: [
      { group: 0x11ec, key: bytes(1216, 0x31) },
      { group: 0x001d, key: bytes(32, 0x21) },
    ],
    signatureAlgorithms: [0x0a0a, 0x0807],
    serverName: 'müller.example',
    transport: 3,
    allowed: 0b1000,
    extensions: [unknownExtension],
  };
  const anonymous: ClientHello = { ...clientHello, signatureAlgorithms: [], serverName: '' };
  const certificates = [bytes(5, 1), bytes(300, 2)];
  const verify = { algorithm: 0x0807, signature: bytes(64, 3) };
  const plainHello = { transport: 2, extensions: clientExtensions };
  const onDemandHello = {
    transport: 1,
    extensions: announce({ manifest: [], maxFrameBytes: 65_536, onDemand: true }),
  };
  const transportHello = { transport: 2, binding: bytes(32, 5) };
  return [
    { name: 'ClientHello', fields: clientHello, body: encodeClientHello(clientHello) },
    { name: 'ClientHello', fields: helloOfMany, body: encodeClientHello(helloOfMany) },
    { name: 'ClientHello', fields: anonymous, body: encodeClientHello(anonymous) },
    { name: 'ServerHello', fields: serverHello, body: encodeServerHello(serverHello) },
    { name: 'serverExtensions', fields: serverExtensions, body: encodeExtensions(serverExtensions) },
    { name: 'clientExtensions', fields: clientExtensions, body: encodeExtensions(clientExtensions) },
    {
      name: 'clientExtensions',
      fields: [unknownExtension, ...clientExtensions],
      body: encodeExtensions([unknownExtension, ...clientExtensions]),
    },
    { name: 'serverExtensions', fields: askingExtensions, body: encodeExtensions(askingExtensions) },
    { name: 'Certificate', fields: certificates, body: encodeCertificate(certificates) },
    { name: 'clientCertificate', fields: certificates, body: encodeCertificate(certificates) },
    { name: 'clientCertificate', fields: [], body: encodeCertificate([]) },
    { name: 'CertificateVerify', fields: verify, body: encodeCertificateVerify(verify) },
    { name: 'Finished', fields: bytes(32, 4), body: bytes(32, 4) },
    { name: 'Accepted', fields: bytes(0, 0), body: bytes(0, 0) },
    ...connectionDataOfAllKinds().map((extensions) => ({
      name: 'clientExtensions',
      fields: extensions,
      body: encodeExtensions(extensions),
    })),
    { name: 'serverExtensions', fields: approvingExtensions, body: encodeExtensions(approvingExtensions) },
    ...refusals.map((refusal) => ({
      name: 'Refused',
      fields: { ...refusal, ...(refusal.data !== undefined && { data: jsonOf(refusal.data) }) },
      body: encodeRefused(refusal),
    })),
    { name: 'PlainHello', fields: plainHello, body: encodePlainHello(plainHello) },
    { name: 'PlainHello', fields: onDemandHello, body: encodePlainHello(onDemandHello) },
    { name: 'TransportHello', fields: transportHello, body: encodeTransportHello(transportHello) },
    { name: 'HelloRequest', fields: bytes(0, 0), body: bytes(0, 0) },
  ];
}

/** The largest that there may be among them: an array of one, its header of three bytes, and what is left. */
function connectionDataOfAllKinds(): Extension[][] {
  const kinds: Value[] = ['7H2KQX0M', null, new Map([['user', 'ada']]), bytes(16_380, 7), nested(31)];
  return kinds.map((connectionData) => announce({ manifest: [], maxFrameBytes: 65_536, connectionData }));
}

const refusals: Refusal[] = [
  { code: '', message: '' },
  { code: 'SERVER_FULL', message: 'all 64 seats are taken', data: new Map([['queue', 12]]) },
  { code: 'X'.repeat(64), message: '€'.repeat(341), data: bytes(8188, 9) },
  { code: 'E404', message: '\u202enot here\n', data: null },
];

function manifests(): object[] {
  const awkward: Service[] = [
    // Upper case first, then "_", then lower case; the surrogate pair U+1D400 comes before U+FF21 in UTF-16 code
    // units, though not in code points.
    { name: 'Zoo', methods: ['B', '_', 'a', '\u{1d400}', '\uff21'].map((name) => ({ name, flags: 0 })) },
    { name: 'game.lobby-2', methods: [{ name: '$', flags: 1 }] },
    { name: 'n'.repeat(128), methods: [{ name: 'm'.repeat(128), flags: 4 }] },
    { name: 'Streams', methods: [8, 11].map((flags) => ({ name: `watch${flags}`, flags })).reverse() },
  ];
  return [[], services, awkward].map((manifest) => ({
    services: manifest,
    data: encodeManifest(manifest),
    ids: Object.fromEntries(
      manifest
        .flatMap(({ name, methods }) => methods.map((method) => `${name}.${method.name}`))
        .map((name, id) => [name, id]),
    ),
  }));
}

function callMessages(): object[] {
  const values: Value[] = [
    ...[
      null,
      true,
      false,
      0,
      1,
      -1,
      127,
      128,
      255,
      256,
      65_535,
      65_536,
      -32,
      -33,
      -128,
      -129,
      -32_768,
      -32_769,
    ],
    ...[
      2 ** 31 - 1,
      -(2 ** 31),
      -(2 ** 31) - 1,
      2 ** 32 - 1,
      2 ** 32,
      2 ** 53 - 1,
      -(2 ** 53) + 1,
      0.5,
      -1.25e300,
    ],
    2n ** 63n - 1n,
    -(2n ** 63n),
    2n ** 64n - 1n,
    ...['', 'é🎮', 'x'.repeat(31), 'x'.repeat(32), 'x'.repeat(256)],
    ...[bytes(0, 0), bytes(3, 7), bytes(256, 8)],
    [],
    [1, [2, [3]]],
    Array.from({ length: 16 }, (_, index) => index),
    new Map<string, Value>([]),
    new Map<string, Value>([
      ['b', 1],
      ['a', new Map<string, Value>([['', null]])],
    ]),
  ];
  const traced = new Map<string, Value>([
    ['trace-id', '7'],
    ['a.b_c-1', bytes(2, 9)],
  ]);
  // 32 entries and 8192 bytes, the keys among them.
  const fullest = new Map<string, Value>(
    Array.from({ length: 32 }, (_, index) => [`k${index}`.padEnd(64, '.'), bytes(192, index)]),
  );
  const bodies: CallMessage[][] = [
    [{ kind: 'call', id: 1, method: 0, args: [] }],
    [{ kind: 'call', id: 2, method: 300, args: ['ada', '1234'], timeoutMs: 5000 }],
    [{ kind: 'call', id: 3, method: 1, args: [], timeoutMs: 0 }],
    [{ kind: 'call', id: 2 ** 53 - 1, method: 4095, args: values }],
    [{ kind: 'notify', method: 1, args: [1.5, -2.5] }],
    [{ kind: 'result', id: 1 }],
    [{ kind: 'result', id: 1, value: null }],
    [{ kind: 'result', id: 2 ** 32, value: values }],
    [{ kind: 'error', id: 1, code: 'UNIMPLEMENTED', message: '' }],
    [{ kind: 'error', id: 1, code: 'TOO_HOT', message: 'über 40', data: new Map([['degrees', 41]]) }],
    [{ kind: 'cancel', id: 1 }],
    [
      { kind: 'call', id: 1, method: 0, args: [] },
      { kind: 'notify', method: 1, args: [1, 2] },
      { kind: 'cancel', id: 1 },
    ],
    [{ kind: 'notify', method: 0, args: [nested(30)] }],
    [{ kind: 'call', id: 1, method: 0, args: [], timeoutMs: 0, metadata: traced }],
    [{ kind: 'call', id: 1, method: 0, args: [7, null], timeoutMs: 9, streamArgument: 1 }],
    [
      {
        kind: 'call',
        id: 1,
        method: 0,
        args: [null],
        timeoutMs: 0,
        metadata: traced,
        streamArgument: 0,
        channel: 'files',
      },
    ],
    [{ kind: 'call', id: 1, method: 0, args: [], timeoutMs: 0, channel: 'é'.repeat(32) }],
    [{ kind: 'call', id: 1, method: 0, args: [], timeoutMs: 0, metadata: fullest }],
    [{ kind: 'notify', method: 0, args: [], metadata: traced }],
    [
      { kind: 'item', id: 1, value: ['a'] },
      { kind: 'item', id: 1, value: null },
      { kind: 'item', id: 1 },
      { kind: 'end', id: 1 },
    ],
    [{ kind: 'credit', id: 1, bytes: 65_536 }],
    [
      { kind: 'argumentItem', id: 2, value: bytes(3, 7) },
      { kind: 'argumentItem', id: 2 },
      { kind: 'argumentEnd', id: 2 },
    ],
    [{ kind: 'argumentEnd', id: 2, code: 'TOO_HOT', message: 'über 40' }],
    [{ kind: 'argumentEnd', id: 2, code: 'TOO_HOT', message: '', data: null }],
    [{ kind: 'argumentCredit', id: 2, bytes: 1 }],
    [{ kind: 'argumentStop', id: 2 }],
    [{ kind: 'ping', id: 1 }],
    [{ kind: 'pong', id: 1 }],
  ];
  return bodies.map((messages) => ({
    messages: messages.map((message) => jsonOf(message)),
    body: encodeCallMessages(messages),
  }));
}

/** Longer forms of MessagePack, which a sender may choose. */
function otherForms(): object[] {
  const notify = (arg: Uint8Array) => concat(u8(0x93), u8(1), u8(0), u8(0x91), arg);
  const forms: [Value, Uint8Array][] = [
    [1, concat(u8(0xcc), u8(1))],
    [1, concat(u8(0xd3), bytes(7, 0), u8(1))],
    ['x', concat(u8(0xdb), u32(1), text('x'))],
    [bytes(1, 9), concat(u8(0xc6), u32(1), u8(9))],
    [[1], concat(u8(0xdd), u32(1), u8(1))],
    [new Map([['k', 1]]), concat(u8(0xde), u16(1), encodeValue('k'), u8(1))],
    [new Map([['k', 1]]), concat(u8(0xdf), u32(1), encodeValue('k'), u8(1))],
  ];
  return forms.map(([value, form]) => ({
    messages: [jsonOf({ kind: 'notify', method: 0, args: [value] })],
    body: notify(form),
  }));
}

/** [[[… []]]], `levels` arrays in one another. */
export function nested(levels: number): Value {
  let value: Value = [];
  for (let level = 1; level < levels; level++) value = [value];
  return value;
}

/** MessagePack values in JSON: what JSON lacks is `{ "$bytes": hex }` and `{ "$integer": "decimal digits" }`. */
export function jsonOf(value: unknown): unknown {
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('hex') };
  if (typeof value === 'bigint') return { $integer: value.toString() };
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, jsonOf(item)]));
  if (Array.isArray(value)) return value.map(jsonOf);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, jsonOf(item)]));
  }
  return value;
}
