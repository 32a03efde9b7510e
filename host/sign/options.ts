import { file, isBytes } from '../options/kinds.js';
import type { Table } from '../options/table.js';

/** Options of `sign`. */
export interface SignOptions {
  /** An Ed25519 private key: PEM (PKCS #8, without a password), as `openssl genpkey -algorithm ed25519` makes it. */
  key: Uint8Array;
}

export const signOptions = {
  key: {
    kind: file('a private key (PEM)', 'key.pem', isBytes),
    required: true,
    help: 'Ed25519 private key: PEM, as openssl makes it',
  },
} as const satisfies Table<SignOptions>;
