// The part of messages.json that must be refused, each for a sentence that stands in docs/protocol.md.
// Nothing is here that two readers of that page could see differently. See vectors.ts.

import { encodeValue, type Value } from './call-messages.js';
import { encodeManifest, type Service } from './manifest.js';
import {
  approvingExtensions,
  askingExtensions,
  bytes,
  clientHello,
  nested,
  serverExtensions,
  serverHello,
  unknownExtension,
} from './message-vectors.js';
import {
  type ClientHello,
  encodeCertificate,
  encodeClientHello,
  encodeExtensions,
  encodeMessage,
  encodePlainHello,
  encodeRefused,
  encodeServerHello,
  encodeTransportHello,
  messageTypes,
} from './messages.js';
import { concat, text, u8, u16, u32, vec8, vec16 } from './notation.js';

export function refusedVectors(): object[] {
  return [...refusedHandshake(), ...refusedManifests(), ...refusedCallMessages()];
}

function refusedHandshake(): object[] {
  const hello = encodeClientHello(clientHello);
  const client = (why: string, fields: Partial<ClientHello>) =>
    refuse('ClientHello', encodeClientHello({ ...clientHello, ...fields }), why);
  const codes = Array.from({ length: 17 }, (_, index) => index + 1);
  const share = clientHello.keyShares[0]!;
  const extensions = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ type: 0x4000 + index, data: bytes(0, 0) }));
  const server = encodeServerHello(serverHello);
  const [manifest, maxFrameBytes, allowed] = serverExtensions;
  const request = askingExtensions.at(-1);
  const asking = (why: string, data: Uint8Array) =>
    refuse(
      'serverExtensions',
      encodeExtensions([...serverExtensions, { type: 4, data }]),
      `a request of ${why}`,
    );
  const tooSmall = { type: 2, data: u32(65_535) };
  const cut = encodeMessage({ type: messageTypes.finished, body: bytes(32, 0) }).slice(0, -1);
  return [
    refuse('ClientHello', concat(u16(2), hello.slice(2)), 'version 2'),
    refuse('ClientHello', concat(hello, u8(0)), 'a byte left over'),
    refuse('ClientHello', hello.slice(0, -1), 'cut short'),
    client('no suite', { suites: [] }),
    client('17 suites', { suites: codes }),
    client('no group', { groups: [], keyShares: [] }),
    client('17 groups', { groups: [0x001d, ...codes.slice(0, 16)] }),
    client('no key share', { keyShares: [] }),
    client('two shares of one group', { keyShares: [share, share] }),
    client('a share of a group that is not offered', { groups: [0x0017] }),
    client('5 key shares', {
      groups: [1, 2, 3, 4, 5],
      keyShares: [1, 2, 3, 4, 5].map((group) => ({ group, key: bytes(1, 1) })),
    }),
    client('17 signature algorithms', { signatureAlgorithms: codes }),
    client('a share of X25519 of 31 bytes', { keyShares: [{ group: 0x001d, key: bytes(31, 1) }] }),
    client('transport 0', { transport: 0 }),
    client('transport 4', { transport: 4 }),
    client('a mask without bit 3', { allowed: 0b0111 }),
    client('an extension twice', { extensions: [unknownExtension, unknownExtension] }),
    client('17 extensions', { extensions: extensions(17) }),
    refuse('ServerHello', concat(server, u8(0)), 'a byte left over'),
    refuse('ServerHello', encodeServerHello({ ...serverHello, iterations: 0 }), 'no iterations'),
    refuse(
      'ServerHello',
      encodeServerHello({ ...serverHello, keyShare: bytes(33, 1) }),
      'a share of 33 bytes',
    ),
    refuse('Certificate', encodeCertificate([]), 'no certificate'),
    refuse('Certificate', encodeCertificate(Array.from({ length: 5 }, () => bytes(9, 1))), '5 certificates'),
    refuse('Certificate', encodeCertificate([bytes(16_385, 1)]), 'more than 16,384 bytes'),
    refuse('Certificate', encodeCertificate([bytes(9, 1), bytes(0, 0)]), 'an empty certificate'),
    refuse('clientCertificate', encodeCertificate(Array.from({ length: 5 }, () => bytes(9, 1))), '5 of them'),
    refuse('clientCertificate', encodeCertificate([bytes(0, 0)]), 'an empty certificate'),
    refuse('clientCertificate', encodeCertificate([bytes(16_385, 1)]), 'more than 16,384 bytes'),
    refuse('clientCertificate', concat(encodeCertificate([]), u8(0)), 'a byte left over'),
    refuse('Finished', bytes(31, 0), '31 bytes'),
    refuse('Accepted', bytes(1, 0), 'a byte'),
    ...refusedRefusals(),
    ...refusedConnectionData(),
    asking('no mode', bytes(0, 0)),
    asking('mode 0', concat(u8(0), vec8(u16(0x0807)))),
    asking('mode 3', concat(u8(3), vec8(u16(0x0807)))),
    asking('no signature algorithm', concat(u8(1), vec8())),
    asking('17 signature algorithms', concat(u8(2), vec8(...codes.map(u16)))),
    asking('half a signature algorithm', concat(u8(2), vec8(bytes(3, 8)))),
    asking('a byte left over', concat(u8(2), vec8(u16(0x0807)), u8(0))),
    refuse('serverExtensions', encodeExtensions([...askingExtensions, request!]), 'a request twice'),
    refuse(
      'clientExtensions',
      encodeExtensions([manifest!, maxFrameBytes!, request!]),
      'a request of a client',
    ),
    refuse(
      'PlainHello',
      encodePlainHello({ transport: 1, extensions: [manifest!, maxFrameBytes!, request!] }),
      'a request without keys',
    ),
    client('a request in a hello', { extensions: [request!] }),
    refuse('serverExtensions', encodeExtensions([manifest!, allowed!]), 'max_frame_bytes is missing'),
    refuse('serverExtensions', encodeExtensions([maxFrameBytes!, allowed!]), 'manifest is missing'),
    refuse('serverExtensions', encodeExtensions([manifest!, maxFrameBytes!]), 'allowed is missing'),
    refuse(
      'serverExtensions',
      encodeExtensions([manifest!, tooSmall, allowed!]),
      'max_frame_bytes too small',
    ),
    refuse('serverExtensions', encodeExtensions([...serverExtensions, ...extensions(14)]), '17 extensions'),
    refuse(
      'clientExtensions',
      encodeExtensions([manifest!, manifest!, maxFrameBytes!]),
      'an extension twice',
    ),
    refuse('PlainHello', encodePlainHello({ transport: 1, extensions: [] }), 'manifest is missing'),
    refuse('handshakeFrameBody', bytes(0, 0), 'no message'),
    refuse('handshakeFrameBody', cut, 'a message cut short'),
    refuse('handshakeFrameBody', encodeMessage({ type: 3, body: bytes(0, 0) }), 'message type 3'),
    refuse('close', bytes(0, 0), 'no code'),
    refuse('close', bytes(2, 0), 'a byte left over'),
  ];
}

