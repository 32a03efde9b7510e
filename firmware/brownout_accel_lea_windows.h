/*
 * accel.windows_s8 on LEA: windows of a map from where its rows lie. The map's columns are laid out one behind the other in LEA's
 * RAM, the rows under a window side by side in each, so that windows overlap there and are widened once.
 *
 * Long windows go by LEACMD__MAC, an output a command. Short ones by LEACMD__MPYMATRIXROW, all outputs of a window a command,
 * exactly: a weight is 16 * upper + lower, -8 <= upper <= 8, -8 <= lower < 8, a column of the matrix each; inputs are 2^8 and
 * parts of weights 2^7 times as large, so that what LEA shifts out of a sum in Q15 is 0. A sum of n products is within
 * 2^10 * n: pieces of a window of up to 30 fit 16 bits, whatever order they are added in. The core adds pieces up. Widening,
 * and what LEA refuses, is the core's.
 */
#ifndef BROWNOUT_ACCEL_LEA_WINDOWS_H
#define BROWNOUT_ACCEL_LEA_WINDOWS_H

/* Windows of so many values go an output a command, where two share a row that is widened: a command takes as long as 30
 * products of the core. Shorter ones go by the matrix command where there are so many; others by the core. */
#ifndef BROWNOUT_ACCEL_LEA_LEAST_LONG
#define BROWNOUT_ACCEL_LEA_LEAST_LONG 48
#endif
#ifndef BROWNOUT_ACCEL_LEA_LEAST_PAYING
#define BROWNOUT_ACCEL_LEA_LEAST_PAYING 2
#endif
#ifndef BROWNOUT_ACCEL_LEA_LEAST_WINDOWS
#define BROWNOUT_ACCEL_LEA_LEAST_WINDOWS 6
#endif
/* Products of a piece: with 31 the parts of weights are within 2^15 as well, but LEA takes an even number. */
#define BROWNOUT_ACCEL_LEA_PIECE 30u

/* What a call is of. `unit`: int16 of a column, even; `skip`: columns from a window to the next; `length`: of a window. */
typedef struct {
  const uint8_t *x;
  const uint8_t *w;
  brownout_accel_size pixel;
  brownout_accel_size step;
  brownout_accel_size across;
  brownout_accel_size height;
  brownout_accel_size width;
  brownout_accel_size rows;
  brownout_accel_size unit;
  brownout_accel_size skip;
  brownout_accel_size length;
  brownout_accel_size to_stride;
} brownout_lea_windows;

#ifdef BROWNOUT_ACCEL_MSP430
/* What the functions below take by assembler (brownout_msp430_asm.S). */
typedef struct {
  uint16_t columns;
  uint16_t height;
  uint16_t across;
  uint16_t pixel;
  /* Of brownout_msp430_columns: 1 where a 0 ends a column, 1 where values are 2^8 times as large. Of ..._split: bytes between
   * the parts of a weight and the next's. */
  uint16_t pad;
  uint16_t upper;
} brownout_msp430_map;
typedef struct {
  int32_t bias;
  uint16_t count;
  uint16_t pieces;
  /* Bytes to the next piece, and to the next window. */
  uint16_t further;
  uint16_t apart;
} brownout_msp430_pieces;
void brownout_msp430_copy(const _q15 *from, _q15 *to, uint16_t length, uint16_t count, uint16_t gap);
void brownout_msp430_combine(const _q15 *from, int32_t *sums, const brownout_msp430_pieces *job);
void brownout_msp430_columns(const uint8_t *from, _q15 *to, const brownout_msp430_map *map);
void brownout_msp430_split(const uint8_t *from, _q15 *to, const brownout_msp430_map *map);
#endif

