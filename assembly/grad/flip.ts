// The end of a stream's step: the next state is in force from the job's last cursor on (docs/DESIGN.md §3).
import { C_BANKS } from '../layout';
import { CURSOR } from '../sram';
import { bind, nextState } from './groups';

export function tile(): void {
  store<u32>(CURSOR, (load<u32>(CURSOR, C_BANKS) & 0xff) | (nextState() << 8), C_BANKS);
  bind();
}