function refusedRefusals(): object[] {
  const refused = (why: string, code: Uint8Array, message: Uint8Array, data: Uint8Array) =>
    refuse('Refused', concat(vec8(code), vec16(message), vec16(data)), why);
  const none = bytes(0, 0);
  const good = encodeRefused({ code: 'FULL', message: 'no seat', data: 1 });
  return [
    refuse('Refused', none, 'no bytes'),
    refuse('Refused', good.slice(0, -1), 'cut short'),
    refuse('Refused', concat(good, u8(0)), 'a byte left over'),
    refused('a code in small letters', text('full'), none, none),
    refused('a code of 65 characters', bytes(65, 0x41), none, none),
    refused('a message of 1025 bytes', none, bytes(1025, 0x61), none),
    refused('a message that is no UTF-8', none, u8(0xff), none),
    refused('data of 8193 bytes', none, none, encodeValue([bytes(8189, 1)])),
    refused('data that are no array', none, none, encodeValue('full')),
    refused('data of two entries', none, none, encodeValue([1, 2])),
    refused('data of two arrays', none, none, concat(encodeValue([1]), encodeValue([2]))),
    refused('data of an extension type', none, none, concat(u8(0x91), u8(0xd4), u8(1), u8(1))),
  ];
}

function refusedConnectionData(): object[] {
  const [manifest, maxFrameBytes, allowed, verdict] = approvingExtensions;
  const said = (why: string, data: Uint8Array) =>
    refuse(
      'clientExtensions',
      encodeExtensions([manifest!, maxFrameBytes!, { type: 5, data }]),
      `connection data ${why}`,
    );
  const data = { type: 5, data: encodeValue([1]) };
  return [
    said('of no bytes', bytes(0, 0)),
    said('of 16,385 bytes', encodeValue([bytes(16_381, 7)])),
    said('that are no array', encodeValue(1)),
    said('of no entry', encodeValue([])),
    said('of two entries', encodeValue([1, 2])),
    said('of two arrays', concat(encodeValue([1]), encodeValue([1]))),
    said('that are cut short', encodeValue(['ada']).slice(0, -1)),
    said('of an extension type', concat(u8(0x91), u8(0xd4), u8(1), u8(1))),
    said('with a key that reaches into the prototype', encodeValue([new Map([['__proto__', 1]])])),
    said('33 levels deep', encodeValue([nested(32)])),
    refuse(
      'clientExtensions',
      encodeExtensions([manifest!, maxFrameBytes!, data, data]),
      'connection data twice',
    ),
    refuse(
      'serverExtensions',
      encodeExtensions([...approvingExtensions, data]),
      'connection data of a server',
    ),
    refuse(
      'PlainHello',
      encodePlainHello({ transport: 1, extensions: [manifest!, maxFrameBytes!, data] }),
      'connection data without keys',
    ),
    refuse(
      'ClientHello',
      encodeClientHello({ ...clientHello, extensions: [data] }),
      'connection data in a hello',
    ),
    refuse(
      'serverExtensions',
      encodeExtensions([manifest!, maxFrameBytes!, allowed!, { type: 6, data: u8(1) }]),
      'a byte in verdict_follows',
    ),
    refuse(
      'clientExtensions',
      encodeExtensions([manifest!, maxFrameBytes!, verdict!]),
      'the verdict of a client',
    ),
    ...refusedOnDemand(),
  ];
}

