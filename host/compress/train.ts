import { Random } from '../math/random.js';
import { BrownoutError, checkFields } from '../error.js';
import { Admm } from './admm.js';
import { augment } from './augment.js';
import { type Checked, checkOptions } from '../options/table.js';
import { Desk, worthwhile } from './desk-module.js';
import { checkLoss } from './diverged.js';
import type { FloatNetwork, LabelledData } from './float-network.js';
import { answersOf, forward } from './forward.js';
import { elements, tensorShapes } from './layers.js';
import { errorsOf } from './metrics.js';
import { learningRate, Trained } from './optimizer.js';
import { KeptZeros } from './pattern.js';
import { PlacedNetwork } from './placed-network.js';
import { LearnedRounding, type QuantizationScheme } from './rounding.js';
import { tensor, type Tensor } from './recorder.js';
import type { SharedBatches } from './shared-batches.js';
import { Tape } from './tape.js';
import { type EpochReport, type TrainingOptions, trainingTable } from './training-options.js';

export type { EpochReport, Teacher, TrainingOptions } from './training-options.js';

/** Where training stands between two epochs. */
export interface TrainingState {
  epoch: number;
  random: Uint32Array;
  order: Uint32Array;
  arrays: Float32Array[];
}

/** Inputs that ranges of activations are taken from. */
const CALIBRATION_INPUTS = 512;
/** Share of the learning rate that learned ranges have: they are few, and their gradients large. */
const RANGE_RATE = 0.5;

/** Of batch normalisation. */
const LEAST_FACTOR = 1e-3;

/** How a batch went. */
interface BatchResult {
  loss: number;
  correct: number;
  error?: number;
}

/** The training of a copy of a network, epoch by epoch. */
export class Training {
  private readonly desk: Desk;
  private readonly random: Random;
  private readonly placed: PlacedNetwork;
  private readonly trained: Trained[];
  private readonly rangeTrained: Trained[] = [];
  private readonly rounding: LearnedRounding | undefined;
  private readonly admm: Admm | undefined;
  private readonly zeros: KeptZeros;
  /** The teacher, or its answers, where every epoch has the same inputs. */
  private readonly teacher: PlacedNetwork | Float32Array | undefined;
  private readonly order: Uint32Array;
  private readonly batches: number;
  private readonly inputSize: number;
  private readonly largestLabel: number;
  private done = 0;

  private readonly options: Checked<TrainingOptions, typeof trainingTable>;

  /** `shared`: with trainings of other networks on the same batches. Throws `E_OPTION`, `E_SHAPE`, `E_LABEL`, `E_NETWORK`. */
  constructor(
    private readonly network: FloatNetwork,
    private readonly data: LabelledData,
    given: TrainingOptions,
    private readonly shared?: SharedBatches,
  ) {
    const options = checkOptions(trainingTable, given);
    this.options = options;
    const count = data.labels.length;
    this.inputSize = elements(network.inputShape);
    if (count === 0 || data.inputs.length !== count * this.inputSize) {
      throw new BrownoutError({
        code: 'E_SHAPE',
        found: `${data.inputs.length} input values for ${count} labels`,
        expected: `${this.inputSize} for each, and at least one`,
        hint: `The network takes ${network.inputShape.join('×')}.`,
      });
    }
    this.largestLabel = data.labels.reduce((a, b) => Math.max(a, b));
    this.requireTargets();
    const desk = new Desk(options.threads);
    this.desk = desk;
    this.random = new Random(options.seed);
    this.placed = new PlacedNetwork(desk, network, true);
    this.zeros = new KeptZeros(desk, network.layers, this.placed.parameters);
    this.trained = this.placed.parameters.flatMap((layer) => {
      if (!layer) return [];
      const of = (parameter: Tensor, decay: number): Trained =>
        new Trained(desk, parameter, options.optimizer, decay);
      return [of(layer.weights, layer.statistics ? 0 : options.weightDecay), of(layer.bias, 0)];
    });
    if (options.rounding) {
      this.rounding = new LearnedRounding(desk, network, options.rounding);
      this.calibrate();
      this.rangeTrained = this.rounding.trained.map(
        (range) => new Trained(desk, range, options.optimizer, 0),
      );
    }
    if (options.admm) {
      const weights = this.placed.parameters.map((layer) => layer?.weights);
      this.admm = new Admm(desk, network.layers, weights, options.admm);
    }
    if (options.teacher) this.teacher = this.teacherOf(options.teacher.network);
    this.order = Uint32Array.from({ length: count }, (_, index) => index);
    this.batches = Math.ceil(count / options.batchSize);
  }

