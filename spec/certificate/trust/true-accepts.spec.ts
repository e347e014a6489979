// The spec that MLAPI lacked: true always means accept, and anything else refuses.
//
// There, `if (VerifyCertificate(…)) { "Invalid certificate" … }` stood in seven releases: valid certificates were turned
// away, invalid ones let in, and the users' own delegates inverted with them. Here every way in is tried with every
// answer, on a chain that verifies and on one that does not, for servers and for clients.

import { expect } from 'chai';
import { SealwireError } from '../../../lib/base/errors.js';
import { allOf, anyOf, defaultRule, fromDelegate } from '../../../lib/certificate/trust/compose.js';
import { pinPublicKey } from '../../../lib/certificate/trust/pin.js';
import {
  type CertificateValidator,
  checkClientCertificate,
  checkServerCertificate,
} from '../../../lib/certificate/trust/validator.js';
import { publicKeyPin } from '../../../lib/certificate/x509/fingerprint.js';
import { parseCertificate } from '../../../lib/certificate/x509/x509.js';
import { nodeCrypto } from '../../../lib/crypto/node.js';
import { Vault } from '../../attack/vault.js';
import { serverCertificate, strangeAuthority } from '../../support/authority.js';
import { startUnconnected } from '../../support/pair.js';
import { outcomeOf } from '../../support/settled.js';
import { nothingUncaught } from '../../support/uncaught.js';
import { altNames, make, makeCa, newKey, now } from '../workshop.js';
import { answers } from './answers.js';

const root = makeCa({ subject: 'root' });
const leaf = make({ issuer: root, key: newKey(), extensions: [altNames('arena.example')] });
const pin = publicKeyPin(nodeCrypto, parseCertificate(leaf.der));
const otherPin = publicKeyPin(nodeCrypto, parseCertificate(root.der));

const yes: CertificateValidator = () => true;
const no: CertificateValidator = () => false;
const laterYes: CertificateValidator = async () => true;
const laterNo: CertificateValidator = async () => false;
const throwing: CertificateValidator = () => {
  throw new Error('of another one');
};

/** The four situations: who is asked about whom, and what the default rule thinks of it. */
const situations = [true, false].flatMap((verifies) => {
  const common = {
    crypto: nodeCrypto,
    chain: [leaf.der],
    roots: verifies ? [parseCertificate(root.der)] : [],
    time: now,
  };
  return [
    {
      what: `a server whose chain ${verifies ? 'verifies' : 'does not verify'}`,
      verifies,
      run: (validate?: CertificateValidator) =>
        checkServerCertificate({ ...common, hostname: 'arena.example', validate }),
    },
    {
      what: `a client whose chain ${verifies ? 'verifies' : 'does not verify'}`,
      verifies,
      run: (validate?: CertificateValidator) => checkClientCertificate({ ...common, validate }),
    },
  ];
});

interface Decision {
  readonly accepted: boolean;
  readonly atOnce: boolean;
  readonly cause: unknown;
}

/** How it came out. Whatever is thrown or rejected with must be the one error for it. */
async function decision(run: () => Promise<void> | void): Promise<Decision> {
  let atOnce = true;
  try {
    const pending = run();
    atOnce = pending === undefined;
    await pending;
    return { accepted: true, atOnce, cause: undefined };
  } catch (error) {
    expect(error).to.be.instanceOf(SealwireError);
    expect(error).to.include({ code: 'CERTIFICATE_REJECTED', reason: 'revoked-by-validator' });
    return { accepted: false, atOnce, cause: (error as SealwireError).cause };
  }
}

