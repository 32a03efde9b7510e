// What each level of a compression gains: of the model (its structure), of arithmetic (few bits), of its implementation (how an
// image keeps constants, and which bodies compute); each with the network's own weights, and trained.
import type { CompileOptions } from '../compile/options.js';
import { readImage } from '../model/image.js';
import type { QuantizedNetwork } from '../model/quantized-network.js';
import { compile } from '../compile/compile.js';
import type { Settings } from './compress-options.js';
import type { Figures, LevelRow } from './compress-report.js';
import { tryCost } from './device-cost.js';
import { type FloatNetwork, parameterCount } from './float-network.js';
import { forward } from './forward.js';
import { quantizeAs } from './quantize.js';
import { roundedAtOnce, scoreOutputs, scoreTrial, type Trial } from './recipe.js';
import { applyChoices, type Choices } from './transform.js';

/** As a compiler would have it that knows one way for each layer and keeps constants in full. */
const PLAIN = {
  convolution: 'direct',
  circulant: 'direct',
  fuse: 'off',
  lean: 'off',
} as const satisfies Partial<CompileOptions>;

/** What a compression went through. */
export interface Course {
  parent: FloatNetwork;
  settings: Settings;
  choices: Choices;
  /** As structured training ended, in float, where some was done. */
  structured?: FloatNetwork;
  quantized: QuantizedNetwork;
  before: Figures;
  after: Figures;
}

/** The choices without their bits and methods. */
const structureOf = (choices: Choices): Choices =>
  Object.fromEntries(
    Object.entries(choices).map(([name, { bits: _, method: __, ...structure }]) => [name, structure]),
  );

/** The gain level by level; the last one is the image. */
export function levelsOf({
  parent,
  settings,
  choices,
  structured,
  quantized,
  before,
  after,
}: Course): LevelRow[] {
  const { budget, metric, recipe, test, training } = settings;
  const { device, capacitorUf } = budget;
  const power = { device, ...(capacitorUf === undefined ? {} : { capacitorUf }) };
  const integers = ({ network, scheme }: Trial): QuantizedNetwork =>
    quantizeAs(network, scheme!, settings.name);
  const energy = (network: QuantizedNetwork): Pick<LevelRow, 'energyUj'> => {
    const cost = tryCost(network, power, undefined, PLAIN);
    return typeof cost === 'string' ? {} : { energyUj: cost.energyUj };
  };
  const floats = (network: FloatNetwork): number =>
    scoreOutputs(forward(network, test.inputs, test.labels.length).outputs, test, metric).quality;
  const shaped = applyChoices(parent, structureOf(choices));
  const rounded = roundedAtOnce(applyChoices(parent, choices), training, recipe, choices);
  const untrained = scoreTrial(rounded, test, metric).quality;
  const trained = after.quality;
  const plain = readImage(compile(quantized, { ...power, ...PLAIN, verify: false }));
  return [
    {
      level: 'parent',
      weightBytes: before.weightBytes,
      ...energy(integers(roundedAtOnce(parent, training, recipe, {}))),
      untrained: before.quality,
    },
    {
      level: 'model',
      weightBytes: 4 * parameterCount(shaped),
      ...energy(integers(roundedAtOnce(shaped, training, recipe, {}))),
      untrained: floats(shaped),
      ...(structured ? { trained: floats(structured) } : {}),
    },
    { level: 'arithmetic', weightBytes: plain.constants.bytes, ...energy(quantized), untrained, trained },
    {
      level: 'implementation',
      weightBytes: after.weightBytes,
      ...(after.cost ? { energyUj: after.cost.energyUj } : {}),
      ...{ untrained, trained },
    },
  ];
}
