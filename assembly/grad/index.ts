// Which learning kernel an op record names.
import { OP_KIND, OpKind } from '../layout';
import { HAS_WINDOWS, LEARNS, STREAMS, learns } from '../kernels/mask';
import * as sums from '../sums/index';
import * as addGrad from './add_grad';
import * as circulant from './circulant';
import * as finish from './finish';
import * as flip from './flip';
import * as loss from './loss';
import * as rescale from './rescale';
import * as turn from './turn';
import * as update from './update';
import * as updateCirculant from './update_circulant';
import * as updateConv2d from './update_conv2d';
import * as updateDepthwise from './update_depthwise';
import * as window from './window';
import * as wipe from './wipe';

export function enter(op: usize): void {
  if (!LEARNS) return;
  const kind: i32 = load<u8>(op, OP_KIND);
  if (kind >= OpKind.DUE) {
    sums.enter(op, kind);
  } else if (kind == OpKind.RESCALE) {
    if (learns(OpKind.RESCALE)) rescale.enter(op);
  } else if (kind >= OpKind.UPDATE_CONV2D && kind <= OpKind.UPDATE_CIRCULANT) {
    if (learns(OpKind.UPDATE_CONV2D) || learns(OpKind.UPDATE_DEPTHWISE) || learns(OpKind.UPDATE_CIRCULANT))
      update.enter(op);
  }
}

export function tile(op: usize, index: i32): void {
  if (STREAMS && (!LEARNS || load<u8>(op, OP_KIND) == OpKind.FLIP)) {
    flip.tile();
    return;
  }
  if (LEARNS) compute(op, index);
}

function compute(op: usize, index: i32): void {
  const kind: i32 = load<u8>(op, OP_KIND);
  if (kind == OpKind.WIPE) {
    if (learns(OpKind.WIPE)) wipe.tile(op, index);
    return;
  }
  if (learns(OpKind.ADD_GRAD) && kind == OpKind.ADD_GRAD) {
    addGrad.tile(op, index);
    return;
  }
  if (kind >= OpKind.DUE) {
    sums.tile(op, kind, index);
    return;
  }
  switch (kind) {
    case OpKind.TURN:
      if (learns(OpKind.TURN)) turn.tile(op);
      break;
    case OpKind.LOSS:
      if (learns(OpKind.LOSS)) loss.tile(op);
      break;
    case OpKind.LOOP:
      if (learns(OpKind.LOOP)) turn.loopTile(op);
      break;
    case OpKind.FINISH:
      if (learns(OpKind.FINISH)) finish.tile(op);
      break;
    case OpKind.CIRCULANT_GRAD:
      if (learns(OpKind.CIRCULANT_GRAD)) circulant.tile(op, index);
      break;
    case OpKind.RESCALE:
      if (learns(OpKind.RESCALE)) rescale.tile(op, index);
      break;
    case OpKind.UPDATE_CONV2D:
      if (learns(OpKind.UPDATE_CONV2D)) updateConv2d.tile(op, index);
      break;
    case OpKind.UPDATE_DEPTHWISE:
      if (learns(OpKind.UPDATE_DEPTHWISE)) updateDepthwise.tile(op, index);
      break;
    case OpKind.UPDATE_CIRCULANT:
      if (learns(OpKind.UPDATE_CIRCULANT)) updateCirculant.tile(op, index);
      break;
    default:
      if (HAS_WINDOWS) window.tile(op, index);
  }
}
