import { readUserFile, writeWhole } from '../data/files.js';
import { BrownoutError, ExitCode } from '../error.js';
import { readImage } from '../model/image.js';
import { newKeys } from '../model/signature.js';
import { type Command, defineCommand, IMAGE } from '../options/command.js';
import { outputFile } from '../options/kinds.js';
import { IMAGE_FILE, KEY_FILE } from '../options/outputs.js';
import { signOptions } from './options.js';
import { sign } from './sign.js';

/** Only its owner reads a private key. */
const PRIVATE = 0o600;

/** Where the public half of a new key goes: key.pem, key.pub.pem. */
const publicPath = (path: string): string => `${path.replace(/\.pem$/, '')}.pub.pem`;

function refuse(found: string): never {
  throw new BrownoutError({
    code: 'E_USAGE',
    found,
    expected: '--key FILE or --new-key FILE',
    hint: 'Give the key that signs, or `--new-key key.pem`, which makes one first.',
  });
}

export const command: Command = defineCommand({
  positionals: [IMAGE],
  options: {
    key: { kind: signOptions.key.kind, help: signOptions.key.help, hinted: true },
    newKey: {
      kind: outputFile(KEY_FILE, 'key.pem'),
      help: 'make a key first: FILE is the private one, for you alone, FILE.pub.pem the public one',
    },
    output: {
      kind: outputFile(IMAGE_FILE, 'signed.brn'),
      short: 'o',
      required: true,
      help: 'where to write the signed image',
    },
  },
  examples: [
    'brownout sign model.brn --new-key key.pem -o signed.brn',
    'brownout sign model.brn --key key.pem -o signed.brn',
  ],
  run({ positionals, options: { key, newKey, output }, writes }) {
    if (key !== undefined && newKey !== undefined) refuse('both --key and --new-key');
    if (key === undefined && newKey === undefined) refuse('no key');
    const image = readImage(readUserFile(positionals[0]!));
    const made = newKey === undefined ? undefined : newKeys();
    const shared = newKey === undefined ? undefined : writes(publicPath(newKey), KEY_FILE);
    const pem = made ? new TextEncoder().encode(made.privateKey) : readUserFile(key!);
    const { origin, file, signedBy } = sign(image, { key: pem });
    if (made) {
      writeWhole(newKey!, pem, PRIVATE);
      writeWhole(shared!, new TextEncoder().encode(made.publicKey));
    }
    writeWhole(output!, file);
    const keys = made
      ? [`${newKey}: the private key, to be kept`, `${shared}: the public key, to be given away`]
      : [];
    return {
      json: { origin, file: output, signedBy, ...(made ? { key: newKey, publicKey: shared } : {}) },
      text: [...keys, `${output}: ${image.metadata.name}, signed by ${signedBy}`].join('\n'),
      exitCode: ExitCode.OK,
    };
  },
});
