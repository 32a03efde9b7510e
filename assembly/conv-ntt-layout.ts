// Fields of the records of conv2d_ntt_s8, shared by the device (asc) and the desk (tsc) as those of layout.ts are.

// A tile is that of a convolution, with its fields up to WIN_TILE_COLUMNS and WIN_BLOCK. OP_WEIGHTS has spectra:
// [block row][frequency / 4][tap, down before across][block][frequency mod 4].
/** Frequencies whose spectra of weights are in SRAM at a time, a power of two from 4 on; 16 bits. */
export const CONV_NTT_CHUNK = 44;
/** As CIRC_ROOT. */
export const CONV_NTT_ROOT = 112;
