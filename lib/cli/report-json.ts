// What `cert inspect --json` prints: one JSON object. Programs read it, so members may be added but not renamed.

import { describeCertificate } from '../certificate/x509/description.js';
import { parseCertificate } from '../certificate/x509/x509.js';
import { nodeCrypto } from '../crypto/node.js';
import { hasKeyOf, leafIndex } from './judge.js';
import type { Inspection } from './report.js';
import { plainHex } from './wording.js';

export function inspectionJson({ source, found, verdict, roots, hostname, nameWaived }: Inspection): string {
  const leaf = leafIndex(found);
  const value = {
    source,
    certificates: found.certificates.map((der, index) => ({
      leaf: index === leaf,
      privateKey: found.keys.state === 'locked' ? 'encrypted' : hasKeyOf(found, der),
      ...certificateJson(der),
    })),
    verdict: verdict.ok
      ? {
          accepted: true,
          as: verdict.role,
          path: verdict.path.map((certificate) =>
            plainHex(describeCertificate(nodeCrypto, certificate).sha256),
          ),
        }
      : {
          accepted: false,
          as: verdict.role,
          reason: verdict.reason,
          detail: verdict.detail,
          advice: verdict.advice,
        },
    trusted: roots,
    hostname: nameWaived ? null : (hostname ?? null),
  };
  return asciiControls(JSON.stringify(value, null, 2));
}

function certificateJson(der: Uint8Array): object {
  try {
    const certificate = parseCertificate(der);
    const {
      commonName = null,
      purposes = null,
      sha256,
      ...rest
    } = describeCertificate(nodeCrypto, certificate);
    const { basicConstraints, keyUsage } = certificate;
    return {
      ...rest,
      commonName,
      purposes,
      pathLength: basicConstraints?.pathLength ?? null,
      keyUsage: keyUsage ?? null,
      sha256: plainHex(sha256),
    };
  } catch (error) {
    return { unreadable: error instanceof Error ? error.message : 'malformed' };
  }
}

/** JSON escapes the controls below the space alone; a terminal obeys others, too. */
function asciiControls(json: string): string {
  return json.replace(/[^\P{C}\n]|[\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from(
      { length: character.length },
      (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`,
    ).join(''),
  );
}
