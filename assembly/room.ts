// What builds with room to work in beside SRAM export besides: where it begins. It takes WORK_BYTES (work-layout.ts).
import { WORK } from './sram';

export const room: usize = WORK;
