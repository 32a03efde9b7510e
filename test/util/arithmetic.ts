// The device's fixed-point arithmetic and its prime field, function by function, against definitions in unbounded integers.
import { NTT_PRIME } from '../../assembly/layout.js';
import { Random } from '../../host/math/random.js';

const ENTRY = `
export { multiplyHigh, divideByPower, exponential, reciprocalOfOnePlus } from './assembly/kernels/fixed_point';
export { centre } from './assembly/kernels/field';
`;

type Functions = Record<
  'multiplyHigh' | 'divideByPower' | 'exponential' | 'reciprocalOfOnePlus' | 'centre',
  (...arguments_: number[]) => number
>;

/** The functions as compiled from sources that `read` gives by name; or what the compiler says. */
export async function arithmeticOf(read: (name: string) => string | null): Promise<Functions | string> {
  const { default: asc } = await import('assemblyscript/asc');
  let binary: Uint8Array<ArrayBuffer> | undefined;
  let messages = '';
  const flags = ['--runtime', 'stub', '--use', 'abort=', '--noAssert', '--outFile', 'x.wasm'];
  const { error } = await asc.main(['arithmetic.ts', ...flags], {
    stderr: {
      write(text: string): boolean {
        messages += text;
        return true;
      },
    },
    readFile: (name: string) =>
      name === 'arithmetic.ts' ? ENTRY : name === 'asconfig.json' ? null : read(name),
    writeFile(_: string, contents: Uint8Array | string): void {
      if (typeof contents !== 'string') binary = new Uint8Array(contents);
    },
    listFiles: () => null,
  });
  if (error || !binary) return messages;
  const imports: WebAssembly.Imports = {};
  for (const { module, name } of WebAssembly.Module.imports(new WebAssembly.Module(binary))) {
    const named = imports[module] ?? {};
    named[name] = () => 0;
    imports[module] = named;
  }
  return new WebAssembly.Instance(new WebAssembly.Module(binary), imports).exports as unknown as Functions;
}

const LEAST = -(2n ** 31n);
const MOST = 2n ** 31n - 1n;
const saturate = (x: bigint): bigint => (x > MOST ? MOST : x < LEAST ? LEAST : x);

/** a / b rounded down. */
const floor = (a: bigint, b: bigint): bigint => (a - (((a % b) + b) % b)) / b;

/** SaturatingRoundingDoublingHighMul, halves up. */
const multiplied = (a: bigint, b: bigint): bigint => saturate(floor(a * b + 2n ** 30n, 2n ** 31n));

/** RoundingDivideByPOT: halves away from zero. */
function divided(x: bigint, exponent: bigint): bigint {
  const size = x < 0n ? -x : x;
  const rounded = floor(size + floor(2n ** exponent, 2n), 2n ** exponent);
  return exponent === 0n ? x : x < 0n ? -rounded : rounded;
}

/** A real number below 1 as 31 fractional bits, as gemmlowp's constants are. */
const fraction = (x: number): bigint => BigInt(Math.round(x * 2 ** 31));

/** e^a of an int32 a ≤ 0 with 26 fractional bits: gemmlowp's series about −1/8, then a factor for each bit above. */
function exponentialOf(a: bigint): bigint {
  if (a === 0n) return MOST;
  const quarter = 2n ** 24n;
  const reduced = (((a % quarter) + quarter) % quarter) - quarter;
  const x = reduced * 32n + 2n ** 28n;
  const [x2, third] = [multiplied(x, x), fraction(1 / 3)];
  const [x3, x4] = [multiplied(x2, x), multiplied(x2, x2)];
  const tail = divided(multiplied(divided(x4, 2n) + x3, third) + x2, 1n);
  const eighth = fraction(Math.exp(-1 / 8));
  let result = eighth + multiplied(eighth, x + tail);
  const remainder = reduced - a;
  for (let bit = 24n; bit < 31n; bit++)
    if ((remainder >> bit) & 1n) result = multiplied(result, fraction(Math.exp(-(2 ** Number(bit - 26n)))));
  return result;
}

/** 1 / (1 + a) of a in [0, 1) with 31 fractional bits: three steps of Newton from 48/17 − 32/17 · half denominator. */
function reciprocalOf(a: bigint): bigint {
  const half = floor(a + MOST + 1n, 2n);
  const two = 2n ** 29n;
  let x =
    BigInt(Math.round((48 / 17) * 2 ** 29)) + multiplied(half, BigInt(-Math.round((32 / 17) * 2 ** 29)));
  for (let i = 0; i < 3; i++) x += saturate(multiplied(x, two - multiplied(half, x)) * 4n);
  return saturate(x * 2n);
}

/** Where the functions differ from their definitions; undefined: nowhere. `count` inputs of each. */
export function differenceOf(functions: Functions, count: number): string | undefined {
  const random = new Random(3);
  const int32 = (): number => random.uint32() | 0;
  const edges = [-(2 ** 31), 2 ** 31 - 1, 0, 1, -1, 1 << 30, -(1 << 30), 3, -3];
  const either = (i: number, at: number): number => (i < 81 ? edges[Math.floor(i / 9 ** at) % 9]! : int32());
  const tell = (name: string, arguments_: number[], found: number, expected: bigint): string | undefined =>
    BigInt(found) === expected ? undefined : `${name}(${arguments_.join(', ')}) is ${found}, not ${expected}`;
  for (let i = 0; i < count; i++) {
    const [a, b] = [either(i, 0), either(i, 1)];
    const exponent = random.integer(31);
    const negative = -(int32() >>> (1 + random.integer(28))) | 0;
    const positive = i < 4 ? [0, 1, 2 ** 31 - 1, 2 ** 30][i]! : int32() >>> 1;
    const x = random.integer(2 * 9 * NTT_PRIME) - 9 * NTT_PRIME;
    const near =
      i % 2 ? x : (random.integer(16) - 8) * NTT_PRIME + [1, -1][i & 2 ? 0 : 1]! * ((NTT_PRIME - 1) / 2);
    const p = BigInt(NTT_PRIME);
    const rest = ((BigInt(near) % p) + p) % p;
    const wrong =
      tell('multiplyHigh', [a, b], functions.multiplyHigh(a, b), multiplied(BigInt(a), BigInt(b))) ??
      tell(
        'divideByPower',
        [a, exponent],
        functions.divideByPower(a, exponent),
        divided(BigInt(a), BigInt(exponent)),
      ) ??
      tell('exponential', [negative], functions.exponential(negative), exponentialOf(BigInt(negative))) ??
      tell(
        'reciprocalOfOnePlus',
        [positive],
        functions.reciprocalOfOnePlus(positive),
        reciprocalOf(BigInt(positive)),
      ) ??
      tell('centre', [near], functions.centre(near), rest > (p - 1n) / 2n ? rest - p : rest);
    if (wrong) return wrong;
  }
  return undefined;
}