function refusedOnDemand(): object[] {
  const [manifest, maxFrameBytes] = approvingExtensions;
  const binding = encodeTransportHello({ transport: 1, binding: bytes(32, 5) });
  const onDemand = { type: 8, data: bytes(0, 0) };
  const full = { type: 8, data: u8(1) };
  const plain = [manifest!, maxFrameBytes!];
  const hello = (extensions: typeof plain) => encodePlainHello({ transport: 1, extensions });
  return [
    refuse('serverExtensions', encodeExtensions([...approvingExtensions, onDemand]), 'on_demand under keys'),
    refuse('clientExtensions', encodeExtensions([...plain, onDemand]), 'on_demand of a client under keys'),
    refuse(
      'ClientHello',
      encodeClientHello({ ...clientHello, extensions: [onDemand] }),
      'on_demand in a hello',
    ),
    refuse('PlainHello', hello([...plain, full]), 'a byte in on_demand'),
    refuse('PlainHello', hello([...plain, onDemand, onDemand]), 'on_demand twice'),
    refuse('HelloRequest', u8(0), 'a byte'),
    refuse('TransportHello', bytes(0, 0), 'no bytes'),
    refuse('TransportHello', binding.slice(0, -1), 'a binding of 31 bytes'),
    refuse('TransportHello', concat(binding, u8(0)), 'a binding of 33 bytes'),
    refuse('TransportHello', concat(u16(2), binding.slice(2)), 'version 2'),
  ];
}

