// Options, from their tables: every command refuses what is misspelt, missing, of a wrong type or out of range; the API too.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { COMMANDS } from '../host/commands.js';
import { BrownoutError } from '../host/error.js';
import * as api from '../host/index.js';
import type { Command } from '../host/options/command.js';
import { parseLine } from '../host/options/parse.js';
import { BYTES, CAPACITANCE, ENERGY, POWER, quantityOf, RESISTANCE, TIME } from '../host/options/quantity.js';
import { nearest } from '../host/options/suggest.js';
import { cliName, type Option } from '../host/options/table.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'brownout-options-'));
test.after(() => rmSync(folder, { recursive: true }));

function refusal(call: () => unknown): BrownoutError {
  try {
    call();
  } catch (error) {
    assert.instance(error, BrownoutError, String(error));
    return error as BrownoutError;
  }
  return assert.unreachable('taken') as never;
}

/** A line that has all that a command must have, but for `left` out. */
function enough({ positionals, options }: Command, left?: string): string[] {
  const needed = Object.entries<Option>(options).filter(([key, { required }]) => required && key !== left);
  return [
    ...positionals.filter(({ many }) => !many).map(({ name }) => name.replace(/\W/g, '-')),
    ...needed.flatMap(([key, option]) => [`--${cliName(key, option)}`, join(folder, option.kind.right())]),
  ];
}

/** The line that a hint gives to be typed, as words. */
const hinted = ({ hint }: BrownoutError): string[] => {
  const line = /`brownout ([^`]+)`/.exec(hint)?.[1];
  assert.ok(line, hint);
  return [...line!.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare!);
};

for (const [name, { load }] of Object.entries(COMMANDS)) {
  test(`${name}: what is wrong with an option is said, and the hint is right`, async () => {
    const { command } = await load();
    const parse = (args: readonly string[]): unknown => parseLine(name, command, args);
    const isTaken = (error: BrownoutError): void => {
      const [first, ...args] = hinted(error);
      assert.is(first, name);
      parse(args);
    };
    parse(enough(command));
    for (const [key, option] of Object.entries<Option>(command.options)) {
      const flag = `--${cliName(key, option)}`;
      const line = enough(command, key);
      const { kind } = option;
      const value = kind.file && kind.file !== 'input' ? join(folder, kind.right()) : kind.right();
      const given = kind.isSwitch ? [flag] : [flag, value];
      parse([...line, ...given]);
      const misspelt = `${flag.slice(0, -1)}${flag.at(-1)!.repeat(2)}`;
      const unknown = refusal(() => parse([...line, misspelt, ...given.slice(1)]));
      assert.is(unknown.code, 'E_USAGE');
      assert.match(unknown.hint, `Did you mean \`${flag}\`?`);
      isTaken(unknown);
      if (kind.isSwitch) {
        isTaken(refusal(() => parse([...line, `${flag}=yes`])));
        continue;
      }
      // What the API takes as data is a file here.
      const expected = kind.file === 'input' ? `a file, such as ${kind.right()}` : kind.expected;
      for (const missing of [[flag], [`${flag}=`], [flag, '--json']]) {
        const error = refusal(() => parse([...line, ...missing]));
        assert.equal([error.code, error.expected], ['E_USAGE', expected], missing.join(' '));
      }
      if (option.required) {
        const error = refusal(() => parse(line));
        assert.equal([error.code, error.found], ['E_USAGE', `no ${flag}`]);
      }
      for (const wrong of ['!', '-1e99', 'no such name']) {
        if (kind.parse!(wrong) !== undefined) continue;
        const error = refusal(() => parse([...line, `${flag}=${wrong}`]));
        assert.equal(
          [error.code, error.expected],
          [kind.code ?? 'E_OPTION', kind.expected],
          `${flag}=${wrong}`,
        );
        isTaken(error);
      }
    }
  });
}

test('old names are taken for a version, with a word', async () => {
  const notes = async (name: string, ...args: string[]): Promise<readonly string[]> => {
    const { command } = await COMMANDS[name]!.load();
    return parseLine(name, command, args).notes;
  };
  assert.match((await notes('compile', 'm.tflite', '--train', 'last'))[0]!, '--learn');
  assert.match(
    (await notes('compile', 'm.tflite', '--learn', 'last', '--lr', '1/64'))[0]!,
    '--learning-rate',
  );
  assert.match((await notes('verify', 'm.brn', '--job', 'train'))[0]!, 'learn');
  assert.equal(COMMANDS['learn']!.was, ['train']);
});

