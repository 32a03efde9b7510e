/* The calls of the engine, after plain.c and circulant.c: one translation unit. */
enum { CONV2D = 1, DENSE = 3, CIRCULANT = 5, DEPTHWISE = 6 };

void brownout_enter(uint32_t address) {
  memcpy(sram.bytes, constants(address), sizeof(record));
  if ((OP->kind & 255u) == DENSE) dense_enter();
  if ((OP->kind & 255u) == CIRCULANT) circulant_enter();
}

void brownout_tile(uint32_t index) {
  switch (OP->kind & 255u) {
    case CONV2D:
      conv_tile((int32_t)index);
      break;
    case DEPTHWISE:
      depthwise_tile((int32_t)index);
      break;
    case DENSE:
      dense_tile((int32_t)index);
      break;
    case CIRCULANT:
      circulant_tile((int32_t)index);
      break;
    default:
      brownout_trap();
  }
}