/** How an application's function can come to be asked; `turns` where something before it takes a turn of its own. */
const ways: readonly {
  readonly name: string;
  readonly turns?: boolean;
  /** Whether an error of the function is passed on as it is. */
  readonly foreignCause?: boolean;
  wrap(asked: CertificateValidator): CertificateValidator;
}[] = [
  { name: 'plain', wrap: (asked) => asked },
  {
    name: 'an async function',
    turns: true,
    wrap: (asked) => async (chain, name, context) => asked(chain, name, context),
  },
  { name: 'allOf(it)', wrap: (asked) => allOf(asked) },
  { name: 'allOf(yes, it)', wrap: (asked) => allOf(yes, asked) },
  { name: 'allOf(it, yes)', wrap: (asked) => allOf(asked, yes) },
  { name: 'allOf(later yes, it)', turns: true, wrap: (asked) => allOf(laterYes, asked) },
  { name: 'anyOf(it)', wrap: (asked) => anyOf(asked) },
  { name: 'anyOf(no, it)', wrap: (asked) => anyOf(no, asked) },
  { name: 'anyOf(it, no)', wrap: (asked) => anyOf(asked, no) },
  { name: 'anyOf(later no, it)', turns: true, wrap: (asked) => anyOf(laterNo, asked) },
  { name: 'anyOf(one that throws, it)', foreignCause: true, wrap: (asked) => anyOf(throwing, asked) },
  {
    name: 'fromDelegate(it)',
    wrap: (asked) => fromDelegate(asked as unknown as () => boolean),
  },
  { name: 'allOf(yes, anyOf(no, it))', wrap: (asked) => allOf(yes, anyOf(no, asked)) },
  {
    name: 'anyOf(no, allOf(it, pin))',
    wrap: (asked) => anyOf(no, allOf(asked, pinPublicKey(nodeCrypto, pin))),
  },
];