function refusedManifests(): object[] {
  const manifest = (why: string, list: Service[]) => refuse('manifest', encodeManifest(list), why);
  const one = (name: string, flags = 0): Service => ({ name: 'S', methods: [{ name, flags }] });
  const long = vec8(bytes(129, 0x61));
  return [
    manifest('an unknown flag', [one('m', 16)]),
    manifest('a one-way stream', [one('m', 12)]),
    manifest('an empty name', [one('')]),
    ...['1a', 'a b', 'a.b', 'a-b', '__proto__', 'constructor', 'prototype', 'then'].map((name) =>
      manifest(`a method called ${name}`, [one(name)]),
    ),
    ...['1a', 'a..b', 'a.', '-a', 'a b'].map((name) =>
      manifest(`a service called ${name}`, [{ ...one('m'), name }]),
    ),
    manifest('a service without methods', [{ name: 'S', methods: [] }]),
    manifest('two services of one name', [one('m'), one('m')]),
    manifest('methods not sorted', [{ name: 'S', methods: ['b', 'a'].map((name) => ({ name, flags: 0 })) }]),
    manifest('a method twice', [{ name: 'S', methods: ['a', 'a'].map((name) => ({ name, flags: 0 })) }]),
    refuse('manifest', concat(u8(1), long, u16(0)), 'a name of 129 bytes'),
    refuse('manifest', concat(u8(1), vec8(u8(0xff)), u16(0)), 'a name that is no UTF-8'),
    refuse('manifest', concat(u8(0), u8(0)), 'a byte left over'),
    refuse('manifest', concat(u8(2), encodeManifest([one('m')]).slice(1)), 'a service is missing'),
    refuse('manifest', concat(u8(1), vec8(text('S')), u16(4097)), 'more than 4096 methods'),
  ];
}

