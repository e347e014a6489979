// The certificates of a running server: which one signs a handshake, and which must soon be renewed.
//
//   handshake ─ server name, algorithms ─▸ choose() ─▸ for that name and valid ─ else for that name ─ else the first
//   once a day, and whenever certificates change ─▸ expiring() for each chain near its end
//
// Every handshake chooses anew, so replace() renews without a restart: connections that stand keep what they agreed.

import type { Clock, StopTimer } from '../base/clock.js';
import type { Identity } from '../certificate/identity.js';
import { matchHostname } from '../certificate/path/names.js';
import { type Certificate, parseCertificate } from '../certificate/x509/x509.js';

/** Told of the certificate of a chain that ends first, and how many whole days are left; below 0 once it has ended. */
export type ExpiryObserver = (certificate: Certificate, daysLeft: number) => void;

const dayMs = 86_400_000;
/** Two weeks, or the last third of a shorter life: when ACME clients renew. */
const warningDays = 14;
const warningShare = 1 / 3;

export class ServerCertificates {
  readonly #clock: Clock;
  readonly #expiring: ExpiryObserver;
  #identities: readonly Identity[];
  #stopTimer: StopTimer | undefined;

  /** `identities` in the order of preference, at least one. */
  constructor(identities: readonly Identity[], clock: Clock, expiring: ExpiryObserver) {
    this.#identities = identities;
    this.#clock = clock;
    this.#expiring = expiring;
  }

  /**
   * The certificate for a client that asks for `serverName`, among those whose key `canSign` in a way that the client
   * reads. A name that none is for gets the first: whether that will do is the client's decision.
   */
  choose(serverName: string, canSign: (identity: Identity) => boolean): Identity | undefined {
    const usable = this.#identities.filter(canSign);
    // Nothing to choose: names need not be compared then.
    if (usable.length <= 1) return usable[0];
    const named = usable.filter(({ leaf }) => matchHostname(leaf, serverName));
    const now = this.#clock.date();
    return named.find(({ leaf }) => leaf.notBefore <= now && now <= leaf.notAfter) ?? named[0] ?? usable[0];
  }

  /** Handshakes that begin from now on choose among these. */
  replace(identities: readonly Identity[]): void {
    this.#identities = identities;
    if (this.#stopTimer !== undefined) this.#look();
  }

  /** Looks at the dates now, and once a day until {@link stop}. */
  watch(): void {
    this.stop();
    this.#stopTimer = this.#clock.setTimer(dayMs, () => this.watch());
    this.#look();
  }

  stop(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }

  #look(): void {
    const now = this.#clock.date().getTime();
    for (const { chain } of this.#identities) {
      const first = chain.map(parseCertificate).reduce((a, b) => (b.notAfter < a.notAfter ? b : a));
      const lifeMs = first.notAfter.getTime() - first.notBefore.getTime();
      const leftMs = first.notAfter.getTime() - now;
      if (leftMs < Math.min(warningDays * dayMs, lifeMs * warningShare)) {
        this.#expiring(first, Math.floor(leftMs / dayMs));
      }
    }
  }
}
