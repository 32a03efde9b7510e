/*
 * firmware/brownout_nvm_spi_fram.c, or with -DEEPROM brownout_nvm_eeprom.c, on a model of the memory behind the bus. Power
 * may fail in every byte that is sent: the byte of FRAM being written may then be anything, and so may any byte in an
 * EEPROM's latch; also later, while the EEPROM says that it is still writing it.
 *
 * With -DWEAK one write enable in 16 does not take, and what is written then is lost.
 *
 * With -DPART_SLEEP=0xb9, as BROWNOUT_NVM_SLEEP is then, power may come while the part sleeps, and it is put to sleep between
 * accesses; chip select wakes it, or with -DPART_WAKE=0xab that opcode alone, and a few transactions later it answers.
 *
 * What the part takes is said by PART_…, whatever the body believes; an opcode that is none of its own is an error.
 *
 *   spi cuts FIRST COUNT     workloads by number; prints how many cuts there were
 */
#ifdef EEPROM
#include "brownout_nvm_eeprom.c"
#else
#include "brownout_nvm_spi_fram.c"
#define BROWNOUT_NVM_PAGE_BYTES 65536u
#endif

#ifndef PART_ADDRESS_BYTES
#define PART_ADDRESS_BYTES 2
#endif
#ifndef PART_READ
#define PART_READ 0x03
#endif
#ifndef PART_WRITE
#define PART_WRITE 0x02
#endif
#ifndef PART_WRITE_ENABLE
#define PART_WRITE_ENABLE 0x06
#endif
#ifndef PART_WRITE_DISABLE
#define PART_WRITE_DISABLE 0x04
#endif
#ifndef PART_READ_STATUS
#define PART_READ_STATUS 0x05
#endif
#ifndef PART_BUSY
#define PART_BUSY 0x01
#endif
#ifndef PART_ENABLED
#define PART_ENABLED 0x02
#endif
/* Whether an opcode is that of sleep, or that of waking where chip select does not. */
#ifdef PART_SLEEP
#define IS_SLEEP(opcode) ((opcode) == PART_SLEEP)
#else
#define IS_SLEEP(opcode) 0
#endif
#ifdef PART_WAKE
#define IS_WAKE(opcode) ((opcode) == PART_WAKE)
enum { HAS_WAKE = 1 };
#else
#define IS_WAKE(opcode) 0
enum { HAS_WAKE = 0 };
#endif
enum { MEMORY = PART_ADDRESS_BYTES == 2 ? 65536 : 1 << 18 };

static struct {
  uint8_t bytes[MEMORY];
} part;

enum { TEARS = 1 };
#include "cuts.h"
#include "workloads.h"

/* What the part forgets without power. */
static struct {
  int is_selected;
  int is_enabled;
  uint32_t sent; /* bytes of the transaction */
  uint8_t opcode;
  uint32_t address;
  uint32_t latched; /* bytes of the transaction that wait for its end */
  uint32_t first;
  uint8_t latch[256];
  uint32_t busy;
  uint32_t asleep; /* transactions until the part is up */
  int sleeps;      /* until chip select */
} chip;

static void power_on(void) {
  memset(&chip, 0, sizeof chip);
  /* The bus may stand anywhere. */
  chip.is_selected = (int)draw(2);
  chip.opcode = PART_READ;
  chip.asleep = draw(8);
#ifdef PART_SLEEP
  chip.sleeps = (int)draw(2);
#endif
}

static void fresh_part(uint32_t seed) {
  (void)seed;
}

#ifdef EEPROM
/* Writes what was latched. Cut at once: nothing, all or anything of it; cut later: all or anything. */
static void program(uint32_t least) {
  uint32_t i;
  const int is_cut = ++steps == cut_at;
  const uint32_t how = is_cut ? least + draw(3 - least) : 2;
  for (i = 0; i < chip.latched; i++) {
    const uint32_t at = (chip.first & ~(BROWNOUT_NVM_PAGE_BYTES - 1u)) | ((chip.first + i) & (BROWNOUT_NVM_PAGE_BYTES - 1u));
    if (how > 0) part.bytes[at] = is_cut && how == 2 ? (uint8_t)draw(256) : chip.latch[i];
  }
  if (is_cut) longjmp(off, 1);
}
#endif

