// Signed images: any byte that is changed afterwards is found, at the desk and in C; who signed is said, and may be demanded.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, generateKeyPairSync, verify as verifySignature } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ErrorCode, Status } from '../assembly/error.js';
import {
  HEADER_BYTES,
  H_CONSTANTS_CRC,
  H_CRC,
  H_IMAGE_ID,
  H_PLAN_CRC,
  OP_BYTES,
  OP_CRC,
} from '../assembly/layout.js';
import { exportFirmware } from '../host/export/export-firmware.js';
import { exportText } from '../host/export/report.js';
import { writeFirmwareFolder } from '../host/export/folder.js';
import { inspect } from '../host/inspect/inspect.js';
import { Random } from '../host/math/random.js';
import { type Image, readImage, withConstants, withPolicy } from '../host/model/image.js';
import { newKeys } from '../host/model/signature.js';
import { run } from '../host/run/run.js';
import { sign } from '../host/sign/sign.js';
import { verify } from '../host/verify/verify.js';
import { int8s } from '../samples/networks.js';
import { brownout, checkFailure, cliFolder, inProcess, jsonOf } from './util/cli.js';
import { compileUnproved } from './util/compile.js';
import { codeOf } from './util/failure.js';
import { crc, sectionsOf, setField } from './util/image-bytes.js';
import { learnable } from './util/learnable.js';
import { compileNative, hasPrograms, temporaryFolder } from './util/native.js';

const network = learnable(new Random(1), [8], ['dense:6', 'dense:3']);
const sample = int8s(new Random(3), 8);
const plain = compileUnproved(network, { sample });

const pem = (text: string): Uint8Array => new TextEncoder().encode(text);
const keys = newKeys();
const [key, signedBy] = [pem(keys.privateKey), pem(keys.publicKey)];
const others = newKeys();
const signed = sign(plain, { key });
const image = readImage(signed.file);

/** Every checksum made to fit, as somebody would who means to change an image unnoticed. */
function resealed(file: Uint8Array, like: Image): Uint8Array {
  const bytes = file.slice();
  for (let at = like.plan.offset; at < like.constants.offset; at += OP_BYTES)
    setField(bytes, at + OP_CRC, crc(bytes.subarray(at, at + OP_CRC)));
  setField(bytes, H_PLAN_CRC, crc(bytes.subarray(like.plan.offset, like.constants.offset)));
  setField(bytes, H_CONSTANTS_CRC, crc(bytes.subarray(like.constants.offset, like.imageBytes)));
  setField(bytes, H_IMAGE_ID, crc(bytes.subarray(HEADER_BYTES, like.imageBytes)));
  setField(bytes, H_CRC, crc(bytes.subarray(H_IMAGE_ID, HEADER_BYTES)));
  for (const { start, bytes: length } of sectionsOf(like))
    setField(bytes, start - 4, crc(bytes.subarray(start, start + length)));
  return bytes;
}

const codes = (file: Uint8Array): string => codeOf(() => readImage(file));

test('a signature is Ed25519 over what docs/FORMAT.md says', () => {
  assert.is(codes(signed.file), 'no error');
  const sections = plain.subarray(image.imageBytes);
  assert.equal(signed.file.slice(0, plain.length), plain, 'what is signed stays as it was');
  const message = Buffer.concat([
    Buffer.from('Brownout image 1'),
    createHash('sha512').update(sections).digest(),
    plain.subarray(0, image.imageBytes),
  ]);
  const payload = signed.file.subarray(signed.file.length - 96);
  assert.is(Buffer.from(signed.file.subarray(plain.length, plain.length + 4)).toString(), 'SIGN');
  assert.ok(verifySignature(null, message, keys.publicKey, payload.subarray(32)));
  assert.is(Buffer.from(payload.subarray(0, 32)).toString('hex'), signed.signedBy);
  assert.equal(sign(image, { key }).file, signed.file, 'the same key signs the same');
  const again = sign(signed.file, { key: pem(others.privateKey) });
  assert.is(again.file.length, signed.file.length, 'one signature takes the place of another');
  assert.is.not(again.signedBy, signed.signedBy);
});

test('no byte can be changed, whatever is done to checksums', () => {
  assert.equal(resealed(signed.file, image), signed.file, 'the forger of this test makes checksums right');
  const found: Record<string, number> = {};
  const random = new Random(9);
  for (let at = 0; at < signed.file.length; at++) {
    const bytes = signed.file.slice();
    bytes[at]! ^= 1 << random.integer(8);
    assert.is.not(codes(bytes), 'no error', `byte ${at}`);
    const code = codes(resealed(bytes, image));
    // Bytes that sealing makes right again are those of checksums.
    if (code === 'no error') assert.equal(resealed(bytes, image), signed.file, `byte ${at}, resealed`);
    found[code] = (found[code] ?? 0) + 1;
  }
  assert.ok(found['E_SIGNATURE']! > signed.file.length / 2, JSON.stringify(found));
});