  /** Ends the part that other threads have in it; their memory of it is free then. */
  close(): void {
    this.desk.close();
  }

  /** Epochs behind it. */
  get epoch(): number {
    return this.done;
  }

  get finished(): boolean {
    return this.done >= this.options.epochs;
  }

  /** The network as it is now. */
  result(): FloatNetwork {
    return this.placed.read();
  }

  /** How to quantize it, if it was trained with rounding, once its batch normalisation is folded. */
  scheme(): QuantizationScheme | undefined {
    return this.rounding?.scheme(this.result());
  }

  /** The same before any training: scales of the least error, ranges as calibrated. */
  firstScheme(): QuantizationScheme | undefined {
    this.rounding?.rescale(this.placed, true);
    return this.scheme();
  }

  /** Trains on all inputs once. Throws `E_DIVERGED` where the loss is no number any more. */
  runEpoch(): EpochReport {
    const { data, options, order, rounding } = this;
    const count = data.labels.length;
    this.random.shuffle(order);
    if (rounding?.recalibrates && this.done > 0) this.calibrate();
    rounding?.rescale(this.placed, this.done === 0);
    let lossSum = 0;
    let correctSum = 0;
    let errorSum = 0;
    for (let batch = 0; batch < this.batches; batch++) {
      const members = order.subarray(batch * options.batchSize, (batch + 1) * options.batchSize);
      const mark = this.desk.mark();
      const { loss, correct, error = 0 } = this.runBatch(members, this.done * this.batches + batch + 1);
      this.desk.release(mark);
      lossSum += loss * members.length;
      correctSum += correct;
      errorSum += error * members.length;
    }
    this.done++;
    checkLoss(lossSum, this.done);
    const residuals = this.admm?.advance();
    const report = {
      epoch: this.done,
      epochs: options.epochs,
      loss: lossSum / count,
      accuracy: correctSum / count,
      ...(data.targets ? { error: errorSum / count } : {}),
      ...(residuals ? { residuals } : {}),
    };
    options.onEpoch?.(report);
    return report;
  }

  /** What to go on from with `restore`: between two epochs all there is to know. */
  save(): TrainingState {
    const arrays = [...this.trained, ...this.rangeTrained].flatMap((parameter) => parameter.save());
    arrays.push(...this.statistics().map((at) => this.desk.floats(at.values, elements(at.shape)).slice()));
    arrays.push(...(this.rounding?.save() ?? []), ...(this.admm?.save() ?? []));
    return { epoch: this.done, random: this.random.snapshot(), order: this.order.slice(), arrays };
  }

  /** Goes on from a state of a training of the same network, data and options. */
  restore({ epoch, random, order, arrays }: TrainingState): void {
    this.done = epoch;
    this.random.restore(random);
    this.order.set(order);
    let at = 0;
    const next = (count: number): Float32Array[] => {
      at += count;
      return arrays.slice(at - count, at);
    };
    for (const parameter of [...this.trained, ...this.rangeTrained])
      parameter.restore(next(3), epoch * this.batches);
    for (const { values, shape } of this.statistics())
      this.desk.floats(values, elements(shape)).set(next(1)[0]!);
    if (this.rounding) this.rounding.restore(next(this.rounding.save().length));
    if (this.admm) this.admm.restore(next(this.admm.save().length), epoch);
  }

  private teacherOf(network: FloatNetwork): PlacedNetwork | Float32Array {
    const { data, options } = this;
    if (options.augmentation || options.mixup) return new PlacedNetwork(this.desk, network);
    return answersOf(network, data.inputs, data.labels.length);
  }

  /** The teacher's answers to batch `step`, [rows][classes]; their address. */
  private taught(x: Tensor, members: Uint32Array, classes: number, step: number): number {
    const { desk, shared, teacher } = this;
    if (teacher instanceof PlacedNetwork) {
      const answer = (): number => teacher.apply(new Tape(desk, false), x).at(-1)!.values;
      if (!shared) return answer();
      const count = members.length * classes;
      return desk.place(shared.answersTo(step, () => desk.floats(answer(), count).slice()));
    }
    const rows = new Float32Array(members.length * classes);
    members.forEach((member, row) => {
      rows.set(teacher!.subarray(member * classes, (member + 1) * classes), row * classes);
    });
    return desk.place(rows);
  }

  private statistics(): Tensor[] {
    return this.placed.parameters.flatMap((layer) =>
      layer?.statistics ? [layer.statistics.mean, layer.statistics.variance] : [],
    );
  }