/* `columns` columns of `height` rows at `from`, `across` bytes apart, widened; `upper`: 2^8 times as large. */
static void accel_lea_columns(const brownout_lea_windows *job, const uint8_t *from, brownout_accel_size across,
                              brownout_accel_size columns, brownout_accel_size upper, _q15 *to) {
#ifdef BROWNOUT_ACCEL_MSP430
  brownout_msp430_map map;
  map.columns = columns;
  map.height = job->height;
  map.across = across;
  map.pixel = job->pixel;
  map.pad = job->height * job->pixel & 1u;
  map.upper = upper;
  brownout_msp430_columns(from, to, &map);
#else
  const _q15 times = upper ? 256 : 1;
  for (; columns; columns--, from += job->pixel) {
    const uint8_t *row = from;
    brownout_accel_size y;
    brownout_accel_size i;
    for (y = 0; y < job->height; y++, row += across)
      for (i = 0; i < job->pixel; i++) *to++ = (_q15)((int8_t)row[i] * times);
    if (job->height * job->pixel & 1u) *to++ = 0;
  }
#endif
}

/* The same of weights, as two parts each, 2^7 times as large; those of the next value are `apart` int16 on. */
static void accel_lea_split(const brownout_lea_windows *job, const uint8_t *from, brownout_accel_size columns,
                            brownout_accel_size apart, _q15 *to) {
#ifdef BROWNOUT_ACCEL_MSP430
  brownout_msp430_map map;
  map.columns = columns;
  map.height = job->height;
  map.across = job->width * job->pixel;
  map.pixel = job->pixel;
  map.pad = job->height * job->pixel & 1u;
  map.upper = apart * 2u;
  brownout_msp430_split(from, to, &map);
#else
  const brownout_accel_size across = job->width * job->pixel;
  for (; columns; columns--, from += job->pixel) {
    const uint8_t *row = from;
    brownout_accel_size y;
    brownout_accel_size i;
    for (y = 0; y < job->height; y++, row += across)
      for (i = 0; i < job->pixel; i++, to += apart) {
        const int w = (int8_t)row[i];
        const int lower = ((w + 8) & 15) - 8;
        to[0] = (_q15)((w - lower) * 8);
        to[1] = (_q15)(lower * 128);
      }
    if (job->height * job->pixel & 1u) {
      to[0] = to[1] = 0;
      to += apart;
    }
  }
#endif
}

/* `count` windows one behind the other, of `length` int16 of each that begins at `from`. */
static void accel_lea_copy(const _q15 *from, brownout_accel_size step, brownout_accel_size length, brownout_accel_size count,
                           _q15 *to) {
#ifdef BROWNOUT_ACCEL_MSP430
  brownout_msp430_copy(from, to, (uint16_t)length, (uint16_t)count, (uint16_t)(step - length) * 2u);
#else
  for (; count; count--, from += step, to += length) memcpy(to, from, length * sizeof *to);
#endif
}

/* `rows` times `columns` sums of `length` products, columns and length even: a command a row, as the library does it. */
static void accel_lea_matrix(const _q15 *a, const _q15 *b, uint16_t rows, uint16_t length, uint16_t columns, _q15 *to) {
  accel_lea_row_of.rowSize = length;
  accel_lea_row_of.colSize = columns;
  accel_lea_row_of.colVector = MSP_LEA_CONVERT_ADDRESS(b);
  for (; rows; rows--, a += length, to += columns) {
    uint16_t column;
    accel_lea_row_of.output = MSP_LEA_CONVERT_ADDRESS(to);
    if (accel_lea_command(a, &accel_lea_row_of, LEACMD__MPYMATRIXROW)) continue;
    for (column = 0; column < columns; column++) {
      int32_t sum = 0;
      uint16_t i;
      for (i = 0; i < length; i++) sum += (int32_t)a[i] * b[i * columns + column];
      to[column] = (_q15)(sum >> 15);
    }
  }
}

/* Sums of `count` windows of one row of weights: `bias` and 16 times the upper and the lower parts of all `pieces` at `from`. */
static void accel_lea_combine(const _q15 *from, brownout_accel_size apart, brownout_accel_size pieces,
                              brownout_accel_size further, brownout_accel_size count, int32_t bias, int32_t *sums) {
#ifdef BROWNOUT_ACCEL_MSP430
  brownout_msp430_pieces job;
  job.bias = bias;
  job.count = count;
  job.pieces = pieces;
  job.further = further * 2u;
  job.apart = apart * 2u;
  brownout_msp430_combine(from, sums, &job);
#else
  for (; count; count--, from += apart) {
    const _q15 *at = from;
    int32_t sum = bias;
    brownout_accel_size left;
    for (left = pieces; left; left--, at += further) sum += at[0] * 16 + at[1];
    *sums++ = sum;
  }
#endif
}

