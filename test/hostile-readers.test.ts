// What reads files besides models, arrays and traces (hostile-inputs, fuzz-import), damaged, its checksums right or not: errors
// by name, each in bounded time and memory. BROWNOUT_FUZZ: how many files of all kinds together, instead of those of an
// ordinary run.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Journal } from '../host/compress/journal.js';
import { readZip } from '../host/data/zip.js';
import { Fleet, imageName } from '../host/gateway/fleet.js';
import { gatewayServer, Tokens } from '../host/gateway/server.js';
import {
  factoryWeights,
  learnedWeights,
  learningStatus,
  readWeights,
  writeWeights,
} from '../host/learning/learned.js';
import { fold } from '../host/learning/sums/arithmetic.js';
import { sumsOfImage } from '../host/learning/sums/of-image.js';
import { sumsBytes } from '../host/learning/sums/spec.js';
import { Random } from '../host/math/random.js';
import { crc32 } from '../host/model/crc32.js';
import { readImage } from '../host/model/image.js';
import { newKeys } from '../host/model/signature.js';
import { checkProfile } from '../host/profiles/custom.js';
import { deviceProfile } from '../host/profiles/index.js';
import { sign } from '../host/sign/sign.js';
import { parseSchedule } from '../host/verify/schedule.js';
import { LOG_INPUT, readLog, writeLog } from '../host/xray/device-log.js';
import { int8s } from '../samples/networks.js';
import { damaged, resealDamaged } from './hostile/damage.js';
import { draws, turnOn } from './hostile/meter.js';
import { compileUnproved } from './util/compile.js';
import { makeDevice } from './util/devices.js';
import { setField } from './util/image-bytes.js';
import { learnable } from './util/learnable.js';
import { temporaryFolder } from './util/native.js';

const COUNT = Number(process.env['BROWNOUT_FUZZ'] ?? 3_300);
const folder = temporaryFolder('hostile-readers');
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytesOf = (words: string): Uint8Array => new TextEncoder().encode(words);

const network = learnable(new Random(5), [8], ['dense:6', 'dense:3']);
const data = Array.from({ length: 24 }, (_, i) => ({ input: int8s(new Random(i), 8), label: i % 3 }));
const plain = compileUnproved(network, { learn: { layers: 'sums', data, rank: 4, ring: 5 } });
const keys = newKeys();
const signed = sign(plain, { key: bytesOf(keys.privateKey) }).file;
const image = readImage(signed);

interface Reader {
  /** Files that are right. */
  seeds: readonly Uint8Array[];
  read: (bytes: Uint8Array) => unknown;
  /** How often it is tried beside others that take less time; default 1. */
  share?: number;
  /** Makes checksums fit. */
  reseal?: (bytes: Uint8Array) => void;
}

/** The body of a device that has learnt one sample. */
function body(): Uint8Array {
  const bank = factoryWeights(image);
  const { prior } = sumsOfImage(image);
  const at = Buffer.from(bank).indexOf(sumsBytes(prior));
  assert.ok(at > 0);
  bank.set(sumsBytes(fold(prior, [{ p: Int8Array.of(1, 2, 3, 4), label: 1 }])), at);
  return writeWeights(image, bank);
}

const weights: Reader['reseal'] = (bytes) => {
  if (bytes.length < 16) return;
  setField(bytes, 12, bytes.length - 16);
  setField(bytes, 8, crc32(bytes.subarray(16)));
};

const journalPath = join(folder, 'journal');
const storePath = join(folder, 'store');
const filled = new Journal('run', journalPath);
filled.put('step', { accuracy: 0.5 }, [new Float32Array([1, 2])]);
filled.put('other', { accuracy: 0.25 }, [new Uint32Array([3])]);
const journal = new Uint8Array(readFileSync(journalPath));

const first = Fleet.open(image, storePath);
await first.put('a', 1, body());
await first.put('b', 1, body());
await first.close();
const store = new Uint8Array(readFileSync(storePath));
rmSync(storePath);
const fleet = Fleet.open(image, join(folder, 'fleet'));

const zip = new Uint8Array(
  readFileSync(fileURLToPath(new URL('../../test/tool-files/compressed.npz', import.meta.url))),
);
const { extends: _, ...profile } = { ...deviceProfile('cortex-m4-generic'), extends: undefined };

const own = `/images/${imageName(image.imageId)}`;
const server = gatewayServer(fleet, new Tokens('a 0123456789abcdef'));
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

