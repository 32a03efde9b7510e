// Streams that are not as one would wish: wrong labels, rare classes, classes that come late, and slow drift; digits turned by 45°.
import { Random } from '../../host/math/random.js';
import type { Sample } from '../../host/learning/mirror.js';
import type { LearnOptions } from '../../host/learning/spec.js';
import { draw, type Method, prototype, selfTaught, sums, tunedSums, unadapted } from './methods.js';
import { digits, FACTORY, factorySamples, LABELS, splitAt, tuningSamples } from './rotated-digits.js';

const DEGREES = 45;
const CLASSES = 10;
const WRONG = [0.1, 0.2, 0.4];
const DECAYS = [5, 4, 3];
/** Angles without labels. */
const UNLABELLED = [0, 15, 30, 45];
/** Of drift: labels at each angle, from upright to a quarter turn. */
const TURNS = [0, 15, 30, 45, 60, 75, 90];
const AT_EACH = 100;
/** Steps by which the largest logit leads where an answer is taken for a label. */
const LEADS = [0, 16, 32, 64];
/** Labels of a rare class, and of the others. */
const [RARE, OFTEN] = [4, 36];

/** Without labels, at angles from nearly upright on: each learns its own answers, or nothing. */
export function benchUnlabelled(seeds: number): StreamResult[] {
  const network = digits();
  const options: LearnOptions = { layers: 'sums', late: false, data: factorySamples(network, FACTORY) };
  const methods = [unadapted(network), ...LEADS.map((margin) => selfTaught(network, options, margin))];
  return UNLABELLED.map((degrees) => {
    const { pool, unseen } = splitAt(network, degrees);
    const found = methods.map(({ name, run }) => ({
      name,
      shares: Array.from({ length: seeds }, (_, seed) =>
        run(draw(new Random(1000 + seed), pool, LABELS), unseen, seed + 1),
      ),
    }));
    console.error(degrees, found.map(({ name, shares }) => `${name}: ${shares.join(' ')}`).join('; '));
    return { stream: `${degrees}°`, methods: found };
  });
}

export interface StreamResult {
  stream: string;
  /** Shares right, one a seed, by method. */
  methods: { name: string; shares: number[] }[];
}

/** Every label with this chance another one. */
function mislabelled(stream: readonly Sample[], chance: number, random: Random): Sample[] {
  return stream.map(({ input, label }) => {
    const wrong = random.uniform(0, 1) < chance;
    return { input, label: wrong ? (label + 1 + random.integer(CLASSES - 1)) % CLASSES : label };
  });
}

const ofClasses = (samples: readonly Sample[], from: number, to: number): Sample[] =>
  samples.filter(({ label }) => label >= from && label < to);

/** Learns each stream by each method; tested on digits of the angle that the stream ends with. */
export function benchStreams(seeds: number): StreamResult[] {
  const network = digits();
  const options: LearnOptions = { layers: 'sums', late: false, data: factorySamples(network, FACTORY) };
  const tuned = tunedSums(network, options, [tuningSamples(network)]);
  const plain: Method[] = [prototype(network), sums('sums', network, tuned)];
  const decaying = DECAYS.map((decay) => sums(`sums, decay ${decay}`, network, { ...tuned, decay }));
  const { pool, unseen } = splitAt(network, DEGREES);
  const half = CLASSES / 2;
  const [first, second] = [ofClasses(pool, 0, half), ofClasses(pool, half, CLASSES)];
  const run = (
    stream: string,
    methods: readonly Method[],
    tested: readonly Sample[],
    of: (random: Random) => Sample[],
  ): StreamResult => {
    const streams = Array.from({ length: seeds }, (_, seed) => of(new Random(1000 + seed)));
    const found = methods.map(({ name, run: learn }) => {
      return { name, shares: streams.map((samples, seed) => learn(samples, tested, seed + 1)) };
    });
    console.error(stream, found.map(({ name, shares }) => `${name}: ${shares.join(' ')}`).join('; '));
    return { stream, methods: found };
  };
  const turned = TURNS.map((degrees) => splitAt(network, degrees));
  return [
    run('as drawn', plain, unseen, (random) => draw(random, pool, LABELS)),
    ...WRONG.map((chance) =>
      run(`${chance * 100} % wrong labels`, plain, unseen, (random) =>
        mislabelled(draw(random, pool, LABELS), chance, random),
      ),
    ),
    run('five classes rare', plain, unseen, (random) =>
      random.shuffle([...draw(random, first, half * RARE), ...draw(random, second, half * OFTEN)]),
    ),
    run('five classes late', plain, unseen, (random) => [
      ...draw(random, first, LABELS / 2),
      ...draw(random, second, LABELS / 2),
    ]),
    run('drift', [...plain, ...decaying], turned.at(-1)!.unseen, (random) =>
      turned.flatMap((at) => draw(random, at.pool, AT_EACH)),
    ),
  ];
}