/* Sums of windows that share a scale, as bytes `to_stride` apart. */
static void accel_lea_same(const brownout_accel_output *out, const uint8_t *pair, const int32_t *sums, brownout_accel_size count,
                           uint8_t *to, brownout_accel_size to_stride) {
#ifdef BROWNOUT_ACCEL_MSP430
  brownout_msp430_job job;
  job.pair = pair;
  job.stride = to_stride;
  job.rows = count;
  job.twice = out->zero_point * 2 + 1;
  job.low = (int16_t)out->low;
  job.high = (int16_t)out->high;
  job.zero = (int16_t)out->zero_point;
  brownout_msp430_same(sums, to, &job);
#else
  brownout_accel_output each = *out;
  brownout_accel_row row;
  each.pair = pair;
  row = accel_row_of(&each, 0, 0);
  for (; count; count--, to += to_stride) *to = accel_scale(&each, &row, *sums++);
#endif
}

/* An output a call, `count` windows from the first on, as many at a time as LEA's RAM holds beside a row. */
static void accel_lea_by_rows(const brownout_lea_windows *job, const brownout_accel_output *out, brownout_accel_size count,
                              uint8_t *to) {
  const brownout_accel_size skip = job->skip * job->unit;
  const brownout_accel_size most = (BROWNOUT_ACCEL_LEA_WORDS - 2u * job->length) / skip + 1u;
  _q15 *const row = accel_lea_ram + (BROWNOUT_ACCEL_LEA_WORDS - job->length);
  const uint8_t *x = job->x;
  while (count) {
    const brownout_accel_size held = count < most ? count : most;
    const uint8_t *w = job->w;
    const uint8_t *pair = out->pair;
    brownout_accel_size i;
    accel_lea_columns(job, x, job->across, (held - 1u) * job->skip + job->width, 0, accel_lea_ram);
    for (i = 0; i < job->rows; i++, w += job->height * job->width * job->pixel, pair += out->stride) {
      const int32_t bias = accel_s32(out->bias + i * 4u);
      const _q15 *window = accel_lea_ram;
      uint8_t *at = to + i;
      brownout_accel_size left;
      accel_lea_columns(job, w, job->width * job->pixel, job->width, 0, row);
      for (left = held; left;) {
        int32_t sums[BROWNOUT_ACCEL_LEA_TILE];
        const brownout_accel_size tile = left < BROWNOUT_ACCEL_LEA_TILE ? left : BROWNOUT_ACCEL_LEA_TILE;
        brownout_accel_size v;
        for (v = 0; v < tile; v++, window += skip) sums[v] = bias + accel_lea_mac(window, row, (uint16_t)job->length);
        accel_lea_same(out, pair, sums, tile, at, job->to_stride);
        at += tile * job->to_stride;
        left -= tile;
      }
    }
    x += held * job->step;
    to += held * job->to_stride;
    count -= held;
  }
}

/* How the matrix command takes windows: columns of a piece, pieces, rows of weights and windows at a time. */
typedef struct {
  brownout_accel_size columns;
  brownout_accel_size pieces;
  brownout_accel_size rows;
  brownout_accel_size held;
} brownout_lea_cut;

static brownout_lea_cut accel_lea_cut(const brownout_lea_windows *job, brownout_accel_size count) {
  const brownout_accel_size wanted = count < 8u ? (count + 1u) & ~(brownout_accel_size)1u : 8u;
  brownout_lea_cut cut;
  cut.columns = BROWNOUT_ACCEL_LEA_PIECE / job->unit;
  if (cut.columns > job->width) cut.columns = job->width;
  cut.pieces = (job->width + cut.columns - 1u) / cut.columns;
  cut.rows = job->rows;
  for (;;) {
    const brownout_accel_size piece = cut.columns * job->unit;
    const brownout_accel_size fixed = (job->width - job->skip) * job->unit + piece * cut.rows * 2u;
    const brownout_accel_size each = job->skip * job->unit + piece + cut.pieces * cut.rows * 2u;
    cut.held = fixed < BROWNOUT_ACCEL_LEA_WORDS ? (BROWNOUT_ACCEL_LEA_WORDS - fixed) / each & ~(brownout_accel_size)1u : 0u;
    if (cut.held >= wanted || cut.rows == 1u) return cut;
    cut.rows = (cut.rows + 1u) / 2u;
  }
}