  private calibrate(): void {
    const count = Math.min(CALIBRATION_INPUTS, this.data.labels.length);
    const step = Math.floor(this.data.labels.length / count);
    const inputs = new Float32Array(count * this.inputSize);
    for (let i = 0; i < count; i++) inputs.set(this.input(i * step), i * this.inputSize);
    this.rounding!.calibrate(this.activations(inputs, count));
  }

  /** Each layer's outputs for some inputs; with batch normalisation by their own statistics, as training has it. */
  private activations(inputs: Float32Array, count: number): Float32Array[] {
    const network = this.result();
    if (!network.layers.some(({ kind }) => kind === 'batchNorm'))
      return forward(network, inputs, count).activations;
    const { desk } = this;
    const mark = desk.mark();
    const x = tensor([count, ...network.inputShape], desk.place(inputs));
    const results = this.placed.apply(new Tape(desk, false), x, { trainingSeed: this.options.seed });
    const values = results.map(({ values: at, shape }) => desk.floats(at, elements(shape)).slice());
    desk.release(mark);
    return values;
  }

  private input(index: number): Float32Array {
    return this.data.inputs.subarray(index * this.inputSize, (index + 1) * this.inputSize);
  }

  /** The members' inputs, changed at random, in one array; its address. */
  private gather(members: Uint32Array): number {
    const { desk, inputSize, options, random } = this;
    const { augmentation } = options;
    const original = desk.allocate(4 * members.length * inputSize);
    members.forEach((member, row) => {
      desk.floats(original + 4 * row * inputSize, inputSize).set(this.input(member));
    });
    if (!augmentation) return original;
    const batch = desk.allocate(4 * members.length * inputSize);
    desk.inParts(members.length, worthwhile(1, 10 * inputSize), (first, rows) => {
      const [from, to] = [original, batch].map((at) => at + 4 * first * inputSize) as [number, number];
      return augment(desk, from, to, rows, this.network.inputShape, augmentation, random);
    });
    return batch;
  }

  /** The inputs of batch `step`, changed and blended: their address; and with which share. */
  private batchOf(members: Uint32Array, step: number): { batch: number; share: number } {
    const { desk, options, random, shared } = this;
    const known = shared?.batch(step);
    if (known) {
      random.restore(known.random);
      return { batch: desk.place(known.inputs), share: known.share };
    }
    const batch = this.gather(members);
    const share = options.mixup ? random.uniform(0, options.mixup) : 0;
    if (share > 0) this.blend(batch, members.length, share);
    const count = members.length * this.inputSize;
    const inputs = (): Float32Array => desk.floats(batch, count).slice();
    shared?.keep(step, 4 * count, () => ({ inputs: inputs(), share, random: random.snapshot() }));
    return { batch, share };
  }

  private runBatch(members: Uint32Array, step: number): BatchResult {
    const { data, desk, options } = this;
    const parameters = [...this.trained, ...this.rangeTrained];
    const { batch, share } = this.batchOf(members, step);
    const labels = desk.place(Uint8Array.from(members, (member) => data.labels[member]!));
    for (const parameter of parameters) parameter.clearGradient();
    this.rounding?.prepare();
    const tape = new Tape(desk);
    const x = tensor([members.length, ...this.network.inputShape], batch);
    const logits = this.placed
      .apply(tape, x, {
        fused: true,
        trainingSeed: Math.imul(options.seed ^ 0x5bd1e995, 0x9e3779b1) + step,
        ...(this.rounding ? { rounding: this.rounding } : {}),
      })
      .at(-1)!;
    const classes = elements(logits.shape) / members.length;
    const taught = (): number => this.taught(x, members, classes, step);
    if (!data.targets) this.requireClasses(classes);
    const result = data.targets
      ? this.errors(tape, logits, this.targetsOf(members, classes, share), taught)
      : this.loss(tape, logits, labels, { classes, share, taught });
    tape.backward();
    const rate = learningRate(desk, options, step, this.batches);
    for (const parameter of this.trained) parameter.update(rate);
    for (const parameter of this.rangeTrained) parameter.update(rate * RANGE_RATE);
    this.admm?.pull(this.batches);
    this.zeros.restore();
    // Factors stay above 0: normalisation folds past a pool then.
    for (const layer of this.placed.parameters) {
      if (!layer?.statistics) continue;
      const { values, shape } = layer.weights;
      desk.kernels.clampValues(values, values, elements(shape), LEAST_FACTOR, Infinity);
    }
    return result;
  }