describe('true always means accept, and nothing else does', () => {
  nothingUncaught();

  for (const { name, wrap, turns = false, foreignCause = false } of ways) {
    it(`through ${name}`, async () => {
      for (const { name: answered, accepts, atOnce, cause, answer } of answers) {
        for (const { what, run } of situations) {
          let asked = 0;
          const validate = wrap((() => {
            asked += 1;
            return answer();
          }) as unknown as CertificateValidator);
          const note = `${answered}, about ${what}`;
          const decided = await decision(() => run(validate));
          expect(decided.accepted, note).to.equal(accepts);
          expect(decided.atOnce, note).to.equal(atOnce && !turns);
          if (cause !== undefined && !foreignCause) expect(decided.cause, note).to.equal(cause);
          expect(asked, note).to.equal(1);
        }
      }
    });
  }

  it('through pinPublicKey, whatever the default rule thinks', async () => {
    for (const { what, run } of situations) {
      const pinned = pinPublicKey(nodeCrypto, otherPin, pin);
      expect(await decision(() => run(pinned)), what).to.include({ accepted: true, atOnce: true });
      const strange = pinPublicKey(nodeCrypto, otherPin);
      expect(await decision(() => run(strange)), what).to.include({ accepted: false, atOnce: true });
    }
  });

  it('of the default rule, which has a say where it is asked and only there', async () => {
    const asking: readonly (readonly [string, CertificateValidator, (verifies: boolean) => boolean])[] = [
      ['defaultRule', defaultRule, (verifies) => verifies],
      ['its negation', (_chain, _name, context) => !context.validateDefault(), (verifies) => !verifies],
      ['asked later', async (_chain, _name, context) => context.validateDefault(), (verifies) => verifies],
      ['allOf(defaultRule, yes)', allOf(defaultRule, yes), (verifies) => verifies],
      ['allOf(later yes, defaultRule)', allOf(laterYes, defaultRule), (verifies) => verifies],
      ['allOf(defaultRule, no)', allOf(defaultRule, no), () => false],
      ['anyOf(no, defaultRule)', anyOf(no, defaultRule), (verifies) => verifies],
      ['anyOf(defaultRule, yes)', anyOf(defaultRule, yes), () => true],
      ['allOf(defaultRule, pin)', allOf(defaultRule, pinPublicKey(nodeCrypto, pin)), (verifies) => verifies],
      ['allOf(defaultRule, wrong pin)', allOf(defaultRule, pinPublicKey(nodeCrypto, otherPin)), () => false],
      [
        'anyOf(wrong pin, defaultRule)',
        anyOf(pinPublicKey(nodeCrypto, otherPin), defaultRule),
        (verifies) => verifies,
      ],
      [
        'asked, and not listened to',
        (_chain, _name, context) => context.validateDefault() || true,
        () => true,
      ],
    ];
    for (const [name, validate, expected] of asking) {
      for (const { what, verifies, run } of situations) {
        const { accepted } = await decision(() => run(validate));
        expect(accepted, `${name}, about ${what}`).to.equal(expected(verifies));
      }
    }
  });

  it('without a validator: the default rule decides', () => {
    for (const { what, verifies, run } of situations) {
      if (verifies) expect(run(), what).to.equal(undefined);
      else
        expect(() => run(), what)
          .to.throw(SealwireError)
          .that.has.property('reason', 'untrusted');
    }
  });

  describe('between a real server and a real client', () => {
    const strange = serverCertificate(strangeAuthority());
    const strangePin = publicKeyPin(nodeCrypto, parseCertificate(strange.certificate));

    /** A server of a stranger's, or the right one, and what a client with that validator makes of it. */
    async function connect(
      server: 'right' | 'strange',
      validateCertificate: CertificateValidator,
      timeoutMs = 10_000,
    ) {
      const { certificate: cert, key } = strange.pem;
      const setup = await startUnconnected({
        scheme: 'memory',
        services: [new Vault()],
        server: {
          keyStretching: { iterations: 1 },
          ...(server === 'strange' && { certificate: { cert, key } }),
        },
        client: { validateCertificate, limits: { handshakeTimeoutMs: timeoutMs } },
      });
      try {
        const outcome = await outcomeOf(setup.connect());
        if (outcome.kind === 'failed') return outcome.reason ?? outcome.code;
        return await setup.client.invokeServerRpc('Vault.needs3', ['in']);
      } finally {
        await setup.stop();
      }
    }

    const refused = 'revoked-by-validator';
    const cases: readonly (readonly [
      string,
      CertificateValidator,
      'in' | typeof refused,
      'in' | typeof refused,
    ])[] = [
      ['true', yes, 'in', 'in'],
      ['false', no, refused, refused],
      ['a promise of true', laterYes, 'in', 'in'],
      ['a promise of false', laterNo, refused, refused],
      ['an error', throwing, refused, refused],
      ['1', (() => 1) as unknown as CertificateValidator, refused, refused],
      ['the default rule', defaultRule, 'in', refused],
      ["the stranger's pin", pinPublicKey(nodeCrypto, strangePin), refused, 'in'],
      [
        'the default rule and the pin',
        allOf(defaultRule, pinPublicKey(nodeCrypto, strangePin)),
        refused,
        refused,
      ],
      ['the default rule or the pin', anyOf(defaultRule, pinPublicKey(nodeCrypto, strangePin)), 'in', 'in'],
      ["MLAPI's delegate, true", fromDelegate(() => true), 'in', 'in'],
      ["MLAPI's delegate, false", fromDelegate(() => false), refused, refused],
      [
        "MLAPI's delegate with the default rule",
        allOf(
          defaultRule,
          fromDelegate((_certificate, hostname) => hostname === 'arena.example'),
        ),
        'in',
        refused,
      ],
    ];
    for (const [name, validate, right, wrong] of cases) {
      it(`lets in by ${name}`, async () => {
        expect(await connect('right', validate)).to.equal(right);
        expect(await connect('strange', validate)).to.equal(wrong);
      });
    }

    it('ends with the time for the handshake where the answer never comes', async () => {
      const never: CertificateValidator = () => new Promise(() => undefined);
      for (const validate of [never, allOf(yes, never, no), anyOf(no, never, yes)]) {
        expect(await connect('right', validate, 40)).to.equal('HANDSHAKE_TIMEOUT');
      }
    });
  });
});