/* All pieces of `held` windows, whose columns begin at LEA's RAM, and `rows` rows at `w`: to `to`, piece behind piece. */
static void accel_lea_pieces(const brownout_lea_windows *job, const brownout_lea_cut *cut, const uint8_t *w,
                             brownout_accel_size rows, brownout_accel_size held, _q15 *a, _q15 *to) {
  const brownout_accel_size even = held + (held & 1u);
  const brownout_accel_size skip = job->skip * job->unit;
  brownout_accel_size first;
  for (first = 0; first < job->width; first += cut->columns, to += even * rows * 2u) {
    const brownout_accel_size columns = job->width - first < cut->columns ? job->width - first : cut->columns;
    const brownout_accel_size length = columns * job->unit;
    const _q15 *const from = accel_lea_ram + first * job->unit;
    _q15 *const b = a + even * length;
    brownout_accel_size row;
    const uint8_t *weights = w;
    for (row = 0; row < rows; row++, weights += job->height * job->width * job->pixel)
      accel_lea_split(job, weights + first * job->pixel, columns, rows * 2u, b + row * 2u);
    accel_lea_copy(from, skip, length, held, a);
    /* LEA takes windows by twos: the last again. */
    if (held & 1u) accel_lea_copy(from + (held - 1u) * skip, skip, length, 1, a + held * length);
    accel_lea_matrix(a, b, (uint16_t)even, (uint16_t)length, (uint16_t)(rows * 2u), to);
  }
}

/* Many outputs a call, where LEA's RAM holds as much; whether it does. */
static int accel_lea_by_matrix(const brownout_lea_windows *job, const brownout_accel_output *out, brownout_accel_size count,
                               uint8_t *to) {
  const brownout_lea_cut cut = accel_lea_cut(job, count);
  const brownout_accel_size bytes = job->height * job->width * job->pixel;
  const uint8_t *x = job->x;
  if (cut.held < 2u) return 0;
  while (count) {
    const brownout_accel_size held = count < cut.held ? count : cut.held;
    const brownout_accel_size even = held + (held & 1u);
    const brownout_accel_size columns = (held - 1u) * job->skip + job->width;
    _q15 *const sums = accel_lea_ram + columns * job->unit;
    brownout_accel_size first;
    accel_lea_columns(job, x, job->across, columns, 1, accel_lea_ram);
    for (first = 0; first < job->rows; first += cut.rows) {
      const brownout_accel_size rows = job->rows - first < cut.rows ? job->rows - first : cut.rows;
      const brownout_accel_size further = even * rows * 2u;
      brownout_accel_size row;
      accel_lea_pieces(job, &cut, job->w + first * bytes, rows, held, sums + cut.pieces * further, sums);
      for (row = 0; row < rows; row++) {
        const uint8_t *const pair = out->pair + (first + row) * out->stride;
        const int32_t bias = accel_s32(out->bias + (first + row) * 4u);
        const _q15 *from = sums + row * 2u;
        uint8_t *at = to + first + row;
        brownout_accel_size left;
        for (left = held; left;) {
          int32_t each[BROWNOUT_ACCEL_LEA_TILE];
          const brownout_accel_size tile = left < BROWNOUT_ACCEL_LEA_TILE ? left : BROWNOUT_ACCEL_LEA_TILE;
          accel_lea_combine(from, rows * 2u, cut.pieces, further, tile, bias, each);
          accel_lea_same(out, pair, each, tile, at, job->to_stride);
          from += tile * rows * 2u;
          at += tile * job->to_stride;
          left -= tile;
        }
      }
    }
    x += held * job->step;
    to += held * job->to_stride;
    count -= held;
  }
  return 1;
}

