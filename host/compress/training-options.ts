// Options of training, and what it reports.
import { callback, choice, instance, type Kind, real, seedKind, whole } from '../options/kinds.js';
import type { Table } from '../options/table.js';
import type { AdmmOptions, Residuals } from './admm.js';
import type { Augmentation } from './augment.js';
import { MOST_THREADS } from './desk-module.js';
import type { FloatNetwork } from './float-network.js';
import type { RoundingOptions } from './rounding.js';

/** How weights follow gradients: Adam (Kingma, Ba 2015), or momentum. */
export type Optimizer =
  { kind: 'adam'; beta1: number; beta2: number } | { kind: 'momentum'; momentum: number };

/** A network whose softened answers the trained one is to give as well (Hinton et al. 2015). */
export interface Teacher {
  network: FloatNetwork;
  /** Of its part of the loss, 0 … 1; the labels have the rest. */
  weight: number;
  temperature: number;
}

/** Options of `train`, and of the training inside `compress`. Same options and seed, same weights, bit for bit. */
export interface TrainingOptions {
  seed: number;
  epochs: number;
  batchSize: number;
  optimizer: Optimizer;
  /** The peak of the schedule: reached linearly in `warmupEpochs`, then falling to 0 at the last batch. */
  learningRate: number;
  warmupEpochs: number;
  decay: 'linear' | 'cosine';
  /** On weights, not on biases: decoupled for Adam, part of the gradient for momentum. */
  weightDecay: number;
  augmentation?: Augmentation;
  /** Inputs of a batch are blended in pairs, the second with a share drawn up to this (Zhang et al. 2018). */
  mixup?: number;
  teacher?: Teacher;
  admm?: AdmmOptions;
  /** Rounds weights and activations as the device will. */
  rounding?: RoundingOptions;
  /** Threads that share the work; default 1. Any number gives the same bytes. */
  threads?: number;
  onEpoch?: (report: EpochReport) => void;
}

const isObject = <T extends object>(value: unknown): value is T =>
  typeof value === 'object' && value !== null;
const object = <T extends object>(what: string): Kind<T> => instance(what, isObject<T>);
const isOptimizer = (value: unknown): value is Optimizer => {
  const { kind, beta1, beta2, momentum } = (value ?? {}) as Record<string, unknown>;
  const isShare = (one: unknown): boolean => typeof one === 'number' && one >= 0 && one < 1;
  return (kind === 'adam' && isShare(beta1) && isShare(beta2)) || (kind === 'momentum' && isShare(momentum));
};

/** Each option's kind. */
export const trainingTable = {
  seed: { kind: seedKind, required: true },
  epochs: { kind: whole(1, 1_000_000), required: true },
  batchSize: { kind: whole(1, 65_536), required: true },
  optimizer: {
    kind: instance("{ kind: 'adam', beta1, beta2 } or { kind: 'momentum', momentum }", isOptimizer),
    required: true,
  },
  learningRate: { kind: real(0, 1024), required: true },
  warmupEpochs: { kind: real(0, 1_000_000), required: true },
  decay: { kind: choice(['linear', 'cosine']), required: true },
  weightDecay: { kind: real(0, 1024), required: true },
  augmentation: { kind: object<Augmentation>('numbers by kind of change') },
  mixup: { kind: real(0, 1) },
  teacher: { kind: object<Teacher>('{ network, weight, temperature }') },
  admm: { kind: object<AdmmOptions>('{ constraints, rho, growth, mostRho }') },
  rounding: { kind: object<RoundingOptions>('{ inputRange, … }') },
  threads: { kind: whole(1, MOST_THREADS), default: 1 },
  onEpoch: { kind: callback<(report: EpochReport) => void>() },
} as const satisfies Table<TrainingOptions>;

/** How an epoch of training went. */
export interface EpochReport {
  /** From 1. */
  epoch: number;
  epochs: number;
  /** Means over the epoch's batches, on the augmented inputs. */
  loss: number;
  /** Of classes; 0 where there are none. */
  accuracy: number;
  /** Of a regression: the mean absolute error. */
  error?: number;
  /** With ADMM: how far the constraints are from being met. */
  residuals?: Residuals;
}