void brownout_spi_begin(void) {
  brownout_spi_select(0);
}

void brownout_spi_select(int on) {
#ifdef EEPROM
  if (!on && chip.is_selected && chip.opcode == PART_WRITE && chip.latched > 0) {
    program(0);
    chip.busy = 3;
  }
#endif
  if (!on && chip.is_selected && chip.opcode == PART_WRITE && chip.sent > 0) chip.is_enabled = 0;
  if (!on && chip.is_selected && chip.asleep > 0) chip.asleep--;
  if (on && chip.is_selected) fail("selected twice");
  if (!on && chip.is_selected && IS_SLEEP(chip.opcode) && chip.sent > 0 && chip.asleep == 0) chip.sleeps = 1;
  /* By chip select as such, or by an opcode of its own. */
  if (chip.sleeps && (!HAS_WAKE ? on : !on && chip.is_selected && IS_WAKE(chip.opcode) && chip.sent == 1)) {
    chip.sleeps = 0;
    chip.asleep = 1 + draw(8);
  }
  if (on) chip.sent = chip.address = 0;
  chip.is_selected = on;
}

static void take(uint8_t byte) {
  const int is_cut = ++steps == cut_at;
#ifdef WEAK
  if (!chip.is_enabled) {
    if (is_cut) longjmp(off, 1);
    return;
  }
#endif
  if (!chip.is_enabled) fail("a write that is not enabled");
#ifdef EEPROM
  if (is_cut) longjmp(off, 1);
  if (chip.latched == 0) chip.first = chip.address;
  if (chip.latched == BROWNOUT_NVM_PAGE_BYTES) fail("more than a page");
  chip.latch[chip.latched++] = byte;
#else
  part.bytes[chip.address % MEMORY] = is_cut && draw(2) ? (uint8_t)draw(256) : byte;
  chip.address++;
  if (is_cut) longjmp(off, 1);
#endif
}

uint8_t brownout_spi_transfer(uint8_t byte) {
  const uint32_t sent = chip.sent++;
  if (!chip.is_selected) fail("sent to nobody");
  if (chip.asleep > 0 || chip.sleeps) {
    if (sent == 0 && (byte == PART_READ || byte == PART_WRITE)) fail("used before it is up");
    chip.opcode = sent == 0 && IS_WAKE(byte) ? byte : PART_READ;
    return chip.asleep % 2 ? 0xff : 0;
  }
  if (sent == 0) {
    if (IS_SLEEP(byte) && chip.busy > 0) fail("put to sleep while it writes");
    if (byte != PART_READ && byte != PART_WRITE && byte != PART_WRITE_ENABLE && byte != PART_WRITE_DISABLE &&
        byte != PART_READ_STATUS && !IS_SLEEP(byte) && !IS_WAKE(byte))
      fail("an opcode that it does not have");
    chip.opcode = byte;
    if (byte == PART_WRITE) chip.latched = 0;
    if (byte == PART_WRITE_DISABLE) chip.is_enabled = 0;
#ifdef WEAK
    if (byte == PART_WRITE_ENABLE && draw(16) == 0) return 0xff;
#endif
    if (byte == PART_WRITE_ENABLE) chip.is_enabled = 1;
    return 0xff;
  }
  if (chip.opcode == PART_READ_STATUS) {
    const uint8_t enabled = chip.is_enabled ? PART_ENABLED : 0u;
    if (chip.busy == 0) return enabled;
#ifdef EEPROM
    program(1);
#endif
    chip.busy--;
    return enabled | PART_BUSY;
  }
#ifdef EEPROM
  if (chip.busy > 0) fail("used while it writes");
#endif
  if (sent <= PART_ADDRESS_BYTES) {
    chip.address = chip.address << 8 | byte;
    return 0xff;
  }
  if (chip.opcode == PART_WRITE) {
    take(byte);
    return 0xff;
  }
  return part.bytes[chip.address++ % MEMORY];
}

int main(int count, char **words) {
  if (count != 4 || strcmp(words[1], "cuts") != 0) return 2;
  return cuts((uint32_t)strtoul(words[2], 0, 10), (uint32_t)strtoul(words[3], 0, 10));
}