/* A window after the other by the core, laid out as rows of weights are. */
static void accel_lea_by_core(const brownout_lea_windows *job, const brownout_accel_output *out, brownout_accel_size count,
                              uint8_t *to) {
  const brownout_accel_size span = job->width * job->pixel;
  const uint8_t *x = job->x;
  for (; count; count--, x += job->step, to += job->to_stride) {
#ifdef BROWNOUT_ACCEL_MSP430
    brownout_msp430_job all;
    brownout_accel_size y;
    for (y = 0; y < job->height; y++)
      brownout_msp430_widen(x + y * job->across, (uint16_t)span, (uint8_t *)(accel_lea_ram + y * span));
    all.w = job->w;
    all.bias = out->bias;
    all.pair = out->pair;
    all.stride = (uint16_t)out->stride;
    all.length = job->height * span;
    all.rows = job->rows;
    all.wide = 1;
    all.twice = out->zero_point * 2 + 1;
    all.low = (int16_t)out->low;
    all.high = (int16_t)out->high;
    brownout_msp430_rows(accel_lea_ram, to, &all);
#else
    brownout_accel_size row;
    for (row = 0; row < job->rows; row++) {
      const brownout_accel_row each = accel_row_of(out, (uint32_t)row, 0);
      int32_t sum = each.bias;
      brownout_accel_size y;
      for (y = 0; y < job->height; y++)
        sum = accel_dot(x + y * job->across, job->w + (row * job->height + y) * span, (uint32_t)span, sum);
      to[row] = accel_scale(out, &each, sum);
    }
#endif
  }
}

static BROWNOUT_ACCEL_APART void brownout_module_import_accel_windows_s8(uint32_t x_at, uint32_t pixel, uint32_t step,
    uint32_t across, uint32_t height, uint32_t width, uint32_t count, uint32_t w_at, uint32_t rows, uint32_t bias,
    uint32_t pair, uint32_t stride, uint32_t zero_point, uint32_t low, uint32_t high, uint32_t to_at, uint32_t to_stride) {
  const brownout_accel_output out = {(const uint8_t *)(BROWNOUT_WASM_BASE + bias),
                                     (const uint8_t *)(BROWNOUT_WASM_BASE + pair), stride, (int32_t)zero_point,
                                     (int32_t)low, (int32_t)high};
  uint8_t *const to = (uint8_t *)(BROWNOUT_WASM_BASE + to_at);
  brownout_lea_windows job;
  brownout_wasm_check(x_at, 0, (uint64_t)(height - 1u) * across + (uint64_t)(count - 1u) * step + width * pixel, 1);
  brownout_wasm_check(w_at, 0, (uint64_t)rows * height * width * pixel, 1);
  brownout_wasm_check(to_at, 0, (uint64_t)(count - 1u) * to_stride + rows, 1);
  job.x = (const uint8_t *)(BROWNOUT_WASM_BASE + x_at);
  job.w = (const uint8_t *)(BROWNOUT_WASM_BASE + w_at);
  job.pixel = (brownout_accel_size)pixel;
  job.step = (brownout_accel_size)step;
  job.across = (brownout_accel_size)across;
  job.height = (brownout_accel_size)height;
  job.width = (brownout_accel_size)width;
  job.rows = (brownout_accel_size)rows;
  job.unit = accel_lea_even(job.height * job.pixel);
  job.skip = job.step / job.pixel;
  job.length = job.width * job.unit;
  job.to_stride = (brownout_accel_size)to_stride;
  accel_lea_take();
  if (job.length >= BROWNOUT_ACCEL_LEA_LEAST_LONG && job.length * 2u <= BROWNOUT_ACCEL_LEA_WORDS &&
      count >= BROWNOUT_ACCEL_LEA_LEAST_PAYING)
    accel_lea_by_rows(&job, &out, (brownout_accel_size)count, to);
  else if (job.unit > BROWNOUT_ACCEL_LEA_PIECE || count < BROWNOUT_ACCEL_LEA_LEAST_WINDOWS ||
           !accel_lea_by_matrix(&job, &out, (brownout_accel_size)count, to))
    accel_lea_by_core(&job, &out, (brownout_accel_size)count, to);
  accel_lea_leave();
}

#endif