function refusedCallMessages(): object[] {
  const raw = (why: string, ...parts: Uint8Array[]) => refuse('callMessages', concat(...parts), why);
  const value = (why: string, shape: Value) => raw(why, encodeValue(shape));
  const withArgument = (why: string, ...parts: Uint8Array[]) =>
    raw(why, u8(0x93), u8(1), u8(0), u8(0x91), ...parts);
  const keyed = (...keys: string[]) =>
    concat(u8(0x80 + keys.length), ...keys.flatMap((key) => [encodeValue(key), u8(1)]));
  return [
    raw('an empty body'),
    value('no array', 1),
    value('an empty array', []),
    value('an unknown kind', [14, 1]),
    value('a kind that is no number', ['0', 1, 0, []]),
    value('call without args', [0, 1, 0]),
    value('call with too much', [0, 1, 0, [], 0, null, null, null, null]),
    value('a time limit of nil', [0, 1, 0, [], null]),
    ...badMetadata().map(([why, metadata]) => value(`metadata ${why}`, [0, 1, 0, [], 0, metadata])),
    value('metadata that are no map in a notify', [1, 0, [], 0]),
    value('notify with too much', [1, 0, [], null, null]),
    value('a streamed argument in whose place is a value', [0, 1, 0, [1], 0, null, 0]),
    value('a streamed argument behind the last', [0, 1, 0, [null], 0, null, 1]),
    value('a streamed argument at no number', [0, 1, 0, [null], 0, null, '0']),
    value('an empty channel', [0, 1, 0, [], 0, null, null, '']),
    value('a channel of 65 bytes', [0, 1, 0, [], 0, null, null, 'é'.repeat(32).concat('x')]),
    value('a channel that is no string', [0, 1, 0, [], 0, null, null, 1]),
    value('item with too much', [5, 1, 2, 3]),
    value('an item without id', [5]),
    value('an item of call 0', [5, 0, 1]),
    value('end with too much', [6, 1, null]),
    value('credit without bytes', [7, 1]),
    value('credit of nothing', [7, 1, 0]),
    value('credit of less than nothing', [7, 1, -1]),
    value('credit with too much', [7, 1, 1, 1]),
    value('argument item with too much', [8, 1, 2, 3]),
    value('argument end with half an error', [9, 1, 'INTERNAL']),
    value('argument end with a code in lower case', [9, 1, 'internal', 'no']),
    value('argument credit of nothing', [10, 1, 0]),
    value('argument stop with too much', [11, 1, null]),
    value('a ping without id', [12]),
    value('ping with too much', [12, 1, null]),
    value('pong 0', [13, 0]),
    value('the id 0', [0, 0, 0, []]),
    value('a negative id', [0, -1, 0, []]),
    value('the id 2^53', [0, 2n ** 53n, 0, []]),
    value('an id that is no number', [0, '1', 0, []]),
    value('args that are no array', [0, 1, 0, null]),
    value('error without message', [3, 1, 'INTERNAL']),
    value('an error code that is no string', [3, 1, 13, 'no']),
    value('an empty error code', [3, 1, '', 'no']),
    value('an error code in lower case', [3, 1, 'internal', 'no']),
    value('an error code of 65 characters', [3, 1, 'X'.repeat(65), 'no']),
    value('cancel with too much', [4, 1, null]),
    raw('a message cut short', encodeValue([4, 1]).slice(0, -1)),
    raw('a byte left over', encodeValue([4, 1]), u8(0xc0)),
    withArgument('0xc1', u8(0xc1)),
    withArgument('an extension type', u8(0xd4), u8(1), u8(0)),
    withArgument('a timestamp', u8(0xd6), u8(0xff), u32(0)),
    withArgument('an extension type with a length', u8(0xc7), u8(1), u8(5), u8(0)),
    withArgument('a map key that is a number', u8(0x81), u8(1), u8(1)),
    withArgument('a map key that stands twice', keyed('a', 'b', 'a')),
    ...['__proto__', 'constructor', 'prototype'].map((key) => withArgument(`the key ${key}`, keyed(key))),
    withArgument('invalid UTF-8', u8(0xa1), u8(0x80)),
    withArgument('an overlong form of UTF-8', u8(0xa2), u8(0xc0), u8(0x80)),
    withArgument('a surrogate in UTF-8', u8(0xa3), u8(0xed), u8(0xa0), u8(0x80)),
    withArgument('a string that starts with U+FEFF', encodeValue('\ufeffx')),
    withArgument('a map key that starts with U+FEFF', keyed('\ufeff')),
    withArgument('a length of 4 GiB', u8(0xdd), u32(2 ** 32 - 1)),
    withArgument('a string longer than the frame', u8(0xdb), u32(2 ** 32 - 1), text('x')),
    withArgument('too many levels', encodeValue(nested(40))),
  ];
}

function badMetadata(): [string, Value][] {
  const of = (...entries: [string, Value][]) => new Map(entries);
  const many = Array.from({ length: 33 }, (_, index): [string, Value] => [`k${index}`, '']);
  return [
    ['that are no map', []],
    ['of 33 entries', of(...many)],
    ['with an empty key', of(['', ''])],
    ['with a key in upper case', of(['Trace', ''])],
    ['with a key of 65 characters', of(['k'.repeat(65), ''])],
    ['with a number', of(['k', 1])],
    ['with nil', of(['k', null])],
    ['of 8193 bytes', of(['k', 'x'.repeat(8192)])],
    ['of 8194 bytes in 4097 characters', of(['kk', 'é'.repeat(4096)])],
  ];
}

function refuse(what: string, body: Uint8Array, why: string): object {
  return { what, why, body };
}
