// The opening over TLS against the second implementation's answers, byte for byte: transport-hello.json.

import { expect } from 'chai';
import { toHex } from '../../lib/base/bytes.js';
import { startSecureClient } from '../../lib/handshake/secure-transport-client.js';
import { startServerHandshake } from '../../lib/handshake/server.js';
import { encodeCarried } from '../../lib/wire/carried-value.js';
import { tlsExporter } from '../reference/tls-exporter.js';
import { fromHex, vectors } from '../support/vectors.js';
import { carry, clientConfig, serverConfig } from './roles.js';
import { tlsSession } from './tls-session.js';
import { type Announced, type Exported, expectExported, manifestOf } from './vector-sides.js';

describe('handshake, known answers, over TLS', () => {
  const vector = vectors<{
    inputs: {
      transport: number;
      exporterSecret: string;
      client: Announced & { connectionData: unknown };
      server: Announced;
    };
    bindings: { client: string; server: string };
    frames: { from: string; frame: string }[];
    otherwise: { frame: string }[];
    exported: Exported[];
  }>('transport-hello');
  const { inputs } = vector;
  const tls = tlsSession(tlsExporter(fromHex(inputs.exporterSecret)));
  const sides = () => {
    const { transport } = inputs;
    const client = {
      transport,
      manifest: manifestOf(inputs.client),
      maxFrameBytes: inputs.client.maxFrameBytes,
    };
    const server = {
      transport,
      manifest: manifestOf(inputs.server),
      maxFrameBytes: inputs.server.maxFrameBytes,
    };
    return {
      client: startSecureClient(clientConfig(client), tls),
      server: serverConfig({ ...server, approves: true }),
    };
  };

  it('says the frames of transport-hello.json, and exports its keys', () => {
    const { client, server } = sides();
    const connectionData = encodeCarried(inputs.client.connectionData, 'connectionData', 16_384);
    const serving = startServerHandshake({ ...server, secure: tls });
    const agreed = carry(client.handshake, client.send, serving, connectionData);
    const said = vector.frames.slice(0, -1).map(({ from, frame }) => ({ from, frame }));
    expect(agreed.frames.map(({ from, frame }) => ({ from, frame: toHex(frame) }))).to.deep.equal(said);
    expect(said[0]!.frame).to.include(vector.bindings.client);
    expect(said[1]!.frame).to.include(vector.bindings.server);
    for (const side of [agreed.client, agreed.server]) expectExported(vector.exported, side.exporter!);
  });

  it('asks for a ClientHello where there is another session, or none', () => {
    for (const secure of [undefined, tlsSession(tlsExporter(new Uint8Array(32)))]) {
      const { client, server } = sides();
      const { send } = startServerHandshake({ ...server, secure }).receive(client.send);
      expect(send.map(toHex)).to.deep.equal(vector.otherwise.map(({ frame }) => frame));
    }
  });
});