  /** batch = (1 − share) · batch + share · batch in reverse order. */
  private blend(batch: number, rows: number, share: number): void {
    const { desk, inputSize } = this;
    const other = desk.place(desk.floats(batch, rows * inputSize).slice());
    desk.kernels.addScaled(batch, batch, rows * inputSize, -share);
    for (let row = 0; row < rows; row++) {
      const from = other + 4 * (rows - 1 - row) * inputSize;
      desk.kernels.addScaled(from, batch + 4 * row * inputSize, inputSize, share);
    }
  }

  private loss(
    tape: Tape,
    logits: Tensor,
    labels: number,
    { classes, share, taught }: { classes: number; share: number; taught: () => number },
  ): { loss: number; correct: number } {
    const { desk, options } = this;
    const rows = logits.shape[0]!;
    if (share === 0 && !options.teacher) return tape.softmaxCrossEntropy(logits, labels);
    const own = desk.bytes(labels, rows).slice();
    const hard = new Float32Array(rows * classes);
    own.forEach((label, row) => {
      hard[row * classes + label]! += 1 - share;
      hard[row * classes + own[rows - 1 - row]!]! += share;
    });
    const { weight = 0, temperature = 1 } = options.teacher ?? {};
    let loss = tape.softTargetLoss(logits, desk.place(hard), 1 - weight);
    if (this.teacher) {
      const answers = taught();
      const soft = desk.allocate(4 * rows * classes);
      desk.kernels.softmax(answers, soft, rows, classes, temperature);
      loss += tape.softTargetLoss(logits, soft, weight, temperature);
    }
    return { loss, correct: tape.countCorrect(logits, labels) };
  }

  /** The members' targets, blended as their inputs are: their address. */
  private targetsOf(members: Uint32Array, size: number, share: number): number {
    const rows = new Float32Array(members.length * size);
    members.forEach((member, row) => {
      rows.set(this.data.targets!.subarray(member * size, (member + 1) * size), row * size);
    });
    if (share === 0) return this.desk.place(rows);
    const other = (row: number): number => members.length - 1 - row;
    return this.desk.place(
      rows.map(
        (value, i) => (1 - share) * value + share * rows[other(Math.floor(i / size)) * size + (i % size)]!,
      ),
    );
  }

  /** The loss of a regression. */
  private errors(tape: Tape, outputs: Tensor, targets: number, taught: () => number): BatchResult {
    const { desk, options } = this;
    const { weight = 0 } = options.teacher ?? {};
    const count = elements(outputs.shape);
    const [values, wanted] = [outputs.values, targets].map((at) => desk.floats(at, count).slice());
    const { absolute: error } = errorsOf(values!, wanted!);
    let loss = tape.squaredError(outputs, targets, 1 - weight);
    if (this.teacher) loss += tape.squaredError(outputs, taught(), weight);
    return { loss, correct: 0, error };
  }

  private requireTargets(): void {
    const { labels, targets } = this.data;
    if (!targets) return;
    const outputs = elements(tensorShapes(this.network.inputShape, this.network.layers).at(-1)!);
    if (targets.length === labels.length * outputs) return;
    throw new BrownoutError({
      code: 'E_SHAPE',
      found: `${targets.length} target values for ${labels.length} inputs`,
      expected: `${outputs} for each`,
      hint: 'Give what every output of the network is to be for each input.',
    });
  }

  private requireClasses(classes: number): void {
    if (this.largestLabel < classes) return;
    throw new BrownoutError({
      code: 'E_LABEL',
      found: `label ${this.largestLabel}`,
      expected: `labels below ${classes}, the network's outputs`,
      hint: 'Labels count from 0.',
    });
  }
}

/**
 * Trains a copy of the network with softmax cross-entropy, or towards targets with the mean squared error, and returns it. The
 * seed decides shuffling and augmentation; every operation is IEEE float arithmetic in a fixed order, so the same call gives
 * the same bytes on every machine.
 * Throws `E_OPTION`, `E_SHAPE`, `E_LABEL`, `E_NETWORK`.
 */
export function train(network: FloatNetwork, data: LabelledData, options: TrainingOptions): FloatNetwork {
  checkFields(network, 'a float network, as `fromGraph` gives it', 'inputShape', 'layers');
  checkFields(data, 'inputs and their classes', 'inputs', 'labels');
  const training = new Training(network, data, options);
  try {
    while (!training.finished) training.runEpoch();
    return training.result();
  } finally {
    training.close();
  }
}
