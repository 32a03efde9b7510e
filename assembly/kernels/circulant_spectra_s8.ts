// What entering a block-circulant layer would compute, as an op: the spectra of its inputs, int32 [block][frequency], to NVM.
// Centred: builds transform in different ways, to numbers that differ by multiples of p.
import {
  CIRC_BLOCK,
  CIRC_GROUP,
  CIRC_INPUTS,
  CIRC_ROOT,
  OP_INPUT,
  OP_OUTPUT,
  OP_SCRATCH0,
  OP_SCRATCH3,
} from '../layout';
import { put } from '../nvm';
import { blockSpectra } from './circulant_ntt_s8';
import { centre } from './field';
import { ACCELERATED } from './mask';
import { makeTwiddles } from './ntt';

export function enter(op: usize): void {
  if (ACCELERATED) return;
  makeTwiddles(op + load<usize>(op, OP_SCRATCH3), load<i32>(op, CIRC_BLOCK), load<i32>(op, CIRC_ROOT));
}

/** `group` blocks of inputs. */
export function tile(op: usize, index: i32): void {
  const k = load<i32>(op, CIRC_BLOCK);
  const inputs = load<i32>(op, CIRC_INPUTS);
  const begin = index * load<i32>(op, CIRC_GROUP) * k;
  const end = min(begin + load<i32>(op, CIRC_GROUP) * k, inputs);
  const spectra = op + load<usize>(op, OP_SCRATCH0);
  const input = load<usize>(op, OP_INPUT);
  const table = op + load<usize>(op, OP_SCRATCH3);
  const last = blockSpectra(op, k, table, input + begin, input + end, spectra, k << 2, 16);
  for (let at = spectra; at < last; at += 4) store<i32>(at, centre(load<i32>(at)));
  put(load<usize>(op, OP_OUTPUT) + (begin << 2), spectra, <i32>(last - spectra));
}
