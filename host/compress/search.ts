// The search under a budget: choices by a small multi-objective evolution (non-dominated sorting, Deb et al. 2002) over
// what sensitivity predicts of the loss, and what the compiler's plan and metered kernels say of flash and energy.
import { Random } from '../math/random.js';
import type { LayerOptions } from './candidates.js';
import { type Budget, type DeviceCost, excess } from './device-cost.js';
import type { Choices, LayerChoice } from './transform.js';

/** One way to compress a network: for each layer an option's index. */
type Genome = readonly number[];

/** A choice for every layer, and what it would cost. */
export interface Candidate {
  choices: Choices;
  /** Sum of what the layers' choices cost on their own, in cross-entropy of the validation inputs. */
  predictedLoss: number;
  cost: DeviceCost;
  /** By how much it is over the budget: 0 if it fits. */
  excess: number;
}

const POPULATION = 24;
const GENERATIONS = 16;

/** Every choice of a layer, structure with bits and method; `loss`: what it adds on its own. */
interface Gene {
  name: string;
  options: { choice: LayerChoice; loss: number }[];
}

/** What a layer's choice adds to the loss, alone. */
export type LossOf = (name: string, choice: LayerChoice) => number;

function genesOf(layers: readonly LayerOptions[], lossOf: LossOf): Gene[] {
  return layers.map(({ name, structures, bits, spectra }) => ({
    name,
    options: structures.flatMap((structure) => {
      const loss = lossOf(name, structure);
      const blocks = structure.blockSize !== undefined;
      // Blocks over channels have 8 bits. Weights of 2 and 1 bits have no zero.
      const least = structure.pattern !== undefined ? 4 : blocks && !spectra ? 8 : 1;
      return bits
        .filter((width) => width >= least)
        .flatMap((width) => {
          const rounded = width === 8 ? 0 : lossOf(name, { bits: width });
          const choice = width === 8 ? structure : { ...structure, bits: width };
          // Of 8 bits spectra cost four times the flash of first columns.
          const ways = blocks && spectra ? [choice, { ...choice, method: 'direct' as const }] : [choice];
          return ways.map((way) => ({ choice: way, loss: loss + rounded }));
        });
    }),
  }));
}

const choicesOf = (genes: readonly Gene[], genome: Genome): Choices =>
  Object.fromEntries(genes.map(({ name, options }, i) => [name, options[genome[i]!]!.choice]));

/** Whether a is at least as good as b in all, and better in one: what fits first, then loss, flash and energy. */
function dominates(a: Candidate, b: Candidate): boolean {
  if (a.excess !== b.excess && (a.excess > 0 || b.excess > 0)) return a.excess < b.excess;
  const values = ({ predictedLoss, cost }: Candidate): number[] => [
    predictedLoss,
    cost.flashBytes,
    cost.energyUj,
  ];
  const [x, y] = [values(a), values(b)];
  return x.every((value, i) => value <= y[i]!) && x.some((value, i) => value < y[i]!);
}

/** Candidates front by front: the first is dominated by none. */
function fronts(candidates: readonly Candidate[]): Candidate[][] {
  let left = [...candidates];
  const all: Candidate[][] = [];
  while (left.length > 0) {
    const front = left.filter((a) => !left.some((b) => dominates(b, a)));
    all.push(front);
    left = left.filter((a) => !front.includes(a));
  }
  return all;
}

export interface SearchResult {
  /** Candidates that fit the budget and that no other dominates, by predicted loss; where nothing fits, the nearest one. */
  front: Candidate[];
  /** All that were planned and metered. */
  all: Candidate[];
}

/**
 * Searches the choices of all layers. `lossOf` is what each adds to the loss on its own; `costOf` may say that a network
 * cannot run at all: undefined.
 */
export function search(
  layers: readonly LayerOptions[],
  lossOf: LossOf,
  costOf: (choices: Choices) => DeviceCost | undefined,
  { budget, seed, onCandidate }: { budget: Budget; seed: number; onCandidate?: (tried: number) => void },
): SearchResult {
  const genes = genesOf(layers, lossOf);
  const random = new Random(seed);
  const known = new Map<string, Candidate | undefined>();
  const evaluate = (genome: Genome): Candidate | undefined => {
    const key = `${genome}`;
    if (!known.has(key)) {
      const choices = choicesOf(genes, genome);
      const cost = costOf(choices);
      const predictedLoss = genome.reduce((sum, option, i) => sum + genes[i]!.options[option]!.loss, 0);
      known.set(key, cost && { choices, predictedLoss, cost, excess: excess(cost, budget) });
      onCandidate?.(known.size);
    }
    return known.get(key);
  };
  const draw = (): number[] => genes.map(({ options }) => random.integer(options.length));
  let population: Genome[] = [genes.map(() => 0), genes.map(({ options }) => options.length - 1)];
  while (population.length < POPULATION) population.push(draw());
  for (let generation = 0; generation < GENERATIONS; generation++) {
    const children = population.map((parent) => {
      const other = population[random.integer(population.length)]!;
      const child = parent.map((option, i) => (random.integer(2) === 0 ? option : other[i]!));
      const at = random.integer(genes.length);
      child[at] = random.integer(genes[at]!.options.length);
      return child;
    });
    const pool = new Map([...population, ...children].map((genome) => [`${genome}`, genome]));
    const scored = [...pool.values()].flatMap((genome) => {
      const candidate = evaluate(genome);
      return candidate ? [{ genome, candidate }] : [];
    });
    const ranked = fronts(scored.map(({ candidate }) => candidate)).flatMap((front) =>
      front.sort((a, b) => a.excess - b.excess || a.predictedLoss - b.predictedLoss),
    );
    const best = ranked.slice(0, POPULATION);
    population = best.map((candidate) => scored.find((other) => other.candidate === candidate)!.genome);
    if (population.length === 0) population = Array.from({ length: POPULATION }, draw);
  }
  const all = [...known.values()].filter((candidate) => candidate !== undefined);
  const fitting = all.filter((candidate) => candidate.excess === 0);
  if (fitting.length === 0) return { front: [...all].sort((a, b) => a.excess - b.excess).slice(0, 1), all };
  return { front: fronts(fitting)[0]!.sort((a, b) => a.predictedLoss - b.predictedLoss), all };
}
