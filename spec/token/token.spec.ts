import { createDecipheriv, randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { CompactEncrypt, EncryptJWT } from 'jose';
import { SealwireError } from '../../lib/base/errors.js';
import { KeyRing } from '../../lib/token/key-ring.js';
import { MemoryRevocations, type RevocationStore } from '../../lib/token/revocation.js';
import { type TokenGrant, Tokens } from '../../lib/token/token.js';
import { ManualClock } from '../support/manual-clock.js';

const hourMs = 3_600_000;
const key = randomBytes(32);
const nextKey = randomBytes(32);

function setUp(
  options: { keys?: KeyRing; issuer?: string; revocations?: RevocationStore; clock?: ManualClock } = {},
) {
  const clock = options.clock ?? new ManualClock();
  const revocations = options.revocations ?? new MemoryRevocations(clock);
  const keys = options.keys ?? new KeyRing([{ id: 'one', key }]);
  const { issuer = 'arena' } = options;
  return {
    clock,
    revocations,
    tokens: new Tokens({ keys, issuer, lifetimeMs: hourMs, revocations, clock, randomBytes }),
  };
}

async function refusal(promise: Promise<unknown>): Promise<SealwireError> {
  try {
    await promise;
  } catch (error) {
    expect(error).to.be.instanceOf(SealwireError);
    return error as SealwireError;
  }
  throw new Error('it was accepted');
}

const ada: TokenGrant = { subject: 'ada', claims: { role: 'admin' }, data: { wallet: [1, null, 'x'] } };

describe('a token', () => {
  it('comes back as it was given, on another server with the same keys', async () => {
    const { tokens, clock } = setUp();
    const issued = await tokens.issue({ ...ada, public: { rank: 7 }, confirmation: { jkt: 'abc' } });
    const contents = await setUp({ clock }).tokens.open(issued.text);
    expect(contents).to.deep.equal({
      ...ada,
      public: { rank: 7 },
      id: issued.id,
      authenticatedAt: clock.date(),
      issuedAt: clock.date(),
      expiresAt: new Date(clock.date().getTime() + hourMs),
      confirmation: { jkt: 'abc' },
    });
    expect(issued.expiresAt).to.deep.equal(contents.expiresAt);
  });

  it('is a compact JWE, dir with A256GCM, as RFC 7516 has it', async () => {
    const { tokens } = setUp();
    const { text } = await tokens.issue(ada);
    const [header, wrapped, iv, ciphertext, tag] = text.split('.') as [
      string,
      string,
      string,
      string,
      string,
    ];
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).to.deep.equal({
      alg: 'dir',
      enc: 'A256GCM',
      kid: 'one',
      typ: 'sealwire+jwt',
    });
    expect(wrapped).to.equal('');
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(iv, 'base64url'), {
      authTagLength: 16,
    });
    decipher.setAAD(Buffer.from(header, 'ascii'));
    decipher.setAuthTag(Buffer.from(tag, 'base64url'));
    const plain = Buffer.concat([decipher.update(Buffer.from(ciphertext, 'base64url')), decipher.final()]);
    expect(JSON.parse(plain.toString())).to.deep.include({ sub: 'ada', iss: 'arena', claims: ada.claims });
  });

  it('tells the client nothing, and is another one each time', async () => {
    const { tokens } = setUp();
    const [one, two] = await Promise.all([tokens.issue(ada), tokens.issue(ada)]);
    expect(one.text).to.not.equal(two.text);
    expect(one.id).to.not.equal(two.id);
    for (const part of one.text.split('.')) {
      expect(Buffer.from(part, 'base64url').toString('latin1')).to.not.match(/ada|admin|wallet/);
    }
  });

  it('runs out', async () => {
    const { tokens, clock } = setUp();
    const { text } = await tokens.issue(ada);
    clock.advance(hourMs - 1000);
    expect((await tokens.open(text)).subject).to.equal('ada');
    clock.advance(1000);
    expect((await refusal(tokens.open(text))).code).to.equal('TOKEN_EXPIRED');
  });

  it('is refused when any character is changed, and without saying why', async () => {
    const { tokens } = setUp();
    const { text } = await tokens.issue(ada);
    const messages = new Set<string>();
    for (let index = 0; index < text.length; index += 1) {
      const other = text[index] === 'A' ? 'B' : 'A';
      const mutant = text.slice(0, index) + other + text.slice(index + 1);
      // The last characters of a part have bits that mean nothing in base64url: jose may or may not look at them.
      const meansTheSame = text
        .split('.')
        .some(
          (part, at) =>
            Buffer.from(part, 'base64url').equals(Buffer.from(mutant.split('.')[at] ?? '', 'base64url')) &&
            at > 0 &&
            part !== mutant.split('.')[at],
        );
      if (meansTheSame) continue;
      const error = await refusal(tokens.open(mutant));
      expect(error.code, String(index)).to.equal('TOKEN_INVALID');
      messages.add(error.message);
    }
    expect(messages.size).to.equal(1);
  });

  it('is refused under other keys, of another issuer, and of another kind', async () => {
    const { tokens, clock } = setUp();
    const { text } = await tokens.issue(ada);
    const stranger = new KeyRing([{ id: 'one', key: nextKey }]);
    const renamed = new KeyRing([{ id: 'two', key }]);
    for (const other of [
      setUp({ clock, keys: stranger }),
      setUp({ clock, keys: renamed }),
      setUp({ clock, issuer: 'shop' }),
    ]) {
      expect((await refusal(other.tokens.open(text))).code).to.equal('TOKEN_INVALID');
    }
    const now = clock.date().getTime() / 1000;
    const claims = { iss: 'arena', sub: 'ada', sid: 'x', auth_time: now, iat: now, exp: now + 60 };
    const header = { alg: 'dir', enc: 'A256GCM', kid: 'one', typ: 'sealwire+jwt' };
    const forged = (payload: Record<string, unknown>, changed: Record<string, string> = {}) =>
      new EncryptJWT(payload).setProtectedHeader({ ...header, ...changed }).encrypt(key);
    expect((await tokens.open(await forged(claims))).subject).to.equal('ada');
    expect((await refusal(tokens.open(await forged(claims, { typ: 'JWT' })))).code).to.equal('TOKEN_INVALID');
    for (const claim of ['iss', 'sub', 'sid', 'auth_time', 'iat', 'exp']) {
      const { [claim]: _, ...rest } = claims as Record<string, unknown>;
      expect((await refusal(tokens.open(await forged(rest)))).code, claim).to.equal('TOKEN_INVALID');
    }
    const endless = await forged({ ...claims, exp: now + 10 * 3600 });
    expect((await refusal(tokens.open(endless))).code).to.equal('TOKEN_INVALID');
    const text2 = await new CompactEncrypt(new TextEncoder().encode('no JSON'))
      .setProtectedHeader(header)
      .encrypt(key);
    expect((await refusal(tokens.open(text2))).code).to.equal('TOKEN_INVALID');
    // An unsigned or a signed JWT is none: keys are for A256GCM alone.
    const bare = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.`;
    expect((await refusal(tokens.open(bare))).code).to.equal('TOKEN_INVALID');
  });

  it('is refused before it is looked at when it is no text, or too long', async () => {
    const { tokens } = setUp();
    for (const text of [undefined, null, 7, {}, '', 'x', 'a.b.c.d.e', 'x'.repeat(9000), '.'.repeat(8000)]) {
      expect((await refusal(tokens.open(text))).code).to.equal('TOKEN_INVALID');
    }
  });

  it('lives through a change of keys, until its key is taken out', async () => {
    const { tokens } = setUp();
    const old = await tokens.issue(ada);
    tokens.replaceKeys(
      new KeyRing([
        { id: 'two', key: nextKey },
        { id: 'one', key },
      ]),
    );
    const young = await tokens.issue(ada);
    expect((await tokens.open(old.text)).id).to.equal(old.id);
    expect(young.text.split('.')[0]).to.equal(
      Buffer.from('{"alg":"dir","enc":"A256GCM","kid":"two","typ":"sealwire+jwt"}').toString('base64url'),
    );
    tokens.replaceKeys(new KeyRing([{ id: 'two', key: nextKey }]));
    expect((await refusal(tokens.open(old.text))).code).to.equal('TOKEN_INVALID');
    expect((await tokens.open(young.text)).id).to.equal(young.id);
  });

  it('can be revoked, alone or with all of its subject', async () => {
    const { tokens, revocations, clock } = setUp();
    const forgetAt = new Date(clock.date().getTime() + hourMs);
    const [one, two] = await Promise.all([tokens.issue(ada), tokens.issue(ada)]);
    const bob = await tokens.issue({ subject: 'bob' });
    await revocations.revokeToken(one.id, forgetAt);
    expect((await refusal(tokens.open(one.text))).code).to.equal('TOKEN_REVOKED');
    expect((await tokens.open(two.text)).id).to.equal(two.id);
    await revocations.revokeSubject('ada', clock.date(), forgetAt);
    expect((await refusal(tokens.open(two.text))).code).to.equal('TOKEN_REVOKED');
    expect((await tokens.open(bob.text)).id).to.equal(bob.id);
    clock.advance(1);
    const later = await tokens.issue(ada);
    expect((await tokens.open(later.text)).id).to.equal(later.id);
  });

  it('lets nobody in while the store of revocations is away', async () => {
    const revocations: RevocationStore = {
      revokeSubject: () => undefined,
      revokeToken: () => undefined,
      isRevoked: () => Promise.reject(new Error('the database is away')),
    };
    const { tokens } = setUp({ revocations });
    const { text } = await tokens.issue(ada);
    let thrown: unknown;
    await tokens.open(text).catch((error: unknown) => {
      thrown = error;
    });
    expect(String(thrown)).to.include('the database is away');
  });

  it('holds JSON alone, and not too much of it', async () => {
    const { tokens } = setUp();
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    for (const data of [
      undefined,
      new Date(),
      1n,
      Number.NaN,
      () => 1,
      new Map(),
      { a: undefined },
      cyclic,
    ]) {
      if (data === undefined) continue;
      const error = await refusal(tokens.issue({ subject: 'ada', data: data as never }));
      expect(error.code).to.equal('INVALID_ARGUMENT');
    }
    expect((await refusal(tokens.issue({ subject: '' }))).code).to.equal('INVALID_ARGUMENT');
    const large = await refusal(tokens.issue({ subject: 'ada', data: 'x'.repeat(8000) }));
    expect(large.code).to.equal('INVALID_ARGUMENT');
    expect(large.message).to.include('8192');
  });
});

describe('revocations in memory', () => {
  it('are forgotten when they count no more, and refused rather than forgotten before', () => {
    const clock = new ManualClock();
    const store = new MemoryRevocations(clock, 3);
    const at = (ms: number) => new Date(clock.date().getTime() + ms);
    store.revokeToken('a', at(1000));
    store.revokeToken('b', at(2000));
    store.revokeSubject('ada', at(0), at(1000));
    store.revokeToken('a', at(1000));
    store.revokeSubject('ada', at(0), at(1000));
    expect(() => store.revokeToken('c', at(1000)))
      .to.throw(SealwireError)
      .with.property('code', 'RESOURCE_EXHAUSTED');
    clock.advance(1000);
    store.revokeToken('c', at(1000));
    expect(store.size).to.equal(2);
    expect(store.isRevoked({ id: 'b', subject: 'x', authenticatedAt: clock.date() })).to.equal(true);
  });

  it('of a subject grow, and never shrink', () => {
    const clock = new ManualClock();
    const store = new MemoryRevocations(clock);
    const now = clock.date().getTime();
    store.revokeSubject('ada', new Date(now + 500), new Date(now + 5000));
    store.revokeSubject('ada', new Date(now), new Date(now + 1000));
    expect(store.isRevoked({ id: 'x', subject: 'ada', authenticatedAt: new Date(now + 500) })).to.equal(true);
    expect(store.isRevoked({ id: 'x', subject: 'ada', authenticatedAt: new Date(now + 501) })).to.equal(
      false,
    );
  });
});