test('no section can be left out, added, exchanged or moved', () => {
  const sections = sectionsOf(image).map(({ start, bytes }) =>
    signed.file.slice(start - 12, start + Math.ceil(bytes / 4) * 4),
  );
  const [meta, samp, signature] = sections as [Uint8Array, Uint8Array, Uint8Array];
  const device = signed.file.slice(0, image.imageBytes);
  const fileOf = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat([device, ...parts]));
  assert.equal(fileOf(meta, samp, signature), signed.file);
  assert.is(codes(fileOf(meta, signature)), 'E_SIGNATURE', 'no sample');
  assert.is(codes(fileOf(samp, meta, signature)), 'E_SIGNATURE', 'another order');
  assert.is(codes(fileOf(meta, signature, samp)), 'E_IMAGE_SECTION', 'something behind the signature');
  assert.is(codes(fileOf(meta, samp, signature, signature)), 'E_IMAGE_SECTION', 'two signatures');
  const other = readImage(compileUnproved(network, { sample: int8s(new Random(4), 8) }));
  const theirs = other.file.slice(other.imageBytes + meta.length);
  assert.is(codes(fileOf(meta, theirs, signature)), 'E_SIGNATURE', 'the sample of another image');
  // Without its signature it is an image that nobody signed: no more than that is said of it.
  assert.is(inspect(fileOf(meta, samp)).signedBy, undefined);
  assert.is(
    codeOf(() => inspect(fileOf(meta, samp), signedBy)),
    'E_SIGNATURE',
  );
  const short = fileOf(meta, samp, signature.slice(0, 12 + 92));
  setField(short, short.length - 92 - 8, 92);
  setField(short, short.length - 92 - 4, crc(short.subarray(short.length - 92)));
  assert.is(codes(short), 'E_IMAGE_SECTION', 'a signature that is too short');
});

test('an image that is made of a signed one is not signed', () => {
  assert.is(withPolicy(image, { every: 3, low: false }, 'every 3').signature, undefined);
  assert.is(withConstants(image, (device) => device.fill(0, image.imageBytes - 1)).signature, undefined);
});

test('who signed is said, and who must have is demanded, by run, verify, inspect and export', async () => {
  type Take = (file: Uint8Array, by?: Uint8Array) => { signedBy?: string };
  const proof: Take = (file, by) => verify(file, { search: false, ...(by ? { signedBy: by } : {}) });
  const takes: Take[] = [inspect, (file, by) => run(file, by ? { signedBy: by } : {}), proof];
  for (const take of takes) {
    assert.is(take(signed.file, signedBy).signedBy, signed.signedBy);
    assert.is(
      codeOf(() => take(plain, signedBy)),
      'E_SIGNATURE',
    );
    assert.is(
      codeOf(() => take(signed.file, pem(others.publicKey))),
      'E_SIGNATURE',
    );
    assert.is(
      codeOf(() => take(signed.file, pem('no key'))),
      'E_KEY',
    );
    if (take === proof) continue;
    assert.is(take(signed.file).signedBy, signed.signedBy);
    assert.is(take(plain).signedBy, undefined);
  }
  const by = pem(others.publicKey);
  const refused = await exportFirmware(signed.file, { signedBy: by, verify: false }).catch((error) => error);
  assert.is(refused.code, 'E_SIGNATURE');
});

test('keys of other kinds, or none, are refused by name', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const wrong = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  assert.is(
    codeOf(() => sign(plain, { key: pem(wrong) })),
    'E_KEY',
  );
  assert.is(
    codeOf(() => sign(plain, { key: pem('-----BEGIN PRIVATE KEY-----') })),
    'E_KEY',
  );
  assert.is(
    codeOf(() => sign(plain, { key: pem(keys.publicKey) })),
    'E_KEY',
  );
  const locked = generateKeyPairSync('ed25519').privateKey.export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: 'x',
  }) as string;
  assert.is(
    codeOf(() => sign(plain, { key: pem(locked) })),
    'E_KEY',
  );
});

