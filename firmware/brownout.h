/*
 * What an application calls. Every function returns a state (0 and above) or an error (below 0) unless it says
 * otherwise; power may fail in any of them. Jobs are processed exactly once and delivered at least once, under tickets
 * of the application's choosing.
 */
#ifndef BROWNOUT_H
#define BROWNOUT_H

#include <stdint.h>

#include "model.h"

enum { BROWNOUT_IDLE = 0, BROWNOUT_RUN = 1, BROWNOUT_DONE = 2, BROWNOUT_LOW = 3 };

/*
 * The first call after power comes up: prepares SRAM and boots. NVM without an image (E_MAGIC) is provisioned first,
 * from brownout_image.
 */
int32_t brownout_begin(void);

/* Feeds the next job's input: all BROWNOUT_INPUT_BYTES of it. */
int32_t brownout_input(const int8_t *input);

/* Starts a job on the input. The present ticket again returns its state; another while a job is not done, E_BUSY. */
int32_t brownout_submit(uint32_t ticket, uint32_t kind);

/* Computes until it commits: BROWNOUT_RUN, BROWNOUT_LOW (sleep, then call again) or BROWNOUT_DONE. 0: no limit. */
int32_t brownout_run(uint32_t budget);

/* Takes delivery of the answer; until then it stays. */
int32_t brownout_ack(uint32_t ticket);

/* Gives up a job. */
int32_t brownout_cancel(uint32_t ticket);

/* Where the job stands. */
int32_t brownout_status(void);

/* The ticket of the present or last job; 0 before the first. */
uint32_t brownout_ticket(void);

/* The answer of a job that is done, BROWNOUT_OUTPUT_BYTES, copied to `output`. */
void brownout_answer(int8_t *output);

/* Writes the image and an idle cursor to NVM, so that a cut on the way leaves no device that looks ready. */
void brownout_provision(void);

/* SRAM of the module from the first byte kernels use; free for the application's use between jobs. */
uint8_t *brownout_arena(void);

#endif
