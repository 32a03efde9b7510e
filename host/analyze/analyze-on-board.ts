// Instructions counted on an emulated board, beside what `analyze` simulates.
import type { AnalyzeResult } from './analyze.js';
import { imageOf } from '../ops/given-image.js';
import type { Image } from '../model/image.js';
import { countJob, countOps } from '../firmware/count-on-board.js';
import { boardCalled } from '../firmware/targets.js';

/** What `brownout analyze --on … --json` prints as `on`. Instructions are counted, never cycles. */
export interface BoardAnalysis {
  board: string;
  ops: { name: string; instructions: number; dearestTileInstructions: number }[];
  /** All ops by themselves. */
  opInstructions: number;
  /** From start-up to the acknowledged answer, on NVM that is provisioned… */
  inferenceInstructions: number;
  /** … and with views that are copies, as of NVM behind a bus. */
  copyingInstructions: number;
  /** Boot checks and start-up data, of these. */
  beginInstructions: number;
  stackBytes: number;
  /** Code and constants of the counting program, image left out. */
  codeBytes: number;
  staticBytes: number;
}

/** Counts what every op and a whole inference take on `boardName`. Throws `E_BOARD`, `E_TOOL_MISSING`. */
export async function analyzeOnBoard(
  file: Uint8Array | Image,
  boardName: string,
  { ops: named }: Pick<AnalyzeResult, 'ops'>,
): Promise<BoardAnalysis> {
  const image = imageOf(file);
  const board = boardCalled(boardName);
  const { ops: counted } = await countOps(image, board);
  const job = await countJob(image, board);
  const copying = await countJob(image, board, { copy: true });
  const ops = counted.map(({ enter, tiles, dearestTile }, i) => ({
    name: named[i]!.name,
    instructions: enter + tiles,
    dearestTileInstructions: enter + dearestTile,
  }));
  const total = ({ begin, submit, run, ack }: typeof job): number => begin + submit + run + ack;
  return {
    board: board.name,
    ops,
    opInstructions: ops.reduce((sum, op) => sum + op.instructions, 0),
    inferenceInstructions: total(job),
    copyingInstructions: total(copying),
    beginInstructions: job.begin,
    stackBytes: job.stackBytes,
    codeBytes: job.size.codeBytes,
    staticBytes: job.size.staticBytes,
  };
}