test('quantities', () => {
  const near = (found: number | undefined, expected: number): void =>
    assert.ok(found !== undefined && Math.abs(found / expected - 1) < 1e-12, `${found}, not ${expected}`);
  near(quantityOf('100uF', CAPACITANCE), 100);
  near(quantityOf('4.7 mF', CAPACITANCE), 4700);
  near(quantityOf('0.1F', CAPACITANCE), 1e5);
  near(quantityOf('47µF', CAPACITANCE), 47);
  near(quantityOf('10KB', BYTES), 10240);
  near(quantityOf('65536', BYTES), 65536);
  near(quantityOf('2mJ', ENERGY), 2000);
  near(quantityOf('30k', RESISTANCE), 30_000);
  near(quantityOf('1M', RESISTANCE), 1e6);
  near(quantityOf('470Ω', RESISTANCE), 470);
  near(quantityOf('10ms', TIME), 10);
  near(quantityOf('5m', TIME), 300_000);
  near(quantityOf('1.5mW', POWER), 1500);
  for (const wrong of ['100', 'uF', '-1uF', '1uJ', '100MF', '1e3uF', ''])
    assert.is(quantityOf(wrong, CAPACITANCE), undefined, wrong);
});

test('the nearest name', () => {
  const names = ['policy', 'device', 'capacitor', 'converter'];
  for (const [typed, meant] of [
    ['polciy', 'policy'],
    ['Devise', 'device'],
    ['capa', 'capacitor'],
    ['capacitors', 'capacitor'],
    ['xyzzy', undefined],
    ['', undefined],
  ] as const)
    assert.is(nearest(typed, names), meant, typed);
});

const image = new Uint8Array(readFileSync(join(root, 'checkpoints/digits.brn')));
const learner = new Uint8Array(readFileSync(join(root, 'checkpoints/digits-learn.brn')));
const labelled = { input: { dtype: 'int8' as const, shape: [0], data: new Int8Array() }, labels: [] };
const network = { inputShape: [1], layers: [] };
const lesson = {
  ...{
    seed: 1,
    epochs: 1,
    batchSize: 1,
    learningRate: 0.1,
    warmupEpochs: 0,
    decay: 'linear',
    weightDecay: 0,
  },
  optimizer: { kind: 'momentum', momentum: 0 },
};
/** Every call of the API that takes options, with what it must have. */
const CALLS: Record<string, (options: object) => unknown> = {
  analyze: (options) => api.analyze(image, options),
  compare: (options) => api.compare([], options),
  compile: (options) => api.compile({} as never, options),
  compress: (options) =>
    api.compress({ inputShape: [1], layers: [] } as never, { data: DATA, ...options } as never),
  demo: (options) => api.demo(options),
  importModel: (options) => api.importModel(new Uint8Array(), options),
  learn: (options) => api.learn(learner, { ...labelled, ...options }),
  parseTrace: (options) => api.parseTrace('time_s,power_uw\n0,1\n1,1', options),
  quantizeGraph: (options) => api.quantizeGraph({} as never, { name: 'x', ...options }),
  replay: (options) => api.replay(image, options),
  replayCuts: (options) => api.replayCuts(image, '1', options),
  run: (options) => api.run(image, options),
  size: (options) => api.size(image, options),
  train: (options) => api.train(network as never, DATA, { ...lesson, ...options } as never),
  verify: (options) => api.verify(image, options),
  xray: (options) => api.xray(image, { reference: new Uint8Array(), ...options }),
};
const DATA = { inputs: new Float32Array(1), labels: new Uint8Array(1) };

for (const [name, call] of Object.entries(CALLS)) {
  test(`${name}: the API refuses an option that it does not know`, () => {
    const error = refusal(() => call({ sleeep: 1 }));
    assert.equal([error.code, error.found], ['E_OPTION', 'option "sleeep"']);
    assert.match(refusal(() => call('text' as never)).code, /E_OPTION/);
  });
}

/** Calls that need nothing, so that nothing is not wrong for them. */
const NEEDS_NOTHING = ['demo', 'compare', 'stitch'];

