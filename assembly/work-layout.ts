/** Bytes of room to work in beside SRAM, of builds that have it (sram.ts); shared by the device (asc) and the desk (tsc). */
export const WORK_BYTES = 0x20000;