/** What the gateway answers to a request; fails on an answer that blames the disk. */
async function answered(request: Uint8Array): Promise<void> {
  const { port } = server.address() as AddressInfo;
  const answer = await new Promise<string>((resolve) => {
    const chunks: Buffer[] = [];
    const end = (): void => resolve(Buffer.concat(chunks).toString('latin1'));
    const socket = connect(port, '127.0.0.1', () => socket.end(request));
    socket
      .on('data', (chunk) => chunks.push(chunk))
      .on('close', end)
      .on('error', end);
  });
  assert.match(answer, /^$|^HTTP\/1\.1 (?:200|4\d\d) /, text(request));
}

const READERS: Readonly<Record<string, Reader>> = {
  'a signed image': {
    seeds: [signed, plain],
    read: (bytes) => readImage(bytes),
    reseal: (bytes) => resealDamaged(bytes, image),
  },
  'a key': {
    seeds: [bytesOf(keys.privateKey), bytesOf(keys.publicKey)],
    share: 0.2,
    read: (bytes) => sign(plain, { key: bytes }),
  },
  weights: {
    seeds: [writeWeights(image, factoryWeights(image))],
    read: (bytes) => readWeights(image, bytes),
    reseal: weights,
  },
  'a body at the gateway': { seeds: [body()], read: (bytes) => fleet.put('c', 1, bytes), reseal: weights },
  'a store of the gateway': {
    seeds: [store],
    read: async (bytes) => {
      writeFileSync(storePath, bytes);
      try {
        await Fleet.open(image, storePath).close();
      } finally {
        rmSync(storePath);
        rmSync(`${storePath}.lock`, { force: true });
      }
    },
    reseal: (bytes) => {
      const length = bytes.length < 8 ? 0 : Buffer.from(bytes).readUInt32LE(0);
      if (length && 8 + length <= bytes.length) setField(bytes, 4, crc32(bytes.subarray(8, 8 + length)));
    },
  },
  'a journal': {
    seeds: [journal],
    read: (bytes) => {
      writeFileSync(journalPath, bytes);
      return new Journal('run', journalPath).once('step', ['accuracy'], () => ({ accuracy: 1 }));
    },
    reseal: (bytes) => {
      if (bytes.length < 16) return;
      setField(bytes, bytes.length - 4, crc32(bytes.subarray(0, bytes.length - 4)));
    },
  },
  'a dump': {
    seeds: [makeDevice(image).nvm.cells.slice()],
    read: (bytes) => [learningStatus(bytes, image), learnedWeights(bytes, image)],
  },
  'a log of a device': {
    seeds: [
      writeLog(image.imageId, [
        { ticket: 1, op: LOG_INPUT, address: 0, bytes: new Uint8Array(8) },
        { ticket: 1, op: 0, address: 64, bytes: new Uint8Array(6) },
      ]),
    ],
    read: (bytes) => readLog(bytes, image),
  },
  'a profile': {
    seeds: [bytesOf(JSON.stringify(profile)), bytesOf('{"extends":"stm32l4","name":"x"}')],
    read: (bytes) => {
      let json: unknown;
      try {
        json = JSON.parse(text(bytes));
      } catch {
        return undefined;
      }
      return checkProfile(json, (name) => deviceProfile(name));
    },
  },
  'an archive': {
    seeds: [zip],
    read: (bytes) => {
      const { names, member } = readZip(bytes, '.npy');
      return names.map(member);
    },
  },
  'requests at the gateway': {
    seeds: [
      `GET ${own} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer 0123456789abcdef\r\nConnection: close\r\n\r\n`,
      `PUT ${own}/devices/a/sums?version=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nConnection: close\r\n\r\nabcd`,
      'GET // HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n',
    ].map(bytesOf),
    share: 0.2,
    read: (bytes) => answered(bytes),
  },
  'a schedule of cuts': {
    seeds: ['none', '12,40~7,9-@t4@c1.2.3@u', '1@c*'].map(bytesOf),
    read: (bytes) => parseSchedule(text(bytes)),
  },
};

const shares = Object.values(READERS).reduce((sum, { share = 1 }) => sum + share, 0);
for (const [name, { seeds, share = 1, read, reseal }] of Object.entries(READERS)) {
  const count = Math.ceil((COUNT * share) / shares);
  test(`${name}: ${count} damaged files, errors by name alone`, async () => {
    for (const seed of seeds.slice(0, 1)) await read(seed);
    const random = draws(23);
    const codes = await turnOn(name, count, (i) => {
      const bytes = damaged(random, seeds[i % seeds.length]!);
      if (random.integer(2)) reseal?.(bytes);
      return read(bytes);
    });
    // A store drops what does not hold, as after a power cut.
    const quiet = name === 'a store of the gateway' || name === 'requests at the gateway';
    assert.ok(codes.get('none')! < count * 0.98 || quiet, `${codes.get('none')}`);
  });
}

test.after(async () => {
  server.closeAllConnections();
  server.close();
  await fleet.close();
});

test.run();