test('every call refuses what is not its first argument by name, whatever it is', async () => {
  const calls = Object.entries(api as Record<string, unknown>).flatMap(([name, call]) =>
    typeof call === 'function' && call !== api.BrownoutError
      ? [[name, call as (first: unknown) => unknown] as const]
      : [],
  );
  assert.ok(calls.length > 40);
  for (const [name, call] of calls) {
    const wrong = [42, null, 'x.brn', {}, undefined, []];
    for (const first of NEEDS_NOTHING.includes(name) ? [42, 'x.brn'] : wrong) {
      let thrown: unknown;
      try {
        await call(first);
      } catch (error) {
        thrown = error;
      }
      assert.instance(thrown, BrownoutError, `${name}(${JSON.stringify(first)}): ${String(thrown)}`);
    }
  }
});

test('the API refuses wrong types, and speaks of its own names', () => {
  for (const [call, options, name, code = 'E_OPTION'] of [
    ['replay', { onLow: 'sleeep' }, 'onLow'],
    ['replay', { capacitorUf: '100' }, 'capacitorUf'],
    ['replay', { capacitorUf: Number.NaN }, 'capacitorUf'],
    ['replay', { seed: 'one' }, 'seed'],
    ['replay', { device: 'msp430' }, 'device', 'E_DEVICE'],
    ['replay', { converter: 'bq2557' }, 'converter', 'E_CONVERTER'],
    ['replay', { input: [1, 2] }, 'input'],
    ['learn', { epochs: 0 }, 'epochs'],
    ['learn', { onLow: 'sleeep' }, 'onLow'],
    ['learn', { labels: undefined }, 'labels'],
    ['train', { epochs: undefined }, 'epochs'],
    ['train', { learningRate: undefined }, 'learningRate'],
    ['train', { learningRate: Number.NaN }, 'learningRate'],
    ['compile', { policy: 'often' }, 'policy', 'E_POLICY'],
    ['compile', { learn: { layers: 'last', ring: 1000 } }, 'ring', 'E_LEARN'],
    ['verify', { tear: 3 }, 'tear'],
    ['verify', { onProgress: 1 }, 'onProgress'],
    ['run', { input: 'x.npy' }, 'input'],
    ['size', { capacitorsUf: ['1uF', '2'] }, 'capacitorsUf'],
  ] as const) {
    const error = refusal(() => CALLS[call]!(options));
    assert.equal(
      [error.code, error.found.includes(`\`${name}\``)],
      [code, true],
      `${call} ${name}: ${error.found}`,
    );
    assert.not.match(error.message, /--[a-z]/);
  }
});

test('the API takes quantities as texts', () => {
  const parts = (options: api.ReplayOptions): number => api.replay(image, options).capacitorUf;
  assert.is(parts({ capacitorUf: '0.1mF' }), 100);
  assert.is(parts({ capacitorUf: 100 }), 100);
});

/** Processor time of a node process, in ms, the least of three. */
function processorMs(args: readonly string[]): number {
  const preload = join(folder, 'cpu.cjs');
  const out = join(folder, 'cpu');
  writeFileSync(
    preload,
    `process.on('exit', () => { const { user, system } = process.cpuUsage();
      require('node:fs').writeFileSync(${JSON.stringify(out)}, String((user + system) / 1000)); });`,
  );
  const once = (): number => {
    execFileSync(process.execPath, ['--require', preload, ...args], { stdio: 'ignore' });
    return Number(readFileSync(out, 'utf8'));
  };
  return Math.min(once(), once(), once());
}

test('a command is imported when it runs: --help at most twice the processor time of node itself', () => {
  const bin = join(root, 'bin/brownout.js');
  const nothing = processorMs(['-e', '0']);
  const help = processorMs([bin, '--help']);
  assert.ok(help <= 2 * nothing, `${help} ms for --help, ${nothing} ms for node -e 0`);
});

test('run imports only what it needs: at most two thirds of the time that it takes with all commands imported', () => {
  const all = join(folder, 'all.mjs');
  const from = (name: string): string => JSON.stringify(new URL(`../host/${name}`, import.meta.url).href);
  writeFileSync(
    all,
    `const { COMMANDS } = await import(${from('commands.js')});
     await Promise.all(Object.values(COMMANDS).map(({ load }) => load()));
     const { main } = await import(${from('cli.js')});
     process.exitCode = await main(process.argv.slice(2));`,
  );
  const line = ['run', join(root, 'checkpoints/digits.brn')];
  const [alone, together] = [join(root, 'bin/brownout.js'), all].map((script) =>
    processorMs([script, ...line]),
  );
  assert.ok(alone! <= (2 / 3) * together!, `${alone} ms, ${together} ms with all commands imported`);
});

test.run();