test('on the command line', async () => {
  const at = (name: string): string => join(cliFolder, name);
  writeFileSync(at('m.brn'), plain);
  const made = jsonOf(await brownout('sign', 'm.brn', '--new-key', 'k.pem', '-o', 's.brn', '--json')) as {
    signedBy: string;
    publicKey: string;
  };
  assert.is(made.publicKey, 'k.pub.pem');
  assert.is(statSync(at('k.pem')).mode & 0o777, 0o600);
  assert.is(inspect(readFileSync(at('s.brn')), readFileSync(at('k.pub.pem'))).signedBy, made.signedBy);
  assert.match((await inProcess('sign', 'm.brn', '--key', 'k.pem', '-o', 's2.brn')).out, made.signedBy);
  assert.equal(readFileSync(at('s2.brn')), readFileSync(at('s.brn')));
  const said = `image: signed by ${made.signedBy}`;
  for (const command of ['inspect', 'run']) {
    const { code, out } = await inProcess(command, 's.brn', '--signed-by', 'k.pub.pem');
    assert.equal([code, out.includes(said)], [0, true], `${command}: ${out}`);
  }
  assert.match((await inProcess('inspect', 'm.brn')).out, 'image: not signed');
  await checkFailure(['inspect', 'm.brn', '--signed-by', 'k.pub.pem'], 'E_SIGNATURE');
  await checkFailure(['run', 'm.brn', '--signed-by', 'k.pub.pem'], 'E_SIGNATURE');
  await checkFailure(['export', 'm.brn', '--signed-by', 'k.pub.pem', '-o', 'none'], 'E_SIGNATURE');
  await checkFailure(['export', 's.brn', '--check-signature', '-o', 'none'], 'E_OPTION');
  await checkFailure(['sign', 'm.brn', '-o', 'x.brn'], 'E_USAGE');
  // Nobody's key is written over.
  await checkFailure(['sign', 'm.brn', '--new-key', 'k.pem', '-o', 'x.brn'], 'E_OUTPUT');
  await checkFailure(['sign', 'm.brn', '--key', 'm.brn', '-o', 'x.brn'], 'E_KEY');
});

const native = hasPrograms('signatures in C', { gcc: 'gcc' }) ? test : test.skip;

native('firmware asks for the signature of the image that it boots, and boots no other', async () => {
  const folder = join(temporaryFolder('signed'), 'firmware');
  const given = {
    target: 'cortex-m4',
    layout: 'cmake',
    verify: false,
    signedBy,
    checkSignature: true,
  } as const;
  const { files, support } = await exportFirmware(image, given);
  assert.ok(
    support.kind === 'needs' && support.needs.some(({ name }) => name === 'brownout_verify_signature'),
  );
  writeFirmwareFolder(folder, files);
  const own = (name: string): string => fileURLToPath(new URL(`../../test/c/${name}.c`, import.meta.url));
  const sources = ['brownout.c', 'brownout_model.c'].map((name) => join(folder, name));
  const program = join(folder, 'trial');
  const flags = ['-O1', '-I', folder, '-Wno-unused-parameter', '-Wno-clobbered'];
  compileNative(program, [own('begin'), own('signature'), ...sources], flags);
  const nvm = join(folder, 'nvm');
  const begin = (
    verdict: number,
    bytes: Uint8Array,
    ...then: string[]
  ): { code: number; asked: string[] } => {
    writeFileSync(nvm, bytes);
    const env = { ...process.env, VERDICT: `${verdict}` };
    const { stdout, stderr } = spawnSync(program, [nvm, '0', '1', '1', ...then], { encoding: 'utf8', env });
    return { code: Number(stdout.split(' ')[0]), asked: stderr.split('\n').filter((line) => line !== '') };
  };
  const blank = new Uint8Array(image.nvmBytes);
  const { code, asked } = begin(1, blank);
  assert.is(code, Status.IDLE);
  const ready = new Uint8Array(readFileSync(nvm));
  const [signature, by, message] = asked.slice(0, 3).map((hex) => Buffer.from(hex, 'hex')) as [
    Buffer,
    Buffer,
    Buffer,
  ];
  assert.is(by.toString('hex'), signed.signedBy);
  assert.ok(verifySignature(null, message, keys.publicKey, signature), 'what a library is asked is right');
  assert.equal(new Uint8Array(message.subarray(80)), image.device, 'it is asked of the image that is booted');
  for (const then of [[], ['provision'], ['erase']])
    for (const [name, bytes] of Object.entries({ blank, ready })) {
      for (const verdict of [0, 2, -1]) {
        assert.is(begin(verdict, bytes, ...then).code, ErrorCode.E_SIGNATURE, `${name} ${then}`);
        // Erasing is for whoever gives the part away, whatever image it holds.
        if (then[0] !== 'erase')
          assert.equal(new Uint8Array(readFileSync(nvm)), bytes, `${name} ${then}: NVM was written`);
      }
    }
  assert.is(begin(1, ready).asked.length, 3, 'a boot asks once');
});

native('firmware of a signed image that does not check links without anybody who verifies', async () => {
  const folder = join(temporaryFolder('signed'), 'firmware');
  const exported = await exportFirmware(image, { target: 'posix', verify: false });
  assert.match(exportText(exported, folder, []), `signed by ${signed.signedBy}`);
  writeFirmwareFolder(folder, exported.files);
  execFileSync('make', ['-s'], { cwd: folder, stdio: 'pipe' });
  const answer = run(signed.file).outputs[0]!.join(' ');
  assert.match(execFileSync('./firmware', { cwd: folder, encoding: 'utf8' }), `answer ${answer}`);
});

test.run();
